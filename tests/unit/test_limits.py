"""Callers' limits and lists of own orders in the graph: nothing without sign-in, and what they need
with it."""

from typing import Any

import pytest

from components.order_functions import FUNCTIONS
from tests.recorder import Recording
from tests.unit import stacks

SIGNED_IN: dict[str, Any] = {"auth": "cognito"}
TABLE = "orders-limits"
POLICIES = {
    each.label: "read" if each.route[0] == "GET" else "create"
    for each in FUNCTIONS
    if each.route and not each.public
}


def signed_in(**limits: int) -> Recording:
    return stacks.recording("dev", **SIGNED_IN, **({"limits": limits} if limits else {}))


def told(recorded: Recording) -> dict[str, tuple[str, str]]:
    """Policy and quota of the functions that have one, which all know the same table."""
    found = {}
    for each in recorded.of(stacks.FUNCTION):
        variables = each.inputs["environment"]["variables"]
        if any(name.startswith("CALLER_LIMIT") for name in variables):
            table = recorded.one(stacks.TABLE, TABLE).outputs["name"]
            assert variables["CALLER_LIMITS_TABLE_NAME"] == table
            quota = variables["CALLER_LIMIT_PER_MINUTE"]
            found[each.name.removeprefix("orders-")] = variables["CALLER_LIMIT_POLICY"], quota
    return found


def test_without_sign_in_they_are_nowhere() -> None:
    everything = str([(each.name, each.inputs) for each in stacks.recording().registrations])
    for trace in (
        TABLE,
        "CALLER_LIMIT",
        "list-orders",
        "CURSOR_KEY",
        "OverLimit",
        "NotCounted",
        "'owner'",
    ):
        assert trace not in everything, trace


def test_every_function_that_answers_requests_is_told_the_limit_of_its_callers() -> None:
    assert told(signed_in()) == {
        name: (policy, {"create": "60", "read": "300"}[policy]) for name, policy in POLICIES.items()
    }
    assert told(stacks.recording(**stacks.EVERYTHING)) == {
        name: (policy, {"create": "7", "read": "8"}[policy]) for name, policy in POLICIES.items()
    }


def test_a_limit_of_zero_is_none_and_two_of_them_leave_out_the_table() -> None:
    assert told(signed_in(readPerMinute=0)) == {
        name: ("create", "60") for name, policy in POLICIES.items() if policy == "create"
    }
    none = stacks.recording(**stacks.LEAST)
    everything = str([(each.name, each.inputs) for each in none.registrations])
    assert told(none) == {}
    for trace in (TABLE, "OverLimit", "NotCounted", "UpdateItem', 'CALLER"):
        assert trace not in everything, trace


def test_the_table_of_limits_forgets_and_is_as_safe_as_the_others() -> None:
    inputs = stacks.recording("dev", **SIGNED_IN).one(stacks.TABLE, TABLE).inputs
    assert inputs["hashKey"] == "id"
    assert inputs["ttl"] == {"attributeName": "expiresAt", "enabled": True}
    assert inputs["billingMode"] == "PAY_PER_REQUEST"
    assert inputs["serverSideEncryption"] == {"enabled": True}
    assert "streamEnabled" not in inputs


def test_own_orders_are_found_by_owner_and_age_with_what_a_list_shows_and_no_more() -> None:
    (pending,) = stacks.recording().one(stacks.TABLE, "orders").inputs["globalSecondaryIndexes"]
    indexes = signed_in().one(stacks.TABLE, "orders").inputs["globalSecondaryIndexes"]
    assert indexes == [
        pending,
        {
            "name": "owner",
            "projectionType": "INCLUDE",
            "nonKeyAttributes": ["customerName", "status", "updatedAt"],
            "keySchemas": [
                {"attributeName": "owner", "keyType": "HASH"},
                {"attributeName": "createdAt", "keyType": "RANGE"},
            ],
        },
    ]


def test_the_key_of_cursors_is_a_secret_of_the_stack_that_one_function_knows() -> None:
    recorded = signed_in()
    kept = recorded.one(stacks.STASH, "orders-cursor-key").outputs["output"]
    told = {
        each.name
        for each in recorded.of(stacks.FUNCTION)
        if each.inputs["environment"]["variables"].get("CURSOR_KEY") == kept
    }
    assert told == {"orders-list-orders"}
    assert stacks.function(recorded, "list-orders").secrets == {"environment"}
    assert kept not in str([each.inputs for each in recorded.registrations if not each.secrets])


def test_the_alarm_rings_when_requests_pass_uncounted() -> None:
    name = "orders-observability-requests-not-counted"
    inputs = signed_in().one(stacks.ALARM, name).inputs
    assert (inputs["namespace"], inputs["metricName"]) == ("ServerlessOrders", "RequestsNotCounted")
    assert (inputs["comparisonOperator"], inputs["threshold"]) == ("GreaterThanThreshold", 0)
    assert inputs["treatMissingData"] == "notBreaching"
    assert inputs["alarmActions"]


@pytest.mark.parametrize(
    ("stack", "settings"),
    [*((stack, {}) for stack in stacks.STACKS), ("dev", SIGNED_IN), ("dev", stacks.EVERYTHING)],
)
def test_nothing_may_scan_a_table(stack: str, settings: dict[str, Any]) -> None:
    recorded = stacks.recording(stack, **settings)
    assert "dynamodb:Scan" not in str([each.inputs for each in recorded.of(stacks.ROLE_POLICY)])
