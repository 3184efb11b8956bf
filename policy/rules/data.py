"""Data at rest: encryption, and what keeps production data from being lost."""

from .rule import (
    PRODUCTION_STACKS,
    Findings,
    Resource,
    Setting,
    Settings,
    is_set,
    known,
    only_in_production,
    resource_rule,
)
from .types import BUCKET, HTTP_API, KEY, LOG_GROUP, QUEUE, REST_API, TABLE, TOPIC

_PRODUCTION = {"productionStacks": PRODUCTION_STACKS}


@resource_rule(
    "table-encrypted",
    [TABLE],
    "A table is encrypted with a key whose use is recorded.",
    "Set serverSideEncryption.enabled to true (with kmsKeyArn for a key of your own).",
    settings={
        "requireOwnKey": Setting("boolean", False, "Whether a key of the account's own is needed")
    },
)
def table_encrypted(table: Resource, settings: Settings) -> Findings:
    if not is_set(table.props, "serverSideEncryption", "enabled"):
        yield "is not encrypted at rest with a KMS key"
    elif settings["requireOwnKey"] and not is_set(table.props, "serverSideEncryption", "kmsKeyArn"):
        yield "is encrypted with a key that is not the account's own"


@resource_rule(
    "table-point-in-time-recovery",
    [TABLE],
    "A production table can be restored to any second of recent weeks.",
    "Set pointInTimeRecovery.enabled to true.",
    settings=_PRODUCTION,
)
def table_point_in_time_recovery(table: Resource, settings: Settings) -> Findings:
    only_in_production(table, settings)
    if not is_set(table.props, "pointInTimeRecovery", "enabled"):
        yield "has no point-in-time recovery"


@resource_rule(
    "table-deletion-protection",
    [TABLE],
    "AWS refuses to delete a production table.",
    "Set deletionProtectionEnabled to true.",
    settings=_PRODUCTION,
)
def table_deletion_protection(table: Resource, settings: Settings) -> Findings:
    only_in_production(table, settings)
    if not is_set(table.props, "deletionProtectionEnabled"):
        yield "can be deleted by one call"


@resource_rule(
    "table-protect",
    [TABLE],
    "Pulumi refuses to delete or replace a production table.",
    "Set the resource option protect to true.",
    settings=_PRODUCTION,
)
def table_protect(table: Resource, settings: Settings) -> Findings:
    only_in_production(table, settings)
    if not table.opts.protect:
        yield "would go with its stack, or when a property forces its replacement"


@resource_rule(
    "resource-protect",
    # A public address, messages, logs, objects, keys, and addresses that have confirmed.
    [HTTP_API, REST_API, QUEUE, LOG_GROUP, BUCKET, KEY, TOPIC],
    "Pulumi refuses to delete or replace what a production stack cannot make again as it was.",
    "Set the resource option protect to true, best on the component that the resource is part of: "
    "a destroy without a preview deletes whatever is not protected.",
    settings=_PRODUCTION,
)
def resource_protect(resource: Resource, settings: Settings) -> Findings:
    only_in_production(resource, settings)
    if not resource.opts.protect:
        yield "would go with its stack, though it cannot be made again as it was"


@resource_rule(
    "topic-encrypted",
    [TOPIC],
    "A topic is encrypted at rest, with a key that AWS services can use.",
    "Set kmsMasterKeyId to a key of your own whose policy lets the publishing service use it.",
)
def topic_encrypted(topic: Resource, _: Settings) -> Findings:
    if not is_set(topic.props, "kmsMasterKeyId"):
        yield "is not encrypted at rest"
    elif known(topic.props, "kmsMasterKeyId") == "alias/aws/sns":
        # https://repost.aws/knowledge-center/cloudwatch-receive-sns-for-alarm-trigger
        yield "is encrypted with alias/aws/sns, so CloudWatch alarms cannot publish to it"
