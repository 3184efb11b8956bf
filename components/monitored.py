"""What can be watched, by the names and ids that CloudWatch knows it by."""

from typing import NotRequired, TypedDict

import pulumi


class MonitoredFunction(TypedDict):
    """A Lambda function to watch."""

    label: str
    """What alarms and widgets call it."""
    name: pulumi.Input[str]
    """Name of the function."""
    timeout_seconds: int
    """Its timeout."""
    failure_queue_name: NotRequired[pulumi.Input[str]]
    """Name of the queue of its asynchronous invocations that failed for good."""
    service: NotRequired[str]
    """Dimension of the cold starts that it counts itself; without it they are not shown."""


class MonitoredApi(TypedDict):
    """An HTTP API to watch."""

    label: str
    """What alarms and widgets call it."""
    api_id: pulumi.Input[str]
    """Id of the API."""
    stage_name: pulumi.Input[str]
    """Name of its stage."""


class MonitoredTable(TypedDict):
    """A DynamoDB table to watch."""

    label: str
    """What alarms and widgets call it."""
    name: pulumi.Input[str]
    """Name of the table."""
    operations: list[str]
    """Operations called on it, at most ten, as `PutItem`: DynamoDB counts some errors by them."""
    indexes: NotRequired[list[str]]
    """Names of its global secondary indexes, at most four."""


class MonitoredQueue(TypedDict):
    """An SQS queue with a dead-letter queue to watch."""

    label: str
    """What alarms and widgets call it."""
    name: pulumi.Input[str]
    """Name of the queue."""
    dlq_name: pulumi.Input[str]
    """Name of its dead-letter queue."""


class MonitoredOrders(TypedDict):
    """The order metrics that the functions of OrderSystem emit."""

    service: str
    """Value of the metrics' dimension `service`."""
    republish_rate_minutes: int
    """How often the repair of pending orders runs."""
