"""A consumer of a bus: its rule, queue, dead letters, grants and alarms, wherever it is made."""

import functools
import json
from typing import Any

import pytest

from components import EventConsumer, OrderSystem
from tests.recorder import Recording, deploy, small_bundle
from tests.unit import stacks

CODE = small_bundle()
BUS = "arn:aws:events:eu-west-1:123456789012:event-bus/orders"
PATTERN = {"source": ["serverless-orders"], "detail-type": ["OrderConfirmed"]}
SENT = "arn:aws:dynamodb:eu-west-1:123456789012:table/Sent"
GIVEN = [{"actions": ["dynamodb:PutItem"], "resources": [SENT]}]
CONSUMER: dict[str, Any] = {"code": CODE, "handler": "mail.handler", "pattern": PATTERN}


def alone(**args: Any) -> Recording:
    given: Any = {**CONSUMER, "bus_name": BUS, **args}
    return deploy(lambda: EventConsumer("mail", given))


@functools.cache
def in_a_system() -> Recording:
    system: Any = {"code": CODE}
    given: Any = {**CONSUMER, "statements": GIVEN}
    return deploy(lambda: OrderSystem("shop", system).add_consumer("mail", given))


@pytest.mark.parametrize(("make", "name"), [(alone, "mail"), (in_a_system, "shop-mail")])
def test_events_go_from_the_rule_through_a_queue_of_its_own_to_the_function(
    make: Any, name: str
) -> None:
    recorded = make()
    rule, target = recorded.one(stacks.RULE, name), recorded.one(stacks.RULE_TARGET, name)
    queue = recorded.one(stacks.QUEUE, name)
    undelivered = recorded.one(stacks.QUEUE, f"{name}-undelivered")
    bus = BUS if make is alone else recorded.one(stacks.BUS).outputs["name"]

    assert json.loads(rule.inputs["eventPattern"]) == PATTERN
    assert (rule.inputs["eventBusName"], target.inputs["eventBusName"]) == (bus, bus)
    assert target.inputs["rule"] == rule.outputs["name"]
    assert target.inputs["arn"] == queue.outputs["arn"]
    assert target.inputs["deadLetterConfig"] == {"arn": undelivered.outputs["arn"]}
    mapping = recorded.one(stacks.EVENT_SOURCE, name)
    assert mapping.inputs["eventSourceArn"] == queue.outputs["arn"]
    assert mapping.inputs["functionResponseTypes"] == ["ReportBatchItemFailures"]
    for each in (queue, undelivered):
        policy = recorded.one(stacks.QUEUE_POLICY, each.name)
        (allowed,) = [
            statement
            for statement in stacks.document(policy.inputs["policy"])["Statement"]
            if statement["Effect"] == "Allow"
        ]
        assert allowed["Principal"] == {"Service": "events.amazonaws.com"}
        assert allowed["Action"] == "sqs:SendMessage"
        assert allowed["Resource"] == each.outputs["arn"]
        assert allowed["Condition"] == {"ArnEquals": {"aws:SourceArn": rule.outputs["arn"]}}


def test_its_queue_has_the_margins_that_aws_advises() -> None:
    queue = alone(timeout_seconds=20, delivery={"batch_window_seconds": 5}).one(
        stacks.QUEUE, "mail"
    )
    assert queue.inputs["visibilityTimeoutSeconds"] == 6 * 20 + 5
    assert json.loads(queue.inputs["redrivePolicy"])["maxReceiveCount"] == 5


@pytest.mark.parametrize(("reserved", "maximum"), [(None, 10), (5, 5), (50, 10)])
def test_it_takes_no_more_at_once_than_is_reserved_for_it(
    reserved: int | None, maximum: int
) -> None:
    recorded = alone(**({} if reserved is None else {"reserved_concurrency": reserved}))
    mapping = recorded.one(stacks.EVENT_SOURCE, "mail")
    assert mapping.inputs["scalingConfig"] == {"maximumConcurrency": maximum}


@pytest.mark.parametrize(("make", "name"), [(alone, "mail"), (in_a_system, "shop-mail")])
def test_its_role_may_read_its_queue_and_what_it_was_given(make: Any, name: str) -> None:
    recorded = alone(statements=GIVEN) if make is alone else make()
    role = stacks.role_of(recorded, recorded.one(stacks.FUNCTION, name).inputs["role"])
    queue = recorded.one(stacks.QUEUE, name).outputs["arn"]
    granted = {
        (action, resource)
        for statement in stacks.statements(recorded, role)
        for action in statement["Action"]
        for resource in statement["Resource"]
        if not action.startswith(("logs:", "xray:"))
    }
    assert granted == {
        ("dynamodb:PutItem", SENT),
        ("sqs:ReceiveMessage", queue),
        ("sqs:DeleteMessage", queue),
        ("sqs:GetQueueAttributes", queue),
    }


@pytest.mark.parametrize("make", [alone, in_a_system])
def test_whatever_keeps_an_event_from_it_is_alarmed(make: Any) -> None:
    recorded = make()
    alarmed = {
        (each.inputs["metricName"], *sorted(each.inputs["dimensions"].values()))
        for each in recorded.of(stacks.ALARM)
        if "metricName" in each.inputs
    }
    name = "mail" if make is alone else "shop-mail"
    rule = recorded.one(stacks.RULE, name).outputs["name"]
    queues = {each.name: each.outputs["name"] for each in recorded.of(stacks.QUEUE)}
    bus = "orders" if make is alone else recorded.one(stacks.BUS).outputs["name"]
    visible = "ApproximateNumberOfMessagesVisible"
    assert alarmed >= {
        ("FailedInvocations", *sorted([bus, rule])),
        ("InvocationsFailedToBeSentToDlq", *sorted([bus, rule])),
        ("ApproximateAgeOfOldestMessage", queues[name]),
        (visible, queues[f"{name}-dlq"]),
        (visible, queues[f"{name}-undelivered"]),
    }


def test_alarms_of_a_further_consumer_ring_where_the_systems_do() -> None:
    recorded = in_a_system()
    topic = recorded.one(stacks.TOPIC).outputs["arn"]
    assert {tuple(each.inputs["alarmActions"]) for each in recorded.of(stacks.ALARM)} == {(topic,)}


def test_it_steals_nothing_from_the_system() -> None:
    found, own = sources(in_a_system(), "shop"), sources(stacks.recording(), "orders")
    assert found == {**own, "-mail": "-mail"}
    assert len(set(found.values())) == len(found)


def sources(recorded: Recording, system: str) -> dict[str, str]:
    """What each mapping reads, both by their names after the system's."""
    arns = {
        each.outputs[key]: each.name.removeprefix(system)
        for each in recorded.registrations
        for key in ("arn", "streamArn")
        if key in each.outputs and each.type in (stacks.QUEUE, stacks.TABLE)
    }
    return {
        each.name.removeprefix(system): arns[each.inputs["eventSourceArn"]]
        for each in recorded.of(stacks.EVENT_SOURCE)
    }


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ({"pattern": {}}, "pattern: expected a map that names what matches, not {}"),
        ({"pattern": {"source": "x"}}, "pattern.source: expected a list of what matches"),
        ({"sources": {"queue": {"arn": "a"}}}, "sources.queue: expected none, because a consumer"),
        (
            {"delivery": {"visibility_timeout_seconds": 29}},
            r"delivery.visibility_timeout_seconds: expected at least timeout_seconds \(30\)",
        ),
        (
            {"reserved_concurrency": 5, "delivery": {"maximum_concurrency": 6}},
            r"delivery.maximum_concurrency: expected at most reserved_concurrency \(5\), not 6",
        ),
        (
            {"reserved_concurrency": 5, "delivery": {"maximum_concurrency": 0}},
            r"delivery.maximum_concurrency: expected at most .* \(5\), not 0 \(none\)",
        ),
        ({"delivery": {"batch_size": 11}}, "delivery.batch_window_seconds: expected at least 1"),
    ],
)
def test_inputs_that_do_not_fit_together_are_refused(args: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        alone(**args)
