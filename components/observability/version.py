"""A function's new version, while it has a part of the traffic.

Lambda counts by alias and version what a weighted alias leads to each; what its own errors do not
tell, answers 5xx and messages to be delivered again, the functions count by version themselves.
https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
"""

from typing import TypedDict

import pulumi

from .._contract import contract
from ..thresholds import AlarmThresholds
from .alarm import Alarm
from .metric import Expression, Metric


class MonitoredVersion(TypedDict):
    """A version to watch."""

    label: str
    """What its function is called by alarms."""
    name: pulumi.Input[str]
    """Name of the function."""
    alias_name: pulumi.Input[str]
    """Name of the alias that leads traffic to it."""
    version: pulumi.Input[str]
    """The version."""
    service: str
    """Dimension of the failures that it counts itself."""
    timeout_seconds: int
    """The function's timeout."""


def alarms(version: MonitoredVersion, limits: AlarmThresholds) -> list[Alarm]:
    """What ends a deployment: failures, and slowness. A minute is enough to ring."""
    label = version["label"]

    def metric(name: str, statistic: str) -> Metric:
        qualified = pulumi.Output.concat(version["name"], ":", version["alias_name"])
        dimensions = {
            "FunctionName": version["name"],
            "Resource": qualified,
            "ExecutedVersion": version["version"],
        }
        return Metric("AWS/Lambda", name, dimensions, statistic)

    failures = Metric(
        contract.METRIC_NAMESPACE,
        contract.VERSION_FAILURES,
        {
            contract.FUNCTION_NAME_DIMENSION: version["name"],
            contract.SERVICE_DIMENSION: version["service"],
            contract.VERSION_DIMENSION: version["version"],
        },
        "Sum",
    )
    rate = Expression(
        "IF(FILL($invocations, 0) > 0, "
        "100 * (FILL($errors, 0) + FILL($failures, 0)) / FILL($invocations, 1), 0)",
        {
            "invocations": metric("Invocations", "Sum"),
            "errors": metric("Errors", "Sum"),
            "failures": failures,
        },
    )
    percent, of_timeout = limits["function_error_percent"], limits["duration_percent_of_timeout"]
    longest = int(version["timeout_seconds"] * 1000)
    return [
        Alarm(
            f"{label}-new-version-errors",
            f"While it is deployed, the new version of {label} fails more than {percent} % of its "
            "invocations, answers them with 5xx or leaves messages undone; CodeDeploy takes its "
            "traffic away. Read the log of that version, then deploy a mended one.",
            rate,
            percent,
            evaluations=1,
            datapoints=1,
        ),
        Alarm(
            f"{label}-new-version-duration",
            f"While it is deployed, the slowest 1 % of the new version's invocations of {label} "
            f"take more than {of_timeout} % of its timeout ({longest} ms); CodeDeploy takes its "
            "traffic away. Look in the traces for the call that is slow.",
            metric("Duration", "p99"),
            longest * of_timeout / 100,
            evaluations=1,
            datapoints=1,
        ),
    ]
