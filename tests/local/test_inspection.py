"""What another shell sees of a run, and does with it: all that its console can."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from console.desk import Desk, operations
from functions import contract
from local import control, events, state
from local.client import Api
from local.system import System
from local.workspace import ROOT
from tests.local.support import ORDER, SECONDS, until

pytestmark = pytest.mark.long

STACK = "inspected"


@pytest.fixture(scope="module", autouse=True)
def desk(running: System) -> Iterator[Desk]:
    desk = Desk(running)
    with control.serving(operations(desk)) as path:
        state.write(STACK, {**running.whereabouts(), "control": path})
        yield desk
    desk.close()
    state.remove(STACK)


def local(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command, *rest = arguments
    return subprocess.run(
        [sys.executable, "-m", "local", command, "--stack", STACK, *rest],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@pytest.fixture(scope="module")
def order_id(running: System) -> str:
    api = Api(running.url)
    created = str(api.create(ORDER).body["id"])
    assert api.wait_for(created, contract.CONFIRMED, SECONDS).status == 200
    name = running.outputs["functionNames"]["process_order"]
    until(lambda: [line for line in running.logs(name) if created in line])
    return created


def test_the_life_of_an_order_goes_from_the_door_to_its_confirmation(order_id: str) -> None:
    stations = (
        "POST /orders → 201",
        "create_order handler",
        "DynamoDB PutItem",
        "in order-events",
        "process_order handler",
        "DynamoDB UpdateItem",
        "INFO order confirmed",
    )

    def told_whole() -> str:
        # Spans and the end of an invocation come after its log lines.
        shown = local("show", order_id).stdout
        return shown if all(station in shown for station in stations) else ""

    told = until(told_whole) or local("show", order_id).stdout
    assert told.splitlines()[0] == f"order {order_id}  CONFIRMED"
    places = [told.find(station) for station in stations]
    assert -1 not in places, told
    assert places == sorted(places), told
    assert ORDER["customerName"] not in told


def asked(operation: str, **given: Any) -> Any:
    """What the commands are answered, without a process for each."""
    return control.ask(state.read(STACK)["control"], operation, **given)


def test_orders_are_listed_by_status_and_found_by_id(order_id: str) -> None:
    assert order_id in local("orders", order_id[:13], "--status", "CONFIRMED").stdout
    assert [order["id"] for order in asked("orders", search=order_id)] == [order_id]
    assert asked("orders", search=order_id, status="FAILED") == []


def test_a_request_is_sent_again_as_a_retry_or_as_another_order(running: System) -> None:
    key = {"idempotency-key": "again"}
    placed = Api(running.url).create(ORDER, key).body["id"]
    retry = asked("send_again", order_id=placed, same_key=True)
    other = asked("send_again", order_id=placed, same_key=False)
    assert (retry["status"], retry["body"]["id"]) == (201, placed)
    assert retry["headers"]["idempotency-replayed"] == "true"
    assert (other["status"], other["body"]["id"] == placed) == (201, False)
    assert "idempotency-replayed" not in other["headers"]


def test_an_order_of_which_only_the_table_tells_is_sent_again_with_its_key(
    running: System, desk: Desk
) -> None:
    """As one whose function was ended once it was stored: no log line, no answer leads to it."""
    Api(running.url).create({}, {"idempotency-key": "stored-and-ended"})

    def asked_for() -> str | None:
        seen = [each.request for each in desk.requests()]
        return next((r.request_id for r in seen if r.idempotency_key == "stored-and-ended"), None)

    correlation = until(asked_for)
    running.client("dynamodb").put_item(
        TableName=running.outputs["ordersTableName"],
        Item={
            "id": {"S": "5f64be8b-8b0b-4b50-a6a6-f36e5f5a1d50"},
            "status": {"S": contract.CONFIRMED},
            "correlationId": {"S": correlation},
            "customerName": {"S": "Ada"},
            "items": {"L": [{"M": {"sku": {"S": "A"}, "qty": {"N": "1"}, "price": {"N": "1"}}}]},
        },
    )
    order_id = "5f64be8b-8b0b-4b50-a6a6-f36e5f5a1d50"
    assert desk.index.order(order_id) is None
    answer = asked("send_again", order_id=order_id, same_key=True)
    assert answer["status"] == 201, answer
    assert desk.requests(1)[0].request.idempotency_key == "stored-and-ended"


def test_requests_tell_function_and_whether_it_was_cold(running: System, order_id: str) -> None:
    path = f"/orders/{order_id}"

    def warm() -> Any:
        Api(running.url).request("GET", path)
        rows = [row for row in asked("requests") if row["request"]["path"] == path]
        return next((row for row in rows if row["cold"] is False), None)

    row = until(warm)
    assert (row["function"], row["request"]["status"]) == ("get_order", 200)
    assert row["request"]["milliseconds"] > 0


def test_a_denied_call_says_the_grant_and_the_place_to_add_it(running: System) -> None:
    role = next(
        f.inputs["role"]
        for f in running.of_type("Function")
        if f.inputs["handler"] == "functions.get_order.handler"
    )
    table = running.outputs["ordersTableName"]
    with pytest.raises(ClientError):
        running.role_client("dynamodb", role).delete_item(
            TableName=table, Key={"id": {"S": "forbidden"}}
        )
    told = until(lambda: "DeleteItem" in (text := local("denials").stdout) and text)
    assert 'add on_table("DeleteItem") to the grants of get_order, in' in told
    place = told.split("components/order_functions.py:")[1].split()[0]
    lines = (ROOT / "components/order_functions.py").read_text().splitlines()
    assert 'name="get_order"' in lines[int(place)]


def test_resources_are_listed_with_the_place_that_registered_them() -> None:
    told = local("resources", "orders-process-order").stdout
    assert re.search(r"function:Function orders-process-order  components/function.py:\d+", told)
    assert "dynamodb:UpdateItem" in told


def test_queues_are_counted_until_they_are_empty_again(running: System, desk: Desk) -> None:
    sqs, url = running.client("sqs"), running.outputs["orderEventsDlqUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="{}")

    def row() -> dict[str, Any]:
        return next(each for each in asked("queues") if each["name"] == "order-events-dlq")

    assert until(lambda: row()["visible"] == 1)
    assert row()["oldest"] > 0
    [letter] = desk.dead_letters()
    sqs.delete_message(QueueUrl=url, ReceiptHandle=letter.receipt_handle)
    assert until(lambda: row()["visible"] == 0)


def confirmed_order(running: System) -> None:
    created = Api(running.url).create(ORDER)
    assert created.status == 201
    assert Api(running.url).wait_for(created.body["id"], contract.CONFIRMED, SECONDS).status == 200


def test_faults_strike_for_a_while_and_orders_survive_them(running: System) -> None:
    began = json.loads(local("faults", "--json", "duplicated=1", "--seconds", "60").stdout)
    assert began["rates"] == {"duplicated": 1.0}
    assert "3 of 3 answered in" in local("load", "3", "--rate", "50").stdout
    assert until(lambda: asked("faults")["struck"].get("duplicated"))
    after = asked("stop_faults")
    assert (after["rates"], after["seconds_left"]) == ({}, 0)
    confirmed_order(running)  # calls that were under way when it stopped are counted by now
    settled = asked("faults")["struck"]
    confirmed_order(running)
    assert asked("faults")["struck"] == settled


def test_killed_environments_are_cold_again(running: System) -> None:
    assert "environments killed" in local("faults", "--kill-workers").stdout
    before = len(running.events(events.FunctionInvoked))
    assert Api(running.url).get("00000000-0000-4000-8000-000000000000").status == 404
    fresh = until(lambda: running.events(events.FunctionInvoked)[before:])
    assert any(each.init_milliseconds for each in fresh)


def test_logs_are_those_of_the_function_and_order_that_are_asked_for(order_id: str) -> None:
    lines = local("logs", "process_order", "--order", order_id).stdout.splitlines()
    assert lines
    assert all("  process_order " in line and order_id in line for line in lines)
    assert local("logs", "create_order", "--order", "another").stdout == ""


def test_the_environment_leads_boto3_to_the_run_whatever_was_set_before() -> None:
    script = f'eval "$({sys.executable} -m local env --stack {STACK})"; ' + (
        f"{sys.executable} -c 'import boto3; "
        'print(boto3.client("dynamodb").list_tables()["TableNames"])\''
    )
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=ROOT,
        env={**os.environ, "AWS_PROFILE": "absent", "AWS_SESSION_TOKEN": "stale"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert "'Orders'" in done.stdout, done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("logs", "nothing"), "there is no function nothing; there are create_order, get_order"),
        (("show", "\x1b]0;X\x07"), "there is no order \\x1b]0;X\\x07"),
        (("faults", "nonsense"), "there is no fault 'nonsense'; there are throttled, error"),
        (("faults", "throttled=2"), "rate of THROTTLED is 2.0: expected 0 to 1"),
    ],
)
def test_what_is_not_there_is_said(arguments: tuple[str, ...], said: str) -> None:
    done = local(*arguments)
    assert done.returncode == 1
    assert said in done.stderr


def test_without_a_run_the_commands_say_how_to_start_one() -> None:
    done = local("env", "--stack", "absent")
    assert done.returncode == 1
    assert "no local run of stack 'absent' is alive: start one with `make run`" in done.stderr
