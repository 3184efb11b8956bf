"""What the versions have in common when they read an order that a request brings."""

from collections.abc import Callable
from typing import Any

from ...toolkit.problems import Problem
from ...toolkit.validation import MAX_ERRORS, compile_schema
from .. import problems
from ..order import Order

Reader = Callable[[Any], Order]
"""The canonical order of a parsed body; raises Problem, which names every offending field."""


def compiled(schema: dict[str, Any], canonical: Callable[[dict[str, Any]], Order]) -> Reader:
    """Reads what a schema allows; `canonical` makes an order of a value that it does."""
    validate = compile_schema(schema)

    def read(value: Any) -> Order:
        errors = validate(value)
        if errors:
            count = f"{len(errors)} or more" if len(errors) == MAX_ERRORS else str(len(errors))
            raise Problem(
                problems.INVALID_ORDER,
                f"Errors found: {count}; each is listed with the place it is at.",
                errors=errors,
                log={"errors": len(errors)},
            )
        return canonical(value)

    return read
