"""An order: its canonical form, its id, its fingerprint, its status machine."""

import hashlib
import hmac
import json
import os
import uuid
from datetime import UTC, datetime
from typing import Any, NamedTuple

from .. import contract

Order = dict[str, Any]  # canonical: {"customerName": str, "items": [{"sku", "qty", "price"}]}


class Found(NamedTuple):
    """An order as it is stored; times are timestamps (`timestamp`)."""

    order_id: str
    details: Order
    status: str
    created_at: str
    updated_at: str | None
    """None: it was stored by something else than these functions."""
    owner: str | None = None
    """The subject of who placed it; None: nobody had signed in."""


class Transition(NamedTuple):
    """Whether a status was changed, and the status afterwards (None: there is no such order);
    of one that was not changed, also since when (`updatedAt`) it is as it is, and if it failed
    the id of the message whose delivery that was."""

    applied: bool
    status: str | None
    since: str | None = None
    failed_message: str | None = None
    region: str | None = None
    """Of one that was not changed, whose it is, where there are several regions."""
    elsewhere: bool = False
    """Whether it was not changed because it is another region's."""


_encode = json.JSONEncoder(separators=(",", ":")).encode


def text(order: Order) -> str:
    """The canonical order as JSON: the same text for requests that mean the same, and ASCII only,
    so SQS takes every character."""
    return _encode(order)


def fingerprint(order_text: str) -> str:
    """SHA-256 (hexadecimal) of an order's text."""
    return hashlib.sha256(order_text.encode()).hexdigest()


def is_id(text: str) -> bool:
    """Whether a text can be an order's id."""
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def is_synthetic(customer_name: Any) -> bool:
    """Whether an order of this customer is one of the stack's synthetic orders."""
    # The environment is asked at the second look only: where there are none, they cost no start.
    return (
        isinstance(customer_name, str)
        and customer_name.startswith(contract.SYNTHETIC_PREFIX)
        and customer_name == os.environ.get(contract.SYNTHETIC_CUSTOMER_VARIABLE)
    )


def random_id() -> str:
    """A new order id (UUIDv4)."""
    return str(uuid.uuid4())


def derived_id(secret: bytes, *names: str) -> str:
    """The order id (UUIDv8: HMAC-SHA256, RFC 9562) that belongs to what these names name: a
    caller and an idempotency key, or a line of a file.

    Who knows the names but not the stack's secret learns nothing of the id. None of them but the
    last contains a line feed, so two lists of one length never make the same message, and those
    of a caller and a key, of which neither has one, make none of any other length.
    """
    digest = int.from_bytes(hmac.digest(secret, "\n".join(names).encode(), "sha256")[:16])
    versioned = digest & ~(0xF << 76) | 8 << 76
    return str(uuid.UUID(int=versioned & ~(0b11 << 62) | 0b10 << 62))


def shard(order_id: str, shards: int) -> int:
    """Which of so many shards of the index over pending orders an order belongs to."""
    return int(order_id[-8:], 16) % shards


def now() -> str:
    """The present as ISO-8601 in UTC with milliseconds: 2026-01-31T12:00:00.000Z."""
    return timestamp(datetime.now(UTC))


def timestamp(moment: datetime) -> str:
    """ISO-8601 with milliseconds of an aware UTC datetime; sorts as text like as time."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def milliseconds(text: str) -> float | None:
    """Milliseconds since the epoch of an ISO-8601 timestamp; None for any other text."""
    try:
        return datetime.fromisoformat(text).timestamp() * 1000
    except ValueError:
        return None


def sources(target: str, *causes: str) -> list[str]:
    """The statuses from which one of the causes leads to the target status."""
    return [
        source
        for (source, reached), cause in contract.TRANSITIONS.items()
        if reached == target and cause in causes
    ]
