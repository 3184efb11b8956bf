"""Checks of plain inputs. From other languages every number arrives as a float."""


def whole(name: str, value: float) -> int:
    """The value as an int; raises ValueError, naming the input, when it has a fraction."""
    if isinstance(value, bool) or value != int(value):
        raise ValueError(f"{name} must be a whole number, not {value!r}")
    return int(value)
