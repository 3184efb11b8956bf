"""What dead letters say: those of the queue of orders, and those of a consumer of the bus."""

import json
import re
from typing import Any, NamedTuple, Protocol

from functions import contract
from functions.orders import changes, events

MASK = "***"
_PLAIN_NAME = re.compile(r"[A-Za-z][A-Za-z0-9.]{0,63}")
_KEYS = 100  # BatchGetItem takes at most 100

# Of an event's envelope, what names nobody and nothing that a customer ordered.
_PUBLIC = ("eventId", "type", "orderId", "version", "occurredAt", "schemaVersion")


class Content(NamedTuple):
    """What one message says. `order_id` is None when its body names no order."""

    order_id: str | None
    reason: str
    correlation_id: str | None
    """The id that the logs of the request which placed the order carry."""


class Reading(Protocol):
    """How the messages of a queue are read."""

    queue: str
    """What sentences call the queue that they go back to."""

    def contents(self, messages: list[dict[str, Any]]) -> list[Content]:
        """What messages (as SQS's API has them) say, each."""

    def masked(self, body: str) -> Any:
        """What of a body may be shown without a customer's data."""


class OrderLetters:
    """Messages of the queue of orders; why they are there, the table says."""

    queue = "the order queue"

    def __init__(self, dynamodb: Any, table: str) -> None:
        self._dynamodb, self._table = dynamodb, table

    def contents(self, messages: list[dict[str, Any]]) -> list[Content]:
        """What they say, with the state that their orders are in."""
        read = [events.read(message["Body"]) for message in messages]
        orders = self._orders({order for order, *_ in read if order})
        return [
            Content(order, flaw or _reason(orders.get(order or "")), _correlation(message))
            for message, (order, flaw, _) in zip(messages, read, strict=True)
        ]

    def masked(self, body: str) -> Any:
        """The body's shape: every value masked except a plain event type.

        Names of fields are shown when the event defines them; others may be anything.
        """
        event = _object(body)
        if not isinstance(event, dict):
            return event
        masked = _masked_fields(event, ("type", "detail"))
        kind, detail = event.get("type"), event.get("detail")
        if isinstance(kind, str) and _PLAIN_NAME.fullmatch(kind):
            masked["type"] = kind
        if isinstance(detail, dict):
            masked["detail"] = _masked_fields(detail, contract.ORDER_CREATED_DETAIL)
        return masked

    def _orders(self, ids: set[str]) -> dict[str, dict[str, Any]]:
        """The state of these orders, without any of the customer's data."""
        found: dict[str, dict[str, Any]] = {}
        waiting = [{"id": {"S": order}} for order in sorted(ids)]
        while waiting:
            keys, waiting = waiting[:_KEYS], waiting[_KEYS:]
            answer = self._dynamodb.batch_get_item(
                RequestItems={
                    self._table: {
                        "Keys": keys,
                        "ConsistentRead": True,
                        "ProjectionExpression": "id, #status",
                        "ExpressionAttributeNames": {"#status": "status"},
                    }
                }
            )
            for item in answer["Responses"].get(self._table, []):
                found[item["id"]["S"]] = item
            waiting += answer.get("UnprocessedKeys", {}).get(self._table, {}).get("Keys", [])
        return found


class ConsumerLetters:
    """Events that one consumer of the bus could not consume, or was not given."""

    def __init__(self, consumer: str) -> None:
        self.queue = f"the queue of {consumer}"

    def contents(self, messages: list[dict[str, Any]]) -> list[Content]:
        """What they say; of events that did not get into the queue, what EventBridge says."""
        return [_event_content(message) for message in messages]

    def masked(self, body: str) -> Any:
        """The envelope without cause and data; of what is no event of an order, the shape."""
        event = _object(body)
        if not isinstance(event, dict):
            return event
        masked = _masked_fields(event, ("source", "detail-type", "time", "detail"))
        try:
            changes.read(event.get("detail"))
        except changes.UnreadableError:
            return masked
        shown = {name: event["detail"][name] for name in _PUBLIC}
        return {**masked, "detail": {**shown, "data": MASK}}


def _event_content(message: dict[str, Any]) -> Content:
    undelivered = events.attribute(message.get("MessageAttributes"), "ERROR_CODE")
    why = f"not delivered: {undelivered}" if undelivered else "the log of its function says why"
    event = _object(message["Body"])
    try:
        change = changes.read(event.get("detail") if isinstance(event, dict) else None)
    except changes.UnreadableError as error:
        return Content(None, f"not an event of an order ({error}); {why}", None)
    return Content(
        change.order_id, f"{change.type} {change.event_id}: {why}", change.correlation_id
    )


def _correlation(message: dict[str, Any]) -> str | None:
    attributes = message.get("MessageAttributes")
    return events.attribute(attributes, contract.CORRELATION_ID_ATTRIBUTE) or None


def _object(body: str) -> Any:
    """The object that a body is, or what may be said of it."""
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        return f"{len(body)} characters that are not JSON (--reveal prints them)"
    return event if isinstance(event, dict) else MASK


def _masked_fields(value: dict[str, Any], known: tuple[str, ...]) -> dict[str, Any]:
    masked: dict[str, Any] = {name: MASK for name in known if name in value}
    others = len(value) - len(masked)
    return {**masked, f"({others} other fields)": MASK} if others else masked


def _reason(order: dict[str, Any] | None) -> str:
    if order is None:
        return "unknown order: nothing in the table has this id"
    status = order.get("status", {}).get("S")
    return {
        contract.FAILED: "failed: the processor gave up on the last permitted receive",
        contract.CONFIRMED: "confirmed meanwhile: another delivery of the event was processed",
        contract.PENDING: "undelivered: the processor never finished; the repair sends it again",
    }.get(status, f"the order's status is {status!r}")
