"""The bus of order events: whose it is, what it keeps, and that it is only there if asked for."""

from typing import Any

import pytest

from components import EventBus, Observability, OrderSystem
from tests.aws_names import ACCOUNT
from tests.recorder import Recording, deploy, small_bundle
from tests.unit import stacks
from tests.variants import long


def alone(**args: Any) -> Recording:
    given: Any = args
    return deploy(lambda: EventBus("shop", given))


def test_a_bus_takes_events_of_its_own_account_over_tls_only() -> None:
    recorded = stacks.recording()
    bus = recorded.one(stacks.BUS)
    policy = recorded.one(stacks.BUS_POLICY)
    assert policy.inputs["eventBusName"] == bus.outputs["name"]
    denied = stacks.document(policy.inputs["policy"])["Statement"]
    assert {(each["Effect"], each["Principal"], each["Action"]) for each in denied} == {
        ("Deny", "*", "events:PutEvents")
    }
    assert {each["Resource"] for each in denied} == {bus.outputs["arn"]}
    assert [each["Condition"] for each in denied] == [
        {"Bool": {"aws:SecureTransport": "false"}},
        {"StringNotEquals": {"aws:PrincipalAccount": ACCOUNT}},
    ]


@pytest.mark.parametrize(("days", "kept"), [(None, [30]), (7, [7]), (0, [])])
def test_the_archive_keeps_events_for_as_long_as_is_said(days: int | None, kept: list[int]) -> None:
    recorded = alone(**({} if days is None else {"archive_days": days}))
    archives = recorded.of(stacks.ARCHIVE)
    assert [each.inputs["retentionDays"] for each in archives] == kept
    for each in archives:
        assert each.inputs["eventSourceArn"] == recorded.one(stacks.BUS).outputs["arn"]


@pytest.mark.parametrize("name", ["aws.orders", "two words", ""])
def test_a_name_that_aws_refuses_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="bus_name: expected 1 to 256 letters"):
        alone(bus_name=name)


@pytest.mark.parametrize(
    ("stack", "settings"), [("dev", stacks.LEAST), long("prod", {}), long("local", {})]
)
def test_without_events_nothing_of_them_is_there(stack: str, settings: dict[str, Any]) -> None:
    # A bucket's objects come by the account's own bus.
    recorded = stacks.recording(stack, **{**settings, "events": False, "imports": False})
    left = {each.type for each in recorded.registrations}
    assert not [kind for kind in left if "/event" in kind and kind.startswith("aws:cloudwatch")]
    assert "orderEventsBusName" not in recorded.outputs


def test_the_bus_of_a_system_without_events_is_asked_for_in_vain() -> None:
    args: Any = {"code": small_bundle(), "events": False, "table_metrics": {"rate_hours": 0}}
    with pytest.raises(LookupError, match="its input events is false"):
        deploy(lambda: OrderSystem("shop", args).bus)


def test_each_failing_delivery_of_a_rule_is_alarmed_by_the_rule_and_its_bus() -> None:
    watched: Any = {
        "alarms": {"topic": False},
        "rules": [
            {
                "label": "mail",
                "name": "mail-rule",
                "bus_name": "orders",
                "undelivered_queue_name": "mail-undelivered",
            },
            {"label": "nightly", "name": "nightly-rule"},
        ],
    }
    recorded = deploy(lambda: Observability("watch", watched))
    found = {
        each.name: (each.inputs["metricName"], each.inputs["dimensions"])
        for each in recorded.of(stacks.ALARM)
    }
    mail = {"RuleName": "mail-rule", "EventBusName": "orders"}
    nightly = {"RuleName": "nightly-rule"}
    assert found == {
        "watch-mail-deliveries": ("FailedInvocations", mail),
        "watch-nightly-deliveries": ("FailedInvocations", nightly),
        "watch-mail-lost-events": ("InvocationsFailedToBeSentToDlq", mail),
        "watch-nightly-lost-events": ("InvocationsFailedToBeSentToDlq", nightly),
        "watch-mail-undelivered": (
            "ApproximateNumberOfMessagesVisible",
            {"QueueName": "mail-undelivered"},
        ),
    }
    assert {each.inputs["threshold"] for each in recorded.of(stacks.ALARM)} == {0}
