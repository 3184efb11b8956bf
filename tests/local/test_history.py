"""The consumer of the bus on the local run: from an event to the history of an order."""

from __future__ import annotations

import json
import runpy
import sys
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

import pytest

import components
from functions import contract
from functions.orders.changes import Change
from local import program
from local.client import Answer, Api
from local.events import BatchProcessed, LogLine
from local.system import System
from local.workspace import ROOT
from operations.archive import Archive
from tests.local.support import until, without_grant

AT = "2026-01-31T12:00:00.000Z"
PLACED = (None, contract.PENDING, contract.PLACED)
CONFIRMED = (contract.PENDING, contract.CONFIRMED, contract.DELIVERY)


def put(running: System, order_id: str, version: int, step: tuple[Any, str, str]) -> None:
    change = Change(order_id, version, *step, AT, AT, "req-1")
    answer = running.client("events").put_events(
        Entries=[
            {
                "EventBusName": running.outputs["orderEventsBusName"],
                "Source": contract.EVENT_SOURCE,
                "DetailType": change.type,
                "Detail": change.detail(),
            }
        ]
    )
    assert answer["FailedEntryCount"] == 0


def history(api: Api, order_id: str) -> Answer:
    return api.request("GET", contract.HISTORY_PATH.format(id=order_id))


def recorded(running: System, order_id: str) -> int:
    """How many events of an order the consumer has told of so far."""
    name = running.outputs["functionNames"]["record_history"]
    said = [e.text for e in running.events(LogLine) if e.function == name]
    return sum(order_id in line for line in said)


def test_changes_are_shown_in_order_whatever_comes_first_or_twice(
    running: System, api: Api
) -> None:
    order_id = str(uuid.uuid4())
    for version, step in ((2, CONFIRMED), (1, PLACED), (2, CONFIRMED), (1, PLACED)):
        put(running, order_id, version, step)
    assert until(lambda: recorded(running, order_id) == 4)
    answer = history(api, order_id)
    assert answer.status == 200
    shown = [(each["version"], each["from"], each["to"]) for each in answer.body["changes"]]
    assert shown == [(1, None, contract.PENDING), (2, contract.PENDING, contract.CONFIRMED)]


def test_a_consumer_that_fails_for_a_while_catches_up_from_its_queue(
    running: System, api: Api
) -> None:
    function = running.outputs["functionNames"]["record_history"]
    queues = running.client("sqs")
    (url,) = [
        each
        for each in queues.list_queues()["QueueUrls"]
        if "record-history" in each
        and not each.endswith("-dlq")
        and "undelivered" not in each
        and "-dlq-" not in each
    ]
    queues.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "2"})

    def failed() -> int:
        return sum(e.failures for e in running.events(BatchProcessed) if e.function == function)

    before, order_id = failed(), str(uuid.uuid4())
    with without_grant(running, "record_history", "dynamodb"):
        put(running, order_id, 1, PLACED)
        assert until(lambda: failed() > before)
        assert history(api, order_id).status == 404
    assert until(lambda: history(api, order_id).status == 200)


def test_a_consumer_added_later_catches_up_by_a_replay_that_nobody_else_hears(
    running: System, api: Api
) -> None:
    order_id = str(uuid.uuid4())
    put(running, order_id, 1, PLACED)
    assert until(lambda: recorded(running, order_id) == 1)
    known = history(api, order_id).body

    queues, events = running.client("sqs"), running.client("events")
    url = queues.create_queue(QueueName="late")["QueueUrl"]
    arn = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    bus = running.outputs["orderEventsBusName"]
    pattern = json.dumps({"source": [contract.EVENT_SOURCE]})
    events.put_rule(Name="late", EventBusName=bus, EventPattern=pattern)
    events.put_targets(
        Rule="late", EventBusName=bus, Targets=[{"Id": "late", "Arn": arn["QueueArn"]}]
    )
    archive = Archive(events, bus)
    assert archive.span().events >= 1
    assert {"late", "orders-record-history"} <= {
        each.name.rpartition("-")[0] or each.name for each in archive.consumers()
    }
    beginning = archive.span().since - timedelta(seconds=1)
    shares: list[float] = []
    archive.replay(
        archive.consumer("late"), beginning, datetime.now(UTC) + timedelta(seconds=1), shares.append
    )
    assert shares[-1] == 1.0

    seen: set[str] = set()

    def given() -> set[str]:
        for each in queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get(
            "Messages", []
        ):
            seen.add(json.loads(each["Body"])["detail"]["orderId"])
            queues.delete_message(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"])
        return seen

    assert until(lambda: order_id in given())
    assert recorded(running, order_id) == 1
    events.remove_targets(Rule="late", EventBusName=bus, Ids=["late"])
    events.delete_rule(Name="late", EventBusName=bus)

    # To the one that knows them all it changes nothing.
    archive.replay(
        archive.consumer("record_history"),
        beginning,
        datetime.now(UTC) + timedelta(seconds=1),
        shares.append,
    )
    assert until(lambda: recorded(running, order_id) == 2)
    assert history(api, order_id).body == known


def test_a_consumer_in_another_program_is_given_each_event_too(running: System, api: Api) -> None:
    # The bus's ARN, which AWS takes as well as its name.
    described = running.client("events").describe_event_bus(
        Name=running.outputs["orderEventsBusName"]
    )
    with mock.patch.dict(sys.modules, {"serverless_orders": components}):
        outputs = program.execute(
            lambda: runpy.run_path(str(ROOT / "examples/new-consumer/__main__.py")),
            running._deployer,
            project="new-consumer",
            stack="local",
            config={"new-consumer:busName": described["Arn"]},
        )
    order_id = str(uuid.uuid4())
    put(running, order_id, 1, PLACED)
    put(running, order_id, 2, CONFIRMED)

    def thanked() -> list[str]:
        said = [e.text for e in running.events(LogLine) if e.function == outputs["functionName"]]
        return [line for line in said if order_id in line]

    assert until(thanked)
    assert until(lambda: len(history(api, order_id).body.get("changes", ())) == 2)
    assert [f"event {order_id}:2" in line for line in thanked()] == [True]


def test_an_order_without_history_is_a_404(api: Api) -> None:
    answer = history(api, str(uuid.uuid4()))
    assert answer.status == 404
    assert answer.body["type"] == "urn:serverless-orders:problem:history-not-found"


@pytest.mark.parametrize("operation", ["get_item", "delete_item"])
def test_the_function_that_shows_a_history_may_query_it_and_nothing_else(
    running: System, operation: str
) -> None:
    configuration = running.client("lambda").get_function_configuration(
        FunctionName=running.outputs["functionNames"]["get_order_history"]
    )
    table = configuration["Environment"]["Variables"][contract.HISTORY_TABLE_NAME_VARIABLE]
    client = running.role_client("dynamodb", configuration["Role"])
    with pytest.raises(client.exceptions.ClientError, match="AccessDenied"):
        getattr(client, operation)(
            TableName=table, Key={"orderId": {"S": str(uuid.uuid4())}, "version": {"N": "1"}}
        )
    with pytest.raises(client.exceptions.ClientError, match="AccessDenied"):
        client.query(
            TableName=running.outputs["ordersTableName"],
            KeyConditionExpression="id = :id",
            ExpressionAttributeValues={":id": {"S": json.dumps("x")}},
        )
