"""What became of each order: one item for each of its changes, written once.

DynamoDB's wire form of these items is known here alone. Names and items of an order are not kept.
Raises what botocore raises (`aws.FAILURES`).
"""

from typing import Any

from .. import contract
from ..toolkit import consumer
from . import store
from .changes import Change
from .history_item import item_of


class History(store.Table):
    """The changes of orders in one DynamoDB table: partition key order, sort key version."""

    VARIABLE = contract.HISTORY_TABLE_NAME_VARIABLE

    def record(self, change: Change, days: int) -> bool:
        """Keep a change for so many days (0: for ever) from when it happened; False: it is known
        already."""
        with self._traced("PutItem"):
            return consumer.put_once(
                self._client, self._table, item_of(change, days), contract.HISTORY_ORDER_ATTRIBUTE
            )

    def of(self, order_id: str) -> tuple[list[dict[str, Any]], str | None]:
        """An order's changes as the API shows them, the first one first, and the order's owner.

        All of them at once: an order has as many changes as its status machine has steps.
        """
        with self._traced("Query"):
            answer = self._client.query(
                TableName=self._table,
                KeyConditionExpression="#order = :order",
                ExpressionAttributeNames={"#order": contract.HISTORY_ORDER_ATTRIBUTE},
                ExpressionAttributeValues={":order": {"S": order_id}},
                ConsistentRead=True,
            )
        items = answer["Items"]
        # What recorded some of them may not have known of owners yet.
        owners = (each[contract.OWNER_ATTRIBUTE]["S"] for each in items if _owned(each))
        return [_shown(item) for item in items], next(owners, None)


def _owned(item: dict[str, Any]) -> bool:
    return contract.OWNER_ATTRIBUTE in item


def _shown(item: dict[str, Any]) -> dict[str, Any]:
    return {
        "version": int(item[contract.HISTORY_VERSION_ATTRIBUTE]["N"]),
        "from": item["from"]["S"] if "from" in item else None,
        "to": item["to"]["S"],
        "at": item["at"]["S"],
        "cause": item["cause"]["S"],
        "correlationId": item["correlationId"]["S"] if "correlationId" in item else None,
    }
