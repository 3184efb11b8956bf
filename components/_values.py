"""Checks of plain inputs. From other languages every number arrives as a float."""

from math import isfinite


def whole(name: str, value: float) -> int:
    """The value as an int; raises ValueError, naming the input, when it is no whole number."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not isfinite(value) or value != int(value):
        raise ValueError(f"{name} must be a whole number, not {value!r}")
    return int(value)
