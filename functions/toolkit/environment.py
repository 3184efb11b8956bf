"""Environment variables that the infrastructure sets on a function."""

import os


class SettingError(RuntimeError):
    """A variable is missing or unusable; the message names it and what was expected."""


def text(name: str) -> str:
    """The variable's value, which has to be set and not empty."""
    value = os.environ.get(name)
    if not value:
        raise SettingError(f"environment variable {name} is not set on this function")
    return value


def flag(name: str) -> bool:
    """Whether the variable is set: one that says no is left out."""
    return name in os.environ


def positive_integer(name: str) -> int:
    """The variable's value as an integer of at least 1."""
    return whole_number(name, least=1)


def whole_number(name: str, least: int = 0) -> int:
    """The variable's value as an integer of at least `least`."""
    value = text(name)
    if not (value.isascii() and value.isdigit() and int(value) >= least):
        raise SettingError(
            f"environment variable {name} must be a whole number of at least {least}, not {value!r}"
        )
    return int(value)


def positive_number(name: str) -> float:
    """The variable's value as a number above 0, with or without a fraction."""
    value = text(name)
    if not (value.isascii() and value.replace(".", "", 1).isdigit() and float(value) > 0):
        raise SettingError(f"environment variable {name} must be a number above 0, not {value!r}")
    return float(value)
