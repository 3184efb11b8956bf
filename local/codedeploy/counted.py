"""CloudWatch's GetMetricData, answered with the metrics of the run: the emulator has none of what
functions and Lambda count.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from local.metrics import MINUTES, PERIOD, Metric, Metrics

GET_METRIC_DATA = "GraniteServiceVersion20100801.GetMetricData"
"""Its header x-amz-target."""


def metric_data(body: bytes, metrics: Metrics) -> bytes:
    """The answer to a request for values of metrics by the minute."""
    asked = json.loads(body)
    first = max(float(asked["StartTime"]), float(asked["EndTime"]) - MINUTES * PERIOD)
    minutes = range(int(first) // PERIOD, -(-int(asked["EndTime"]) // PERIOD))
    results = [_result(each, metrics, minutes) for each in asked["MetricDataQueries"]]
    return json.dumps({"MetricDataResults": results}).encode()


def _result(query: Mapping[str, Any], metrics: Metrics, minutes: range) -> dict[str, Any]:
    stat = query["MetricStat"]
    dimensions = {each["Name"]: each["Value"] for each in stat["Metric"].get("Dimensions", ())}
    metric = Metric(
        stat["Metric"]["Namespace"], stat["Metric"]["MetricName"], frozenset(dimensions.items())
    )
    found = [
        (minute * PERIOD, value)
        for minute, value in zip(
            minutes, metrics.series(metric, stat["Stat"], minutes), strict=True
        )
        if value is not None
    ]
    return {
        "Id": query["Id"],
        "Label": stat["Metric"]["MetricName"],
        "Timestamps": [moment for moment, _ in found],
        "Values": [value for _, value in found],
        "StatusCode": "Complete",
    }
