"""What follows from the entry of a function, and from the settings under which it exists."""

import re
from typing import Any

import pytest

from components import OrderSystem, order_functions
from components.order_functions import OrderFunction, on_table, operations
from tests.recorder import Recording, deploy, small_bundle
from tests.unit import stacks

PURGE = OrderFunction(
    name="purge_orders",
    route=(stacks.UNUSED_METHOD, "/orders"),
    environment=lambda _: {},
    grants=(on_table("DeleteItem"),),
    sources=lambda _: {"schedule": {"expression": "rate(1 day)"}},
    when=lambda settings: settings["memory_size"] > 1000,
)
ROUTE = f"{stacks.UNUSED_METHOD} /orders"
METHODS = {"methods": [*order_functions.METHODS, stacks.UNUSED_METHOD]}


@pytest.fixture(autouse=True)
def declared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order_functions, "FUNCTIONS", (*order_functions.FUNCTIONS, PURGE))


def shop(**inputs: Any) -> Recording:
    given: Any = {"code": small_bundle(), **inputs}

    def program() -> None:
        system = OrderSystem("shop", given)
        system.function_names.apply(names.append)

    names: list[dict[str, str]] = []
    recorded = deploy(program)
    recorded.outputs["names"] = names[0]
    return recorded


def test_a_function_is_there_with_all_that_follows_where_its_settings_ask_for_it() -> None:
    recorded = shop(memory_size=2048, cors=METHODS)
    function = recorded.one(stacks.FUNCTION, "shop-purge-orders").outputs["name"]
    assert recorded.outputs["names"]["purge_orders"] == function
    assert ROUTE in {each.inputs["routeKey"] for each in recorded.of(stacks.ROUTE)}
    # Its role, log group, alias, alarms, schedule, failure queue, ...
    kinds = {each.type for each in recorded.registrations if "purge-orders" in each.name}
    assert kinds >= {
        stacks.ROLE,
        stacks.LOG_GROUP,
        stacks.ALIAS,
        stacks.ALARM,
        stacks.SCHEDULE,
        stacks.QUEUE,
    }
    shown = str([each.inputs["dashboardBody"] for each in recorded.of(stacks.DASHBOARD)])
    assert function in shown
    errors = recorded.one(stacks.ALARM, "shop-observability-orders-table-system-errors")
    assert "DeleteItem" in str(errors.inputs["metricQueries"])


def test_it_is_nowhere_where_they_do_not() -> None:
    recorded = shop(memory_size=512)  # nor does anything ask for its method to be one of pages'
    labels = {name.replace("_", "-") for name in recorded.outputs["names"]}
    assert labels == set(stacks.FUNCTIONS)
    everything = str([(each.name, each.inputs) for each in recorded.registrations])
    assert not re.search(f"purge.orders|{ROUTE}'|DeleteItem'", everything)


def test_what_it_lacks_is_asked_for_only_where_it_is() -> None:
    with pytest.raises(
        ValueError, match=rf"cors.methods: expected {stacks.UNUSED_METHOD} too, for purge"
    ):
        shop(memory_size=2048)


def test_concurrency_is_reserved_for_no_function_that_is_left_out() -> None:
    with pytest.raises(ValueError, match=r"reserved_concurrency.list_orders: expected no such key"):
        shop(memory_size=512, reserved_concurrency={"list_orders": 5})


def test_the_bundle_carries_what_any_function_may_call() -> None:
    assert "DeleteItem" in operations(order_functions.FUNCTIONS)["dynamodb"]
