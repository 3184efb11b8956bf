"""How large an order is wherever it goes, by the code that writes it there."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from functions import contract
from functions.orders import changes, events, order
from functions.orders.bus import event_of
from functions.orders.changes import Change
from functions.orders.history_item import item_of
from functions.orders.store import New, Store

Item = Mapping[str, Any]  # in DynamoDB's wire form

WRITE_UNIT, READ_UNIT = 1024, 4096
"""Bytes: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html"""

CHUNK = 65_536
"""Bytes of one billed request of SQS, and of one billed event."""

# Of the lengths that API Gateway's request ids, people's names and articles' codes have.
_REQUEST_ID, _CUSTOMER, _SKU, _PRICE = "JKJaXmPLvHcESHA=", "Ada Lovelace", "SKU-{:04}", 19.95
_OWNER = "64284478-b0a1-70dd-8e1d-3f1c8a5d3c52"
_MOMENT = "2026-01-31T12:00:00.000Z"


class Life(NamedTuple):
    """An order that is placed and confirmed: its item after each, and what tells of it."""

    placed: Item
    confirmed: Item
    message: int
    """Bytes of its message in the queue."""
    events: dict[str, int]
    """Bytes of its events on the bus, by type."""
    history: list[Item]
    """Its items in the history, one for each event."""


def life(items: int, history_days: int, *, owned: bool = False) -> Life:
    """The life of an order of so many items, `owned` by somebody who has signed in."""
    details = {
        "customerName": _CUSTOMER,
        "items": [{"sku": _SKU.format(n), "qty": 1, "price": _PRICE} for n in range(items)],
    }
    text, order_id = order.text(details), order.random_id()
    written = _Written()
    new = New(details, order.fingerprint(text), _MOMENT, _REQUEST_ID, _OWNER if owned else None)
    Store(written, "").put_new(order_id, new, 1)
    [placed] = written.items
    confirmed = {**placed, "status": {"S": contract.CONFIRMED}, "version": {"N": "2"}}
    del confirmed[contract.PENDING_SHARD_ATTRIBUTE]
    first = _change(order_id, None, contract.PENDING)._replace(details=details)
    told = [first, _change(order_id, contract.PENDING, contract.CONFIRMED)]
    return Life(
        placed,
        confirmed,
        events.message(order_id, text, _MOMENT, _REQUEST_ID).size,
        {each.type: event_of(each).size for each in told},
        [item_of(each, history_days) for each in told],
    )


def _change(order_id: str, before: str | None, status: str) -> Change:
    cause = changes.cause(before, status) or ""
    version = 1 if before is None else 2
    return Change(order_id, version, before, status, cause, _MOMENT, _MOMENT, _REQUEST_ID)


class _Written:
    """A client of DynamoDB that keeps what it is told to put."""

    def __init__(self) -> None:
        self.items: list[dict[str, Any]] = []

    def put_item(self, **request: Any) -> dict[str, Any]:
        self.items.append(request["Item"])
        return {}


def units(size: float, unit: int) -> int:
    """The units that so many bytes are billed as; nothing at all is one, too."""
    return max(1, math.ceil(size / unit))


def item(attributes: Item) -> int:
    """The bytes of an item.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
    """
    return sum(len(name.encode()) + _value(value) for name, value in attributes.items())


def _value(value: Mapping[str, Any]) -> int:
    [(kind, content)] = value.items()
    match kind:
        case "S":
            return len(str(content).encode())
        case "N":
            digits = sum(each.isdigit() for each in str(content))
            return (digits + 1) // 2 + 1
        case "L":
            return 3 + sum(1 + _value(each) for each in content)
        case "M":
            return 3 + sum(1 + len(name.encode()) + _value(each) for name, each in content.items())
        case "B":
            return len(content)
        case _:  # BOOL, NULL
            return 1


def index_writes(index: Mapping[str, Any], table_keys: set[str], old: Item, new: Item) -> int:
    """The write units that a change of an item (from nothing: {}) costs an index of its table.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.html (write capacity)
    """
    before, after = (_projected(index, table_keys, each) for each in (old, new))
    if before == after:
        return 0
    if not before or not after:
        return units(item(before or after), WRITE_UNIT)
    keys = _keys(index)
    if all(before[key] == after[key] for key in keys):
        return units(max(item(before), item(after)), WRITE_UNIT)
    return units(item(before), WRITE_UNIT) + units(item(after), WRITE_UNIT)


def _keys(index: Mapping[str, Any]) -> set[str]:
    named = {index.get("hashKey"), index.get("rangeKey")}
    named |= {each["attributeName"] for each in index.get("keySchemas") or []}
    return {each for each in named if each}


def _projected(index: Mapping[str, Any], table_keys: set[str], whole: Item) -> Item:
    keys = _keys(index)
    if not keys <= whole.keys():
        return {}
    if index["projectionType"] == "ALL":
        return whole
    kept = keys | table_keys | set(index.get("nonKeyAttributes") or [])
    return {name: value for name, value in whole.items() if name in kept}
