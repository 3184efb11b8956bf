"""Changes of orders: the event that tells one on the bus, its form built and read here alone.

EventBridge carries it as `source` (contract.EVENT_SOURCE), `detail-type` (contract.CHANGE_EVENTS)
and `detail`, the envelope that `Change.detail` writes; change_schema.py describes it, and
asyncapi.json to everybody else. An event may be delivered twice, and a later one of the same order
before an earlier one: `eventId` tells the first, `version` the second.

A version of the schema allows further members, which a reader ignores. What else changes in an
event is a new `schemaVersion`.
"""

import json
from typing import Any, NamedTuple

from .. import contract
from . import order

SCHEMA_VERSION = 1

_encode = json.JSONEncoder(separators=(",", ":")).encode


class UnreadableError(Exception):
    """What was read is not a change of an order; the text says why and repeats nothing of it."""


class Change(NamedTuple):
    """A change of an order's status: the order was placed, confirmed, given up ..."""

    order_id: str
    version: int
    """1 for a new order and one more with every change; 0 is an order that was stored before
    orders had versions."""
    previous_status: str | None
    """None: the order is new."""
    status: str
    cause: str
    occurred_at: str
    created_at: str
    correlation_id: str | None
    """Id of the request that placed the order; None for one stored before these were kept."""
    details: order.Order | None = None
    """Of a new order alone."""
    message_id: str | None = None
    """Of an order that failed: the message that was given up."""
    synthetic: bool = False
    """Whether the order is one of the stack's synthetic orders."""
    owner: str | None = None
    """The subject of who placed it; None: nobody had signed in."""

    @property
    def type(self) -> str:
        """The event's type, which is also its detail-type."""
        return contract.CHANGE_EVENTS[self.status]

    @property
    def event_id(self) -> str:
        """The same for every event of this change: what a consumer knows repeated ones by."""
        return f"{self.order_id}:{self.version}"

    def detail(self) -> str:
        """The event's detail as JSON in ASCII, so that its length is its size."""
        data: dict[str, Any] = {
            "previousStatus": self.previous_status,
            "status": self.status,
            "createdAt": self.created_at,
        }
        if self.details is not None:
            data |= self.details
        if self.message_id:
            data["messageId"] = self.message_id
        if self.synthetic:
            data["synthetic"] = True
        if self.owner is not None:
            data["owner"] = self.owner
        return _encode(
            {
                "schemaVersion": SCHEMA_VERSION,
                "eventId": self.event_id,
                "type": self.type,
                "orderId": self.order_id,
                "version": self.version,
                "occurredAt": self.occurred_at,
                "correlationId": self.correlation_id,
                "cause": self.cause,
                "data": data,
            }
        )


def cause(previous_status: str | None, status: str) -> str | None:
    """What leads from one status to another (None: what places an order); None: nothing does."""
    if previous_status is None:
        return contract.PLACED if status == contract.PENDING else None
    return contract.TRANSITIONS.get((previous_status, status))


def read(detail: Any) -> Change:
    """The change that an event's detail tells; raises UnreadableError."""
    if not isinstance(detail, dict) or not isinstance(detail.get("data"), dict):
        raise UnreadableError("the event has no detail with data")
    if detail.get("schemaVersion") != SCHEMA_VERSION:
        raise UnreadableError(f"the event is not of schema version {SCHEMA_VERSION}")
    data = detail["data"]
    version = detail.get("version")
    if type(version) is not int or version < 0:
        raise UnreadableError("version is not a whole number")
    details = {name: data[name] for name in ("customerName", "items") if name in data}
    change = Change(
        _text(detail, "orderId"),
        version,
        _text(data, "previousStatus", optional=True),
        _text(data, "status"),
        _text(detail, "cause"),
        _text(detail, "occurredAt"),
        _text(data, "createdAt"),
        _text(detail, "correlationId", optional=True),
        details or None,
        _text(data, "messageId", optional=True),
        data.get("synthetic") is True,
        _text(data, "owner", optional=True),
    )
    if not order.is_id(change.order_id):
        raise UnreadableError("orderId is not an order's id")
    if change.status not in contract.CHANGE_EVENTS or detail.get("type") != change.type:
        raise UnreadableError("type is not that of the status")
    if detail.get("eventId") != change.event_id:
        raise UnreadableError("eventId is not that of the order and its version")
    if order.milliseconds(change.occurred_at) is None:
        raise UnreadableError("occurredAt is not a time")
    return change


def _text(members: dict[str, Any], name: str, optional: bool = False) -> Any:
    value = members.get(name)
    if not isinstance(value, str) and not (optional and value is None):
        raise UnreadableError(f"{name} is not a text")
    return value
