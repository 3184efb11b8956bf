"""The table of orders: each method is one AWS call. DynamoDB's wire form of an order is known here
and, for the table's stream, in stream.py.

Raises what botocore raises (`aws.FAILURES`), except where a condition's refusal is an answer.
"""

from typing import TYPE_CHECKING, Any, NamedTuple, Self

from .. import contract
from ..toolkit import aws, environment, json_text, tracing
from . import order

if TYPE_CHECKING:
    from .regions import OwnRegion

# Attempts of one call. A put and a send end within an API function's 30 s at their longest: the
# caller gets an answer, not a time-out.
ATTEMPTS = 3
LONGEST_CALL = aws.longest_call(ATTEMPTS)

Item = dict[str, Any]  # in DynamoDB's wire form


class New(NamedTuple):
    """An order to be stored; the correlation id is that of the request that places it, the owner
    the subject of its caller (None: it has none)."""

    details: order.Order
    fingerprint: str
    created_at: str
    correlation_id: str
    owner: str | None = None


class Stored(NamedTuple):
    """What is there under an id already."""

    status: str
    created_at: str
    fingerprint: str | None
    correlation_id: str | None
    elsewhere: bool = False
    """Whether it is another region's, which sees to it that it is processed."""

    @property
    def needs_event(self) -> bool:
        """Whether who meets it sends its event again: it is ours, and nothing has become of it."""
        return self.status == contract.PENDING and not self.elsewhere


class Table:
    """One DynamoDB table, and the traced calls of it."""

    VARIABLE = contract.TABLE_NAME_VARIABLE
    """The variable by which the infrastructure names it."""

    @classmethod
    def connect(cls) -> Self:
        """The table that the infrastructure names."""
        return cls(aws.client("dynamodb", ATTEMPTS), environment.text(cls.VARIABLE))

    def __init__(self, client: aws.Client, table: str) -> None:
        self._client = client
        self._table = table

    def _traced(self, operation: str) -> tracing.Subsegment:
        return tracing.Subsegment("DynamoDB", operation, table_name=self._table)


def own_region() -> "OwnRegion | None":
    """The region that this process runs in; None where there is one alone."""
    if not environment.flag(contract.REGIONS_VARIABLE):
        return None
    from .regions import OwnRegion  # not loaded by a system of one region

    return OwnRegion(ATTEMPTS, LONGEST_CALL)


class Store(Table):
    """Orders in one DynamoDB table."""

    def __init__(self, client: aws.Client, table: str) -> None:
        super().__init__(client, table)
        self._region = own_region()
        if self._region is not None:
            self._region.watch(client)

    def new_item(self, order_id: str, new: New, shards: int) -> Item:
        """The item of a new order, in one of so many shards of the index over pending orders."""
        created_at = {"S": new.created_at}
        shard = order.shard(order_id, shards)
        item = {
            **_to_item(new.details),
            "id": {"S": order_id},
            "status": {"S": contract.PENDING},
            contract.CREATED_AT_ATTRIBUTE: created_at,
            "updatedAt": created_at,
            "version": {"N": "1"},
            "fingerprint": {"S": new.fingerprint},
            "correlationId": {"S": new.correlation_id},
            contract.PENDING_SHARD_ATTRIBUTE: {"N": str(shard)},
        }
        if self._region is not None:
            item |= self._region.attributes(shard)
        if new.owner is not None:
            item[contract.OWNER_ATTRIBUTE] = {"S": new.owner}
        return item

    def put_new(self, order_id: str, new: New, shards: int) -> Stored | None:
        """Store an order as PENDING, in one of so many shards of the index over pending orders,
        unless its id exists; then what is stored comes back."""
        try:
            with self._traced("PutItem"):
                self._client.put_item(
                    TableName=self._table,
                    Item=self.new_item(order_id, new, shards),
                    ConditionExpression="attribute_not_exists(id)",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
        except aws.FAILURES as error:
            stored = aws.condition_failed(error)
            if stored is None:
                raise
            return Stored(
                stored["status"]["S"],
                stored[contract.CREATED_AT_ATTRIBUTE]["S"],
                stored.get("fingerprint", {}).get("S"),
                stored.get("correlationId", {}).get("S"),
                self._region is not None
                and not self._region.owns(stored.get(contract.REGION_ATTRIBUTE, {}).get("S")),
            )
        return None

    def get(self, order_id: str) -> order.Found | None:
        """An order, read consistently: what a 201 has named is found."""
        with self._traced("GetItem"):
            answer = self._client.get_item(
                TableName=self._table, Key={"id": {"S": order_id}}, ConsistentRead=True
            )
        item: Item | None = answer.get("Item")
        if item is None:
            return None
        return order.Found(
            order_id,
            from_item(item),
            item["status"]["S"],
            item[contract.CREATED_AT_ATTRIBUTE]["S"],
            item["updatedAt"]["S"] if "updatedAt" in item else None,
            item[contract.OWNER_ATTRIBUTE]["S"] if contract.OWNER_ATTRIBUTE in item else None,
        )

    def change_status(
        self, order_id: str, target: str, sources: list[str], failed_message: str = ""
    ) -> order.Transition:
        """Move an order to a status if it is in one of the sources; else nothing changes, nor does
        that of another region.

        A change takes the order out of the index over pending orders. `failed_message` is the id
        of the message that is given up, if one is.
        """
        allowed = {f":source{index}": {"S": source} for index, source in enumerate(sources)}
        update = {
            "TableName": self._table,
            "Key": {"id": {"S": order_id}},
            "ConditionExpression": f"#status IN ({', '.join(allowed)})",
            "UpdateExpression": (
                "SET #status = :target, updatedAt = :now"
                f"{', failedMessage = :message' if failed_message else ''},"
                " #version = if_not_exists(#version, :zero) + :one"
                f" REMOVE {contract.PENDING_SHARD_ATTRIBUTE}"
            ),
            "ExpressionAttributeNames": {"#status": "status", "#version": "version"},
            "ExpressionAttributeValues": {
                ":target": {"S": target},
                ":now": {"S": order.now()},
                ":zero": {"N": "0"},
                ":one": {"N": "1"},
                **({":message": {"S": failed_message}} if failed_message else {}),
                **allowed,
            },
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        if self._region is None:
            return self._update(self._client, update)
        return self._region.change(self._client, update, sources, self._update)

    def _update(self, client: aws.Client, update: dict[str, Any]) -> order.Transition:
        values = update["ExpressionAttributeValues"]
        target, now = values[":target"]["S"], values[":now"]["S"]
        try:
            with self._traced("UpdateItem"):
                client.update_item(**update)
        except aws.FAILURES as error:
            stored = aws.condition_failed(error)
            if stored is None:
                raise
            status = stored.get("status", {}).get("S")
            # An attempt whose answer was lost has changed the item; the retry then meets its
            # own work.
            since = stored.get("updatedAt", {}).get("S")
            given_up = stored.get("failedMessage", {}).get("S")
            region = stored.get(contract.REGION_ATTRIBUTE, {}).get("S")
            return order.Transition(
                status == target and since == now, status, since, given_up, region
            )
        return order.Transition(True, target)

    def delete(self, order_id: str, customer_name: str) -> bool:
        """Delete an order if it is this customer's; whether there was one."""
        try:
            with self._traced("DeleteItem"):
                self._client.delete_item(
                    TableName=self._table,
                    Key={"id": {"S": order_id}},
                    ConditionExpression="customerName = :customer",
                    ExpressionAttributeValues={":customer": {"S": customer_name}},
                )
        except aws.FAILURES as error:
            if aws.condition_failed(error) is None:
                raise
            return False
        return True


def _to_item(details: order.Order) -> Item:
    """The order's attributes in DynamoDB's wire form."""
    return {
        "customerName": {"S": details["customerName"]},
        "items": {
            "L": [
                {
                    "M": {
                        "sku": {"S": item["sku"]},
                        "qty": {"N": str(item["qty"])},
                        "price": {"N": str(item["price"])},
                    }
                }
                for item in details["items"]
            ]
        },
    }


def from_item(item: Item) -> order.Order:
    """The canonical order of an item in DynamoDB's wire form."""
    return {
        "customerName": item["customerName"]["S"],
        "items": [
            {
                "sku": member["sku"]["S"],
                "qty": json_text.number_of(member["qty"]["N"]),
                "price": json_text.number_of(member["price"]["N"]),
            }
            for member in (element["M"] for element in item["items"]["L"])
        ],
    }
