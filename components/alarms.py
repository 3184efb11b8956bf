"""The alarms: what is watched, from when on somebody is called, and what they can do.

Periods and ages are in seconds. An alarm rings when `datapoints` of the last `evaluations`
periods are beyond the threshold. Missing data counts as good unless an alarm says otherwise,
because most of these metrics are only there while there is traffic.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

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

GREATER = "GreaterThanThreshold"
LESS = "LessThanThreshold"


# The most metrics that one alarm can watch:
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html
MOST_METRICS = 10


@dataclass(frozen=True)
class Alarm:
    """A CloudWatch alarm over one metric or an expression of several."""

    name: str
    description: str
    watched: Metric | Expression
    threshold: float
    comparison: str = GREATER
    period: int = 60
    evaluations: int = 5
    datapoints: int = 3
    missing: str = "notBreaching"

    def create(
        self, prefix: str, parent: pulumi.Resource, actions: Sequence[pulumi.Input[str]]
    ) -> aws.cloudwatch.MetricAlarm:
        """Register the alarm; the actions are told when it rings and when it ends."""
        watched = self.watched
        return aws.cloudwatch.MetricAlarm(
            f"{prefix}-{self.name}",
            alarm_description=self.description,
            comparison_operator=self.comparison,
            threshold=self.threshold,
            evaluation_periods=self.evaluations,
            datapoints_to_alarm=self.datapoints,
            treat_missing_data=self.missing,
            alarm_actions=list(actions),
            ok_actions=list(actions),
            **(self._single(watched) if isinstance(watched, Metric) else self._queries(watched)),
            opts=pulumi.ResourceOptions(parent=parent),
        )

    def _single(self, metric: Metric) -> dict[str, Any]:
        percentile = metric.statistic.startswith("p")
        return {
            "namespace": metric.namespace,
            "metric_name": metric.name,
            "dimensions": metric.dimensions,
            "period": self.period,
            "extended_statistic" if percentile else "statistic": metric.statistic,
        }

    def _queries(self, expression: Expression) -> dict[str, Any]:
        if len(expression.metrics) > MOST_METRICS:
            raise ValueError(
                f"the alarm {self.name} needs {len(expression.metrics)} metrics, CloudWatch "
                f"allows {MOST_METRICS}: watch fewer indexes or operations"
            )
        queries = [
            aws.cloudwatch.MetricAlarmMetricQueryArgs(
                id=identifier,
                metric=aws.cloudwatch.MetricAlarmMetricQueryMetricArgs(
                    namespace=metric.namespace,
                    metric_name=metric.name,
                    dimensions=metric.dimensions,
                    period=self.period,
                    stat=metric.statistic,
                ),
                return_data=False,
            )
            for identifier, metric in expression.metrics.items()
        ]
        watched = aws.cloudwatch.MetricAlarmMetricQueryArgs(
            id="watched", expression=expression.text(), label=self.name, return_data=True
        )
        return {"metric_queries": [*queries, watched]}


def of_function(function: MonitoredFunction, limits: Thresholds) -> Iterator[Alarm]:
    """Errors, throttles and duration of one function."""
    label, name = function["label"], function["name"]
    timeout = int(function["timeout_seconds"] * 1000)
    percent = limits.duration_percent_of_timeout
    yield Alarm(
        name=f"{label}-errors",
        description=(
            f"More than {limits.function_error_percent} % of the invocations of {label} fail. "
            "Read its log group for `level: ERROR` and its traces; if it began with a "
            "deployment, point the alias `live` to the version before."
        ),
        watched=metrics.percentage(
            metrics.of_function("Errors", "Sum", name),
            metrics.of_function("Invocations", "Sum", name),
        ),
        threshold=limits.function_error_percent,
    )
    yield Alarm(
        name=f"{label}-throttles",
        description=(
            f"Lambda refuses invocations of {label} for lack of concurrency. Compare "
            "ConcurrentExecutions with the account's limit and the function's reserved "
            "concurrency, and raise the one that is reached."
        ),
        watched=metrics.of_function("Throttles", "Sum", name),
        threshold=0,
    )
    yield Alarm(
        name=f"{label}-duration",
        description=(
            f"The slowest 1 % of the invocations of {label} take more than {percent} % of its "
            f"timeout ({timeout} ms). Look in the traces for the call that is slow; requests "
            "are lost when the timeout is reached."
        ),
        watched=metrics.of_function("Duration", "p99", name),
        threshold=timeout * percent / 100,
    )


def of_api(api: MonitoredApi, limits: Thresholds) -> Iterator[Alarm]:
    """Server errors and latency of an HTTP API."""
    label, api_id, stage = api["label"], api["api_id"], api["stage_name"]
    yield Alarm(
        name=f"{label}-5xx",
        description=(
            f"More than {limits.api_error_percent} % of the requests to {label} are answered "
            "with 5xx. Read `integrationError` and `status` in its access log, then the log of "
            "the function behind the route."
        ),
        watched=metrics.percentage(
            metrics.of_api("5xx", "Sum", api_id, stage),
            metrics.of_api("Count", "Sum", api_id, stage),
        ),
        threshold=limits.api_error_percent,
    )
    yield Alarm(
        name=f"{label}-latency",
        description=(
            f"The slowest 1 % of the requests to {label} take more than "
            f"{limits.api_latency_milliseconds} ms. Compare Latency with IntegrationLatency: "
            "if both rise, the function is slow (cold starts, DynamoDB, SQS)."
        ),
        watched=metrics.of_api("Latency", "p99", api_id, stage),
        threshold=limits.api_latency_milliseconds,
    )


def of_table(table: MonitoredTable) -> Iterator[Alarm]:
    """Throttling and DynamoDB's own errors on a table and its indexes."""
    label, name = table["label"], table["name"]
    throttles = [
        metrics.of_table("ReadThrottleEvents", "Sum", name),
        metrics.of_table("WriteThrottleEvents", "Sum", name),
    ]
    for index in table.get("indexes") or []:
        throttles += [
            metrics.of_index("ReadThrottleEvents", "Sum", name, index),
            metrics.of_index("WriteThrottleEvents", "Sum", name, index),
        ]
    yield Alarm(
        name=f"{label}-throttles",
        description=(
            f"DynamoDB throttles requests to {label} or its indexes. Look for a hot key "
            "(Contributor Insights), a sudden peak beyond twice the former one, or a maximum "
            "throughput set on the table."
        ),
        watched=metrics.total(throttles),
        threshold=0,
    )
    yield Alarm(
        name=f"{label}-system-errors",
        description=(
            f"DynamoDB answers requests to {label} with 5xx. Look at the AWS Health Dashboard; "
            "the SDK retries. If it lasts, look at the log of the functions that use the table."
        ),
        watched=metrics.total(
            [
                metrics.of_operation("SystemErrors", "Sum", name, operation)
                for operation in table["operations"]
            ]
        ),
        threshold=0,
    )


def of_queue(queue: MonitoredQueue, limits: Thresholds) -> Iterator[Alarm]:
    """Age, backlog and dead letters of a queue with its dead-letter queue."""
    label, name = queue["label"], queue["name"]
    yield Alarm(
        name=f"{label}-age",
        description=(
            f"The oldest message in {label} has waited more than {limits.queue_age_seconds} s. "
            "See whether the consumer runs, fails or is throttled, and whether its event "
            "source mapping is enabled."
        ),
        watched=metrics.of_queue("ApproximateAgeOfOldestMessage", "Maximum", name),
        threshold=limits.queue_age_seconds,
    )
    yield Alarm(
        name=f"{label}-drain",
        description=(
            f"At its present pace the consumer needs more than {limits.drain_seconds} s for "
            f"what waits in {label}. Raise its concurrency or batch size, or find what slows "
            "it down."
        ),
        watched=metrics.time_to_drain(name),
        threshold=limits.drain_seconds,
    )
    yield dead_letters(
        f"{label}-dlq",
        queue["dlq_name"],
        f"Messages of {label} are in its dead-letter queue. Read why they failed and redrive "
        "them when the cause is mended: `python -m operations dlq` in the repository of "
        "serverless-orders, or the redrive of the SQS console.",
    )


def dead_letters(label: str, name: pulumi.Input[str], description: str) -> Alarm:
    """The first message in a queue that ought to be empty."""
    return Alarm(
        name=f"{label}-depth",
        description=description,
        watched=metrics.of_queue("ApproximateNumberOfMessagesVisible", "Maximum", name),
        threshold=0,
        evaluations=1,
        datapoints=1,
    )


def of_failures(function: MonitoredFunction) -> Iterator[Alarm]:
    """Asynchronous invocations of a function that were given up."""
    if "failure_queue_name" in function:
        yield dead_letters(
            f"{function['label']}-failures",
            function["failure_queue_name"],
            f"Scheduled invocations of {function['label']} failed for good. The messages say "
            "why; the next run takes over the work, so delete them when the cause is mended.",
        )


def of_orders(orders: MonitoredOrders, limits: Thresholds) -> Iterator[Alarm]:
    """What the functions count of the orders themselves."""
    service = orders["service"]
    period = 60 * int(orders["republish_rate_minutes"])

    def metric(name: str, statistic: str) -> Metric:
        return metrics.of_orders(name, statistic, service)

    yield Alarm(
        name="creation-success",
        description=(
            f"Fewer than {limits.creation_success_percent} % of the valid orders are accepted; "
            "the rest are answered with 5xx. Read the log of the function that creates orders "
            "for `level: ERROR`, and the alarms on DynamoDB and SQS."
        ),
        watched=metrics.creation_success(service),
        comparison=LESS,
        threshold=limits.creation_success_percent,
    )
    yield Alarm(
        name="processing-time",
        description=(
            f"On average orders take more than {limits.processing_time_milliseconds} ms from "
            "creation to CONFIRMED. Compare with the queue lag: if that is low, orders were "
            "late in coming to the queue (see the repair's log)."
        ),
        watched=metric(contract.ORDER_PROCESSING_TIME, "Average"),
        threshold=limits.processing_time_milliseconds,
    )
    yield Alarm(
        name="queue-lag",
        description=(
            f"On average events wait more than {limits.queue_lag_milliseconds} ms in the "
            "queue. See whether the processor is throttled or slow."
        ),
        watched=metric(contract.QUEUE_LAG, "Average"),
        threshold=limits.queue_lag_milliseconds,
    )
    yield Alarm(
        name="oldest-pending",
        description=(
            f"An order is PENDING for more than {limits.oldest_pending_seconds} s although its "
            "event is sent again, or the repair does not run at all. Read the logs of the "
            "repair and of the processor; look into the dead-letter queue."
        ),
        watched=metric(contract.OLDEST_PENDING_AGE, "Maximum"),
        threshold=limits.oldest_pending_seconds,
        period=period,
        evaluations=3,
        # Every run of the repair reports an age, 0 when all is well: silence is a fault.
        missing="breaching",
    )
