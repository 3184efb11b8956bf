"""Changes of orders on the running system's bus: told in order, and none lost while it is down."""

from __future__ import annotations

import io
import json
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from functions import contract
from local import state
from local.client import Api
from local.system import System
from operations.__main__ import main
from tests.local.support import ORDER, listen, until, without_grant

pytestmark = pytest.mark.long

Command = Callable[..., tuple[int, str, str]]


def heard(running: System, url: str, order_ids: set[str], number: int) -> list[dict[str, Any]]:
    """The details of orders' events, as soon as there are so many of each."""
    found: list[dict[str, Any]] = []

    def enough() -> bool:
        answer = running.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)
        told = [json.loads(each["Body"])["detail"] for each in answer.get("Messages", ())]
        found.extend(each for each in told if each["orderId"] in order_ids)
        counted = Counter(each["orderId"] for each in found)
        return all(counted[each] >= number for each in order_ids)

    assert until(enough), found
    return found


def test_an_orders_changes_are_told_on_the_bus_in_their_order(running: System, api: Api) -> None:
    url = listen(running, "heard")
    order_id = api.create(ORDER).body["id"]
    created, confirmed = heard(running, url, {order_id}, 2)
    assert [created["type"], confirmed["type"]] == ["OrderCreated", "OrderConfirmed"]
    assert [created["version"], confirmed["version"]] == [1, 2]
    assert created["data"]["items"] == ORDER["items"]
    assert confirmed["cause"] == contract.DELIVERY
    shown = api.get(order_id).body
    assert [created["occurredAt"], confirmed["occurredAt"]] == [
        shown["createdAt"],
        shown["updatedAt"],
    ]


def test_what_the_publisher_gives_up_is_kept_in_time(running: System) -> None:
    mappings = running.of_type("EventSourceMapping")
    [registered] = [each.inputs for each in mappings if each.name.endswith("-stream")]
    [bucket] = [b for b in running.of_type("s3/bucket:Bucket") if b.name.endswith("-unpublished")]
    assert registered["bisectBatchOnFunctionError"] is True
    assert registered["maximumRetryAttempts"] == 20
    assert registered["maximumRecordAgeInSeconds"] < 86_400
    kept = {"onFailure": {"destinationArn": bucket.outputs["arn"]}}
    assert registered["destinationConfig"] == kept


@pytest.fixture
def impatient(
    running: System, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Command]:
    """The command, of a run whose publisher gives up after one more attempt."""
    monkeypatch.setattr(state, "BUILD", tmp_path)
    state.write(
        "local",
        {
            "endpoint": running.endpoint,
            "credentials": running.credentials,
            "region": running.region,
            "outputs": running.outputs,
        },
    )
    client = running.client("lambda")
    [mapping] = [
        each.outputs["uuid"]
        for each in running.of_type("EventSourceMapping")
        if each.name.endswith("-stream")
    ]
    client.update_event_source_mapping(UUID=mapping, MaximumRetryAttempts=1)

    def command(*arguments: str) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = main(["events", "failed", *arguments, "--stack", "local"])
        return code, out.getvalue(), err.getvalue()

    yield command
    client.update_event_source_mapping(UUID=mapping, MaximumRetryAttempts=20)
    bucket = running.outputs["unpublishedEventsBucketName"]
    for each in running.client("s3").list_objects_v2(Bucket=bucket).get("Contents", ()):
        running.client("s3").delete_object(Bucket=bucket, Key=each["Key"])


def batches(command: Command) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(command("list", "--json")[1])
    return found


def test_a_poison_record_is_given_up_alone_and_blocks_nothing(
    running: System, api: Api, impatient: Command
) -> None:
    url = listen(running, "unblocked")
    good = [str(uuid.uuid4()) for _ in range(2)]
    poison = {"id": {"S": "poison"}, "status": {"S": contract.PENDING}}
    first, last = [
        {
            "id": {"S": order_id},
            "status": {"S": contract.PENDING},
            "createdAt": {"S": "2026-01-31T12:00:00.000Z"},
            "customerName": {"S": "Ada"},
            "items": {"L": []},
        }
        for order_id in good
    ]
    puts = [{"PutRequest": {"Item": item}} for item in (first, poison, last)]
    table = running.outputs["ordersTableName"]
    running.client("dynamodb").batch_write_item(RequestItems={table: puts})
    order_id = api.create(ORDER).body["id"]
    heard(running, url, {*good, order_id}, 1)
    assert until(lambda: batches(impatient))
    [batch] = batches(impatient)
    assert [(each["orderId"], each["flaw"]) for each in batch["changes"]] == [
        ("poison", "the images are not those of an order")
    ]
    code, out, err = impatient("replay", "--all")
    assert (code, out) == (1, "changes that are on the bus now: 0\n")
    assert f"{batch['name']} is kept: the images are not those of an order" in err
    assert batches(impatient) == [batch]


def test_what_was_given_up_is_published_when_the_cause_is_gone_and_the_history_complete(
    running: System, api: Api, impatient: Command
) -> None:
    with without_grant(running, "publish_changes", "events"):
        order_id = api.create(ORDER).body["id"]

        def given_up() -> list[Any]:
            return [each for batch in batches(impatient) for each in batch["changes"]]

        assert until(lambda: len(given_up()) == 2)
        assert [(each["eventId"], each["type"]) for each in given_up()] == [
            (f"{order_id}:1", "OrderCreated"),
            (f"{order_id}:2", "OrderConfirmed"),
        ]
        assert f"  OrderCreated {order_id}:1\n" in impatient("list")[1]
        code, out, err = impatient("replay", "--all")
        assert (code, out) == (1, "")
        assert f"the bus refused {order_id}:1: AccessDenied" in err
        assert len(given_up()) == 2
    path = contract.HISTORY_PATH.format(id=order_id)
    assert api.request("GET", path).status == 404
    oldest = batches(impatient)[0]["name"]
    assert impatient("replay", oldest)[:2] == (0, "changes that are on the bus now: 1\n")
    assert impatient("replay", oldest)[0] == 1
    assert impatient("replay", "--all")[:2] == (0, "changes that are on the bus now: 1\n")
    assert impatient("list")[1] == "No change was given up.\n"
    assert until(lambda: len(api.request("GET", path).body.get("changes", ())) == 2)
