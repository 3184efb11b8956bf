"""The data layer: one DynamoDB table."""

from collections.abc import Iterator, Sequence
from typing import Annotated, NamedTuple, NotRequired, Optional, TypedDict

import pulumi
import pulumi_aws as aws

from .component import Component
from .inputs import Default, Items, OneOf, Problem, Text, checked, contradictions, problem
from .regions import Region

Attribute = Annotated[str, Text(r".{1,255}", "an attribute's name")]
AttributeType = Annotated[str, OneOf(("S", "N", "B"))]


class TableIndex(TypedDict):
    """A global secondary index."""

    name: Annotated[str, Text(r"[A-Za-z0-9_.-]{3,255}", "3 to 255 letters, digits, -, _ and .")]
    """Name of the index."""
    partition_key: Attribute
    """Attribute that partitions the index; items without it are not in the index."""
    partition_key_type: NotRequired[AttributeType]
    """Its type: S (string, the default), N (number) or B (binary)."""
    sort_key: NotRequired[Attribute]
    """Attribute that sorts within a partition."""
    sort_key_type: NotRequired[AttributeType]
    """Its type: S (string, the default), N (number) or B (binary)."""
    keys_only: NotRequired[Annotated[bool, Default(default=False)]]
    """Whether it carries the keys alone instead of every attribute; no index can be changed so."""
    carried: NotRequired[Annotated[list[Attribute], Items(1, different=True)]]
    """Attributes that it carries beside the keys; every attribute by default."""


@contradictions(TableIndex)
def _keys_alone_or_more(index: TableIndex) -> Iterator[Problem]:
    if index["keys_only"] and "carried" in index:
        yield problem("carried", "expected nothing, because {=keys_only} is true")


class TableSafety(TypedDict):
    """What keeps a table's data from being lost."""

    point_in_time_recovery: NotRequired[Annotated[bool, Default(default=False)]]
    """Whether the table can be restored to any second of the last 35 days."""
    deletion_protection: NotRequired[Annotated[bool, Default(default=False)]]
    """Whether DynamoDB refuses to delete the table."""


class TableArgs(TableSafety):
    """Inputs of Table."""

    partition_key: Attribute
    """Attribute that identifies an item."""
    partition_key_type: NotRequired[AttributeType]
    """Its type: S (string, the default), N (number) or B (binary)."""
    sort_key: NotRequired[Attribute]
    """Attribute that tells items of the same partition key apart, and sorts them."""
    sort_key_type: NotRequired[AttributeType]
    """Its type: S (string, the default), N (number) or B (binary)."""
    ttl_attribute: NotRequired[Attribute]
    """Attribute with the time (seconds since 1970) from which DynamoDB may delete an item."""
    table_name: NotRequired[
        Annotated[str, Text(r"[A-Za-z0-9_.-]{3,255}", "3 to 255 letters, digits, -, _ and .")]
    ]
    """Physical name; generated when absent."""
    indexes: NotRequired[list[TableIndex]]
    """Global secondary indexes."""
    stream: NotRequired[Annotated[bool, Default(default=False)]]
    """Whether a stream tells every write for 24 hours, with the item as it was and as it is."""
    replicas: NotRequired[Annotated[list[Region], Items(different=True, default=())]]
    """Further regions with a replica, which is protected as the table; they need the stream."""
    strong_consistency: NotRequired[Annotated[bool, Default(default=False)]]
    """Whether a write is in two regions before it is answered; of a table that is made so."""
    witness: NotRequired[Region]
    """Region that has a part in strong consistency, but no replica."""
    protect: NotRequired[bool]
    """Whether Pulumi refuses to delete the table; by default as the option of the component."""


@contradictions(TableArgs)
def _replicas_follow_the_stream(args: TableArgs) -> Iterator[Problem]:
    if args["replicas"] and not args["stream"]:
        yield problem("stream", "expected true, because {=replicas!} are given")
    if args["strong_consistency"] and "ttl_attribute" in args:
        yield problem("ttl_attribute", "expected nothing, because {=strong_consistency}")


@contradictions(TableArgs)
def _one_type_for_each_attribute(args: TableArgs) -> Iterator[Problem]:
    types = _own_keys(args)
    if args.get("sort_key") == args["partition_key"]:
        yield problem("sort_key", "expected another attribute than {=partition_key}")
    for number, index in enumerate(args.get("indexes") or []):
        for attribute, kind in _keys(index).items():
            known = types.setdefault(attribute, kind or "S")
            if kind and kind != known:
                yield Problem(
                    ("indexes", number),
                    f"expected one type for the attribute {attribute}, not {known} and {kind}",
                )


class Replica(NamedTuple):
    """One region's part of a table, as far as others need to know it."""

    name: pulumi.Output[str]
    """Name of the table, the same in each region."""
    arn: pulumi.Output[str]
    """ARN of the table there."""
    stream_arn: pulumi.Output[str] | None
    """ARN of its stream there, which tells the writes of every region; None: not known here."""


def arn_in(arn: pulumi.Input[str], region: str) -> pulumi.Output[str]:
    """A resource's ARN as it is in another region."""

    def moved(text: str) -> str:
        partition = text.split(":", 4)
        partition[3] = region
        return ":".join(partition)

    return pulumi.Output.from_input(arn).apply(moved)


class Table(Component):
    """An on-demand DynamoDB table, encrypted at rest with the account's AWS managed key."""

    name: pulumi.Output[str]
    """Name of the table."""
    arn: pulumi.Output[str]
    """ARN of the table."""
    stream_arn: Optional[pulumi.Output[str]]
    """ARN of the table's stream; only with one."""

    def __init__(
        self, name: str, args: TableArgs, opts: Optional[pulumi.ResourceOptions] = None
    ) -> None:
        args = checked(TableArgs, args, f"Table {name}")
        super().__init__("serverless-orders:index:Table", name, {}, opts)
        indexes = args.get("indexes") or []
        table = aws.dynamodb.Table(
            name,
            name=args.get("table_name"),
            billing_mode="PAY_PER_REQUEST",
            hash_key=args["partition_key"],
            range_key=args.get("sort_key"),
            attributes=[
                aws.dynamodb.TableAttributeArgs(name=attribute, type=kind)
                for attribute, kind in _key_attributes(args).items()
            ],
            global_secondary_indexes=[_index(index) for index in indexes] or None,
            ttl=(
                aws.dynamodb.TableTtlArgs(attribute_name=args["ttl_attribute"], enabled=True)
                if "ttl_attribute" in args
                else None
            ),
            server_side_encryption=aws.dynamodb.TableServerSideEncryptionArgs(enabled=True),
            point_in_time_recovery=aws.dynamodb.TablePointInTimeRecoveryArgs(
                enabled=args["point_in_time_recovery"]
            ),
            deletion_protection_enabled=args["deletion_protection"],
            # AWS takes no kind of view where there is no stream.
            stream_enabled=args["stream"] or None,
            stream_view_type="NEW_AND_OLD_IMAGES" if args["stream"] else None,
            replicas=[_replica(args, region) for region in args["replicas"]] or None,
            global_table_witness=(
                aws.dynamodb.TableGlobalTableWitnessArgs(region_name=args["witness"])
                if "witness" in args
                else None
            ),
            opts=pulumi.ResourceOptions(parent=self, protect=args.get("protect")),
        )
        self._table = table
        self.name = table.name
        self.arn = table.arn
        self.stream_arn = table.stream_arn if args["stream"] else None
        self.register()

    def replica(self, region: str) -> Replica:
        """Its replica in another region."""

        def stream_of(replicas: Sequence[aws.dynamodb.outputs.TableReplica] | None) -> str:
            found = (each for each in replicas or () if each.region_name == region)
            return str(next(found).stream_arn)

        return Replica(self.name, arn_in(self.arn, region), self._table.replicas.apply(stream_of))


def _replica(args: TableArgs, region: str) -> aws.dynamodb.TableReplicaArgs:
    return aws.dynamodb.TableReplicaArgs(
        region_name=region,
        consistency_mode="STRONG" if args["strong_consistency"] else None,
        point_in_time_recovery=args["point_in_time_recovery"],
        deletion_protection_enabled=args["deletion_protection"],
        propagate_tags=True,
    )


def _key_attributes(args: TableArgs) -> dict[str, str]:
    """The type of each attribute that is a key of the table or of an index."""
    types = _own_keys(args)
    for index in args.get("indexes") or []:
        for attribute, kind in _keys(index).items():
            types.setdefault(attribute, kind or "S")
    return types


def _own_keys(args: TableArgs) -> dict[str, str]:
    types = {args["partition_key"]: args.get("partition_key_type", "S")}
    if "sort_key" in args:
        types[args["sort_key"]] = args.get("sort_key_type", "S")
    return types


def _keys(index: TableIndex) -> dict[str, str | None]:
    """The types of an index's keys, as far as they are given."""
    keys = {index["partition_key"]: index.get("partition_key_type")}
    if "sort_key" in index:
        keys[index["sort_key"]] = index.get("sort_key_type")
    return keys


def _projection(index: TableIndex) -> str:
    if index["keys_only"]:
        return "KEYS_ONLY"
    return "INCLUDE" if "carried" in index else "ALL"


def _index(index: TableIndex) -> aws.dynamodb.TableGlobalSecondaryIndexArgs:
    keys = {"HASH": index["partition_key"]}
    if "sort_key" in index:
        keys["RANGE"] = index["sort_key"]
    return aws.dynamodb.TableGlobalSecondaryIndexArgs(
        name=index["name"],
        projection_type=_projection(index),
        non_key_attributes=index.get("carried"),
        key_schemas=[
            aws.dynamodb.TableGlobalSecondaryIndexKeySchemaArgs(
                attribute_name=attribute, key_type=kind
            )
            for kind, attribute in keys.items()
        ],
    )
