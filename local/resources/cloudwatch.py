"""CloudWatch alarms and dashboards: created, so that their definitions are accepted."""

from __future__ import annotations

from typing import Any

from local.inputs import Inputs
from local.resources.registry import Creation, creates, document

_ALARM = {
    "alarmDescription": "AlarmDescription",
    "actionsEnabled": "ActionsEnabled",
    "alarmActions": "AlarmActions",
    "okActions": "OKActions",
    "insufficientDataActions": "InsufficientDataActions",
    "metricName": "MetricName",
    "namespace": "Namespace",
    "statistic": "Statistic",
    "extendedStatistic": "ExtendedStatistic",
    "period": "Period",
    "unit": "Unit",
    "evaluationPeriods": "EvaluationPeriods",
    "datapointsToAlarm": "DatapointsToAlarm",
    "threshold": "Threshold",
    "comparisonOperator": "ComparisonOperator",
    "treatMissingData": "TreatMissingData",
    "thresholdMetricId": "ThresholdMetricId",
}


def _dimensions(item: Inputs) -> list[dict[str, str]]:
    if "dimensions" not in item:
        return []
    return [{"Name": k, "Value": v} for k, v in item["dimensions"].plain().items()]


def _query(item: Inputs) -> dict[str, Any]:
    query: dict[str, Any] = {
        parameter: item[key]
        for key, parameter in (
            ("id", "Id"),
            ("expression", "Expression"),
            ("label", "Label"),
            ("period", "Period"),
            ("returnData", "ReturnData"),
            ("accountId", "AccountId"),
        )
        if key in item
    }
    if "metric" in item:
        metric = item["metric"]
        query["MetricStat"] = {
            "Metric": {
                "MetricName": metric["metricName"],
                "Namespace": metric.get("namespace", ""),
                "Dimensions": _dimensions(metric),
            },
            "Period": metric["period"],
            "Stat": metric["stat"],
        }
        if "unit" in metric:
            query["MetricStat"]["Unit"] = metric["unit"]
    return query


@creates("aws:cloudwatch/metricAlarm:MetricAlarm", puts=True)
def metric_alarm(creation: Creation) -> tuple[str, dict[str, Any]]:
    name, inputs = creation.name(), creation.inputs
    request = creation.given(_ALARM)
    if "dimensions" in inputs:
        request["Dimensions"] = _dimensions(inputs)
    if inputs.get("metricQueries"):
        request["Metrics"] = [_query(item) for item in inputs["metricQueries"]]
    if "evaluateLowSampleCountPercentiles" in inputs:
        request["EvaluateLowSampleCountPercentile"] = inputs["evaluateLowSampleCountPercentiles"]
    creation.clients("cloudwatch").put_metric_alarm(
        AlarmName=name, Tags=creation.tag_list(), **request
    )
    return name, {"name": name, "arn": creation.arn("cloudwatch", f"alarm:{name}")}


@creates("aws:cloudwatch/compositeAlarm:CompositeAlarm", puts=True)
def composite_alarm(creation: Creation) -> tuple[str, dict[str, Any]]:
    name = creation.name("alarmName")
    creation.clients("cloudwatch").put_composite_alarm(
        AlarmName=name,
        AlarmRule=creation.inputs["alarmRule"],
        Tags=creation.tag_list(),
        **creation.given(
            {
                "alarmDescription": "AlarmDescription",
                "actionsEnabled": "ActionsEnabled",
                "alarmActions": "AlarmActions",
                "okActions": "OKActions",
                "insufficientDataActions": "InsufficientDataActions",
            }
        ),
    )
    return name, {"alarmName": name, "arn": creation.arn("cloudwatch", f"alarm:{name}")}


@creates("aws:cloudwatch/dashboard:Dashboard", puts=True)
def dashboard(creation: Creation) -> tuple[str, dict[str, Any]]:
    name = creation.name("dashboardName")
    creation.clients("cloudwatch").put_dashboard(
        DashboardName=name, DashboardBody=document(creation.inputs["dashboardBody"])
    )
    arn = f"arn:aws:cloudwatch::{creation.account}:dashboard/{name}"
    return name, {"dashboardName": name, "dashboardArn": arn}
