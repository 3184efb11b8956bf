"""What estimates count on: the AWS calls of a warm invocation, and the bytes that it logs."""

import json
import uuid
from typing import Any

import pytest

from components.order_functions import NAMES
from operations.cost import sizes
from operations.cost.calls import CALLS, calls
from operations.cost.estimate import assumptions
from tests.functions.support import (
    LIMITED,
    ORDER,
    VARIABLES,
    Functions,
    created,
    record,
    signed_in,
)

BATCHED = ("process_order", "publish_changes", "record_history")
LINES = assumptions()["logs"]["lines"]


def bus_events(functions: Functions, order_id: str) -> list[dict[str, Any]]:
    """An order's events on the bus, as a consumer's queue has them."""
    return [
        {"detail-type": each["DetailType"], "detail": json.loads(each["Detail"])}
        for each in functions.aws.events
        if order_id in each["Detail"]
    ]


def invoke(functions: Functions, name: str, units: int) -> None:
    """Have a function do so many units of its work, on orders made for it."""
    made = [functions.create(ORDER).body["id"] for _ in range(units)]
    messages = [record(created(each), f"m-{each}") for each in made]
    if name in ("get_order", "get_order_history", "create_order"):
        work: Any = {
            "create_order": lambda: functions.create(ORDER),
            "get_order": lambda: functions.get(made[0]),
            "get_order_history": lambda: functions.history(made[0]),
        }[name]
    elif name == "process_order":
        work = lambda: functions.process(*messages)  # noqa: E731
    elif name == "publish_changes":
        changed = functions.aws.records()[-units:]
        work = lambda: functions.invoke("publish_changes", {"Records": changed})  # noqa: E731
    elif name == "record_history":
        functions.invoke("publish_changes", {"Records": functions.aws.records()[-units:]})
        bodies = [event for each in made for event in bus_events(functions, each)]
        work = lambda: functions.record(*bodies)  # noqa: E731
    else:
        functions.process(*messages)
        work = functions.republish
    functions.output()
    functions.aws.requests.clear()
    work()


def entries(functions: Functions) -> dict[str, float]:
    """The operations asked for; an entry of a call that takes several counts as the call."""
    found: dict[str, float] = {}
    for operation, request in functions.aws.requests:
        found[operation] = found.get(operation, 0) + len(request.get("Entries", [None]))
    return found


@pytest.mark.parametrize("name", CALLS)
def test_a_unit_of_work_makes_the_calls_that_are_counted_on(
    functions: Functions, name: str
) -> None:
    units = 3 if name in BATCHED else 1
    invoke(functions, name, units)
    counted = {each: units * calls(name, each, VARIABLES) for each in CALLS[name]}
    expected = {each: times for each, times in counted.items() if times}
    # The repair looks at some shards only once in many runs.
    assert entries(functions) == pytest.approx(
        expected, abs=1 if name == "republish_pending" else 0
    )


@pytest.mark.parametrize("name", ["create_order", "get_order", "get_order_history", "list_orders"])
def test_where_callers_have_limits_a_request_is_one_call_more(
    functions: Functions, variables: pytest.MonkeyPatch, name: str
) -> None:
    environment = VARIABLES | LIMITED
    for each, value in environment.items():
        variables.setenv(each, value)
    body = ORDER if name == "create_order" else None
    path = {"pathParameters": {"id": str(uuid.uuid4())}}
    functions.call(name, signed_in("ada", body) | path)
    alone = {each: calls(name, each, environment) for each in CALLS.get(name, ["Query"])}
    assert entries(functions) == {**alone, "UpdateItem": calls(name, "UpdateItem", environment)}


@pytest.mark.parametrize("name", CALLS)
def test_what_it_logs_is_as_much_as_is_counted_on(
    functions: Functions, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    functions.context.aws_request_id = str(uuid.uuid4())
    measured = {}
    for units in (1, 5) if name in BATCHED else (1,):
        invoke(functions, name, units)  # the first one is cold
        invoke(functions, name, units)
        measured[units] = len(capsys.readouterr().out.replace("\n", ""))
    assumed = LINES[name]
    for units, size in measured.items():
        expected = assumed["invocation"] + units * assumed["unit"]
        assert expected == pytest.approx(size, rel=0.1), f"{name}: {measured}"


def test_the_sizes_of_an_order_are_those_of_what_the_functions_write(functions: Functions) -> None:
    order_id = functions.create(ORDER | {"items": ORDER["items"] * 2}).body["id"]
    functions.process(record(created(order_id)))
    [(_, placed), (_, confirmed)] = functions.aws.writes
    functions.invoke("publish_changes", {"Records": functions.aws.records()})
    functions.record(*bus_events(functions, order_id))
    life = sizes.life(4, 365)
    assert life.placed.keys() == placed.keys()
    assert life.confirmed.keys() == confirmed.keys()
    assert sizes.item(life.placed) == pytest.approx(sizes.item(placed), rel=0.1)
    message = functions.aws.messages[0]
    attributes = message["MessageAttributes"].items()
    sent_bytes = len(message["MessageBody"]) + sum(
        len(name + value["DataType"] + value["StringValue"]) for name, value in attributes
    )
    assert life.message == pytest.approx(sent_bytes, rel=0.1)
    sent = {each["DetailType"]: len(each["Detail"]) for each in functions.aws.events}
    assert life.events == pytest.approx(sent, rel=0.15)
    recorded = [sizes.item(each) for each in functions.aws.history.values()]
    assert [sizes.item(each) for each in life.history] == pytest.approx(recorded, rel=0.1)


def test_functions_that_are_counted_on_are_there() -> None:
    assert set(CALLS) <= set(NAMES)
    assert set(LINES) - {"others"} <= set(NAMES)
