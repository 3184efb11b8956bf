"""Orders through the front door of the running system."""

from __future__ import annotations

import json
import subprocess
import uuid
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from functions import contract
from local.client import Api
from local.events import BatchProcessed
from local.package import worker_interpreter
from local.system import System
from tests.local.support import ORDER, item, log_lines, queue_count, until

LOAD = 300


def _event(order_id: str) -> str:
    return json.dumps({"type": contract.ORDER_CREATED, "detail": {"id": order_id, **ORDER}})


def _confirmed(api: Api) -> str:
    order_id = api.create(ORDER).body["id"]
    assert api.wait_for(order_id, contract.CONFIRMED, 30).body["status"] == contract.CONFIRMED
    return order_id


def test_created_order_is_read_back_as_it_was_sent(api: Api) -> None:
    created = api.create(ORDER)
    assert created.status == 201
    assert created.headers["location"] == f"/orders/{created.body['id']}"
    assert created.body["status"] == contract.PENDING
    read = api.get(created.body["id"])
    assert read.status == 200
    assert {key: read.body[key] for key in ("id", *ORDER, "createdAt")} == {
        "id": created.body["id"],
        **ORDER,
        "createdAt": created.body["createdAt"],
    }


def test_created_order_becomes_confirmed(api: Api) -> None:
    _confirmed(api)


def test_second_delivery_changes_nothing(running: System, api: Api) -> None:
    order_id = _confirmed(api)
    before = item(running, order_id)
    batches = len(running.events(BatchProcessed))
    running.client("sqs").send_message(
        QueueUrl=running.outputs["orderEventsQueueUrl"], MessageBody=_event(order_id)
    )
    assert until(lambda: running.events(BatchProcessed)[batches:]), "the message was not delivered"
    assert running.events(BatchProcessed)[-1].failures == 0
    assert item(running, order_id) == before


def test_poison_message_ends_in_the_dead_letter_queue_after_three_receives(
    running: System, api: Api
) -> None:
    queues, url = running.client("sqs"), running.outputs["orderEventsDlqUrl"]
    failures = sum(batch.failures for batch in running.events(BatchProcessed))
    body = f"poison {uuid.uuid4()}"
    queues.send_message(QueueUrl=running.outputs["orderEventsQueueUrl"], MessageBody=body)
    order_id = _confirmed(api)  # the poison message is in the queue all the while

    def dead() -> list[str]:
        answer = queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
        return [m["Body"] for m in answer.get("Messages", []) if m["Body"] == body]

    assert until(dead) == [body]
    assert sum(batch.failures for batch in running.events(BatchProcessed)) - failures == 3
    assert api.get(order_id).body["status"] == contract.CONFIRMED


@pytest.mark.long
def test_hundreds_of_concurrent_orders_are_all_confirmed(running: System, api: Api) -> None:
    dead = queue_count(running, running.outputs["orderEventsDlqUrl"])
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: api.create(ORDER), range(LOAD)))
    assert {answer.status for answer in answers} == {201}
    ids = {answer.body["id"] for answer in answers}
    assert len(ids) == LOAD

    def unconfirmed() -> set[str]:
        pages = running.client("dynamodb").get_paginator("scan")
        return {
            order["id"]["S"]
            for page in pages.paginate(TableName=running.outputs["ordersTableName"])
            for order in page["Items"]
            if order["status"]["S"] != contract.CONFIRMED
        }

    assert until(lambda: not unconfirmed(), 60), unconfirmed()
    assert until(lambda: not queue_count(running, running.outputs["orderEventsQueueUrl"]))
    assert queue_count(running, running.outputs["orderEventsDlqUrl"]) == dead


def test_one_correlation_id_leads_from_the_request_to_the_processor(
    running: System, api: Api
) -> None:
    created = api.create(ORDER)
    order_id, correlation = created.body["id"], created.headers["apigw-requestid"]
    api.wait_for(order_id, contract.CONFIRMED, 30)
    for function in ("create_order", "process_order"):
        seen = until(
            lambda function=function: [
                line
                for line in log_lines(running, function)
                if line.get("order_id") == order_id and line.get("correlation_id") == correlation
            ]
        )
        assert seen, f"{function}: no line with the order's id and the request's correlation id"


def test_no_customer_data_in_any_function_log(running: System, api: Api) -> None:
    order = {
        "customerName": "Rosalind Franklin",
        "items": [{"sku": "PHOTO-51", "qty": 1, "price": 51}],
    }
    created = api.create(order)
    api.wait_for(created.body["id"], contract.CONFIRMED, 30)
    for function in running.of_type("Function"):
        text = "\n".join(running.logs(function.outputs["name"]))
        assert "Rosalind" not in text, function.name
        assert "PHOTO-51" not in text, function.name


def test_functions_run_on_the_bundle_alone(running: System, api: Api) -> None:
    # A Python with any installed package would hide what the bundle lacks.
    api.create(ORDER)
    workers = psutil.Process(running.pid).children(recursive=True)
    alive = [each for each in workers if each.status() != psutil.STATUS_ZOMBIE]
    commands = [worker.cmdline() for worker in alive]
    assert commands
    assert {command[0] for command in commands} == {str(worker_interpreter())}
    probe = "import importlib.metadata as m; print([d.name for d in m.distributions()])"
    found = subprocess.run(
        [worker_interpreter(), "-c", probe], capture_output=True, text=True, check=True, cwd="/"
    )
    assert found.stdout.strip() == "[]"
