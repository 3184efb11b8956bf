"""An SQS queue with its dead-letter queue."""

from collections.abc import Sequence
from typing import Annotated, Any, NotRequired, Optional, TypedDict

import pulumi
import pulumi_aws as aws

from . import iam
from .component import Component
from .inputs import OneOf, Text, Whole, checked

SECONDS_PER_DAY = 86_400

# The longest that SQS keeps a message.
DEAD_LETTER_RETENTION_DAYS = 14


class QueueDelivery(TypedDict):
    """How a queue delivers a message until it gives up."""

    visibility_timeout_seconds: NotRequired[Annotated[int, Whole(1, 43_200, default=30)]]
    """How long a received message stays hidden; at least the consumer's timeout."""
    message_retention_days: NotRequired[Annotated[int, Whole(1, 14, default=14)]]
    """How long the queue keeps a message; its dead-letter queue always keeps it for 14 days."""
    max_receive_count: NotRequired[Annotated[int, Whole(1, 1000, default=3)]]
    """Receives after which a message goes to the dead-letter queue."""


class QueueSender(TypedDict):
    """One topic, rule or bucket that may send to a queue; an own function needs a grant instead."""

    service: Annotated[
        str, OneOf(("sns.amazonaws.com", "events.amazonaws.com", "s3.amazonaws.com"))
    ]
    """The AWS service that sends."""
    source_arn: pulumi.Input[str]
    """ARN of the topic, rule or bucket that it sends for."""


class QueueArgs(QueueDelivery):
    """Inputs of Queue."""

    queue_name: NotRequired[
        Annotated[str, Text(r"[A-Za-z0-9_-]{1,76}", "1 to 76 letters, digits, - and _")]
    ]
    """Physical name, which the dead-letter queue carries with `-dlq`; generated when absent."""
    senders: NotRequired[list[QueueSender]]
    """Topics, rules and buckets that may send to it, all in the queue's one policy."""
    protect: NotRequired[bool]
    """Whether Pulumi refuses to delete the queues; by default as the option of the component."""


class Queue(Component):
    """An encrypted queue that takes TLS requests only and gives up into a dead-letter queue."""

    url: pulumi.Output[str]
    """URL of the queue."""
    arn: pulumi.Output[str]
    """ARN of the queue."""
    name: pulumi.Output[str]
    """Name of the queue."""
    dlq_url: pulumi.Output[str]
    """URL of the dead-letter queue."""
    dlq_arn: pulumi.Output[str]
    """ARN of the dead-letter queue."""
    dlq_name: pulumi.Output[str]
    """Name of the dead-letter queue."""

    def __init__(
        self, name: str, args: QueueArgs, opts: Optional[pulumi.ResourceOptions] = None
    ) -> None:
        args = checked(QueueArgs, args, f"Queue {name}")
        super().__init__("serverless-orders:index:Queue", name, {}, opts)
        queue_name = args.get("queue_name")
        protect = args.get("protect")
        dlq = tls_queue(
            f"{name}-dlq",
            parent=self,
            queue_name=f"{queue_name}-dlq" if queue_name else None,
            # A dead letter keeps the time at which it was first sent, so what the queue's
            # retention leaves of this one is all the time there is to look at it.
            retention_seconds=SECONDS_PER_DAY * DEAD_LETTER_RETENTION_DAYS,
            protect=protect,
        )
        queue = tls_queue(
            name,
            parent=self,
            queue_name=queue_name,
            retention_seconds=SECONDS_PER_DAY * args["message_retention_days"],
            protect=protect,
            visibility_timeout_seconds=args["visibility_timeout_seconds"],
            senders=args.get("senders") or (),
            redrive_policy=pulumi.Output.json_dumps(
                {"deadLetterTargetArn": dlq.arn, "maxReceiveCount": args["max_receive_count"]}
            ),
        )
        aws.sqs.RedriveAllowPolicy(
            f"{name}-dlq",
            queue_url=dlq.url,
            redrive_allow_policy=pulumi.Output.json_dumps(
                {"redrivePermission": "byQueue", "sourceQueueArns": [queue.arn]}
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.url, self.arn, self.name = queue.url, queue.arn, queue.name
        self.dlq_url, self.dlq_arn, self.dlq_name = dlq.url, dlq.arn, dlq.name
        self.register()


def tls_queue(
    name: str,
    *,
    parent: pulumi.Resource,
    retention_seconds: int,
    queue_name: str | None = None,
    protect: bool | None = None,
    visibility_timeout_seconds: int | None = None,
    redrive_policy: pulumi.Input[str] | None = None,
    senders: Sequence[QueueSender] = (),
) -> aws.sqs.Queue:
    """A queue encrypted with SQS's own key, with a policy that refuses plain HTTP.

    SQS keeps one policy a queue: the senders stand in it as well.
    """
    queue = aws.sqs.Queue(
        name,
        name=queue_name,
        sqs_managed_sse_enabled=True,
        message_retention_seconds=retention_seconds,
        visibility_timeout_seconds=visibility_timeout_seconds,
        redrive_policy=redrive_policy,
        opts=pulumi.ResourceOptions(parent=parent, protect=protect),
    )
    aws.sqs.QueuePolicy(
        name,
        queue_url=queue.url,
        policy=iam.document(
            [iam.deny_without_tls("sqs:*", queue.arn), *(_sends(each, queue) for each in senders)]
        ),
        opts=pulumi.ResourceOptions(parent=parent),
    )
    return queue


def _sends(sender: QueueSender, queue: aws.sqs.Queue) -> dict[str, Any]:
    """A service sends for any customer who asks: the source says for whom it may."""
    return {
        "Effect": "Allow",
        "Principal": {"Service": sender["service"]},
        "Action": "sqs:SendMessage",
        "Resource": queue.arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": sender["source_arn"]}},
    }
