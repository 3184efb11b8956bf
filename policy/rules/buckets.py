"""Buckets: who gets in, what is kept, and how."""

from .queues import denies_plain_transport
from .rule import Findings, Settings, Stack, StackResource, as_list, as_object, is_set, stack_rule
from .types import (
    BUCKET,
    BUCKET_ENCRYPTION,
    BUCKET_POLICY,
    BUCKET_PUBLIC_ACCESS_BLOCK,
    BUCKET_VERSIONING,
)

_BLOCKS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")


def _of(stack: Stack, kind: str, bucket: StackResource) -> list[StackResource]:
    """The resources of a type that set a part of the bucket."""
    return [each for each in stack.of(kind) if stack.refers(each, "bucket", bucket, "bucket", "id")]


@stack_rule(
    "bucket-private",
    [BUCKET],
    "A bucket's objects cannot be made public.",
    "Add an aws.s3.BucketPublicAccessBlock on it with all four settings true.",
)
def private(bucket: StackResource, stack: Stack, _: Settings) -> Findings:
    blocks = _of(stack, BUCKET_PUBLIC_ACCESS_BLOCK, bucket)
    if not any(all(is_set(block.props, each) for each in _BLOCKS) for block in blocks):
        yield "can be opened to everyone by a policy or an ACL"


@stack_rule(
    "bucket-encrypted",
    [BUCKET],
    "A bucket says how its objects are encrypted at rest.",
    "Add an aws.s3.BucketServerSideEncryptionConfiguration on it, with AES256 or aws:kms.",
)
def encrypted(bucket: StackResource, stack: Stack, _: Settings) -> Findings:
    by_default = "applyServerSideEncryptionByDefault"
    for configuration in _of(stack, BUCKET_ENCRYPTION, bucket):
        for rule in map(as_object, as_list(configuration.props.get("rules"))):
            if is_set(rule, by_default, "sseAlgorithm"):
                return
    yield "does not say how its objects are encrypted at rest"


@stack_rule(
    "bucket-versioned",
    [BUCKET],
    "A bucket keeps what is overwritten or deleted in it.",
    "Add an aws.s3.BucketVersioning on it whose status is Enabled.",
)
def versioned(bucket: StackResource, stack: Stack, _: Settings) -> Findings:
    for versioning in _of(stack, BUCKET_VERSIONING, bucket):
        if as_object(versioning.props.get("versioningConfiguration")).get("status") == "Enabled":
            return
    yield "keeps no version of an object that is overwritten or deleted"


@stack_rule(
    "bucket-tls-only",
    [BUCKET],
    "A bucket refuses requests without TLS.",
    "Add a bucket policy that denies s3:* to everyone where aws:SecureTransport is false.",
)
def tls_only(bucket: StackResource, stack: Stack, _: Settings) -> Findings:
    policies = _of(stack, BUCKET_POLICY, bucket)
    if not any(denies_plain_transport(each.props.get("policy"), "s3:*") for each in policies):
        yield "can be used without TLS"
