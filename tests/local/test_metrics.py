"""Metrics as CloudWatch would have them, from a run's own events, and the alarms over them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from local import events, metrics

NOW = 30_000_000  # a minute since the epoch
MINUTES = range(NOW - 4, NOW + 1)


def _at(minute: int) -> float:
    return minute * 60.0 + 1


def _answered(minute: int, status: int, milliseconds: float = 10) -> events.RequestAnswered:
    return events.RequestAnswered(
        at=_at(minute),
        request_id="r",
        method="GET",
        path="/orders",
        route_key=None,
        status=status,
        milliseconds=milliseconds,
        reason=None,
    )


def _emf(minute: int, **values: Any) -> events.LogLine:
    directive = {
        "Namespace": "ServerlessOrders",
        "Dimensions": [["service"]],
        "Metrics": [{"Name": name} for name in values],
    }
    said = {"_aws": {"CloudWatchMetrics": [directive]}, "service": "s", **values}
    return events.LogLine(at=_at(minute), function="f", text=json.dumps(said))


def _taken(*happened: events.Event) -> metrics.Metrics:
    taken = metrics.Metrics("api", "stage")
    for event in happened:
        taken.take(event)
    return taken


CREATED = metrics.metric("ServerlessOrders", "OrdersCreated", service="s")
LATENCY = metrics.metric("AWS/ApiGateway", "Latency", ApiId="api", Stage="stage")
WAITING = metrics.metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", QueueName="q")
EMPTY = {"visible": 0, "in_flight": 0, "delayed": 0, "oldest": 0.0}


@pytest.mark.parametrize(
    ("happened", "asked", "statistic", "expected"),
    [
        (
            [_emf(NOW - 1, OrdersCreated=[1, 1]), _emf(NOW - 1, OrdersCreated=3)],
            CREATED,
            "Sum",
            [None, None, None, 5, None],
        ),
        (
            [_answered(NOW, 200, value) for value in range(1, 101)],
            LATENCY,
            "p99",
            [None, None, None, None, 99],
        ),
        (
            [
                events.QueueMeasured(at=_at(NOW - 3), queue="q", **{**EMPTY, "visible": 7}),
                events.QueueMeasured(at=_at(NOW - 3) + 5, queue="q", **{**EMPTY, "visible": 2}),
                events.QueueMeasured(at=_at(NOW), queue="q", **EMPTY),
            ],
            WAITING,
            "Maximum",
            [None, 7, 2, 2, 0],
        ),
    ],
)
def test_values_are_those_of_the_minute_and_a_queue_stays_as_it_was(
    happened: list[events.Event],
    asked: metrics.Metric,
    statistic: str,
    expected: list[float | None],
) -> None:
    assert _taken(*happened).series(asked, statistic, MINUTES) == expected


def test_requests_are_counted_by_the_version_in_their_route() -> None:
    routes = ["GET /orders/{id}", "POST /v2/orders", "GET /v2/orders/{id}", "GET /pages", None]
    taken = _taken(*(replace(_answered(NOW, 200), route_key=key) for key in routes))
    counted = {
        name: taken.series(metrics.metric("ServerlessOrders", name, ApiId="api"), "Sum", [NOW])
        for name in ("RequestsUnversioned", "RequestsV1", "RequestsV2")
    }
    assert counted == {"RequestsUnversioned": [1], "RequestsV1": [None], "RequestsV2": [2]}


RATE = {
    "evaluationPeriods": 3,
    "datapointsToAlarm": 2,
    "threshold": 10,
    "comparisonOperator": "GreaterThanThreshold",
    "treatMissingData": "notBreaching",
    "metricQueries": [
        {
            "id": name,
            "metric": {
                "namespace": "AWS/ApiGateway",
                "metricName": metric,
                "dimensions": {"ApiId": "api", "Stage": "stage"},
                "stat": "Sum",
            },
        }
        for name, metric in (("errors", "5xx"), ("requests", "Count"))
    ]
    + [{"id": "w", "expression": "IF(requests > 0, 100 * errors / requests, 0)"}],
}


@pytest.mark.parametrize(
    ("statuses", "state", "rang"),
    [
        ({NOW - 3: [500, 200], NOW - 2: [503]}, "OK", [NOW - 2, NOW - 1]),
        ({NOW - 1: [500], NOW: [500]}, "ALARM", [NOW]),
        ({NOW: [500]}, "OK", []),
        ({NOW - 1: [500] + [200] * 9, NOW: [500] + [200] * 9}, "OK", []),
    ],
)
def test_an_alarm_rings_when_enough_of_its_minutes_are_beyond(
    statuses: dict[int, list[int]], state: str, rang: list[int]
) -> None:
    taken = _taken(*(_answered(m, status) for m, all_ in statuses.items() for status in all_))
    found = metrics.alarm("rate", RATE, taken, MINUTES)
    assert (found.state, found.rang) == (state, rang)


def test_what_a_local_run_cannot_know_is_said_and_never_rings() -> None:
    inputs = {
        **{k: v for k, v in RATE.items() if k != "metricQueries"},
        "namespace": "AWS/Lambda",
        "metricName": "Throttles",
        "statistic": "Sum",
        "treatMissingData": "breaching",
    }
    found = metrics.alarm("throttles", inputs, _taken(), MINUTES)
    assert (found.state, found.unknown) == ("UNKNOWN", ["Throttles"])


def test_minutes_and_metrics_are_bounded() -> None:
    taken = metrics.Metrics("api", "stage")
    for minute in range(NOW - 200, NOW):
        taken.take(_emf(minute, **{f"Metric{minute}": 1, "OrdersCreated": 1}))
    for number in range(metrics.METRICS + 50):
        taken.take(_emf(NOW, **{f"Other{number}": 1}))
    assert len(taken._minutes) == metrics.METRICS
    for minute in range(NOW, NOW + 100):
        taken.take(_answered(minute, 200))
    counted = taken.series(LATENCY, "SampleCount", range(NOW, NOW + 100))
    assert sum(value is not None for value in counted) == metrics.MINUTES
