"""The orders that are still pending, by their index: the repair's part of the table of orders.

A module of its own, since whoever takes orders or reads one starts without it. Raises what botocore
raises (`aws.FAILURES`).
"""

import time
from collections.abc import Iterator
from typing import NamedTuple

from .. import contract
from ..toolkit import aws
from . import order, store

# Orders that one BatchGetItem reads.
MOST_READ = 100

# Seconds before a second request for what a read of several orders left out; twice before a third.
_LEFT_OUT_PAUSE = 0.1


class PendingKey(NamedTuple):
    """What the index over pending orders knows of one; `position` is its place there, for
    `PendingOrders.page` to go on behind."""

    order_id: str
    created_at: str
    position: store.Item


class Pending(NamedTuple):
    """A pending order; `details` is None for an item that is not one of our orders."""

    order_id: str
    created_at: str
    correlation_id: str
    details: order.Order | None


class PendingOrders(store.Table):
    """The index over pending orders of one DynamoDB table; each method is one AWS call a page, a
    read another one for what DynamoDB left out. Where there are several regions, the shards are
    this one's."""

    def __init__(self, client: aws.Client, table: str) -> None:
        super().__init__(client, table)
        region = store.own_region()
        self._first_shard = region.first_shard if region else 0

    def page(
        self, shard: int, until: str, limit: int, after: store.Item | None = None
    ) -> Iterator[PendingKey]:
        """Orders of one shard still PENDING, created up to `until` (a timestamp), oldest first,
        at most `limit`; behind the order whose `position` is `after`, if given. That one need
        not be there any more."""
        while limit > 0:
            with self._traced("Query"):
                page = self._client.query(
                    TableName=self._table,
                    IndexName=contract.PENDING_INDEX,
                    KeyConditionExpression=(
                        f"{contract.PENDING_SHARD_ATTRIBUTE} = :shard"
                        f" AND {contract.CREATED_AT_ATTRIBUTE} <= :until"
                    ),
                    ExpressionAttributeValues={
                        ":shard": {"N": str(self._first_shard + shard)},
                        ":until": {"S": until},
                    },
                    Limit=limit,
                    **({"ExclusiveStartKey": after} if after else {}),
                )
            yield from map(_pending_key, page["Items"])
            limit -= len(page["Items"])
            after = page.get("LastEvaluatedKey")
            if not after:
                return

    def read(self, keys: list[PendingKey]) -> list[Pending]:
        """Those of these orders, at most MOST_READ, that are still PENDING, read consistently."""
        wanted = [{"id": {"S": key.order_id}} for key in keys]
        found: dict[str, store.Item] = {}
        for attempt in range(store.ATTEMPTS):
            if attempt:
                time.sleep(_LEFT_OUT_PAUSE * attempt)
            with self._traced("BatchGetItem"):
                answer = self._client.batch_get_item(
                    RequestItems={self._table: {"Keys": wanted, "ConsistentRead": True}}
                )
            found |= {item["id"]["S"]: item for item in answer["Responses"][self._table]}
            # It leaves out what it is throttled for, and botocore does not ask again.
            wanted = answer["UnprocessedKeys"].get(self._table, {}).get("Keys", [])
            if not wanted:
                items = (found.get(key.order_id, {}) for key in keys)
                return [
                    _pending(each) for each in items if contract.PENDING_SHARD_ATTRIBUTE in each
                ]
        raise aws.throttled("BatchGetItem")


def _pending_key(item: store.Item) -> PendingKey:
    keys = ("id", contract.PENDING_SHARD_ATTRIBUTE, contract.CREATED_AT_ATTRIBUTE)
    position = {name: item[name] for name in keys}
    return PendingKey(item["id"]["S"], item[contract.CREATED_AT_ATTRIBUTE]["S"], position)


def _pending(item: store.Item) -> Pending:
    details: order.Order | None
    try:
        details = store.from_item(item)
        correlation_id = item.get("correlationId", {}).get("S", "")
    except (KeyError, TypeError, ValueError, ArithmeticError):
        details, correlation_id = None, ""
    created_at = item[contract.CREATED_AT_ATTRIBUTE]["S"]
    return Pending(item["id"]["S"], created_at, correlation_id, details)
