"""Rights: what roles are granted, held against what they use in a run."""

from __future__ import annotations

from dataclasses import replace

import pytest
from botocore.exceptions import ClientError

from components.order_functions import NAMES, functions_of
from local import program
from local.system import System
from tests.local.support import without_grant
from tools.rights import __main__ as rights
from tools.rights import scenario
from tools.rights.check import UNSEEN, check, check_policies
from tools.rights.conditions import FEW, OPEN, wider
from tools.rights.grants import Grant, of_resources, of_roles
from tools.rights.uses import EVENTS, FUNCTION_ITSELF, GATEWAY, LAMBDA, Call, Said, Use, Uses, route

QUEUE = "arn:aws:sqs:eu-west-1:1:orders"
READ = Grant("role-1", "orders-get", "sqs:ReceiveMessage", QUEUE, "orders-get 1")


def use(action: str, resource: str = QUEUE, *, allowed: bool = True) -> Use:
    return Use("role-1", action, resource, FUNCTION_ITSELF, allowed)


def test_a_grant_that_was_used_has_its_count_and_who_used_it() -> None:
    by_lambda = use("sqs:ReceiveMessage")._replace(by=LAMBDA)
    checked = check([READ], {use("sqs:ReceiveMessage"): 3, by_lambda: 2})
    assert {(row.by, row.count) for row in checked.rows} == {(FUNCTION_ITSELF, 3), (LAMBDA, 2)}
    assert checked.findings == []


def test_a_grant_that_was_not_used_is_named_with_its_statement() -> None:
    elsewhere = use("sqs:ReceiveMessage", QUEUE + "-2")
    [unused, beyond] = check([READ], {elsewhere: 1}).findings
    assert unused == (
        f"granted but not used: orders-get sqs:ReceiveMessage on {QUEUE} (orders-get 1)"
    )
    assert beyond.startswith("used beyond what is granted: orders-get sqs:ReceiveMessage on ")


def test_a_denied_call_is_named_although_its_action_is_granted() -> None:
    used = {use("sqs:ReceiveMessage"): 1, use("sqs:ReceiveMessage", allowed=False): 2}
    [beyond] = check([READ], used).findings
    assert beyond.endswith("by the function, 2 times")


def test_what_cannot_be_seen_is_listed_with_its_documentation() -> None:
    asked = Grant("role-1", "orders-get", "sqs:GetQueueAttributes", QUEUE, "orders-get 1")
    checked = check([asked], {})
    [row] = checked.rows
    assert (row.count, checked.findings) == (0, [])
    assert row.unseen is not None
    for why, source in UNSEEN.values():
        assert why
        assert source.startswith("https://docs.aws.amazon.com/")
    assert "https://" in rights.table(checked.rows)


BUS = "arn:aws:events:eu-west-1:1:event-bus/orders"
PUTS = Grant("role-1", "orders-publish", "events:PutEvents", BUS, "orders-publish 1")


def test_a_condition_that_all_calls_would_meet_is_asked_for() -> None:
    said = {Said("role-1", "events:PutEvents", BUS, "events:source"): {"orders"}}
    [finding] = wider([PUTS], said)
    assert finding.startswith("granted wider than used: orders-publish events:PutEvents on arn:")
    assert "events:source was always one of orders;" in finding
    has_it = replace(PUTS, condition="events:source, events:detail-type")
    assert list(wider([has_it], said)) == []
    data = {key: {str(value) for value in range(FEW + 1)} for key in said}
    assert list(wider([PUTS], data)) == []
    assert list(wider([READ], said)) == []


def test_a_condition_that_is_left_open_has_a_reason_and_its_documentation() -> None:
    reads = replace(PUTS, action="dynamodb:GetItem")
    whole = {Said("role-1", "dynamodb:GetItem", BUS, "dynamodb:Select"): {"ALL_ATTRIBUTES"}}
    assert list(wider([reads], whole)) == []
    assert all(reason and source.startswith("https://docs.") for reason, source in OPEN.values())
    told = rights.table(check([reads], {}).rows)
    assert "Conditions left open:" in told
    assert "dynamodb:Select of dynamodb:*" in told
    assert "Conditions left open:" not in rights.table(check([READ], {}).rows)


def test_a_service_that_anybody_could_send_is_named() -> None:
    queue = Grant(EVENTS, EVENTS, "sqs:SendMessage", QUEUE, "orders 2")
    findings = check_policies([queue], {Call(EVENTS, QUEUE): 1}, [QUEUE]).findings
    assert len(findings) == 1
    assert "has no condition on aws:SourceArn or aws:SourceAccount" in findings[0]


@pytest.mark.parametrize(
    ("pattern", "resource", "covered"),
    [
        ("*", "arn:aws:s3:::b/x", True),
        ("arn:aws:s3:::b/in/*", "arn:aws:s3:::b/in/x/y", True),
        ("arn:aws:s3:::b/in/*", "arn:aws:s3:::b/out/x", False),
        ("arn:aws:s3:::b", "arn:aws:s3:::b/x", False),
        ("arn:aws:sqs:::a.c", "arn:aws:sqs:::abc", False),
        ("arn:aws:sqs:::a?c", "arn:aws:sqs:::abc", True),
    ],
)
def test_a_pattern_covers_what_iam_says(pattern: str, resource: str, covered: bool) -> None:
    grant = Grant("role-1", "label", "s3:Get*", pattern, "1")
    assert grant.covers("s3:GetObject", resource) is covered
    assert not grant.covers("s3:PutObject", resource)


# What takes minutes, failures and files to reach is `make rights`.
STEPS = (
    "orders are placed, confirmed and read",
    "a pending order is sent again",
    "what has a schedule runs",
    "an order's history is read",
)
SLOW = ("import_orders", "synthetic_order")


def test_functions_use_each_grant_of_their_own_and_no_more(running: System) -> None:
    with Uses(running) as uses:
        for title in STEPS:
            scenario.steps(running)[title]()
        uses.settle()
        checked, said = check(of_roles(running.resources), uses.counted()), uses.said()
    assert [each for each in checked.findings if "beyond" in each] == []
    assert list(wider(of_roles(running.resources), said)) == []
    sources = [values for each, values in said.items() if each.key == "events:source"]
    assert sources == [{"serverless-orders"}]
    used = {(row.grant.label, row.grant.action) for row in checked.rows if row.count}
    declared = functions_of(program.settings(running.stack, running.overrides).system)
    wanted = {
        (f"orders-{each.label}", grant.action)
        for each in declared
        for grant in each.grants
        if each.name not in SLOW
    }
    assert wanted - used == set()
    assert ("orders-process-order", "sqs:DeleteMessage") in used
    assert ("orders-create-order", "logs:PutLogEvents") in used


def test_a_call_without_a_grant_is_found_at_the_wire(running: System) -> None:
    with Uses(running) as uses:
        with without_grant(running, "get_order", "dynamodb"):
            api = scenario.Api(running.url)
            assert api.get("00000000-0000-4000-8000-000000000000").status >= 500
        uses.settle()
    findings = check(of_roles(running.resources), uses.counted()).findings
    beyond = [each for each in findings if "beyond" in each]
    assert len(beyond) == 1
    assert "orders-get-order dynamodb:GetItem" in beyond[0]


def test_events_in_another_name_and_of_another_type_are_denied(running: System) -> None:
    role = next(each for each in running.of_type("Role") if each.name == "orders-publish-changes")
    client = running.role_client("events", str(role.outputs["arn"]))
    event = {
        "EventBusName": running.outputs["orderEventsBusName"],
        "Source": "serverless-orders",
        "DetailType": "OrderConfirmed",
        "Detail": "{}",
    }
    for wrong in ({"Source": "aws.s3"}, {"DetailType": "OrderDeleted"}):
        with pytest.raises(ClientError, match="not authorized to perform: events:PutEvents"):
            client.put_events(Entries=[event, {**event, **wrong}])


def permission(source: str) -> Grant:
    condition = "AWS:SourceArn"
    return Grant(GATEWAY, GATEWAY, "lambda:InvokeFunction", "f:live", "name", condition, source)


def test_a_policy_of_a_resource_is_used_by_the_service_it_lets_in_and_no_other() -> None:
    api = "arn:aws:execute-api:eu-west-1:1:api/$default/"
    read, listed = permission(f"{api}GET/orders/*"), permission(f"{api}GET/orders")
    queue = Grant(EVENTS, EVENTS, "sqs:SendMessage", QUEUE, "orders 2", "aws:SourceArn")
    calls = {Call(GATEWAY, route("GET /orders/{id}")): 2}
    checked = check_policies([read, listed, queue], calls, [QUEUE])
    assert [row.count for row in checked.rows] == [2, 0, 0]
    assert len(checked.findings) == 2
    # In a queue that no function reads lies only what could not be delivered.
    [letters] = check_policies([queue], {}, []).rows
    assert letters.unseen is not None
    assert check_policies([queue], {Call(EVENTS, QUEUE): 1}, [QUEUE]).findings == []


def test_the_policies_of_resources_name_services_and_conditions(running: System) -> None:
    policies = list(of_resources(running.resources))
    api = [each for each in policies if each.holder == "apigateway.amazonaws.com"]
    assert len(api) >= 3
    assert {each.condition for each in api} == {"AWS:SourceArn"}
    events = [each for each in policies if each.holder == "events.amazonaws.com"]
    assert {each.action for each in events} >= {"sqs:SendMessage"}


def test_every_function_is_in_a_system_of_the_whole_run() -> None:
    systems = (
        functions_of(program.settings("local", each).system) for each in scenario.SYSTEMS.values()
    )
    found = {each.name for system in systems for each in system}
    assert found == set(NAMES) - set(scenario.ELSEWHERE)
