"""What a stack's resources cost because they are there, whatever passes through them."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from operations.graph import Graph, Registered

ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
COMPOSITE = "aws:cloudwatch/compositeAlarm:CompositeAlarm"
DASHBOARD = "aws:cloudwatch/dashboard:Dashboard"
MAPPING = "aws:lambda/eventSourceMapping:EventSourceMapping"

# An account's first three dashboards are free, up to this many metrics each:
# https://aws.amazon.com/cloudwatch/pricing/
FREE_DASHBOARDS, FREE_METRICS = 3, 50

Standing = tuple[Registered, str, str, float]
"""A resource, what of it is there, the price's key, how many a month."""

Metric = tuple[str, str, tuple[tuple[str, str], ...]]
"""Namespace, name and dimensions: what CloudWatch bills once."""


def standing(graph: Graph, assumed: Mapping[str, Any]) -> Iterator[Standing]:
    """All that is billed by the month."""
    for alarm in graph.of(ALARM):
        yield alarm, "metrics of alarms", "cloudwatch.alarm", len(_of_alarm(alarm.inputs))
    for composite in graph.of(COMPOSITE):
        yield composite, "composite alarms", "cloudwatch.composite", 1
    yield from _dashboards(graph)
    yield from _custom(graph)
    for mapping in graph.of(MAPPING):
        if mapping.inputs.get("metricsConfig"):
            many = assumed["metrics"]["mapping"]
            yield mapping, "metrics of the mapping", "cloudwatch.metric", many
    for client in graph.of("aws:cognito/userPoolClient:UserPoolClient"):
        machines = "client_credentials" in client.inputs["allowedOauthFlows"]
        yield client, "clients for machines", "cognito.machine", machines
    for key in graph.of("aws:kms/key:Key"):
        yield key, "keys", "kms.key", 1
    for budget in graph.of("aws:budgets/budget:Budget"):
        yield budget, "budgets", "budgets.budget", 1
    for check in graph.of("aws:route53/healthCheck:HealthCheck"):
        yield check, "health checks", "route53.check", 1
        # HTTPS is one, measured latency another.
        features = check.inputs["type"].startswith("HTTPS") + bool(check.inputs["measureLatency"])
        yield check, "features of health checks", "route53.feature", features


def _dashboards(graph: Graph) -> Iterator[Standing]:
    boards = {each.number: len(set(_shown(each))) for each in graph.of(DASHBOARD)}
    small = sorted(number for number, many in boards.items() if many <= FREE_METRICS)
    for board in graph.of(DASHBOARD):
        billed = board.number not in small[:FREE_DASHBOARDS]
        yield board, f"dashboards of {boards[board.number]} metrics", "cloudwatch.dashboard", billed


def _custom(graph: Graph) -> Iterator[Standing]:
    """The metrics of our own, where they are looked at first; AWS's own cost nothing."""
    seen: set[Metric] = set()
    for resource in [*graph.of(DASHBOARD), *graph.of(ALARM)]:
        found = _shown(resource) if resource.type == DASHBOARD else _of_alarm(resource.inputs)
        own = {each for each in found if not each[0].startswith("AWS/")} - seen
        seen |= own
        if own:
            yield resource, "custom metrics", "cloudwatch.metric", len(own)


def _shown(board: Registered) -> Iterator[Metric]:
    for widget in json.loads(board.inputs["dashboardBody"])["widgets"]:
        for line in widget["properties"].get("metrics", []):
            words = [each for each in line if not isinstance(each, dict)]
            if words:
                yield words[0], words[1], tuple(sorted(zip(words[2::2], words[3::2], strict=True)))


def _of_alarm(inputs: Mapping[str, Any]) -> list[Metric]:
    """The metrics that an alarm evaluates: each of an expression is one."""
    queries = [each["metric"] for each in inputs.get("metricQueries") or [] if "metric" in each]
    return [
        (
            each["namespace"],
            each["metricName"],
            tuple(sorted((each.get("dimensions") or {}).items())),
        )
        for each in queries or [inputs]
    ]
