"""SQS queues and their policies."""

from __future__ import annotations

from typing import Any

from local.resources.registry import Creation, creates, document, updates

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
    attributes = _attributes(creation)
    url = client.create_queue(QueueName=name, Attributes=attributes, tags=creation.tags())[
        "QueueUrl"
    ]
    return url, {"name": name, "url": url, "arn": creation.arn("sqs", name)}


@updates("aws:sqs/queue:Queue", fixed=("fifoQueue",))
def queue_update(creation: Creation) -> tuple[str, dict[str, Any]]:
    before = creation.before or {}
    attributes = _attributes(creation)
    gone = {_DOCUMENTS[key]: "" for key in creation.changed if key in _DOCUMENTS}
    creation.clients("sqs").set_queue_attributes(
        QueueUrl=before["url"], Attributes={**gone, **attributes}
    )
    creation.name()
    return before["url"], {key: before[key] for key in ("name", "url", "arn")}


def _attributes(creation: Creation) -> dict[str, str]:
    attributes = {key: _text(value) for key, value in creation.given(_ATTRIBUTES).items()}
    for key, attribute in _DOCUMENTS.items():
        if key in creation.inputs:
            attributes[attribute] = document(creation.inputs[key])
    return attributes


def _set(creation: Creation, key: str) -> tuple[str, dict[str, Any]]:
    url = creation.inputs["queueUrl"]
    creation.clients("sqs").set_queue_attributes(
        QueueUrl=url, Attributes={_DOCUMENTS[key]: document(creation.inputs[key])}
    )
    return url, {}


@creates("aws:sqs/queuePolicy:QueuePolicy", puts=True, fixed=("queueUrl",))
def queue_policy(creation: Creation) -> tuple[str, dict[str, Any]]:
    return _set(creation, "policy")


@creates("aws:sqs/redrivePolicy:RedrivePolicy", puts=True, fixed=("queueUrl",))
def redrive_policy(creation: Creation) -> tuple[str, dict[str, Any]]:
    return _set(creation, "redrivePolicy")


@creates("aws:sqs/redriveAllowPolicy:RedriveAllowPolicy", puts=True, fixed=("queueUrl",))
def redrive_allow_policy(creation: Creation) -> tuple[str, dict[str, Any]]:
    return _set(creation, "redriveAllowPolicy")
