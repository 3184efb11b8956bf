"""Version 2 of the API: money is an integer with its currency, a customer has members, orders and
their items have totals.

An item's total is its exact price times its quantity, rounded once; an order's total is the sum of
its items' totals, as on an invoice. Its schemas stand here: a function loads all of it with the
first request that asks for this version.
"""

import functools
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ... import contract
from .. import money, schema
from ..order import Found, Order
from ..schema import Schema

if TYPE_CHECKING:
    from ..own_orders import Listed
    from .reading import Reader

CURRENCY = os.environ.get(contract.CURRENCY_VARIABLE, contract.DEFAULT_CURRENCY)
_DECIMALS = money.decimals(CURRENCY)
_ITEM = schema.ORDER_ITEM["properties"]

_CURRENCY: Schema = {
    "type": "string",
    "description": "ISO 4217. A system has one; the same for all its prices.",
    "enum": [CURRENCY],
    "errorMessage": {"enum": f"must be {CURRENCY}, the currency of this system"},
    "examples": [CURRENCY],
}
_PRICE: Schema = {
    "type": "object",
    "additionalProperties": False,
    "required": ["amount", "currency"],
    "properties": {
        "amount": {
            "type": "integer",
            "description": "In the currency's smallest unit, as cents.",
            "minimum": 0,
            "maximum": _ITEM["price"]["maximum"] * 10**_DECIMALS,
            "examples": [1250],
        },
        "currency": _CURRENCY,
    },
}
_CUSTOMER: Schema = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name"],
    "properties": {"name": schema.CUSTOMER_NAME},
}
ORDER_REQUEST: Schema = {
    "type": "object",
    "additionalProperties": False,
    "required": ["customer", "items"],
    "properties": {
        "customer": _CUSTOMER,
        "items": {
            **schema.ITEMS,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["sku", "qty", "unitPrice"],
                "properties": {"sku": _ITEM["sku"], "qty": _ITEM["qty"], "unitPrice": _PRICE},
            },
        },
    },
}


def _money(units: int) -> Schema:
    return {
        "type": "object",
        "required": ["amount", "currency"],
        "properties": {
            "amount": {
                "type": "integer",
                "description": "In the currency's smallest unit; sums may be beyond 2^53.",
                "examples": [units],
            },
            "currency": {**_CURRENCY, "enum": [CURRENCY]},
            "exact": {
                "type": "string",
                "description": "Only where `amount` is rounded, half a unit up, because a price of "
                "version 1 is finer than the currency: the exact amount of the currency.",
                "pattern": r"^-?[0-9]+(\.[0-9]+)?$",
                "examples": [],
            },
        },
    }


ORDER_CREATED_RESPONSE: Schema = {
    **schema.ORDER_CREATED_RESPONSE,
    "required": [*schema.ORDER_CREATED_RESPONSE["required"], "total"],
    "properties": {**schema.ORDER_CREATED_RESPONSE["properties"], "total": _money(2500)},
}
ORDER: Schema = {
    "type": "object",
    "required": ["id", "customer", "items", "total", "status", "createdAt"],
    "properties": {
        "id": schema.ORDER_ID,
        "customer": {
            "type": "object",
            "required": ["name"],
            "properties": {"name": schema.ORDER["properties"]["customerName"]},
        },
        "items": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["sku", "qty", "unitPrice", "total"],
                "properties": {
                    "sku": _ITEM["sku"],
                    "qty": _ITEM["qty"],
                    "unitPrice": _money(1250),
                    "total": _money(2500),
                },
            },
        },
        "total": _money(2500),
        "status": schema.STATUS,
        "createdAt": schema.TIMESTAMP,
        "updatedAt": schema.TIMESTAMP,
        "owner": schema.OWNER,
    },
}


@functools.cache
def reader() -> "Reader":
    """What reads the body of POST /v2/orders; compiled at the first call."""
    from . import reading

    return reading.compiled(ORDER_REQUEST, _canonical)


def _canonical(valid: dict[str, Any]) -> Order:
    return {
        "customerName": valid["customer"]["name"].strip(schema.WHITESPACE),
        "items": [
            {
                "sku": item["sku"],
                "qty": int(item["qty"]),
                "price": money.price(int(item["unitPrice"]["amount"]), _DECIMALS),
            }
            for item in valid["items"]
        ],
    }


def accepted(order_id: str, status: str, created_at: str, details: Order) -> dict[str, Any]:
    """The answer to an order that was placed, now or by an earlier request."""
    return {
        "id": order_id,
        "status": status,
        "createdAt": created_at,
        "total": _sum(map(_total, details["items"])),
    }


def order(found: Found) -> dict[str, Any]:
    """An order as it stands."""
    totals = [_total(item) for item in found.details["items"]]
    shown = {
        "id": found.order_id,
        "customer": {"name": found.details["customerName"]},
        "items": [
            {
                "sku": item["sku"],
                "qty": item["qty"],
                "unitPrice": _shown(money.amount(item["price"], _DECIMALS)),
                "total": _shown(total),
            }
            for item, total in zip(found.details["items"], totals, strict=True)
        ],
        "total": _sum(totals),
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
        "customer": {"name": found.customer_name},
        "status": found.status,
        "createdAt": found.created_at,
    }
    return shown if found.updated_at is None else {**shown, "updatedAt": found.updated_at}


def _total(item: dict[str, Any]) -> money.Amount:
    return money.amount(item["price"], _DECIMALS, item["qty"])


def _sum(totals: Iterable[money.Amount]) -> dict[str, Any]:
    return {"amount": sum(each.units for each in totals), "currency": CURRENCY}


def _shown(amount: money.Amount) -> dict[str, Any]:
    shown = {"amount": amount.units, "currency": CURRENCY}
    return shown if amount.exact is None else {**shown, "exact": amount.exact}
