"""An SQS queue with its dead-letter queue."""

from typing import NotRequired, Optional, TypedDict

import pulumi
import pulumi_aws as aws

from . import defaults, iam
from ._values import whole

SECONDS_PER_DAY = 86_400


class QueueArgs(TypedDict):
    """Inputs of Queue."""

    queue_name: NotRequired[str]
    """Physical name, which the dead-letter queue carries with `-dlq`; generated when absent."""
    visibility_timeout_seconds: NotRequired[int]
    """How long a received message stays hidden; at least the consumer's timeout. 30 by default."""
    message_retention_days: NotRequired[int]
    """How long the queue keeps a message, 1 to 14; 14 by default, as always for dead letters."""
    max_receive_count: NotRequired[int]
    """Receives after which a message goes to the dead-letter queue; 3 by default."""
    protect: NotRequired[bool]
    """Whether Pulumi refuses to delete the queues; by default as the option of the component."""


class Queue(pulumi.ComponentResource):
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
        super().__init__("serverless-orders:index:Queue", name, {}, opts)
        queue_name = args.get("queue_name")
        retention_days = whole(
            "message_retention_days",
            args.get("message_retention_days", defaults.MESSAGE_RETENTION_DAYS),
        )
        protect = args.get("protect")
        dlq = tls_queue(
            f"{name}-dlq",
            parent=self,
            queue_name=f"{queue_name}-dlq" if queue_name else None,
            # A dead letter keeps the time at which it was first sent, so what the queue's
            # retention leaves of this one is all the time there is to look at it.
            retention_seconds=SECONDS_PER_DAY * defaults.DEAD_LETTER_RETENTION_DAYS,
            protect=protect,
        )
        queue = tls_queue(
            name,
            parent=self,
            queue_name=queue_name,
            retention_seconds=SECONDS_PER_DAY * retention_days,
            protect=protect,
            visibility_timeout_seconds=whole(
                "visibility_timeout_seconds",
                args.get("visibility_timeout_seconds", defaults.VISIBILITY_TIMEOUT_SECONDS),
            ),
            redrive_policy=pulumi.Output.json_dumps(
                {
                    "deadLetterTargetArn": dlq.arn,
                    "maxReceiveCount": whole(
                        "max_receive_count",
                        args.get("max_receive_count", defaults.MAX_RECEIVE_COUNT),
                    ),
                }
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
        self.register_outputs(
            {
                "url": self.url,
                "arn": self.arn,
                "name": self.name,
                "dlqUrl": self.dlq_url,
                "dlqArn": self.dlq_arn,
                "dlqName": self.dlq_name,
            }
        )


def tls_queue(
    name: str,
    *,
    parent: pulumi.Resource,
    retention_seconds: int,
    queue_name: str | None = None,
    protect: bool | None = None,
    visibility_timeout_seconds: int | None = None,
    redrive_policy: pulumi.Input[str] | None = None,
) -> aws.sqs.Queue:
    """A queue encrypted with SQS's own key, with a policy that refuses plain HTTP."""
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
        policy=iam.document([iam.deny_without_tls("sqs:*", queue.arn)]),
        opts=pulumi.ResourceOptions(parent=parent),
    )
    return queue
