"""SNS topics."""

from __future__ import annotations

from typing import Any

from local.resources.registry import Creation, creates, document


@creates("aws:sns/topic:Topic")
def topic(creation: Creation) -> tuple[str, dict[str, Any]]:
    name = creation.name()
    attributes = {
        key: str(value)
        for key, value in creation.given(
            {
                "displayName": "DisplayName",
                "kmsMasterKeyId": "KmsMasterKeyId",
                "signatureVersion": "SignatureVersion",
                "tracingConfig": "TracingConfig",
            }
        ).items()
    }
    if "policy" in creation.inputs:
        attributes["Policy"] = document(creation.inputs["policy"])
    arn = creation.clients("sns").create_topic(
        Name=name, Attributes=attributes, Tags=creation.tag_list()
    )["TopicArn"]
    return arn, {"name": name, "arn": arn, "owner": creation.account}


@creates("aws:sns/topicPolicy:TopicPolicy", puts=True, fixed=("arn",))
def topic_policy(creation: Creation) -> tuple[str, dict[str, Any]]:
    arn = creation.inputs["arn"]
    creation.clients("sns").set_topic_attributes(
        TopicArn=arn,
        AttributeName="Policy",
        AttributeValue=document(creation.inputs["policy"]),
    )
    return arn, {"owner": creation.account}


@creates("aws:sns/topicSubscription:TopicSubscription")
def topic_subscription(creation: Creation) -> tuple[str, dict[str, Any]]:
    protocol = creation.inputs["protocol"]
    if protocol.startswith("email"):
        creation.without_effect[f"{creation.type} ({protocol})"] = "no mail is sent locally"
    arn = creation.clients("sns").subscribe(
        TopicArn=creation.inputs["topic"],
        Protocol=protocol,
        Endpoint=creation.inputs["endpoint"],
        ReturnSubscriptionArn=True,
    )["SubscriptionArn"]
    creation.no_effect("confirmationTimeoutInMinutes", "nothing is confirmed locally")
    creation.no_effect("endpointAutoConfirms", "nothing is confirmed locally")
    return arn, {"arn": arn, "ownerId": creation.account}
