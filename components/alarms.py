"""The alarms: what is watched, from when on somebody is called, and what they can do.

Periods and ages are in seconds. An alarm rings when `datapoints` of the last `evaluations`
periods are beyond the threshold. Missing data counts as good unless an alarm says otherwise,
because most of these metrics are only there while there is traffic.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from . import metrics
from ._contract import contract
from .metrics import Metric
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


@dataclass(frozen=True)
class Alarm:
    """A CloudWatch alarm over one metric, or over an expression of several by their ids."""

    name: str
    description: str
    metrics: Mapping[str, Metric]
    threshold: float
    expression: str | None = None
    comparison: str = GREATER
    period: int = 60
    evaluations: int = 5
    datapoints: int = 3
    missing: str = "notBreaching"

    def create(
        self, prefix: str, parent: pulumi.Resource, actions: Sequence[pulumi.Input[str]]
    ) -> aws.cloudwatch.MetricAlarm:
        """Register the alarm; the actions are told when it rings and when it ends."""
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
            **(self._queries() if self.expression else self._single()),
            opts=pulumi.ResourceOptions(parent=parent),
        )

    def _single(self) -> dict[str, Any]:
        (metric,) = self.metrics.values()
        percentile = metric.statistic.startswith("p")
        return {
            "namespace": metric.namespace,
            "metric_name": metric.name,
            "dimensions": metric.dimensions,
            "period": self.period,
            "extended_statistic" if percentile else "statistic": metric.statistic,
        }

    def _queries(self) -> dict[str, Any]:
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
            for identifier, metric in self.metrics.items()
        ]
        watched = aws.cloudwatch.MetricAlarmMetricQueryArgs(
            id="watched", expression=self.expression, label=self.name, return_data=True
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
        metrics={
            "errors": metrics.of_function("Errors", "Sum", name),
            "invocations": metrics.of_function("Invocations", "Sum", name),
        },
        expression="IF(invocations > 0, 100 * errors / invocations, 0)",
        threshold=limits.function_error_percent,
    )
    yield Alarm(
        name=f"{label}-throttles",
        description=(
            f"Lambda refuses invocations of {label} for lack of concurrency. Compare "
            "ConcurrentExecutions with the account's limit and the function's reserved "
            "concurrency, and raise the one that is reached."
        ),
        metrics={"throttles": metrics.of_function("Throttles", "Sum", name)},
        threshold=0,
    )
    yield Alarm(
        name=f"{label}-duration",
        description=(
            f"The slowest 1 % of the invocations of {label} take more than {percent} % of its "
            f"timeout ({timeout} ms). Look in the traces for the call that is slow; requests "
            "are lost when the timeout is reached."
        ),
        metrics={"duration": metrics.of_function("Duration", "p99", name)},
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
        metrics={
            "errors": metrics.of_api("5xx", "Sum", api_id, stage),
            "requests": metrics.of_api("Count", "Sum", api_id, stage),
        },
        expression="IF(requests > 0, 100 * errors / requests, 0)",
        threshold=limits.api_error_percent,
    )
    yield Alarm(
        name=f"{label}-latency",
        description=(
            f"The slowest 1 % of the requests to {label} take more than "
            f"{limits.api_latency_milliseconds} ms. Compare Latency with IntegrationLatency: "
            "if both rise, the function is slow (cold starts, DynamoDB, SQS)."
        ),
        metrics={"latency": metrics.of_api("Latency", "p99", api_id, stage)},
        threshold=limits.api_latency_milliseconds,
    )


def of_table(table: MonitoredTable) -> Iterator[Alarm]:
    """Throttling and DynamoDB's own errors on a table and its indexes."""
    label, name = table["label"], table["name"]
    throttles = {
        "reads": metrics.of_table("ReadThrottleEvents", "Sum", name),
        "writes": metrics.of_table("WriteThrottleEvents", "Sum", name),
    }
    for number, index in enumerate(table.get("indexes") or []):
        for kind in ("Read", "Write"):
            throttles[f"{kind.lower()}s{number}"] = metrics.of_index(
                f"{kind}ThrottleEvents", "Sum", name, index
            )
    yield Alarm(
        name=f"{label}-throttles",
        description=(
            f"DynamoDB throttles requests to {label} or its indexes. Look for a hot key "
            "(Contributor Insights), a sudden peak beyond twice the former one, or a maximum "
            "throughput set on the table."
        ),
        metrics=throttles,
        expression=_sum(throttles),
        threshold=0,
    )
    errors = {
        f"errors{number}": metrics.of_operation("SystemErrors", "Sum", name, operation)
        for number, operation in enumerate(table["operations"])
    }
    yield Alarm(
        name=f"{label}-system-errors",
        description=(
            f"DynamoDB answers requests to {label} with 5xx. Look at the AWS Health Dashboard; "
            "the functions retry, and orders that stay PENDING are repaired afterwards."
        ),
        metrics=errors,
        expression=_sum(errors),
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
        metrics={"age": metrics.of_queue("ApproximateAgeOfOldestMessage", "Maximum", name)},
        threshold=limits.queue_age_seconds,
    )
    yield Alarm(
        name=f"{label}-drain",
        description=(
            f"At its present pace the consumer needs more than {limits.drain_seconds} s for "
            f"what waits in {label}. Raise its concurrency or batch size, or find what slows "
            "it down."
        ),
        metrics={
            "waiting": metrics.of_queue("ApproximateNumberOfMessagesVisible", "Average", name),
            "deleted": metrics.of_queue("NumberOfMessagesDeleted", "Sum", name),
        },
        # Nothing deleted is taken as one message a period: a lower bound, and no division by 0.
        expression=(
            "FILL(waiting, 0) * PERIOD(deleted) / IF(FILL(deleted, 0) > 0, FILL(deleted, 0), 1)"
        ),
        threshold=limits.drain_seconds,
    )
    yield dead_letters(
        f"{label}-dlq",
        queue["dlq_name"],
        f"Messages of {label} are in its dead-letter queue. Look at them and redrive them when "
        "the cause is mended: `python -m operations dlq list`, `show`, `redrive`.",
    )


def dead_letters(label: str, name: pulumi.Input[str], description: str) -> Alarm:
    """The first message in a queue that ought to be empty."""
    return Alarm(
        name=f"{label}-depth",
        description=description,
        metrics={"depth": metrics.of_queue("ApproximateNumberOfMessagesVisible", "Maximum", name)},
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
        metrics={
            "created": metric(contract.ORDERS_CREATED, "Sum"),
            "failed": metric(contract.ORDERS_CREATE_FAILED, "Sum"),
        },
        expression=(
            "IF(FILL(created, 0) + FILL(failed, 0) > 0,"
            " 100 * FILL(created, 0) / (FILL(created, 0) + FILL(failed, 0)), 100)"
        ),
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
        metrics={"time": metric(contract.ORDER_PROCESSING_TIME, "Average")},
        threshold=limits.processing_time_milliseconds,
    )
    yield Alarm(
        name="queue-lag",
        description=(
            f"On average events wait more than {limits.queue_lag_milliseconds} ms in the "
            "queue. See whether the processor is throttled or slow."
        ),
        metrics={"lag": metric(contract.QUEUE_LAG, "Average")},
        threshold=limits.queue_lag_milliseconds,
    )
    yield Alarm(
        name="oldest-pending",
        description=(
            f"An order is PENDING for more than {limits.oldest_pending_seconds} s although its "
            "event is sent again, or the repair does not run at all. Read the logs of the "
            "repair and of the processor; look into the dead-letter queue."
        ),
        metrics={"age": metric(contract.OLDEST_PENDING_AGE, "Maximum")},
        threshold=limits.oldest_pending_seconds,
        period=period,
        evaluations=3,
        # Every run of the repair reports an age, 0 when all is well: silence is a fault.
        missing="breaching",
    )


def _sum(terms: Mapping[str, Metric]) -> str:
    return " + ".join(f"FILL({term}, 0)" for term in terms)
