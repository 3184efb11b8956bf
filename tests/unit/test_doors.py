"""A program that imports the order system and adds to it, without changing it."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from components import OrderSystem, Queue
from components.order_functions import FUNCTIONS, operations
from tests.recorder import Recording, deploy, small_bundle
from tests.unit import stacks

CODE = small_bundle()
STREAM = "arn:aws:dynamodb:eu-west-1:123456789012:table/Orders/stream/2026-01-01T00:00:00.000"


def extended(extend: Callable[[OrderSystem], Any], **inputs: Any) -> Recording:
    given: Any = {"code": CODE, **inputs}
    return deploy(lambda: extend(OrderSystem("shop", given)))


def grants(recorded: Recording, function: str) -> set[tuple[str, str]]:
    role = stacks.role_of(recorded, recorded.one(stacks.FUNCTION, function).inputs["role"])
    return {
        (action, resource)
        for statement in stacks.statements(recorded, role)
        for action in statement["Action"]
        for resource in statement["Resource"]
        if not action.startswith(("logs:", "xray:"))
    }


CONDITION = {"ForAllValues:StringEquals": {"dynamodb:Attributes": ["id", "status"]}}


TOPIC = "arn:aws:sns:eu-west-1:123456789012:orders"
INVOICE = "GET /orders/{id}/invoice"
NO_PAGES = f"{stacks.UNUSED_METHOD} /orders/{{id}}"


def extend(system: OrderSystem) -> None:
    system.add_function(
        "nightly",
        {
            "code": CODE,
            "handler": "nightly.handler",
            "timeout_seconds": 20,
            "environment": {"TABLE": system.table.name},
            "statements": [
                {
                    "actions": ["dynamodb:Query"],
                    "resources": [system.table.arn],
                    "condition": CONDITION,
                }
            ],
            "sources": {"schedule": {"expression": "cron(0 3 * * ? *)"}},
        },
    )
    jobs = Queue("jobs", {"senders": [{"service": "sns.amazonaws.com", "source_arn": TOPIC}]})
    system.add_function(
        "consumer",
        {
            "code": CODE,
            "handler": "consumer.handler",
            "sources": {"queue": {"arn": jobs.arn, "maximum_concurrency": 2}},
        },
    )
    stream: Any = {"stream": {"arn": STREAM}}
    system.add_function(
        "projector", {"code": CODE, "handler": "projector.handler", "sources": stream}
    )
    get_order = system.functions["get_order"]
    get_order.grant(["dynamodb:Query"], [system.table.arn])
    system.api.add_route(INVOICE, get_order)
    system.api.add_route(NO_PAGES, get_order)


@pytest.fixture(scope="module")
def recorded() -> Recording:
    """A system extended in each way that there is."""
    thresholds = {"function_error_percent": 7}
    return extended(
        extend, memory_size=512, alarms={"thresholds": thresholds}, cors={"methods": ["*"]}
    )


def test_a_further_function_has_the_systems_settings_and_its_own(recorded: Recording) -> None:
    function = recorded.one(stacks.FUNCTION, "shop-nightly").inputs

    assert (function["memorySize"], function["timeout"]) == (512, 20)
    assert function["environment"]["variables"] == {
        "TABLE": "Orders",
        "POWERTOOLS_SERVICE_NAME": "shop",
    }
    failures = recorded.one(stacks.QUEUE, "shop-nightly-failures").outputs["arn"]
    assert grants(recorded, "shop-nightly") == {
        ("dynamodb:Query", recorded.one(stacks.TABLE, "shop").outputs["arn"]),
        ("sqs:SendMessage", failures),
    }
    policy = recorded.one(stacks.ROLE_POLICY, "shop-nightly-dynamodb-query").inputs["policy"]
    assert stacks.document(policy)["Statement"][0]["Condition"] == CONDITION
    schedule = recorded.one(stacks.SCHEDULE, "shop-nightly").inputs
    assert schedule["scheduleExpression"] == "cron(0 3 * * ? *)"


def test_alarms_of_a_further_function_ring_where_the_systems_do(recorded: Recording) -> None:
    topic = recorded.one(stacks.TOPIC).outputs["arn"]
    prefix = "shop-nightly-observability-nightly-"
    own = {
        each.name.removeprefix(prefix): each.inputs
        for each in recorded.of(stacks.ALARM)
        if each.name.startswith(prefix)
    }

    assert set(own) == {"errors", "throttles", "duration", "failures-depth"}
    assert all(each["alarmActions"] == [topic] for each in own.values())
    assert own["errors"]["threshold"] == 7
    assert own["duration"]["threshold"] == 16_000


def test_a_consumer_reads_a_queue_that_takes_from_a_sender_of_its_own(recorded: Recording) -> None:
    jobs = recorded.one(stacks.QUEUE, "jobs").outputs["arn"]
    source = recorded.one(stacks.EVENT_SOURCE, "shop-consumer").inputs
    assert source["eventSourceArn"] == jobs
    assert source["functionName"] == recorded.one(stacks.ALIAS, "shop-consumer").outputs["arn"]
    assert {resource for _, resource in grants(recorded, "shop-consumer")} == {jobs}
    policy = stacks.document(recorded.one(stacks.QUEUE_POLICY, "jobs").inputs["policy"])
    refused, allowed = policy["Statement"]
    assert refused["Sid"] == "DenyWithoutTls"
    assert allowed == {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": jobs,
        "Condition": {"ArnEquals": {"aws:SourceArn": TOPIC}},
    }


def test_a_further_function_can_read_a_tables_stream(recorded: Recording) -> None:
    source = recorded.one(stacks.EVENT_SOURCE, "shop-projector-stream").inputs
    failures = recorded.one(stacks.QUEUE, "shop-projector-failures").outputs["arn"]
    assert source["eventSourceArn"] == STREAM
    assert source["destinationConfig"] == {"onFailure": {"destinationArn": failures}}


def test_a_function_of_the_system_takes_a_further_grant(recorded: Recording) -> None:
    table = recorded.one(stacks.TABLE, "shop").outputs["arn"]
    assert grants(recorded, "shop-get-order") == {
        ("dynamodb:GetItem", table),
        ("dynamodb:Query", table),
    }


def test_a_further_route_leads_to_the_alias_and_lets_the_api_alone_invoke_it(
    recorded: Recording,
) -> None:
    name = "shop-api-get-orders-id-invoice"
    alias = recorded.one(stacks.ALIAS, "shop-get-order").outputs
    root = recorded.one(stacks.API).outputs["executionArn"]

    assert recorded.one(stacks.ROUTE, name).inputs["routeKey"] == INVOICE
    assert recorded.one(stacks.INTEGRATION, name).inputs["integrationUri"] == alias["invokeArn"]
    permission = recorded.one(stacks.PERMISSION, name).inputs
    assert permission["sourceArn"] == f"{root}/$default/GET/orders/*/invoice"
    assert permission["qualifier"] == "live"


def test_a_further_route_that_no_page_could_call_is_refused_in_a_sentence(
    recorded: Recording,
) -> None:
    method = stacks.UNUSED_METHOD
    refusal = f"cors.methods: expected {method} too, for the route {NO_PAGES}"
    with pytest.raises(ValueError, match=re.escape(refusal)):
        extended(lambda system: system.api.add_route(NO_PAGES, system.functions["get_order"]))
    assert recorded.one(stacks.ROUTE, f"shop-api-{method.lower()}-orders-id")


def test_methods_of_pages_have_to_cover_the_systems_own_routes() -> None:
    refusal = "cors.methods: expected POST too, for create_order (POST /orders)"
    with pytest.raises(ValueError, match=re.escape(refusal)):
        extended(lambda _: None, cors={"methods": ["GET"]})


def test_the_bundle_carries_the_operations_that_the_grants_allow() -> None:
    declared = {
        (grant.action.partition(":")[0], operation)
        for function in FUNCTIONS
        for grant in function.grants
        for operation in grant.operations
    } | {("lambda", "Invoke") for function in FUNCTIONS if function.invokes_itself}
    carried = operations()
    assert {(service, name) for service, names in carried.items() for name in names} == declared
