"""The metrics that alarms and the dashboard are made of: AWS's own and ours.

AWS's names and dimensions, by service:
https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
Ours are defined by the functions (functions/orders/contract.py).
"""

from collections.abc import Mapping, Sequence
from string import Template
from typing import NamedTuple

import pulumi

from ._contract import contract


class Metric(NamedTuple):
    """A CloudWatch metric and the statistic it is read by (`Sum`, `Average`, `p99` ...)."""

    namespace: str
    name: str
    dimensions: Mapping[str, pulumi.Input[str]]
    statistic: str


class Expression(NamedTuple):
    """A formula of CloudWatch's metric math over metrics, which it calls by `$name`.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
    """

    formula: str
    metrics: Mapping[str, Metric]

    def text(self, suffix: str = "") -> str:
        """The formula, with each metric's name and the suffix as its id."""
        return Template(self.formula).substitute({name: f"{name}{suffix}" for name in self.metrics})


def percentage(errors: Metric, requests: Metric) -> Expression:
    """Errors in percent of the requests; 0 without requests."""
    formula = "IF($requests > 0, 100 * $errors / $requests, 0)"
    return Expression(formula, {"errors": errors, "requests": requests})


def total(metrics: Sequence[Metric]) -> Expression:
    """The sum of metrics that are only there when something happened."""
    named = {f"m{number}": metric for number, metric in enumerate(metrics)}
    return Expression(" + ".join(f"FILL(${name}, 0)" for name in named), named)


def of_function(name: str, statistic: str, function: pulumi.Input[str]) -> Metric:
    """A metric of a Lambda function, over all its versions."""
    return Metric("AWS/Lambda", name, {"FunctionName": function}, statistic)


def of_api(
    name: str, statistic: str, api_id: pulumi.Input[str], stage: pulumi.Input[str]
) -> Metric:
    """A metric of an HTTP API's stage."""
    return Metric("AWS/ApiGateway", name, {"ApiId": api_id, "Stage": stage}, statistic)


def of_table(name: str, statistic: str, table: pulumi.Input[str]) -> Metric:
    """A metric of a DynamoDB table, without its indexes."""
    return Metric("AWS/DynamoDB", name, {"TableName": table}, statistic)


def of_index(name: str, statistic: str, table: pulumi.Input[str], index: str) -> Metric:
    """A metric of a DynamoDB table's global secondary index."""
    dimensions = {"TableName": table, "GlobalSecondaryIndexName": index}
    return Metric("AWS/DynamoDB", name, dimensions, statistic)


def of_operation(name: str, statistic: str, table: pulumi.Input[str], operation: str) -> Metric:
    """A metric that DynamoDB gives by the operation called, as `PutItem`."""
    dimensions = {"TableName": table, "Operation": operation}
    return Metric("AWS/DynamoDB", name, dimensions, statistic)


def of_queue(name: str, statistic: str, queue: pulumi.Input[str]) -> Metric:
    """A metric of an SQS queue."""
    return Metric("AWS/SQS", name, {"QueueName": queue}, statistic)


def of_orders(name: str, statistic: str, service: str) -> Metric:
    """One of our functions' own metrics."""
    dimensions = {contract.SERVICE_DIMENSION: service}
    return Metric(contract.METRIC_NAMESPACE, name, dimensions, statistic)


def of_cold_starts(statistic: str, service: str, function: pulumi.Input[str]) -> Metric:
    """Cold starts, which our functions count themselves."""
    dimensions = {
        contract.FUNCTION_NAME_DIMENSION: function,
        contract.SERVICE_DIMENSION: service,
    }
    return Metric(contract.METRIC_NAMESPACE, contract.COLD_START, dimensions, statistic)


def creation_success(service: str) -> Expression:
    """Valid orders that were accepted, in percent; 100 without any."""
    return Expression(
        "IF(FILL($created, 0) + FILL($failed, 0) > 0,"
        " 100 * FILL($created, 0) / (FILL($created, 0) + FILL($failed, 0)), 100)",
        {
            "created": of_orders(contract.ORDERS_CREATED, "Sum", service),
            "failed": of_orders(contract.ORDERS_CREATE_FAILED, "Sum", service),
        },
    )


def time_to_drain(queue: pulumi.Input[str]) -> Expression:
    """Seconds that the consumer needs for what waits, at the pace of the period.

    Nothing deleted is taken as one message: a lower bound, and no division by 0.
    """
    return Expression(
        "FILL($waiting, 0) * PERIOD($deleted) / IF(FILL($deleted, 0) > 0, FILL($deleted, 0), 1)",
        {
            "waiting": of_queue("ApproximateNumberOfMessagesVisible", "Average", queue),
            "deleted": of_queue("NumberOfMessagesDeleted", "Sum", queue),
        },
    )
