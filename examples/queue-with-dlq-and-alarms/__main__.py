"""A queue that gives up into a dead-letter queue, and alarms that tell of it."""

import pulumi
import pulumi_aws as aws
from serverless_orders import Observability, Queue

config = pulumi.Config()
provider = aws.Provider("aws", region=config.get("region") or "us-east-1")
in_region = pulumi.ResourceOptions(provider=provider)

letters = Queue(
    "letters",
    # Six times the consumer's timeout of 30 s, as AWS advises.
    {"visibility_timeout_seconds": 180, "max_receive_count": 5},
    in_region,
)
watch = Observability(
    "letters",
    {
        "queues": [{"label": "letters", "name": letters.name, "dlq_name": letters.dlq_name}],
        "alarms": {"emails": config.get_object("alarmEmails") or []},
    },
    in_region,
)

pulumi.export("queueUrl", letters.url)
pulumi.export("dlqUrl", letters.dlq_url)
pulumi.export("dashboardUrl", watch.dashboard_url)
