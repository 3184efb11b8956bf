"""CloudWatch log groups."""

from __future__ import annotations

from typing import Any

from local.resources.registry import Creation, creates, updates


@creates("aws:cloudwatch/logGroup:LogGroup")
def log_group(creation: Creation) -> tuple[str, dict[str, Any]]:
    name, client = creation.name(), creation.clients("logs")
    client.create_log_group(
        logGroupName=name,
        tags=creation.tags(),
        **creation.given({"kmsKeyId": "kmsKeyId", "logGroupClass": "logGroupClass"}),
    )
    return _kept(creation, name)


@updates("aws:cloudwatch/logGroup:LogGroup", fixed=("kmsKeyId", "logGroupClass"))
def log_group_update(creation: Creation) -> tuple[str, dict[str, Any]]:
    if "retentionInDays" not in creation.inputs:
        creation.clients("logs").delete_retention_policy(logGroupName=creation.name())
    return _kept(creation, creation.name())


def _kept(creation: Creation, name: str) -> tuple[str, dict[str, Any]]:
    client = creation.clients("logs")
    if creation.inputs.get("retentionInDays"):
        client.put_retention_policy(
            logGroupName=name, retentionInDays=creation.inputs["retentionInDays"]
        )
    creation.no_effect("skipDestroy", "nothing is deleted locally")
    return name, {"name": name, "arn": creation.arn("logs", f"log-group:{name}")}
