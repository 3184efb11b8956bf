"""The budget: who is told when, by what is registered."""

import pytest

from tests.recorder import Recording
from tests.unit import stacks

BUDGET = "aws:budgets/budget:Budget"


def alerts(recorded: Recording) -> dict[tuple[str, float], list[str]]:
    """Who is told, by what is compared with the budget and from how many percent on."""
    notifications = recorded.one(BUDGET).inputs["notifications"]
    assert {each["comparisonOperator"] for each in notifications} == {"GREATER_THAN"}
    assert {each["thresholdType"] for each in notifications} == {"PERCENTAGE"}
    return {
        (each["notificationType"], each["threshold"]): each["subscriberEmailAddresses"]
        for each in notifications
    }


@pytest.mark.parametrize("stack", ["dev", "local"])
def test_there_is_none_unless_it_is_asked_for(stack: str) -> None:
    assert stacks.recording(stack).of(BUDGET) == []


def test_those_who_are_named_are_told_of_the_money_spent_and_of_the_forecast() -> None:
    recorded = stacks.recording(**stacks.OTHER_VALUES)
    inputs = recorded.one(BUDGET).inputs
    assert (inputs["limitAmount"], inputs["limitUnit"]) == ("20.50", "USD")
    assert (inputs["budgetType"], inputs["timeUnit"]) == ("COST", "MONTHLY")
    told = ["finance@example.com"]
    assert alerts(recorded) == {("ACTUAL", 80): told, ("FORECASTED", 100): told}


def test_in_production_those_who_hear_the_alarms_are_told_unless_others_are_named() -> None:
    recorded = stacks.recording("prod")
    assert set(map(tuple, alerts(recorded).values())) == {("on-call@example.com",)}
    assert recorded.one(BUDGET).protect
