"""The consumer of the bus on the local run: from an event to the history of an order."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from functions import contract
from functions.orders.changes import Change
from local.client import Answer, Api
from local.events import BatchProcessed
from local.system import System
from tests.local.support import until

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


def recorded(running: System) -> int:
    """Messages that the consumer has answered for so far."""
    name = running.outputs["functionNames"]["record_history"]
    return sum(e.messages for e in running.events(BatchProcessed) if e.function == name)


def test_changes_are_shown_in_order_whatever_comes_first_or_twice(
    running: System, api: Api
) -> None:
    order_id = str(uuid.uuid4())
    before = recorded(running)
    for version, step in ((2, CONFIRMED), (1, PLACED), (2, CONFIRMED), (1, PLACED)):
        put(running, order_id, version, step)
    assert until(lambda: recorded(running) >= before + 4)
    answer = history(api, order_id)
    assert answer.status == 200
    shown = [(each["version"], each["from"], each["to"]) for each in answer.body["changes"]]
    assert shown == [(1, None, contract.PENDING), (2, contract.PENDING, contract.CONFIRMED)]


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
