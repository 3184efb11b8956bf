"""The dashboard: every metric worth a look, in rows from the caller to the queue.

The body's structure:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pulumi

from . import metrics
from ._contract import contract
from .metrics import Expression, Metric
from .monitored import (
    MonitoredApi,
    MonitoredFunction,
    MonitoredOrders,
    MonitoredQueue,
    MonitoredTable,
)
from .thresholds import Thresholds

COLUMNS = 24
HEIGHT = 6

Widget = dict[str, Any]
Row = list[Widget]


def body(rows: Sequence[Row]) -> dict[str, Any]:
    """The dashboard's body: each row's widgets share its width."""
    placed = []
    y = 0
    for row in rows:
        height = max(widget["height"] for widget in row)
        width = COLUMNS // len(row)
        placed += [
            {**widget, "x": number * width, "y": y, "width": width, "height": height}
            for number, widget in enumerate(row)
        ]
        y += height
    return {"widgets": placed}


class Widgets:
    """Makes the rows of a dashboard in one region."""

    def __init__(self, region: pulumi.Input[str], limits: Thresholds) -> None:
        self._region = region
        self._limits = limits

    def alarms(self, arns: Sequence[pulumi.Input[str]]) -> Row:
        """The state of every alarm."""
        properties = {"title": "Alarms", "alarms": list(arns)}
        return [{"type": "alarm", "height": 4, "properties": properties}]

    def orders(self, orders: MonitoredOrders) -> Iterator[Row]:
        """What happens to the orders."""
        service = orders["service"]

        def metric(name: str, statistic: str = "Sum") -> Metric:
            return metrics.of_orders(name, statistic, service)

        yield [
            self._graph(
                "Order creation success rate (%)",
                {"success rate": metrics.creation_success(service)},
                alarm_at=self._limits.creation_success_percent,
            ),
            self._graph(
                "Orders",
                {
                    "created": metric(contract.ORDERS_CREATED),
                    "refused (4xx)": metric(contract.ORDERS_REJECTED),
                    "refused (5xx)": metric(contract.ORDERS_CREATE_FAILED),
                    "confirmed": metric(contract.ORDERS_CONFIRMED),
                    "failed": metric(contract.ORDERS_FAILED),
                    "messages rejected": metric(contract.MESSAGES_REJECTED),
                },
            ),
            self._graph(
                "Order processing time, queue lag (ms)",
                {
                    "processing time, average": metric(contract.ORDER_PROCESSING_TIME, "Average"),
                    "processing time, p99": metric(contract.ORDER_PROCESSING_TIME, "p99"),
                    "queue lag, average": metric(contract.QUEUE_LAG, "Average"),
                    "queue lag, p99": metric(contract.QUEUE_LAG, "p99"),
                },
            ),
            self._graph(
                "Repair of pending orders",
                {
                    "events sent again": metric(contract.ORDERS_REPUBLISHED),
                    "oldest pending (s)": metric(contract.OLDEST_PENDING_AGE, "Maximum"),
                },
            ),
        ]

    def api(self, api: MonitoredApi) -> Iterator[Row]:
        """An API's traffic, errors and latency."""
        label = api["label"]

        def metric(name: str, statistic: str) -> Metric:
            return metrics.of_api(name, statistic, api["api_id"], api["stage_name"])

        yield [
            self._graph(f"{label}: requests", {"requests": metric("Count", "Sum")}),
            self._graph(
                f"{label}: errors", {"4xx": metric("4xx", "Sum"), "5xx": metric("5xx", "Sum")}
            ),
            self._graph(
                f"{label}: 5xx rate (%)",
                {"5xx": metrics.percentage(metric("5xx", "Sum"), metric("Count", "Sum"))},
                alarm_at=self._limits.api_error_percent,
            ),
            self._graph(
                f"{label}: latency (ms)",
                {
                    "p50": metric("Latency", "p50"),
                    "p99": metric("Latency", "p99"),
                    "integration, p99": metric("IntegrationLatency", "p99"),
                },
                alarm_at=self._limits.api_latency_milliseconds,
            ),
        ]
        yield [
            self._text(
                f"**{label}: cache hits and misses** do not exist: it is an HTTP API, and only a "
                "REST API can cache responses.",
                height=2,
            )
        ]

    def functions(self, functions: Sequence[MonitoredFunction]) -> Iterator[Row]:
        """Every function's invocations, errors, throttles, durations and cold starts."""

        def each(name: str, statistic: str) -> dict[str, Metric]:
            return {
                function["label"]: metrics.of_function(name, statistic, function["name"])
                for function in functions
            }

        yield [
            self._graph("Functions: invocations", each("Invocations", "Sum")),
            self._graph("Functions: errors", each("Errors", "Sum")),
            self._graph(
                "Functions: error rate (%)",
                {
                    function["label"]: metrics.percentage(
                        metrics.of_function("Errors", "Sum", function["name"]),
                        metrics.of_function("Invocations", "Sum", function["name"]),
                    )
                    for function in functions
                },
                alarm_at=self._limits.function_error_percent,
            ),
            self._graph("Functions: throttles", each("Throttles", "Sum")),
        ]
        cold = {
            function["label"]: metrics.of_cold_starts("Sum", function["service"], function["name"])
            for function in functions
            if "service" in function
        }
        yield [
            self._graph("Functions: duration, average (ms)", each("Duration", "Average")),
            self._graph("Functions: duration, p99 (ms)", each("Duration", "p99")),
            self._graph("Functions: concurrency", each("ConcurrentExecutions", "Maximum")),
            *([self._graph("Functions: cold starts", cold)] if cold else []),
        ]

    def table(self, table: MonitoredTable) -> Iterator[Row]:
        """A table's consumption, throttling and errors."""
        label, name = table["label"], table["name"]

        def by_operation(metric: str) -> dict[str, Metric]:
            return {
                operation: metrics.of_operation(metric, "Sum", name, operation)
                for operation in table["operations"]
            }

        consumed = {
            "read": metrics.of_table("ConsumedReadCapacityUnits", "Sum", name),
            "written": metrics.of_table("ConsumedWriteCapacityUnits", "Sum", name),
        }
        throttled = {
            "reads": metrics.of_table("ReadThrottleEvents", "Sum", name),
            "writes": metrics.of_table("WriteThrottleEvents", "Sum", name),
        }
        for index in table.get("indexes") or []:
            for past, present in (("read", "Read"), ("written", "Write")):
                consumed[f"{index}: {past}"] = metrics.of_index(
                    f"Consumed{present}CapacityUnits", "Sum", name, index
                )
                throttled[f"{index}: {present.lower()}s"] = metrics.of_index(
                    f"{present}ThrottleEvents", "Sum", name, index
                )
        yield [
            self._graph(f"{label}: consumed capacity units", consumed),
            self._graph(f"{label}: throttled requests", by_operation("ThrottledRequests")),
            self._graph(f"{label}: throttled reads and writes", throttled),
            self._graph(f"{label}: system errors", by_operation("SystemErrors")),
        ]
        yield [
            self._text(
                f"**{label}: item count and table size** are no CloudWatch metrics. DynamoDB "
                "counts both about every six hours; they are shown on the table's page in the "
                "console and by `aws dynamodb describe-table` (`ItemCount`, `TableSizeBytes`).",
                height=2,
            )
        ]

    def queue(self, queue: MonitoredQueue) -> Iterator[Row]:
        """A queue's traffic, depth, age and dead letters."""
        label, name, dlq = queue["label"], queue["name"], queue["dlq_name"]
        visible = "ApproximateNumberOfMessagesVisible"
        yield [
            self._graph(
                f"{label}: messages",
                {
                    "sent": metrics.of_queue("NumberOfMessagesSent", "Sum", name),
                    "received": metrics.of_queue("NumberOfMessagesReceived", "Sum", name),
                    "deleted": metrics.of_queue("NumberOfMessagesDeleted", "Sum", name),
                },
            ),
            self._graph(
                f"{label}: depth",
                {
                    "waiting": metrics.of_queue(visible, "Maximum", name),
                    "in flight": metrics.of_queue(
                        "ApproximateNumberOfMessagesNotVisible", "Maximum", name
                    ),
                },
            ),
            self._graph(
                f"{label}: age of the oldest message (s)",
                {"age": metrics.of_queue("ApproximateAgeOfOldestMessage", "Maximum", name)},
            ),
            self._graph(
                f"{label}: dead letters",
                {"messages": metrics.of_queue(visible, "Maximum", dlq)},
            ),
        ]

    def _graph(
        self,
        title: str,
        shown: Mapping[str, Metric | Expression],
        alarm_at: float | None = None,
    ) -> Widget:
        lines: list[list[Any]] = []
        for number, (label, line) in enumerate(shown.items()):
            if isinstance(line, Metric):
                lines.append(_line(line, {"label": label}))
                continue
            suffix = str(number)
            lines += [
                _line(metric, {"id": f"{name}{suffix}", "visible": False})
                for name, metric in line.metrics.items()
            ]
            lines.append([{"expression": line.text(suffix), "label": label, "id": f"e{suffix}"}])
        properties: dict[str, Any] = {
            "title": title,
            "region": self._region,
            "view": "timeSeries",
            "stacked": False,
            "period": 60,
            "metrics": lines,
        }
        if alarm_at is not None:
            properties["annotations"] = {"horizontal": [{"label": "alarm", "value": alarm_at}]}
        return {"type": "metric", "height": HEIGHT, "properties": properties}

    def _text(self, markdown: str, height: int) -> Widget:
        return {"type": "text", "height": height, "properties": {"markdown": markdown}}


def _line(metric: Metric, options: dict[str, Any]) -> list[Any]:
    dimensions = [part for pair in metric.dimensions.items() for part in pair]
    return [metric.namespace, metric.name, *dimensions, {"stat": metric.statistic, **options}]
