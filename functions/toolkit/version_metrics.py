"""How often a version of a function was invoked through an alias, and how often it failed: what
Lambda counts, and what functions count by version themselves (`telemetry.Metrics.failed`).

https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from . import aws, tracing

_PERIOD = 60
_MINUTE = timedelta(seconds=_PERIOD)


class Counts(NamedTuple):
    """Invocations, and how many of them failed."""

    invocations: float
    failures: float

    @property
    def percent(self) -> float:
        """Failures in percent of the invocations; 0 without any."""
        return 100 * self.failures / self.invocations if self.invocations else 0.0


class VersionMetrics:
    """CloudWatch's counts; `own` names the metric that functions count in `namespace` and its
    dimensions, of which `further` are the same for all."""

    def __init__(
        self,
        client: aws.Client,
        namespace: str,
        own: Mapping[str, str],
        further: Mapping[str, str],
    ) -> None:
        self._client, self._namespace, self._own = client, namespace, own
        self._further = further

    def since(self, moment: datetime, function: str, alias: str, version: str) -> Counts:
        """Those of a version since the minute of a moment. Raises what botocore raises."""
        through = {
            "FunctionName": function,
            "Resource": f"{function}:{alias}",
            "ExecutedVersion": version,
        }
        start = moment.replace(second=0, microsecond=0)
        counted = {
            **self._further,
            self._own["function"]: function,
            self._own["version"]: version,
        }
        queries = {
            "invocations": _query("AWS/Lambda", "Invocations", through),
            "errors": _query("AWS/Lambda", "Errors", through),
            "failures": _query(self._namespace, self._own["metric"], counted),
        }
        with tracing.Subsegment("CloudWatch", "GetMetricData"):
            answer = self._client.get_metric_data(
                MetricDataQueries=[{"Id": name, "MetricStat": it} for name, it in queries.items()],
                StartTime=start,
                EndTime=max(datetime.now(UTC), start) + _MINUTE,
            )
        sums = {each["Id"]: sum(each["Values"]) for each in answer["MetricDataResults"]}
        return Counts(sums.get("invocations", 0), sums.get("errors", 0) + sums.get("failures", 0))


def _query(namespace: str, name: str, dimensions: Mapping[str, str]) -> dict[str, Any]:
    listed = [{"Name": key, "Value": value} for key, value in dimensions.items()]
    return {
        "Metric": {"Namespace": namespace, "MetricName": name, "Dimensions": listed},
        "Period": _PERIOD,
        "Stat": "Sum",
    }
