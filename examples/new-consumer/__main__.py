"""A function of one's own as another consumer of the order system's events."""

from pathlib import Path

import pulumi
import pulumi_aws as aws
from serverless_orders import Observability, PythonFunction

TIMEOUT_SECONDS = 30  # at most the queue's visibility timeout, or Lambda refuses the queue

config = pulumi.Config()
suffix = config.get("nameSuffix") or ""
provider = aws.Provider("aws", region=config.get("region") or "us-east-1")
in_region = pulumi.ResourceOptions(provider=provider)
asked = pulumi.InvokeOutputOptions(provider=provider)

events = aws.sqs.get_queue_output(name=f"order-events{suffix}", opts=asked)
orders = aws.dynamodb.get_table_output(name=f"Orders{suffix}", opts=asked)

consumer = PythonFunction(
    "order-consumer",
    {
        "code": pulumi.FileArchive(str(Path(__file__).parent / "function")),
        "handler": "consumer.handler",
        "timeout_seconds": TIMEOUT_SECONDS,
        "environment": {"ORDERS_TABLE_NAME": orders.name},
        "statements": [{"actions": ["dynamodb:UpdateItem"], "resources": [orders.arn]}],
        "sources": {
            "queue": {
                "arn": events.arn,
                "maximum_concurrency": config.get_int("maximumConcurrency") or 2,
            }
        },
    },
    in_region,
)
Observability(
    "order-consumer",
    {
        "functions": [
            {
                "label": "order-consumer",
                "name": consumer.name,
                "timeout_seconds": TIMEOUT_SECONDS,
            }
        ],
    },
    in_region,
)

pulumi.export("functionName", consumer.name)
