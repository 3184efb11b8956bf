"""DynamoDB tables.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html
"""

from typing import NotRequired, TypedDict

import pulumi

from ..thresholds import AlarmThresholds
from .alarm import Alarm
from .dashboard import Graph, Note, Row
from .metric import Metric, total


class MonitoredTable(TypedDict):
    """A DynamoDB table to watch."""

    label: str
    """What alarms and widgets call it."""
    name: pulumi.Input[str]
    """Name of the table."""
    operations: list[str]
    """Operations called on it, at most ten, as `PutItem`: DynamoDB counts some errors by them."""
    indexes: NotRequired[list[str]]
    """Names of its global secondary indexes, at most four."""
    measured: NotRequired[bool]
    """Whether its item count and size are metrics of its own, shown elsewhere."""
    replicas: NotRequired[list[str]]
    """Other regions that its writes are replicated to, without strong consistency."""


def rows(table: MonitoredTable, limits: AlarmThresholds) -> list[Row]:
    """Its consumption, throttling and errors, and those of its indexes; its replication."""
    label = table["label"]

    def metric(name: str, **more: str) -> Metric:
        return Metric("AWS/DynamoDB", name, {"TableName": table["name"], **more}, "Sum")

    def by_operation(name: str) -> dict[str, Metric]:
        return {each: metric(name, Operation=each) for each in table["operations"]}

    consumed: dict[str, Metric] = {
        "read": metric("ConsumedReadCapacityUnits"),
        "written": metric("ConsumedWriteCapacityUnits"),
    }
    throttled: dict[str, Metric] = {
        "reads": metric("ReadThrottleEvents"),
        "writes": metric("WriteThrottleEvents"),
    }
    for index in table.get("indexes") or []:
        for past, present in (("read", "Read"), ("written", "Write")):
            consumed[f"{index}: {past}"] = metric(
                f"Consumed{present}CapacityUnits", GlobalSecondaryIndexName=index
            )
            throttled[f"{index}: {present.lower()}s"] = metric(
                f"{present}ThrottleEvents", GlobalSecondaryIndexName=index
            )
    errors = by_operation("SystemErrors")
    replicas = table.get("replicas") or []
    return [
        *([_replication(table, replicas, limits["replication_seconds"])] if replicas else []),
        [
            Graph(f"{label}: consumed capacity units", consumed),
            Graph(f"{label}: throttled requests", by_operation("ThrottledRequests")),
            Graph(
                f"{label}: throttled reads and writes",
                throttled,
                [
                    Alarm(
                        f"{label}-throttles",
                        f"DynamoDB throttles requests to {label} or its indexes. Look for a hot "
                        "key (Contributor Insights), a sudden peak beyond twice the former one, or "
                        "a maximum throughput set on the table.",
                        total(list(throttled.values())),
                        0,
                    )
                ],
            ),
            Graph(
                f"{label}: system errors",
                errors,
                [
                    Alarm(
                        f"{label}-system-errors",
                        f"DynamoDB answers requests to {label} with 5xx. Look at the AWS Health "
                        "Dashboard; the SDK retries. If it lasts, look at the log of the "
                        "functions that use the table.",
                        total(list(errors.values())),
                        0,
                    )
                ],
            ),
        ],
        *([] if table.get("measured") else [_unmeasured(label)]),
    ]


def _unmeasured(label: str) -> Row:
    return [
        Note(
            f"**{label}: item count and table size** are not CloudWatch metrics. DynamoDB "
            "counts both about every six hours; they are shown on the table's page in the "
            "console and by `aws dynamodb describe-table` (`ItemCount`, `TableSizeBytes`)."
        )
    ]


def _replication(table: MonitoredTable, replicas: list[str], limit: float) -> Row:
    """How long its writes take to the other regions.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/V2globaltables_monitoring.html
    """
    label = table["label"]
    latency = {
        region: Metric(
            "AWS/DynamoDB",
            "ReplicationLatency",
            {"TableName": table["name"], "ReceivingRegion": region},
            "Average",
        )
        for region in replicas
    }
    return [
        Graph(
            f"{label}: replication (ms)",
            {f"to {region}": metric for region, metric in latency.items()},
            [
                Alarm(
                    f"{label}-replication-{region}",
                    f"Writes of {label} take more than {limit} s to {region}. See whether that "
                    "region is impaired (AWS Health Dashboard, its GET /health). As long as it is "
                    "behind, have no orders of this region adopted there.",
                    metric,
                    limit * 1000,
                )
                for region, metric in latency.items()
            ],
        )
    ]
