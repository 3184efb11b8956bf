"""An alarm: what is watched, the value at which somebody is called, and what they can do."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from .metric import Expression, Metric

GREATER = "GreaterThanThreshold"
LESS = "LessThanThreshold"


# The most metrics that one alarm can watch:
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html
MOST_METRICS = 10


@dataclass(frozen=True)
class Alarm:
    """A CloudWatch alarm over one metric or an expression of several.

    It rings when `datapoints` of the last `evaluations` periods (in seconds) are beyond the
    threshold. Missing data counts as good unless `missing` says otherwise, because most of
    these metrics are only there while there is traffic. With `missing="missing"` a metric that
    fell silent is told as INSUFFICIENT_DATA; one that never was there is not told at all.
    """

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
            insufficient_data_actions=list(actions) if self.missing == "missing" else None,
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


def at_once(name: str, description: str, watched: Metric) -> Alarm:
    """An alarm on the first minute with any, for what ought not to happen at all."""
    return Alarm(name, description, watched, 0, evaluations=1, datapoints=1)
