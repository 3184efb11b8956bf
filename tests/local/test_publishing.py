"""Changes of orders on the running system's bus: told in order, and none lost while it is down."""

from __future__ import annotations

import json
from typing import Any

from functions import contract
from local.client import Api
from local.system import System, system
from tests.local.support import ORDER, SHORT, log_lines, until


def listen(running: System, name: str) -> str:
    """The URL of a queue that hears everything on the bus from now on."""
    queues, events = running.client("sqs"), running.client("events")
    url: str = queues.create_queue(QueueName=name)["QueueUrl"]
    arn = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    bus = running.outputs["orderEventsBusName"]
    pattern = json.dumps({"source": [contract.EVENT_SOURCE]})
    events.put_rule(Name=name, EventBusName=bus, EventPattern=pattern)
    target = {"Id": name, "Arn": arn["Attributes"]["QueueArn"]}
    events.put_targets(Rule=name, EventBusName=bus, Targets=[target])
    return url


def heard(running: System, url: str, order_id: Any, number: int) -> list[dict[str, Any]]:
    """The details of an order's events, as soon as there are so many."""
    found: list[dict[str, Any]] = []

    def enough() -> bool:
        answer = running.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)
        told = [json.loads(each["Body"])["detail"] for each in answer.get("Messages", ())]
        found.extend(each for each in told if each["orderId"] == order_id)
        return len(found) >= number

    assert until(enough), found
    return found


def test_an_orders_changes_are_told_on_the_bus_in_their_order(running: System, api: Api) -> None:
    url = listen(running, "heard")
    order_id = api.create(ORDER).body["id"]
    created, confirmed = heard(running, url, order_id, 2)
    assert [created["type"], confirmed["type"]] == ["OrderCreated", "OrderConfirmed"]
    assert [created["version"], confirmed["version"]] == [1, 2]
    assert created["data"]["items"] == ORDER["items"]
    assert confirmed["cause"] == contract.DELIVERY
    shown = api.get(order_id).body
    assert [created["occurredAt"], confirmed["occurredAt"]] == [
        shown["createdAt"],
        shown["updatedAt"],
    ]


def test_what_the_emulator_lacks_is_handed_to_it_and_said_on_the_first_screen(
    running: System,
) -> None:
    mappings = running.of_type("EventSourceMapping")
    [registered] = [each.inputs for each in mappings if each.name.endswith("-stream")]
    [bucket] = [b for b in running.of_type("s3/bucket:Bucket") if b.name.endswith("-unpublished")]
    assert registered["bisectBatchOnFunctionError"] is True
    assert registered["maximumRetryAttempts"] == 20
    assert registered["maximumRecordAgeInSeconds"] < 86_400
    kept = {"onFailure": {"destinationArn": bucket.outputs["arn"]}}
    assert registered["destinationConfig"] == kept
    lacking = {key.rpartition(".")[2] for key in running.without_effect if "SourceMapping" in key}
    assert {"bisectBatchOnFunctionError", "maximumRetryAttempts", "destinationConfig"} <= lacking


def test_a_batch_that_stops_within_is_delivered_again_and_holds_up_no_queue() -> None:
    with system(overrides=SHORT) as own:
        url = listen(own, "heard")
        good = {
            "id": {"S": "0b9c1a3e-6f2d-4c57-9a41-7d5be2c8f016"},
            "status": {"S": contract.PENDING},
            "createdAt": {"S": "2026-01-31T12:00:00.000Z"},
            "customerName": {"S": "Ada"},
            "items": {"L": []},
        }
        poison = {"id": {"S": "poison"}, "status": {"S": contract.PENDING}}
        puts = [{"PutRequest": {"Item": item}} for item in (good, poison)]
        table = own.outputs["ordersTableName"]
        own.client("dynamodb").batch_write_item(RequestItems={table: puts})

        def refused() -> list[Any]:
            lines = log_lines(own, "publish_changes")
            return [each for each in lines if "not those of an order" in each.get("reason", "")]

        assert until(lambda: len(refused()) >= 2), "the rest of the batch was lost"
        assert {each["done"] for each in refused()} == {1}
        heard(own, url, good["id"]["S"], 1)
        order_id = Api(own.url).create(ORDER).body["id"]
        answer = Api(own.url).wait_for(order_id, contract.CONFIRMED, 30)
        assert answer.body["status"] == contract.CONFIRMED
