"""A consumer of the order system's events, in a program of its own."""

from pathlib import Path

import pulumi
import pulumi_aws as aws
from serverless_orders import EventConsumer

config = pulumi.Config()
provider = aws.Provider("aws", region=config.get("region") or "us-east-1")

consumer = EventConsumer(
    "thank-customer",
    {
        "bus_name": config.require("busName"),
        "pattern": {"source": ["serverless-orders"], "detail-type": ["OrderConfirmed"]},
        "code": pulumi.FileArchive(str(Path(__file__).parent / "function")),
        "handler": "consumer.handler",
    },
    pulumi.ResourceOptions(provider=provider),
)

pulumi.export("functionName", consumer.function_name)
pulumi.export("ruleName", consumer.rule_name)
