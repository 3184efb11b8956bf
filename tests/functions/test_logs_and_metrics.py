"""What the functions write: JSON with ids and codes, nothing of a customer; metrics in EMF."""

import json
import re
from typing import Any

import pytest

from functions import contract
from tests.functions.fake_aws import DENIED, SERVER_ERROR
from tests.functions.support import ORDER, Functions, created, record

PRIVATE = {
    "customerName": "PRIVATE-NAME",
    "items": [{"sku": "PRIVATE-SKU", "qty": 77_777, "price": 88_888.5}],
}


def text(functions: Functions) -> str:
    return json.dumps(functions.output())


def test_nothing_of_a_customer_is_written(functions: Functions) -> None:
    order_id = functions.create(PRIVATE, idempotency_key="PRIVATE-KEY").body["id"]
    functions.create({**PRIVATE, "PRIVATE-FIELD": 1, "customerName": "PRIVATE" * 99})
    functions.create("PRIVATE-TEXT")
    functions.create(PRIVATE, request_id="r2", idempotency_key="PRIVATE KEY")
    functions.get(order_id)
    functions.get("PRIVATE-ID")
    event = {"type": "OrderCreated", "detail": {"id": order_id, **PRIVATE}}
    functions.process(record(event), record({**event, "type": "PRIVATE-TYPE"}, "message-2"))
    functions.aws.table[order_id]["pendingShard"] = {"N": "0"}
    functions.aws.table[order_id]["createdAt"] = {"S": "2020-01-01T00:00:00.000Z"}
    functions.republish()
    for operation in ("PutItem", "SendMessage", "UpdateItem", "Query"):
        functions.aws.fail(operation, *[SERVER_ERROR] * 3)
    functions.create(PRIVATE)
    functions.process(record(event))
    with pytest.raises(RuntimeError):
        functions.republish()
    written = text(functions)
    assert not re.search("PRIVATE|SECRET", written)
    # Alone: a random id or an age may hold the same digits.
    assert not re.search(r"(?<![\w.-])(77777|88888)(?![\w-])", written)
    assert order_id in written


def test_every_invocation_writes_at_least_one_line(functions: Functions) -> None:
    for call in (
        lambda: functions.create(ORDER),
        lambda: functions.create("x"),
        lambda: functions.get("x"),
        lambda: functions.process(record("x")),
        lambda: functions.republish(),
    ):
        before = len(functions.logs())
        call()
        assert len(functions.logs()) > before


def test_one_correlation_id_leads_from_the_request_to_the_processor(functions: Functions) -> None:
    functions.create(ORDER, request_id="request-77")
    message = functions.aws.messages[0]
    attributes = {
        name: value["StringValue"] for name, value in message["MessageAttributes"].items()
    }
    functions.process(record(message["MessageBody"], **attributes))
    assert [line["correlation_id"] for line in functions.logs()] == ["request-77", "request-77"]


def test_no_key_leaks_into_the_next_message_or_invocation(functions: Functions) -> None:
    order_id = functions.create(ORDER, request_id="request-1").body["id"]
    functions.process(
        record(created(order_id), "message-1", correlationId="request-1"),
        record("{", "message-2"),
        record("[", "message-3", correlationId="request-3"),
    )
    functions.process(record("{", "message-4"))
    functions.get("x")
    lines = functions.logs()[1:]
    assert [line.get("correlation_id") for line in lines] == [
        "request-1",
        None,
        "request-3",
        None,
        "invocation-1",
    ]
    assert [line.get("order_id") for line in lines] == [order_id, None, None, None, None]
    assert [line.get("message_id") for line in lines] == [
        "message-1",
        "message-2",
        "message-3",
        "message-4",
        None,
    ]


@pytest.mark.parametrize("value", ["", "x" * 129, "a b", "é", "line\nbreak"])
def test_an_odd_correlation_id_is_left_out(functions: Functions, value: str) -> None:
    functions.process(record("{", correlationId=value))
    assert "correlation_id" not in functions.logs()[-1]


def test_a_line_says_what_became_of_the_request(functions: Functions) -> None:
    order_id = functions.create(ORDER, idempotency_key="k").body["id"]
    functions.create(ORDER, request_id="request-2", idempotency_key="k")
    functions.create("{}")
    lines = [
        {name: line.get(name) for name in ("level", "message", "status", "order_id", "replayed")}
        for line in functions.logs()
    ]
    call = {"level": "INFO", "message": "create_order"}
    assert lines == [
        {**call, "status": 201, "order_id": order_id, "replayed": False},
        {**call, "status": 201, "order_id": order_id, "replayed": True},
        {**call, "status": 400, "order_id": None, "replayed": None},
    ]
    assert functions.logs()[-1]["problem"] == "invalid-order"
    assert functions.logs()[-1]["errors"] == 2


def test_a_denied_update_is_logged_by_the_processor(functions: Functions) -> None:
    order_id = functions.create(ORDER).body["id"]
    functions.aws.fail("UpdateItem", DENIED)
    functions.process(record(created(order_id)))
    assert functions.logs()[-1]["denied"]["action"] == "some:Action"


def test_creations_are_counted_by_their_outcome(functions: Functions) -> None:
    functions.create(ORDER, idempotency_key="k")
    functions.create(ORDER, request_id="request-2", idempotency_key="k")
    functions.create("{}")
    functions.create({**ORDER, "customerName": "B"}, request_id="r3", idempotency_key="k")
    functions.aws.fail("PutItem", DENIED)
    functions.create(ORDER)
    metrics = functions.metrics()
    assert metrics["OrdersCreated"] == [1]
    assert metrics["OrdersRejected"] == [1, 1]
    assert metrics["OrdersCreateFailed"] == [1]


def emf(functions: Functions) -> list[dict[str, Any]]:
    return [line for line in functions.output() if "_aws" in line]


def test_the_cold_start_is_counted_once_by_function_and_service(functions: Functions) -> None:
    functions.create(ORDER)
    functions.create(ORDER)
    cold = [line for line in emf(functions) if "ColdStart" in line]
    assert len(cold) == 1
    (directive,) = cold[0]["_aws"]["CloudWatchMetrics"]
    assert sorted(directive["Dimensions"][0]) == ["function_name", "service"]
    assert cold[0]["function_name"] == "function"


def test_an_environment_started_ahead_counts_no_cold_start(
    functions: Functions, variables: pytest.MonkeyPatch
) -> None:
    variables.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", "provisioned-concurrency")
    functions.create(ORDER)
    assert "ColdStart" not in functions.metrics()


def test_every_metric_has_the_contracts_name_unit_and_dimension(functions: Functions) -> None:
    order_id = functions.create(ORDER).body["id"]
    functions.create("{}")
    functions.aws.fail("PutItem", DENIED)
    functions.create(ORDER)
    functions.process(record(created(order_id), createdAt="2023-11-14T22:13:20.000Z"), record("{"))
    second = functions.create(ORDER).body["id"]
    functions.aws.fail("UpdateItem", *[SERVER_ERROR] * 3)
    functions.process(record(created(second), receives=3))
    functions.republish()
    units = {}
    for line in emf(functions):
        (directive,) = line["_aws"]["CloudWatchMetrics"]
        assert directive["Namespace"] == contract.METRIC_NAMESPACE
        for metric in directive["Metrics"]:
            units[metric["Name"]] = metric["Unit"]
            if metric["Name"] != contract.COLD_START:
                assert directive["Dimensions"] == [[contract.SERVICE_DIMENSION]]
                assert line[contract.SERVICE_DIMENSION] == "orders-test"
    assert units == {
        contract.COLD_START: "Count",
        contract.ORDERS_CREATED: "Count",
        contract.ORDERS_REJECTED: "Count",
        contract.ORDERS_CREATE_FAILED: "Count",
        contract.ORDERS_CONFIRMED: "Count",
        contract.ORDERS_FAILED: "Count",
        contract.ORDER_PROCESSING_TIME: "Milliseconds",
        contract.QUEUE_LAG: "Milliseconds",
        contract.MESSAGES_REJECTED: "Count",
        contract.ORDERS_REPUBLISHED: "Count",
        contract.OLDEST_PENDING_AGE: "Seconds",
    }


@pytest.mark.parametrize("counted", ["counted", ""])
def test_what_a_version_fails_at_is_counted_by_version_where_that_is_asked_for(
    functions: Functions, variables: pytest.MonkeyPatch, counted: str
) -> None:
    """Lambda counts neither an answer 5xx nor a message to be delivered again as an error."""
    variables.setenv("VERSION_FAILURES", counted)
    variables.setenv("AWS_LAMBDA_FUNCTION_VERSION", "7")
    order_id = functions.create(ORDER).body["id"]
    functions.create("{}")  # the caller's fault, not the version's
    functions.process(record(created(order_id)))
    functions.aws.fail("PutItem", DENIED)
    functions.create(ORDER)
    functions.process(record("{"), record("{", "message-2"))
    functions.record("{", "{")
    lines = [line for line in emf(functions) if "VersionFailures" in line]
    for line in lines:
        (directive,) = line["_aws"]["CloudWatchMetrics"]
        assert directive["Namespace"] == contract.METRIC_NAMESPACE
        assert sorted(directive["Dimensions"][0]) == ["function_name", "service", "version"]
        assert (line["function_name"], line["version"]) == ("function", "7")
    assert [line["VersionFailures"] for line in lines] == ([[1], [2], [2]] if counted else [])
