"""S3 buckets and what is set of them; on AWS each part is a resource of its own."""

from __future__ import annotations

from typing import Any

from local.inputs import plain
from local.resources.registry import Creation, creates, document

Created = tuple[str, dict[str, Any]]


@creates("aws:s3/bucket:Bucket")
def bucket(creation: Creation) -> Created:
    # Made of the logical name in small letters, as the provider does.
    name, client = creation.name("bucket").lower(), creation.clients("s3")
    creation.no_effect("forceDestroy", "nothing is deleted locally")
    elsewhere = {"CreateBucketConfiguration": {"LocationConstraint": creation.region}}
    client.create_bucket(Bucket=name, **({} if creation.region == "us-east-1" else elsewhere))
    if creation.tags():
        client.put_bucket_tagging(Bucket=name, Tagging={"TagSet": creation.tag_list()})
    return name, {"bucket": name, "arn": f"arn:aws:s3:::{name}", "region": creation.region}


@creates("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", puts=True)
def public_access_block(creation: Creation) -> Created:
    blocked = creation.given(
        {
            "blockPublicAcls": "BlockPublicAcls",
            "blockPublicPolicy": "BlockPublicPolicy",
            "ignorePublicAcls": "IgnorePublicAcls",
            "restrictPublicBuckets": "RestrictPublicBuckets",
        }
    )
    return _put(creation, "public_access_block", PublicAccessBlockConfiguration=blocked)


@creates("aws:s3/bucketOwnershipControls:BucketOwnershipControls", puts=True)
def ownership_controls(creation: Creation) -> Created:
    rule = {"ObjectOwnership": creation.inputs["rule"]["objectOwnership"]}
    return _put(creation, "bucket_ownership_controls", OwnershipControls={"Rules": [rule]})


@creates(
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    puts=True,
)
def encryption(creation: Creation) -> Created:
    rules = []
    for rule in creation.inputs["rules"]:
        given = rule["applyServerSideEncryptionByDefault"]
        default = {"SSEAlgorithm": given["sseAlgorithm"]}
        if "kmsMasterKeyId" in given:
            default["KMSMasterKeyID"] = given["kmsMasterKeyId"]
        entry: dict[str, Any] = {"ApplyServerSideEncryptionByDefault": default}
        if "bucketKeyEnabled" in rule:
            entry["BucketKeyEnabled"] = rule["bucketKeyEnabled"]
        rules.append(entry)
    return _put(creation, "bucket_encryption", ServerSideEncryptionConfiguration={"Rules": rules})


@creates("aws:s3/bucketVersioning:BucketVersioning", puts=True)
def versioning(creation: Creation) -> Created:
    status = creation.inputs["versioningConfiguration"]["status"]
    return _put(creation, "bucket_versioning", VersioningConfiguration={"Status": status})


@creates("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration", puts=True)
def lifecycle(creation: Creation) -> Created:
    rules = [_capitalized(plain(rule)) for rule in creation.inputs["rules"]]
    for rule in rules:
        rule["ID"] = rule.pop("Id")
    made = _put(creation, "bucket_lifecycle_configuration", LifecycleConfiguration={"Rules": rules})
    creation.without_effect[f"{creation.type}.rules"] = "the emulator deletes nothing with time"
    return made


def _capitalized(value: Any) -> Any:
    """The provider's names of a rule's parts as S3's API has them: the first letter is large."""
    if isinstance(value, dict):
        return {key[0].upper() + key[1:]: _capitalized(item) for key, item in value.items()}
    return [_capitalized(item) for item in value] if isinstance(value, list) else value


@creates("aws:s3/bucketPolicy:BucketPolicy", puts=True)
def policy(creation: Creation) -> Created:
    return _put(creation, "bucket_policy", Policy=document(creation.inputs["policy"]))


@creates("aws:s3/bucketNotification:BucketNotification", puts=True)
def notification(creation: Creation) -> Created:
    configuration: dict[str, Any] = {}
    if creation.inputs["eventbridge"]:
        configuration["EventBridgeConfiguration"] = {}
    return _put(
        creation, "bucket_notification_configuration", NotificationConfiguration=configuration
    )


def _put(creation: Creation, part: str, **parameters: Any) -> Created:
    """Set one part of the bucket, by its name in the SDK."""
    name = creation.inputs["bucket"]
    getattr(creation.clients("s3"), f"put_{part}")(Bucket=name, **parameters)
    return name, {}
