"""Lambda functions.

https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
"""

from collections.abc import Sequence
from typing import NotRequired, TypedDict

import pulumi

from .._contract import contract
from ..thresholds import AlarmThresholds
from . import queue
from .alarm import Alarm, at_once
from .dashboard import Graph, Row
from .metric import Metric, percentage


class MonitoredFunction(TypedDict):
    """A Lambda function to watch."""

    label: str
    """What alarms and widgets call it."""
    name: pulumi.Input[str]
    """Name of the function."""
    timeout_seconds: int
    """Its timeout."""
    failure_queue_name: NotRequired[pulumi.Input[str]]
    """Name of the queue of its invocations that failed for good."""
    service: NotRequired[str]
    """Dimension of the cold starts that it counts itself; without it they are not shown."""


def rows(functions: Sequence[MonitoredFunction], limits: AlarmThresholds) -> list[Row]:
    """Their invocations, errors, throttles, durations, cold starts and what they gave up."""

    def each(name: str, statistic: str) -> dict[str, Metric]:
        return {it["label"]: metric(name, statistic, it["name"]) for it in functions}

    invocations, errors = each("Invocations", "Sum"), each("Errors", "Sum")
    throttles, slowest = each("Throttles", "Sum"), each("Duration", "p99")
    rates = {label: percentage(failed, invocations[label]) for label, failed in errors.items()}
    cold = {
        it["label"]: _cold_starts(it["service"], it["name"]) for it in functions if "service" in it
    }
    given_up = {
        it["label"]: queue.metric(queue.WAITING, "Maximum", it["failure_queue_name"])
        for it in functions
        if "failure_queue_name" in it
    }
    return [
        [
            Graph("Functions: invocations", invocations),
            Graph("Functions: errors", errors),
            Graph(
                "Functions: error rate (%)",
                rates,
                [
                    Alarm(
                        f"{label}-errors",
                        f"More than {limits['function_error_percent']} % of the invocations of "
                        f"{label} fail. Read its log group for `level: ERROR` and its traces; if "
                        "it began with a deployment, point the alias `live` to the version before.",
                        rate,
                        limits["function_error_percent"],
                    )
                    for label, rate in rates.items()
                ],
            ),
            Graph(
                "Functions: throttles",
                throttles,
                [
                    Alarm(
                        f"{label}-throttles",
                        f"Lambda refuses invocations of {label} for lack of concurrency. Compare "
                        "ConcurrentExecutions with the account's limit and the function's "
                        "reserved concurrency, and raise the one that is reached.",
                        throttled,
                        0,
                    )
                    for label, throttled in throttles.items()
                ],
            ),
        ],
        [
            Graph("Functions: duration, average (ms)", each("Duration", "Average")),
            Graph(
                "Functions: duration, p99 (ms)",
                slowest,
                [_duration(it, slowest[it["label"]], limits) for it in functions],
            ),
            Graph("Functions: concurrency", each("ConcurrentExecutions", "Maximum")),
            *([Graph("Functions: cold starts", cold)] if cold else []),
            *(
                [
                    Graph(
                        "Functions: given up",
                        given_up,
                        [
                            at_once(
                                f"{label}-failures-depth",
                                f"Events of {label} failed for good. The messages in its failure "
                                "queue say why. When the cause is mended, delete those of a "
                                "schedule, whose next run takes over the work, and invoke the "
                                "function again with the others.",
                                waiting,
                            )
                            for label, waiting in given_up.items()
                        ],
                    )
                ]
                if given_up
                else []
            ),
        ],
    ]


def metric(name: str, statistic: str, function: pulumi.Input[str]) -> Metric:
    """A metric of a function, over all its versions."""
    return Metric("AWS/Lambda", name, {"FunctionName": function}, statistic)


def _cold_starts(service: str, function: pulumi.Input[str]) -> Metric:
    dimensions = {
        contract.FUNCTION_NAME_DIMENSION: function,
        contract.SERVICE_DIMENSION: service,
    }
    return Metric(contract.METRIC_NAMESPACE, contract.COLD_START, dimensions, "Sum")


def _duration(function: MonitoredFunction, slowest: Metric, limits: AlarmThresholds) -> Alarm:
    label, percent = function["label"], limits["duration_percent_of_timeout"]
    timeout = int(function["timeout_seconds"] * 1000)
    return Alarm(
        f"{label}-duration",
        f"The slowest 1 % of the invocations of {label} take more than {percent} % of its "
        f"timeout ({timeout} ms). Look in the traces for the call that is slow; requests are lost "
        "when the timeout is reached.",
        slowest,
        timeout * percent / 100,
    )
