"""SQS queues.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
"""

from typing import TypedDict

import pulumi

from ..thresholds import AlarmThresholds
from .alarm import Alarm, at_once
from .dashboard import Graph, Row
from .metric import Expression, Metric

WAITING = "ApproximateNumberOfMessagesVisible"


class MonitoredQueue(TypedDict):
    """An SQS queue with a dead-letter queue to watch."""

    label: str
    """What alarms and widgets call it."""
    name: pulumi.Input[str]
    """Name of the queue."""
    dlq_name: pulumi.Input[str]
    """Name of its dead-letter queue."""


def rows(queue: MonitoredQueue, limits: AlarmThresholds) -> list[Row]:
    """Its traffic, depth, age, time to drain and dead letters."""
    label, name, dlq = queue["label"], queue["name"], queue["dlq_name"]
    age = metric("ApproximateAgeOfOldestMessage", "Maximum", name)
    drain = time_to_drain(name)
    dead = metric(WAITING, "Maximum", dlq)
    return [
        [
            Graph(
                f"{label}: messages",
                {
                    "sent": metric("NumberOfMessagesSent", "Sum", name),
                    "received": metric("NumberOfMessagesReceived", "Sum", name),
                    "deleted": metric("NumberOfMessagesDeleted", "Sum", name),
                },
            ),
            Graph(
                f"{label}: depth",
                {
                    "waiting": metric(WAITING, "Maximum", name),
                    "in flight": metric("ApproximateNumberOfMessagesNotVisible", "Maximum", name),
                },
            ),
            Graph(
                f"{label}: age of the oldest message (s)",
                {"age": age},
                [
                    Alarm(
                        f"{label}-age",
                        f"The oldest message in {label} has waited more than "
                        f"{limits['queue_age_seconds']} s. See whether the consumer runs, fails or "
                        "is throttled, and whether its event source mapping is enabled.",
                        age,
                        limits["queue_age_seconds"],
                    )
                ],
            ),
            Graph(
                f"{label}: time to drain (s)",
                {"time to drain": drain},
                [
                    Alarm(
                        f"{label}-drain",
                        "At its present pace the consumer needs more than "
                        f"{limits['drain_seconds']} s for what waits in {label}. Raise its "
                        "concurrency or batch size, or find what slows it down.",
                        drain,
                        limits["drain_seconds"],
                    )
                ],
            ),
            Graph(
                f"{label}: dead letters",
                {"messages": dead},
                [
                    at_once(
                        f"{label}-dlq-depth",
                        f"Messages of {label} are in its dead-letter queue. Read why they failed "
                        "and redrive them when the cause is mended: `python -m operations dlq "
                        f"list --queue {label}` in the repository of serverless-orders, or the "
                        "redrive of the SQS console.",
                        dead,
                    )
                ],
            ),
        ]
    ]


def metric(name: str, statistic: str, queue: pulumi.Input[str]) -> Metric:
    """A metric of a queue."""
    return Metric("AWS/SQS", name, {"QueueName": queue}, statistic)


def time_to_drain(queue: pulumi.Input[str]) -> Expression:
    """Seconds that the consumer needs for what waits, at the pace of the period.

    Nothing deleted is taken as one message: a lower bound, and no division by 0.
    """
    return Expression(
        "FILL($waiting, 0) * PERIOD($deleted) / IF(FILL($deleted, 0) > 0, FILL($deleted, 0), 1)",
        {
            "waiting": metric(WAITING, "Average", queue),
            "deleted": metric("NumberOfMessagesDeleted", "Sum", queue),
        },
    )
