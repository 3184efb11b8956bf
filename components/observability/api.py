"""HTTP APIs.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html
"""

from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from .._contract import contract
from ..thresholds import AlarmThresholds
from .alarm import Alarm
from .dashboard import Graph, Note, Row
from .metric import Metric, percentage

THROTTLED = "RequestsThrottled"  # Count: answered 429 by the API itself; counted in its access log


class MonitoredVersion(TypedDict):
    """A version of an API, known by the routes that lead to it."""

    metric: str
    """Name of the metric of its requests."""
    routes: str
    """Its routes' keys, as `* /v2/*`."""


class MonitoredApi(TypedDict):
    """An HTTP API to watch."""

    label: str
    """What alarms and widgets call it."""
    api_id: pulumi.Input[str]
    """Id of the API."""
    stage_name: pulumi.Input[str]
    """Name of its stage."""
    log_group_name: NotRequired[pulumi.Input[str]]
    """Group of its access log, in HttpApi's form; without it throttled requests ring nothing."""
    versions: NotRequired[dict[str, MonitoredVersion]]
    """Versions to count the requests of in the access log, by what a graph calls them."""


def rows(api: MonitoredApi, limits: AlarmThresholds) -> list[Row]:
    """Its traffic, errors, refusals by its own throttle, and latency."""
    label = api["label"]

    def metric(name: str, statistic: str) -> Metric:
        dimensions = {"ApiId": api["api_id"], "Stage": api["stage_name"]}
        return Metric("AWS/ApiGateway", name, dimensions, statistic)

    requests, latency = metric("Count", "Sum"), metric("Latency", "p99")
    errors = percentage(metric("5xx", "Sum"), requests)
    graphs = [
        Graph(f"{label}: requests", {"requests": requests}),
        Graph(f"{label}: errors", {"4xx": metric("4xx", "Sum"), "5xx": metric("5xx", "Sum")}),
        Graph(
            f"{label}: 5xx rate (%)",
            {"5xx": errors},
            [
                Alarm(
                    f"{label}-5xx",
                    f"More than {limits['api_error_percent']} % of the requests to {label} are "
                    "answered with 5xx. Read `integrationError` and `status` in its access log, "
                    "then the log of the function behind the route.",
                    errors,
                    limits["api_error_percent"],
                )
            ],
        ),
        Graph(
            f"{label}: latency (ms)",
            {
                "p50": metric("Latency", "p50"),
                "p99": latency,
                "integration, p99": metric("IntegrationLatency", "p99"),
            },
            [
                Alarm(
                    f"{label}-latency",
                    f"The slowest 1 % of the requests to {label} take more than "
                    f"{limits['api_latency_milliseconds']} ms. Compare Latency with "
                    "IntegrationLatency: if both rise, the function is slow (cold starts, "
                    "DynamoDB, SQS).",
                    latency,
                    limits["api_latency_milliseconds"],
                )
            ],
        ),
    ]
    if "log_group_name" in api:
        throttled = _counted(api, THROTTLED)
        graphs.append(
            Graph(
                f"{label}: throttled (429)",
                {"429": throttled},
                [
                    Alarm(
                        f"{label}-throttled",
                        f"The throttle of {label} refuses requests with 429. See in the access "
                        "log which routes and how many; raise the rate or burst if the callers "
                        "are welcome, up to the account's own limit.",
                        throttled,
                        0,
                    )
                ],
            )
        )
    return [
        graphs,
        [
            *_by_version(api),
            Note(
                f"**{label}: cache hits and misses** do not exist: it is an HTTP API, and only a "
                "REST API can cache responses."
            ),
        ],
    ]


def count(name: str, api: MonitoredApi, parent: pulumi.Resource) -> None:
    """Count in the access log what CloudWatch has no metric of.

    Of an HTTP API it has 4xx alone, not 429, and by route only what is billed by route.
    """
    if "log_group_name" not in api:
        return
    counted = {"throttled": (THROTTLED, '{ $.status = "429" }')}
    for each in api.get("versions", {}).values():
        counted[each["metric"]] = (each["metric"], f'{{ $.routeKey = "{each["routes"]}" }}')
    for suffix, (metric, pattern) in counted.items():
        aws.cloudwatch.LogMetricFilter(
            f"{name}-{api['label']}-{suffix}",
            log_group_name=api["log_group_name"],
            pattern=pattern,
            metric_transformation=aws.cloudwatch.LogMetricFilterMetricTransformationArgs(
                namespace=contract.METRIC_NAMESPACE,
                name=metric,
                value="1",
                unit="Count",
                dimensions={"ApiId": "$.apiId"},
            ),
            opts=pulumi.ResourceOptions(parent=parent),
        )


def _by_version(api: MonitoredApi) -> list[Graph]:
    versions = api.get("versions")
    if not versions or "log_group_name" not in api:
        return []
    lines = {label: _counted(api, each["metric"]) for label, each in versions.items()}
    return [Graph(f"{api['label']}: requests by version", lines)]


def _counted(api: MonitoredApi, metric: str) -> Metric:
    return Metric(contract.METRIC_NAMESPACE, metric, {"ApiId": api["api_id"]}, "Sum")
