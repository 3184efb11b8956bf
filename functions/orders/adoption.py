"""How the heir of a region adopts its orders: the one write of it, for `regions.OwnRegion` to meet.

No function runs it, people do: `python -m operations regions adopt`. The request is for the
heir's replica, where the region itself changes orders of that age.
"""

from collections.abc import Sequence
from typing import Any

from .. import contract


def heir(members: Sequence[str], member: str) -> str:
    """The region that may adopt the orders of a member: the next one."""
    return members[(members.index(member) + 1) % len(members)]


def adoptable(members: Sequence[str], down: str) -> list[str]:
    """The regions whose orders the heir of one that is down takes.

    Where that one is the heir's own heir, the heir could not change its old orders without it: they
    become as new ones. Nobody can adopt them meanwhile, since who might is down; of a region that
    may be alive after all, the heir takes the orders of that one alone.
    """
    adopts = heir(members, down)
    return [down, adopts] if heir(members, adopts) == down else [down]


def request(
    table: str,
    item: dict[str, Any],
    members: Sequence[str],
    *,
    adopts: str,
    owners: Sequence[str],
    until: str,
    now: str,
) -> dict[str, Any]:
    """UpdateItem's request for the replica of the region that adopts, an heir.

    `item` are the keys of an order in the index over pending orders, `owners` the regions whose it
    may be (`adoptable`). `until` is the timestamp before which it has to have become theirs: that
    of now, without the age from which orders may be adopted and without the margin. What is refused
    is not pending any more, none of theirs, or younger.
    """
    names = {f":region{place}": each for place, each in enumerate(owners)}
    theirs = f"#region IN ({', '.join(names)})"
    if members[0] in names.values():
        theirs = f"({theirs} OR attribute_not_exists(#region))"
    created_at, since = contract.CREATED_AT_ATTRIBUTE, contract.REGION_SINCE_ATTRIBUTE
    shard = int(item[contract.PENDING_SHARD_ATTRIBUTE]["N"]) % contract.MOST_PENDING_SHARDS
    first = members.index(adopts) * contract.MOST_PENDING_SHARDS
    return {
        "TableName": table,
        "Key": {"id": item["id"]},
        "ConditionExpression": (
            f"#status = :pending AND {theirs} AND {created_at} < :until"
            f" AND (attribute_not_exists({since}) OR {since} < :until)"
        ),
        # Neither its version nor `updatedAt`: nothing has become of the order.
        "UpdateExpression": (
            f"SET #region = :heir, {since} = :now, {contract.PENDING_SHARD_ATTRIBUTE} = :shard"
        ),
        "ExpressionAttributeNames": {"#status": "status", "#region": contract.REGION_ATTRIBUTE},
        "ExpressionAttributeValues": {
            ":pending": {"S": contract.PENDING},
            ":until": {"S": until},
            ":heir": {"S": adopts},
            ":now": {"S": now},
            ":shard": {"N": str(first + shard)},
            **{name: {"S": each} for name, each in names.items()},
        },
    }
