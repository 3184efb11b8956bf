"""Item count and table size in the graph: what they need, and nothing of it while off."""

import json

from functions import contract
from tests.recorder import Recording
from tests.unit import stacks

GRAPHS = ("Orders in the table", "Size of the table (bytes)")


def widgets(recorded: Recording) -> list[dict[str, dict[str, object]]]:
    bodies = [json.loads(each.inputs["dashboardBody"]) for each in recorded.of(stacks.DASHBOARD)]
    return [widget for body in bodies for widget in body["widgets"]]


def test_off_they_are_nowhere() -> None:
    recorded = stacks.recording(**stacks.LEAST)
    everything = str([(each.name, each.inputs) for each in recorded.registrations])
    assert "measure" not in everything
    assert contract.ORDERS_STORED not in everything
    texts = [str(each["properties"].get("markdown")) for each in widgets(recorded)]
    assert any("**orders-table: item count and table size** are not" in each for each in texts)


def test_every_stack_measures_its_table_once_a_day() -> None:
    for stack in stacks.STACKS:
        recorded = stacks.recording(stack)
        function = stacks.function(recorded, "measure-table")
        table = recorded.one(stacks.TABLE, "orders").outputs["name"]
        assert function.inputs["environment"]["variables"]["ORDERS_TABLE_NAME"] == table
        schedule = recorded.one(stacks.SCHEDULE, "orders-measure-table").inputs
        assert schedule["scheduleExpression"] == "rate(1440 minutes)"
        texts = [str(each["properties"].get("markdown")) for each in widgets(recorded)]
        assert not any("orders-table: item count" in each for each in texts)


def test_it_is_measured_as_often_as_said_and_shown_over_so_many_points() -> None:
    recorded = stacks.recording(**stacks.OTHER_VALUES)
    schedule = recorded.one(stacks.SCHEDULE, "orders-measure-table").inputs
    assert schedule["scheduleExpression"] == "rate(360 minutes)"
    shown = {each["properties"].get("title"): each["properties"] for each in widgets(recorded)}
    for title in GRAPHS:
        assert (shown[title]["period"], shown[title]["start"]) == (6 * 3600, "-P14D")
    assert all("start" not in each for title, each in shown.items() if title not in GRAPHS)
