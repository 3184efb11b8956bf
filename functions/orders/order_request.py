"""The body of POST /orders: checked, then brought into the order's canonical form."""

from typing import Any

from ..toolkit import json_text, validation
from . import schema
from .order import Order

validate = validation.compile_schema(schema.ORDER_REQUEST)


def canonical(valid: dict[str, Any]) -> Order:
    """The order of a validated request: name trimmed, numbers as int or float."""
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
