"""SQS queues and their policies."""

from __future__ import annotations

from typing import Any

from local.resources.registry import Creation, creates, document

_ATTRIBUTES = {
    "visibilityTimeoutSeconds": "VisibilityTimeout",
    "messageRetentionSeconds": "MessageRetentionPeriod",
    "delaySeconds": "DelaySeconds",
    "maxMessageSize": "MaximumMessageSize",
    "receiveWaitTimeSeconds": "ReceiveMessageWaitTimeSeconds",
    "sqsManagedSseEnabled": "SqsManagedSseEnabled",
    "kmsMasterKeyId": "KmsMasterKeyId",
    "kmsDataKeyReusePeriodSeconds": "KmsDataKeyReusePeriodSeconds",
    "fifoQueue": "FifoQueue",
    "contentBasedDeduplication": "ContentBasedDeduplication",
}
_DOCUMENTS = {
    "policy": "Policy",
    "redrivePolicy": "RedrivePolicy",
    "redriveAllowPolicy": "RedriveAllowPolicy",
}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@creates("aws:sqs/queue:Queue")
def queue(creation: Creation) -> tuple[str, dict[str, Any]]:
    name, client = creation.name(), creation.clients("sqs")
    attributes = {key: _text(value) for key, value in creation.given(_ATTRIBUTES).items()}
    for key, attribute in _DOCUMENTS.items():
        if key in creation.inputs:
            attributes[attribute] = document(creation.inputs[key])
    url = client.create_queue(QueueName=name, Attributes=attributes, tags=creation.tags())[
        "QueueUrl"
    ]
    return url, {"name": name, "url": url, "arn": creation.arn("sqs", name)}


def _set(creation: Creation, key: str) -> tuple[str, dict[str, Any]]:
    url = creation.inputs["queueUrl"]
    creation.clients("sqs").set_queue_attributes(
        QueueUrl=url, Attributes={_DOCUMENTS[key]: document(creation.inputs[key])}
    )
    return url, {}


@creates("aws:sqs/queuePolicy:QueuePolicy")
def queue_policy(creation: Creation) -> tuple[str, dict[str, Any]]:
    return _set(creation, "policy")


@creates("aws:sqs/redrivePolicy:RedrivePolicy")
def redrive_policy(creation: Creation) -> tuple[str, dict[str, Any]]:
    return _set(creation, "redrivePolicy")


@creates("aws:sqs/redriveAllowPolicy:RedriveAllowPolicy")
def redrive_allow_policy(creation: Creation) -> tuple[str, dict[str, Any]]:
    return _set(creation, "redriveAllowPolicy")
