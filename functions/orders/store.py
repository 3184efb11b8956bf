"""The table of orders: each method is one AWS call (the query: one a page).

Raises what botocore raises (`aws.FAILURES`), except where a condition's refusal is an answer.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from .. import contract
from ..toolkit import aws, tracing
from . import order

Item = dict[str, Any]  # in DynamoDB's wire form


class Transition(NamedTuple):
    """Whether a status was changed, and the status afterwards (None: there is no such order);
    of one that was not changed, also since when (`updatedAt`) it is as it is, and if it failed
    the id of the message whose delivery that was."""

    applied: bool
    status: str | None
    since: str | None = None
    failed_message: str | None = None


class Store:
    """Orders in one DynamoDB table."""

    def __init__(self, client: aws.Client, table: str) -> None:
        self._client = client
        self._table = table

    def put_new(self, item: Item) -> Item | None:
        """Store an order unless its id exists; then the stored item comes back instead."""
        try:
            with self._traced("PutItem"):
                self._client.put_item(
                    TableName=self._table,
                    Item=item,
                    ConditionExpression="attribute_not_exists(id)",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
        except aws.FAILURES as error:
            stored = aws.condition_failed(error)
            if stored is None:
                raise
            return stored
        return None

    def get(self, order_id: str) -> Item | None:
        """The order's item, read consistently: what a 201 has named is found."""
        with self._traced("GetItem"):
            answer = self._client.get_item(
                TableName=self._table, Key={"id": {"S": order_id}}, ConsistentRead=True
            )
        item: Item | None = answer.get("Item")
        return item

    def change_status(
        self, order_id: str, target: str, sources: list[str], failed_message: str = ""
    ) -> Transition:
        """Move an order to a status if it is in one of the sources; else nothing changes.

        A change takes the order out of the index over pending orders. `failed_message` is the id
        of the message that is given up, if one is.
        """
        now = order.now()
        allowed = {f":source{index}": {"S": source} for index, source in enumerate(sources)}
        try:
            with self._traced("UpdateItem"):
                self._client.update_item(
                    TableName=self._table,
                    Key={"id": {"S": order_id}},
                    ConditionExpression=f"#status IN ({', '.join(allowed)})",
                    UpdateExpression=(
                        "SET #status = :target, updatedAt = :now"
                        f"{', failedMessage = :message' if failed_message else ''},"
                        " #version = if_not_exists(#version, :zero) + :one"
                        f" REMOVE {contract.PENDING_SHARD_ATTRIBUTE}"
                    ),
                    ExpressionAttributeNames={"#status": "status", "#version": "version"},
                    ExpressionAttributeValues={
                        ":target": {"S": target},
                        ":now": {"S": now},
                        ":zero": {"N": "0"},
                        ":one": {"N": "1"},
                        **({":message": {"S": failed_message}} if failed_message else {}),
                        **allowed,
                    },
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
        except aws.FAILURES as error:
            stored = aws.condition_failed(error)
            if stored is None:
                raise
            status = stored.get("status", {}).get("S")
            # An attempt whose answer was lost has changed the item; the retry then meets its
            # own work.
            since = stored.get("updatedAt", {}).get("S")
            given_up = stored.get("failedMessage", {}).get("S")
            return Transition(status == target and since == now, status, since, given_up)
        return Transition(True, target)

    def pending(
        self, shard: int, until: str, limit: int, after: Item | None = None
    ) -> Iterator[Item]:
        """Orders of one shard still PENDING, created up to `until` (a timestamp), oldest first,
        at most `limit`; behind the order whose `position` is `after`, if given."""
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
                        ":shard": {"N": str(shard)},
                        ":until": {"S": until},
                    },
                    Limit=limit,
                    **({"ExclusiveStartKey": after} if after else {}),
                )
            yield from page["Items"]
            limit -= len(page["Items"])
            after = page.get("LastEvaluatedKey")
            if not after:
                return

    @staticmethod
    def position(item: Item) -> Item:
        """An order's place in the index over pending orders; it need not be there any more."""
        keys = ("id", contract.PENDING_SHARD_ATTRIBUTE, contract.CREATED_AT_ATTRIBUTE)
        return {name: item[name] for name in keys}

    def _traced(self, operation: str) -> tracing.Subsegment:
        return tracing.Subsegment("DynamoDB", operation, table_name=self._table)
