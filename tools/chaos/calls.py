"""One call to AWS as the wire shows it: its operation and the order it is about."""

import json
from dataclasses import dataclass, field
from typing import Any

from functions import contract

TARGET_HEADER = b"x-amz-target"


@dataclass(frozen=True)
class Call:
    """One request in AWS's JSON protocols.

    `operation` is the part of X-Amz-Target after the dot ("" for any other request), `orders`
    the ids of the orders it names, in its own order. A call about one change of an order, as
    history and bus are told it, names the change instead: `<order id>:<version>`, its event id.
    One that counts a caller's request names no order.
    """

    method: bytes
    target: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes
    operation: str = ""
    orders: tuple[str, ...] = ()
    customers: dict[str, str] = field(default_factory=dict)

    @property
    def work(self) -> str:
        """The operation, and of a write into the history that it is one."""
        recording = self.operation == "PutItem" and any(":" in order for order in self.orders)
        return "PutItem of a change" if recording else self.operation

    @classmethod
    def read(
        cls, method: bytes, target: bytes, headers: list[tuple[bytes, bytes]], body: bytes
    ) -> "Call":
        """Understand a request; one that is not AWS JSON has no operation and no orders."""
        named = dict(headers).get(TARGET_HEADER, b"").decode("ascii", "replace")
        operation = named.partition(".")[2]
        details = list(_details(operation, _json(body))) if operation else []
        return cls(
            method,
            target,
            headers,
            body,
            operation,
            tuple(order for order, _ in details),
            {order: customer for order, customer in details if customer},
        )


def _details(operation: str, body: Any) -> list[tuple[str, str]]:
    """(order id, customer name or "") of each order that the request body names."""
    if not isinstance(body, dict):
        return []
    if operation == "PutItem":
        item = body.get("Item", {})
        if contract.HISTORY_ORDER_ATTRIBUTE in item:
            return [(_change(item), "")]
        return [(_text(item.get("id")), _text(item.get("customerName")))]
    if contract.LIMITS_TAKEN_ATTRIBUTE in body.get("ExpressionAttributeNames", {}).values():
        return []  # a request of a caller is counted
    if operation in ("UpdateItem", "GetItem"):
        return [(_text(body.get("Key", {}).get("id")), "")]
    if operation == "BatchGetItem":
        asked = body.get("RequestItems", {}).values()
        return [(_text(key.get("id")), "") for each in asked for key in each.get("Keys", [])]
    if operation == "SendMessage":
        return _event(body.get("MessageBody"))
    if operation == "SendMessageBatch":
        return [
            order for entry in body.get("Entries", []) for order in _event(entry.get("MessageBody"))
        ]
    if operation == "PutEvents":
        return [_published(entry.get("Detail")) for entry in body.get("Entries", [])]
    return []


def _change(item: dict[str, Any]) -> str:
    version = item.get(contract.HISTORY_VERSION_ATTRIBUTE, {}).get("N", "")
    return f"{_text(item[contract.HISTORY_ORDER_ATTRIBUTE])}:{version}"


def _published(text: Any) -> tuple[str, str]:
    event = _json(text)
    return (str(event.get("eventId", "")) if isinstance(event, dict) else "", "")


def _event(text: Any) -> list[tuple[str, str]]:
    event = _json(text)
    detail = event.get("detail") if isinstance(event, dict) else None
    if not isinstance(detail, dict):
        return []
    return [(str(detail.get("id", "")), str(detail.get("customerName", "")))]


def _text(attribute: Any) -> str:
    return str(attribute.get("S", "")) if isinstance(attribute, dict) else ""


def _json(text: Any) -> Any:
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        return None
