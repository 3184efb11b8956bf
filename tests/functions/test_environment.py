"""A function without a setting it needs does not start, and says which one."""

import importlib

import pytest

from tests.functions.support import Functions

NEEDED = [
    ("create_order", "ORDERS_TABLE_NAME"),
    ("create_order", "ORDER_EVENTS_QUEUE_URL"),
    ("create_order", "ORDER_ID_KEY"),
    ("create_order", "POWERTOOLS_SERVICE_NAME"),
    ("get_order", "ORDERS_TABLE_NAME"),
    ("get_order", "POWERTOOLS_SERVICE_NAME"),
    ("process_order", "ORDERS_TABLE_NAME"),
    ("process_order", "MAX_RECEIVE_COUNT"),
    ("process_order", "POWERTOOLS_SERVICE_NAME"),
    ("republish_pending", "ORDERS_TABLE_NAME"),
    ("republish_pending", "ORDER_EVENTS_QUEUE_URL"),
    ("republish_pending", "PENDING_THRESHOLD_SECONDS"),
    ("republish_pending", "REPUBLISH_LIMIT"),
    ("republish_pending", "POWERTOOLS_SERVICE_NAME"),
]


@pytest.mark.parametrize(("function", "name"), NEEDED)
@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_variable_is_named(
    variables: pytest.MonkeyPatch, function: str, name: str, value: str | None
) -> None:
    if value is None:
        variables.delenv(name)
    else:
        variables.setenv(name, value)
    with pytest.raises(RuntimeError, match=f"environment variable {name} is not set"):
        importlib.import_module(f"functions.{function}")


@pytest.mark.parametrize(
    ("function", "name"),
    [need for need in NEEDED if need[1].endswith(("COUNT", "SECONDS", "LIMIT"))],
)
@pytest.mark.parametrize("value", ["0", "-1", "1.5", "many", "٣", " 1"])
def test_a_variable_that_is_no_positive_number_is_named(
    variables: pytest.MonkeyPatch, function: str, name: str, value: str
) -> None:
    variables.setenv(name, value)
    with pytest.raises(RuntimeError, match=f"{name} must be a whole number of at least 1"):
        importlib.import_module(f"functions.{function}")


def test_get_order_needs_no_queue(functions: Functions, variables: pytest.MonkeyPatch) -> None:
    variables.delenv("ORDER_EVENTS_QUEUE_URL")
    assert functions.get("7c9e6679-7425-40de-944b-e07fc1f90ae7").status == 404
