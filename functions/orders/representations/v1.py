"""Version 1 of the API: prices are numbers in the system's currency, `customerName` is a text.

Its schemas stand apart (orders/schema.py): what only shows orders does not load them.
"""

import functools
from typing import TYPE_CHECKING, Any

from ...toolkit import json_text
from ..order import Found, Order

if TYPE_CHECKING:
    from ..own_orders import Listed
    from .reading import Reader


@functools.cache
def reader() -> "Reader":
    """What reads the body of POST /orders; compiled at the first call."""
    from .. import schema
    from . import reading

    def canonical(valid: dict[str, Any]) -> Order:
        return {
            "customerName": valid["customerName"].strip(schema.WHITESPACE),
            "items": [
                {
                    "sku": item["sku"],
                    "qty": int(item["qty"]),
                    "price": json_text.number(item["price"]),
                }
                for item in valid["items"]
            ],
        }

    return reading.compiled(schema.ORDER_REQUEST, canonical)


def accepted(order_id: str, status: str, created_at: str, _details: Order) -> dict[str, Any]:
    """The answer to an order that was placed, now or by an earlier request."""
    return {"id": order_id, "status": status, "createdAt": created_at}


def order(found: Found) -> dict[str, Any]:
    """An order as it stands."""
    shown = {
        "id": found.order_id,
        "customerName": found.details["customerName"],
        "items": found.details["items"],
        "status": found.status,
        "createdAt": found.created_at,
    }
    if found.updated_at is not None:
        shown["updatedAt"] = found.updated_at
    if found.owner is not None:
        shown["owner"] = found.owner
    return shown


def listed(found: "Listed") -> dict[str, Any]:
    """An order in a list of orders."""
    shown = {
        "id": found.order_id,
        "customerName": found.customer_name,
        "status": found.status,
        "createdAt": found.created_at,
    }
    return shown if found.updated_at is None else {**shown, "updatedAt": found.updated_at}
