"""Metrics of a run as CloudWatch would have them, by the minute, and its alarms over them.

They come from the run's own events: the functions' EMF lines, requests, invocations, queues,
traced calls. What those do not tell is not made up: see `KNOWN`.
"""

from __future__ import annotations

import json
import math
import re
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from functions import contract
from local import events
from local.events import Event
from local.metric_math import evaluate

PERIOD = 60
"""Seconds; that of all alarms and graphs."""
MINUTES = 60
"""How far back is remembered."""
SAMPLES = 1_000
"""Values of one metric in one minute that percentiles are made of; further ones count only."""
METRICS = 500

LAMBDA, API, SQS, DYNAMODB = "AWS/Lambda", "AWS/ApiGateway", "AWS/SQS", "AWS/DynamoDB"
KNOWN = {
    (LAMBDA, "Invocations"),
    (LAMBDA, "Errors"),
    (LAMBDA, "Duration"),
    (API, "Count"),
    (API, "4xx"),
    (API, "5xx"),
    (API, "Latency"),
    (contract.METRIC_NAMESPACE, "RequestsThrottled"),
    *((contract.METRIC_NAMESPACE, name) for name in contract.REQUESTS_OF_VERSIONS.values()),
    (SQS, "ApproximateNumberOfMessagesVisible"),
    (SQS, "ApproximateNumberOfMessagesNotVisible"),
    (SQS, "ApproximateAgeOfOldestMessage"),
    (SQS, "NumberOfMessagesReceived"),
    (SQS, "NumberOfMessagesDeleted"),
    (DYNAMODB, "ThrottledRequests"),
    (DYNAMODB, "SystemErrors"),
    *((contract.METRIC_NAMESPACE, name) for name in contract.METRIC_UNITS),
    (contract.METRIC_NAMESPACE, contract.COLD_START),
    (contract.METRIC_NAMESPACE, contract.VERSION_FAILURES),
}
"""The metrics that a local run has events for, by namespace and name."""

_GAUGES = {
    "ApproximateNumberOfMessagesVisible",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateAgeOfOldestMessage",
}


class Metric(NamedTuple):
    """A metric of CloudWatch."""

    namespace: str
    name: str
    dimensions: frozenset[tuple[str, str]]

    @property
    def known(self) -> bool:
        """Whether a local run can tell its values."""
        return (self.namespace, self.name) in KNOWN


def metric(namespace: str, name: str, **dimensions: str) -> Metric:
    """A metric by its dimensions."""
    return Metric(namespace, name, frozenset(dimensions.items()))


@dataclass
class _Minute:
    count: int = 0
    total: float = 0.0
    largest: float = -math.inf
    last: float = 0.0
    samples: list[float] = field(default_factory=list)

    def add(self, value: float) -> None:
        self.count += 1
        self.last = value
        self.total += value
        self.largest = max(self.largest, value)
        if len(self.samples) < SAMPLES:
            self.samples.append(value)

    def statistic(self, name: str) -> float:
        if name.startswith("p"):
            ordered = sorted(self.samples)
            return ordered[max(0, math.ceil(float(name[1:]) / 100 * len(ordered)) - 1)]
        return {
            "Sum": self.total,
            "Maximum": self.largest,
            "SampleCount": float(self.count),
        }.get(name, self.total / self.count)


class Metrics:
    """The metrics of the last `MINUTES`; `api_id` and `stage` are those of the system's API."""

    def __init__(self, api_id: str, stage: str) -> None:
        self._lock = threading.Lock()
        self._api = {"ApiId": api_id, "Stage": stage}
        self._minutes: OrderedDict[Metric, OrderedDict[int, _Minute]] = OrderedDict()

    def take(self, event: Event) -> None:
        """Take in one event."""
        with self._lock:
            match event:
                case events.LogLine() if '"_aws"' in event.text:
                    self._emf(event)
                case events.RequestAnswered():
                    self._request(event)
                case events.FunctionInvoked() | events.FunctionFailed():
                    where = {"FunctionName": event.function}
                    self._invocation(event, where)
                    if event.version:
                        where["Resource"] = f"{event.function}:{event.alias}"
                        where["ExecutedVersion"] = event.version
                        self._invocation(event, where)
                case events.QueueMeasured():
                    where = {"QueueName": event.queue}
                    age = max(0.0, event.at - event.oldest) if event.oldest else 0.0
                    for name, value in (
                        ("ApproximateNumberOfMessagesVisible", event.visible),
                        ("ApproximateNumberOfMessagesNotVisible", event.in_flight),
                        ("ApproximateAgeOfOldestMessage", age),
                    ):
                        self._add(event.at, SQS, name, value, where)
                case events.MessageReceived():
                    where = {"QueueName": event.queue}
                    self._add(event.at, SQS, "NumberOfMessagesReceived", 1, where)
                case events.BatchProcessed():
                    done, where = event.messages - event.failures, {"QueueName": event.queue}
                    self._add(event.at, SQS, "NumberOfMessagesDeleted", done, where)
                case events.CallTraced() if event.service == "DynamoDB" and event.failure:
                    where = {"TableName": event.resource, "Operation": event.operation}
                    kind = event.failure.split()[0]
                    names = {"throttle": "ThrottledRequests", "fault": "SystemErrors"}
                    if kind in names:
                        self._add(event.at, DYNAMODB, names[kind], 1, where)

    def _invocation(
        self, event: events.FunctionInvoked | events.FunctionFailed, where: Mapping[str, str]
    ) -> None:
        failed = isinstance(event, events.FunctionFailed)
        self._add(event.at, LAMBDA, "Invocations", 1, where)
        self._add(event.at, LAMBDA, "Errors", float(failed), where)
        self._add(event.at, LAMBDA, "Duration", event.milliseconds, where)

    def series(self, asked: Metric, statistic: str, minutes: Sequence[int]) -> list[float | None]:
        """The statistic in each of `minutes` (since the epoch); None where there is no data."""
        with self._lock:
            kept = self._minutes.get(asked) or OrderedDict()
            found: list[float | None] = []
            before: float | None = None
            for minute in minutes:
                if minute in kept:
                    found.append(kept[minute].statistic(statistic))
                    before = kept[minute].last
                else:
                    # A queue is told when it changes; in between it stays as it was.
                    found.append(before if asked.name in _GAUGES else None)
            return found

    def _request(self, event: events.RequestAnswered) -> None:
        self._add(event.at, API, "Count", 1, self._api)
        self._add(event.at, API, "4xx", float(400 <= event.status < 500), self._api)
        self._add(event.at, API, "5xx", float(event.status >= 500), self._api)
        self._add(event.at, API, "Latency", event.milliseconds, self._api)
        where = {"ApiId": self._api["ApiId"]}
        head = (event.route_key or "").partition(" ")[2].partition(contract.ORDERS_PATH)
        named = contract.REQUESTS_OF_VERSIONS.get(head[0].removeprefix("/")) if head[1] else None
        if named:
            self._add(event.at, contract.METRIC_NAMESPACE, named, 1, where)
        if event.status == 429:
            self._add(event.at, contract.METRIC_NAMESPACE, "RequestsThrottled", 1, where)

    def _emf(self, event: events.LogLine) -> None:
        # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
        try:
            said = json.loads(event.text)
            for directive in said["_aws"]["CloudWatchMetrics"]:
                for names in directive["Dimensions"]:
                    where = {name: str(said[name]) for name in names}
                    for each in directive["Metrics"]:
                        values = said[each["Name"]]
                        for value in values if isinstance(values, list) else [values]:
                            self._add(
                                event.at, directive["Namespace"], each["Name"], float(value), where
                            )
        except (ValueError, KeyError, TypeError):
            return

    def _add(
        self, at: float, namespace: str, name: str, value: float, where: Mapping[str, str]
    ) -> None:
        key, minute = metric(namespace, name, **where), int(at) // PERIOD
        minutes = self._minutes.setdefault(key, OrderedDict())
        minutes.setdefault(minute, _Minute()).add(value)
        while len(minutes) > MINUTES:
            minutes.popitem(last=False)
        if len(self._minutes) > METRICS:
            self._minutes.popitem(last=False)


class Line(NamedTuple):
    """What is drawn or watched: a metric and its statistic, or an expression over others by id."""

    label: str
    metric: Metric | None
    statistic: str = ""
    expression: str = ""
    inputs: Mapping[str, Line] = {}

    @property
    def unknown(self) -> list[str]:
        """The metrics that a local run cannot tell."""
        if self.metric is not None:
            return [] if self.metric.known else [self.metric.name]
        return sorted({name for each in self.inputs.values() for name in each.unknown})


def values(line: Line, metrics: Metrics, minutes: Sequence[int]) -> list[float | None]:
    """A line's value in each minute."""
    if line.metric is not None:
        return metrics.series(line.metric, line.statistic, minutes)
    inputs = {name: values(each, metrics, minutes) for name, each in line.inputs.items()}
    return [
        evaluate(line.expression, {name: each[n] for name, each in inputs.items()}, PERIOD)
        for n in range(len(minutes))
    ]


@dataclass(frozen=True)
class Alarm:
    """A registered alarm; `state` as CloudWatch's, UNKNOWN where a local run lacks a metric.

    `rang` are the minutes (since the epoch) in which it was in ALARM.
    """

    name: str
    description: str
    condition: str
    state: str
    value: float | None
    rang: list[int]
    unknown: list[str]


def alarm(name: str, inputs: Mapping[str, Any], metrics: Metrics, minutes: Sequence[int]) -> Alarm:
    """An alarm by its inputs, evaluated at the end of each of `minutes`, the last one under way.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
    """
    line = _watched(inputs)
    found = values(line, metrics, minutes) if not line.unknown else [None] * len(minutes)
    needed, of = int(inputs.get("datapointsToAlarm") or 1), int(inputs["evaluationPeriods"])
    threshold, missing = float(inputs["threshold"]), inputs.get("treatMissingData", "missing")
    beyond = [
        missing == "breaching"
        if value is None
        else _beyond(value, threshold, inputs["comparisonOperator"])
        for value in found
    ]
    rings = [sum(beyond[max(0, n + 1 - of) : n + 1]) >= needed for n in range(len(minutes))]
    silent = missing == "missing" and all(value is None for value in found[-of:])
    state = "ALARM" if rings[-1] else "INSUFFICIENT_DATA" if silent else "OK"
    sign = {"GreaterThanThreshold": ">", "LessThanThreshold": "<"}.get(
        inputs["comparisonOperator"], inputs["comparisonOperator"]
    )
    return Alarm(
        name,
        str(inputs.get("alarmDescription") or ""),
        f"{line.label} {sign} {threshold:g}, {needed} of {of} minutes",
        "UNKNOWN" if line.unknown else state,
        found[-1],
        [minute for minute, rang in zip(minutes, rings, strict=True) if rang],
        line.unknown,
    )


def _beyond(value: float, threshold: float, comparison: str) -> bool:
    return {
        "GreaterThanThreshold": value > threshold,
        "LessThanThreshold": value < threshold,
        "GreaterThanOrEqualToThreshold": value >= threshold,
        "LessThanOrEqualToThreshold": value <= threshold,
    }[comparison]


def _watched(inputs: Mapping[str, Any]) -> Line:
    queries = inputs.get("metricQueries")
    if not queries:
        statistic = str(inputs.get("statistic") or inputs.get("extendedStatistic"))
        found = Metric(
            inputs["namespace"],
            inputs["metricName"],
            frozenset((inputs.get("dimensions") or {}).items()),
        )
        return Line(f"{found.name} ({statistic})", found, statistic)
    lines = {
        each["id"]: Line(
            each["metric"]["metricName"],
            Metric(
                each["metric"]["namespace"],
                each["metric"]["metricName"],
                frozenset((each["metric"].get("dimensions") or {}).items()),
            ),
            each["metric"]["stat"],
        )
        for each in queries
        if each.get("metric")
    }
    expression = next(each["expression"] for each in queries if each.get("expression"))
    return Line(expression, None, expression=expression, inputs=lines)


@dataclass(frozen=True)
class Graph:
    """A graph of a dashboard, with the thresholds that are drawn in it."""

    title: str
    lines: list[Line]
    thresholds: list[float]


def graphs(body: str) -> Iterable[Graph]:
    """The graphs of a dashboard's body.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
    """
    for widget in json.loads(body)["widgets"]:
        if widget["type"] != "metric":
            continue
        properties = widget["properties"]
        inputs: dict[str, Line] = {}
        shown: list[Line] = []
        for *parts, options in properties["metrics"]:
            if "expression" in options:
                text = options["expression"]
                named = {name: inputs[name] for name in inputs if re.search(rf"\b{name}\b", text)}
                shown.append(Line(options["label"], None, expression=text, inputs=named))
                continue
            namespace, name, *pairs = parts
            dimensions = frozenset(zip(pairs[::2], pairs[1::2], strict=True))
            line = Line(
                options.get("label", name), Metric(namespace, name, dimensions), options["stat"]
            )
            if "id" in options:
                inputs[options["id"]] = line
            if options.get("visible", True):
                shown.append(line)
        marks = properties.get("annotations", {}).get("horizontal", [])
        yield Graph(properties["title"], shown, [float(each["value"]) for each in marks])
