"""Prices as amounts of money: whole numbers of a currency's smallest unit, as 1999 for 19.99 EUR.

A stored price may be finer than its currency, as 0.001 EUR. Such an amount is rounded, half a unit
up, and what it is exactly stands beside it.
"""

from decimal import ROUND_HALF_UP, Context, Decimal
from typing import NamedTuple

from .. import contract
from ..toolkit import json_text

# Digits enough for whatever number the table can hold (38), times another one.
_PRECISE = Context(prec=100)


class Amount(NamedTuple):
    """A whole number of smallest units and, if that is rounded, the exact amount of currency as
    decimal text."""

    units: int
    exact: str | None


def decimals(currency: str) -> int:
    """How many decimals of a currency its smallest unit has; raises LookupError."""
    for found, currencies in contract.CURRENCIES.items():
        if currency in currencies.split():
            return found
    raise LookupError(f"{currency} is no currency of ISO 4217")


def amount(price: float, places: int, pieces: float = 1) -> Amount:
    """What pieces of a price come to, in units of so many decimals."""
    exact = _PRECISE.multiply(Decimal(str(price)), Decimal(str(pieces)))
    units = exact.scaleb(places, _PRECISE)
    rounded = int(units.to_integral_value(ROUND_HALF_UP))
    return Amount(rounded, None if units == rounded else f"{exact.normalize(_PRECISE):f}")


def price(units: int, places: int) -> int | float:
    """The price that an amount is, as an order keeps it."""
    return json_text.number(Decimal(units).scaleb(-places))
