"""The data layer: one DynamoDB table."""

from typing import NotRequired, Optional, TypedDict

import pulumi
import pulumi_aws as aws


class TableIndex(TypedDict):
    """A global secondary index that carries every attribute."""

    name: str
    """Name of the index."""
    partition_key: str
    """Attribute that partitions the index; items without it are not in the index."""
    partition_key_type: NotRequired[str]
    """Its type: S (string, the default), N (number) or B (binary)."""
    sort_key: NotRequired[str]
    """Attribute that sorts within a partition."""
    sort_key_type: NotRequired[str]
    """Its type: S (string, the default), N (number) or B (binary)."""


class TableArgs(TypedDict):
    """Inputs of Table."""

    partition_key: str
    """Attribute that identifies an item."""
    partition_key_type: NotRequired[str]
    """Its type: S (string, the default), N (number) or B (binary)."""
    table_name: NotRequired[str]
    """Physical name; generated when absent."""
    indexes: NotRequired[list[TableIndex]]
    """Global secondary indexes."""
    point_in_time_recovery: NotRequired[bool]
    """Whether the table can be restored to any second of the last 35 days; false by default."""
    deletion_protection: NotRequired[bool]
    """Whether DynamoDB refuses to delete the table; false by default."""
    protect: NotRequired[bool]
    """Whether Pulumi refuses to delete the table; by default as the option of the component."""


class Table(pulumi.ComponentResource):
    """An on-demand DynamoDB table, encrypted at rest with the account's AWS managed key."""

    name: pulumi.Output[str]
    """Name of the table."""
    arn: pulumi.Output[str]
    """ARN of the table."""

    def __init__(
        self, name: str, args: TableArgs, opts: Optional[pulumi.ResourceOptions] = None
    ) -> None:
        super().__init__("serverless-orders:index:Table", name, {}, opts)
        indexes = args.get("indexes") or []
        table = aws.dynamodb.Table(
            name,
            name=args.get("table_name"),
            billing_mode="PAY_PER_REQUEST",
            hash_key=args["partition_key"],
            attributes=[
                aws.dynamodb.TableAttributeArgs(name=attribute, type=kind)
                for attribute, kind in _key_attributes(args).items()
            ],
            global_secondary_indexes=[_index(index) for index in indexes] or None,
            server_side_encryption=aws.dynamodb.TableServerSideEncryptionArgs(enabled=True),
            point_in_time_recovery=aws.dynamodb.TablePointInTimeRecoveryArgs(
                enabled=args.get("point_in_time_recovery", False)
            ),
            deletion_protection_enabled=args.get("deletion_protection", False),
            opts=pulumi.ResourceOptions(parent=self, protect=args.get("protect")),
        )
        self.name = table.name
        self.arn = table.arn
        self.register_outputs({"name": self.name, "arn": self.arn})


def _key_attributes(args: TableArgs) -> dict[str, str]:
    """The type of each attribute that is a key of the table or of an index."""
    types: dict[str, str] = {}

    def declare(attribute: str, kind: str | None) -> None:
        known = types.setdefault(attribute, kind or "S")
        if kind and kind != known:
            raise ValueError(f"the attribute {attribute} is both {known} and {kind}")

    declare(args["partition_key"], args.get("partition_key_type"))
    for index in args.get("indexes") or []:
        declare(index["partition_key"], index.get("partition_key_type"))
        if "sort_key" in index:
            declare(index["sort_key"], index.get("sort_key_type"))
    return types


def _index(index: TableIndex) -> aws.dynamodb.TableGlobalSecondaryIndexArgs:
    keys = {"HASH": index["partition_key"]}
    if "sort_key" in index:
        keys["RANGE"] = index["sort_key"]
    return aws.dynamodb.TableGlobalSecondaryIndexArgs(
        name=index["name"],
        projection_type="ALL",
        key_schemas=[
            aws.dynamodb.TableGlobalSecondaryIndexKeySchemaArgs(
                attribute_name=attribute, key_type=kind
            )
            for kind, attribute in keys.items()
        ],
    )
