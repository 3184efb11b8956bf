"""KMS keys and aliases."""

from __future__ import annotations

from typing import Any

from local.resources.registry import Creation, creates, document


@creates("aws:kms/key:Key")
def key(creation: Creation) -> tuple[str, dict[str, Any]]:
    client = creation.clients("kms")
    request = creation.given(
        {
            "description": "Description",
            "keyUsage": "KeyUsage",
            "customerMasterKeySpec": "KeySpec",
            "multiRegion": "MultiRegion",
            "bypassPolicyLockoutSafetyCheck": "BypassPolicyLockoutSafetyCheck",
        }
    )
    if "policy" in creation.inputs:
        request["Policy"] = document(creation.inputs["policy"])
    metadata = client.create_key(Tags=creation.tag_list("TagKey", "TagValue"), **request)[
        "KeyMetadata"
    ]
    if creation.inputs.get("enableKeyRotation"):
        client.enable_key_rotation(
            KeyId=metadata["KeyId"],
            **creation.given({"rotationPeriodInDays": "RotationPeriodInDays"}),
        )
    creation.no_effect("deletionWindowInDays", "nothing is deleted locally")
    return metadata["KeyId"], {"keyId": metadata["KeyId"], "arn": metadata["Arn"]}


@creates("aws:kms/alias:Alias")
def alias(creation: Creation) -> tuple[str, dict[str, Any]]:
    name = creation.name()
    if not name.startswith("alias/"):
        name = f"alias/{name}"
    creation.clients("kms").create_alias(AliasName=name, TargetKeyId=creation.inputs["targetKeyId"])
    return name, {"name": name, "arn": creation.arn("kms", name)}
