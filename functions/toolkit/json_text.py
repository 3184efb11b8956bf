"""JSON text to values that a schema can be checked against, and numbers back to JSON.

A number becomes an int or a Decimal, so nothing is rounded and no size of number is an error of
the parser. What JSON leaves open is closed: NaN and Infinity are refused, a member name that
appears twice in one object is kept as a mark for the validator (`Duplicated`).
"""

import json
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn


class UnreadableError(ValueError):
    """The text is not JSON; the message says what is wrong and is safe to show to the caller."""


class Duplicated(dict[str, Any]):
    """An object some of whose member names appear more than once: they are in `names`."""

    names: list[str]


def parse(text: str) -> Any:
    """The value of a JSON text; raises UnreadableError."""
    try:
        return _decode(text)
    except json.JSONDecodeError as error:
        raise UnreadableError(f"{error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise UnreadableError("it is nested too deeply") from None


def number(value: int | Decimal) -> int | float:
    """The int or float that JSON and DynamoDB write as this number.

    A float is exact here up to 15 significant digits; the schema allows 14.
    """
    if isinstance(value, int):
        return value
    inexact = float(value)
    whole = int(inexact)
    return whole if whole == inexact else inexact


def number_of(text: str) -> int | float:
    """The number that DynamoDB has as this text."""
    try:
        return int(text)
    except ValueError:
        return number(Decimal(text))


def _decode(text: str) -> Any:
    try:
        return _DECODER.decode(text)
    except (json.JSONDecodeError, UnreadableError):
        raise
    except (InvalidOperation, ValueError):
        # A number that Python refuses to read: more than 4,300 digits, or a vast exponent.
        return _PATIENT_DECODER.decode(text)


def _number(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        # An exponent past 10**18: any value of the same kind is refused for the same reason.
        mantissa, _, exponent = text.lower().partition("e")
        if not Decimal(mantissa):
            return Decimal(0)
        size = Decimal("1e-9999") if exponent.startswith("-") else Decimal("1e9999")
        return size.copy_sign(Decimal(mantissa))


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) == len(pairs):
        return members
    seen: set[str] = set()
    repeated = Duplicated(members)
    repeated.names = [name for name, _ in pairs if name in seen or seen.add(name)]  # type: ignore[func-returns-value]
    return repeated


def _refuse(constant: str) -> NoReturn:
    raise UnreadableError(f"{constant} is not a JSON number")


_DECODER = json.JSONDecoder(parse_float=Decimal, parse_constant=_refuse, object_pairs_hook=_members)
_PATIENT_DECODER = json.JSONDecoder(
    parse_int=_number, parse_float=_number, parse_constant=_refuse, object_pairs_hook=_members
)
