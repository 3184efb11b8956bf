"""DynamoDB tables."""

from __future__ import annotations

from typing import Any

from local.inputs import Inputs
from local.resources.registry import Creation, creates, updates


def _keys(item: Inputs, hash_key: str | None = None) -> list[dict[str, str]]:
    if "keySchemas" in item:
        return [
            {"AttributeName": key["attributeName"], "KeyType": key["keyType"]}
            for key in item["keySchemas"]
        ]
    keys = [{"AttributeName": hash_key or item["hashKey"], "KeyType": "HASH"}]
    if item.get("rangeKey"):
        keys.append({"AttributeName": item["rangeKey"], "KeyType": "RANGE"})
    return keys


def _index(item: Inputs, hash_key: str | None = None) -> dict[str, Any]:
    projection: dict[str, Any] = {"ProjectionType": item["projectionType"]}
    if item.get("nonKeyAttributes"):
        projection["NonKeyAttributes"] = list(item["nonKeyAttributes"])
    keys = _keys(item, hash_key)
    return {"IndexName": item["name"], "KeySchema": keys, "Projection": projection}


def _encryption(item: Inputs) -> dict[str, Any]:
    request: dict[str, Any] = {"Enabled": item["enabled"]}
    if item.get("kmsKeyArn"):
        request |= {"SSEType": "KMS", "KMSMasterKeyId": item["kmsKeyArn"]}
    return {"SSESpecification": request}


@creates("aws:dynamodb/table:Table")
def table(creation: Creation) -> tuple[str, dict[str, Any]]:
    inputs, client, name = creation.inputs, creation.clients("dynamodb"), creation.name()
    request: dict[str, Any] = {
        "TableName": name,
        "KeySchema": _keys(inputs),
        "AttributeDefinitions": [
            {"AttributeName": item["name"], "AttributeType": item["type"]}
            for item in inputs["attributes"]
        ],
        "Tags": creation.tag_list(),
        **creation.given(
            {
                "billingMode": "BillingMode",
                "tableClass": "TableClass",
                "deletionProtectionEnabled": "DeletionProtectionEnabled",
            }
        ),
    }
    if inputs.get("globalSecondaryIndexes"):
        request["GlobalSecondaryIndexes"] = [
            _index(item) for item in inputs["globalSecondaryIndexes"]
        ]
    if inputs.get("localSecondaryIndexes"):
        request["LocalSecondaryIndexes"] = [
            _index(item, inputs["hashKey"]) for item in inputs["localSecondaryIndexes"]
        ]
    if "serverSideEncryption" in inputs:
        request |= _encryption(inputs["serverSideEncryption"])
    if inputs.get("streamEnabled"):
        request["StreamSpecification"] = {
            "StreamEnabled": True,
            "StreamViewType": inputs["streamViewType"],
        }
    description = client.create_table(**request)["TableDescription"]
    _protect(creation, name)
    return name, {
        "name": name,
        "arn": description["TableArn"],
        "streamArn": description.get("LatestStreamArn", ""),
        "streamLabel": description.get("LatestStreamLabel", ""),
        **_replicate(creation, name),
    }


def _replicate(creation: Creation, name: str) -> dict[str, Any]:
    """Make the replicas in other regions, each with what it says of its own; the output of them."""
    replicas = creation.inputs.get("replicas")
    if not replicas:
        return {}
    regions = [replica["regionName"] for replica in replicas]
    creation.clients("dynamodb").update_table(
        TableName=name, ReplicaUpdates=[{"Create": {"RegionName": each}} for each in regions]
    )
    made = []
    for replica in replicas:
        client = creation.elsewhere("dynamodb", replica["regionName"])
        if replica.get("deletionProtectionEnabled"):
            client.update_table(TableName=name, DeletionProtectionEnabled=True)
        if replica.get("pointInTimeRecovery"):
            client.update_continuous_backups(
                TableName=name,
                PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
            )
        if replica.get("consistencyMode") == "STRONG":
            creation.without_effect[f"{creation.type}.replicas.consistencyMode"] = (
                "replicas are written at once, whatever they are"
            )
        description = client.describe_table(TableName=name)["Table"]
        if replica.get("propagateTags"):
            tags = creation.tag_list()
            client.tag_resource(ResourceArn=description["TableArn"], Tags=tags)
        made.append(
            {
                **replica.plain(),
                "arn": description["TableArn"],
                "streamArn": description.get("LatestStreamArn", ""),
                "streamLabel": description.get("LatestStreamLabel", ""),
            }
        )
    return {"replicas": made}


_FIXED = (
    *("hashKey", "rangeKey", "keySchemas", "attributes", "localSecondaryIndexes", "replicas"),
    *("globalTableWitness",),
)


@updates(
    "aws:dynamodb/table:Table",
    fixed=(*_FIXED, "globalSecondaryIndexes", "streamEnabled", "streamViewType", "billingMode"),
)
def table_update(creation: Creation) -> tuple[str, dict[str, Any]]:
    name, inputs, before = creation.name(), creation.inputs, creation.before or {}
    request = creation.given(
        {"tableClass": "TableClass", "deletionProtectionEnabled": "DeletionProtectionEnabled"}
    )
    if "serverSideEncryption" in inputs:
        request |= _encryption(inputs["serverSideEncryption"])
    creation.clients("dynamodb").update_table(TableName=name, **request)
    _protect(creation, name)
    kept = ("name", "arn", "streamArn", "streamLabel", "replicas")
    return name, {key: before[key] for key in kept if key in before}


def _protect(creation: Creation, name: str) -> None:
    """Set what has calls of its own: the backups and the time to live."""
    inputs, client = creation.inputs, creation.clients("dynamodb")
    recovery = inputs.get("pointInTimeRecovery")
    if recovery is not None:
        specification = {"PointInTimeRecoveryEnabled": recovery["enabled"]}
        if recovery.get("recoveryPeriodInDays"):
            specification["RecoveryPeriodInDays"] = recovery["recoveryPeriodInDays"]
        client.update_continuous_backups(
            TableName=name, PointInTimeRecoverySpecification=specification
        )
    if "ttl" in inputs:
        ttl = inputs["ttl"]
        client.update_time_to_live(
            TableName=name,
            TimeToLiveSpecification={
                "Enabled": ttl.get("enabled", True),
                "AttributeName": ttl["attributeName"],
            },
        )
