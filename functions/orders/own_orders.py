"""The orders of one owner, by the index over owners: each query is one AWS call.

DynamoDB's wire form of the index's items is known here alone. An order that was placed or changed
just now may be missing or old there. Raises what botocore raises (`aws.FAILURES`).
"""

from typing import Any, NamedTuple

from .. import contract
from . import store

# Orders that a query examines when only some are wanted, and the queries of one page. Whoever looks
# for what is rare gets a page that is not full, with the place to go on from.
EXAMINED = 1000
QUERIES = 10


class Listed(NamedTuple):
    """An order as the index has it; times are timestamps (`order.timestamp`)."""

    order_id: str
    customer_name: str
    status: str
    created_at: str
    updated_at: str | None


class Place(NamedTuple):
    """Where a page ended: its last order."""

    created_at: str
    order_id: str


class OwnOrders(store.Table):
    """The index over the owners of one DynamoDB table of orders."""

    def page(
        self, owner: str, status: str | None, limit: int, after: Place | None
    ) -> tuple[list[Listed], Place | None]:
        """An owner's orders, the newest first, behind the given place: at most `limit`, and where
        to go on (None: there are no more)."""
        found: list[Listed] = []
        start = _key(owner, after) if after else {}
        for _ in range(QUERIES):
            # One more than is wanted says whether there are more.
            examined = EXAMINED if status else limit + 1 - len(found)
            answer = self._query(owner, status, examined, start)
            found += map(_listed, answer["Items"])
            if len(found) > limit:
                return found[:limit], Place(found[limit - 1].created_at, found[limit - 1].order_id)
            if "LastEvaluatedKey" not in answer:
                return found, None
            start = answer["LastEvaluatedKey"]
        return found, Place(start[contract.CREATED_AT_ATTRIBUTE]["S"], start["id"]["S"])

    def _query(
        self, owner: str, status: str | None, limit: int, start: dict[str, Any]
    ) -> dict[str, Any]:
        names, values = {"#owner": contract.OWNER_ATTRIBUTE}, {":owner": {"S": owner}}
        optional: dict[str, Any] = {}
        if status:
            optional["FilterExpression"] = "#status = :status"
            names["#status"], values[":status"] = "status", {"S": status}
        if start:
            optional["ExclusiveStartKey"] = start
        with self._traced("Query"):
            answer: dict[str, Any] = self._client.query(
                TableName=self._table,
                IndexName=contract.OWNER_INDEX,
                KeyConditionExpression="#owner = :owner",
                ExpressionAttributeNames=names,
                ExpressionAttributeValues=values,
                ScanIndexForward=False,
                Limit=limit,
                **optional,
            )
        return answer


def _key(owner: str, place: Place) -> dict[str, Any]:
    return {
        "id": {"S": place.order_id},
        contract.OWNER_ATTRIBUTE: {"S": owner},
        contract.CREATED_AT_ATTRIBUTE: {"S": place.created_at},
    }


def _listed(item: dict[str, Any]) -> Listed:
    return Listed(
        item["id"]["S"],
        item["customerName"]["S"],
        item["status"]["S"],
        item[contract.CREATED_AT_ATTRIBUTE]["S"],
        item["updatedAt"]["S"] if "updatedAt" in item else None,
    )
