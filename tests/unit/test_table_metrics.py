"""Item count and table size in the graph: nothing while off, and what they need when on."""

import json

from functions import contract
from tests.unit import stacks

ON = {"tableMetrics": {"rateHours": 6}}


def test_off_they_are_nowhere() -> None:
    for stack in stacks.STACKS:
        everything = str(
            [(each.name, each.inputs) for each in stacks.recording(stack).registrations]
        )
        assert "measure" not in everything
        assert contract.ORDERS_STORED not in everything


def test_on_the_table_is_measured_as_often_as_said_and_shown() -> None:
    recorded = stacks.recording("dev", **ON)
    function = stacks.function(recorded, "measure-table")
    assert function.inputs["environment"]["variables"]["ORDERS_TABLE_NAME"] == "Orders"
    schedule = recorded.one(stacks.SCHEDULE, "orders-measure-table").inputs
    assert schedule["scheduleExpression"] == "rate(360 minutes)"
    bodies = [json.loads(each.inputs["dashboardBody"]) for each in recorded.of(stacks.DASHBOARD)]
    titles = {widget["properties"].get("title") for body in bodies for widget in body["widgets"]}
    assert {"Orders in the table", "Size of the table (bytes)"} <= titles
