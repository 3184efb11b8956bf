"""What can be looked up of a run, how much of it, and an order's life made of it."""

from __future__ import annotations

import json
import sys
from collections import deque

from functions import contract
from local import events, index, timeline, traces
from local.client import Api
from local.system import System
from tests.local.support import ORDER, SECONDS, until

TRACE = "1-00000000-000000000000000000000001"


def _order(taken: index.Index, number: int) -> str:
    """The events of one order, some seconds long."""
    order_id, request, at = f"order-{number}", f"request-{number}", float(number)
    said = {"message": "order confirmed", "order_id": order_id, "correlation_id": request}
    path = f"/orders/{order_id}"
    for event in (
        events.CallTraced(
            trace_id=f"trace-{number}",
            service="DynamoDB",
            operation="PutItem",
            began=at,
            milliseconds=3,
        ),
        events.LogLine(
            function="create",
            request_id=f"create-{number}",
            text=json.dumps({**said, "message": "create_order", "status": 201}),
        ),
        events.FunctionInvoked(
            at=at + 0.1,
            function="create",
            request_id=f"create-{number}",
            milliseconds=50,
            trace_id=f"trace-{number}",
            source="api",
            ids=request,
            environment_milliseconds=10,
            init_milliseconds=20,
        ),
        events.RequestAnswered(
            at=at + 0.12,
            request_id=request,
            method="POST",
            path="/orders",
            route_key="POST /orders",
            status=201,
            milliseconds=100,
            reason=None,
            location=path,
            idempotency_key=f"key-{number}",
        ),
        *(
            event
            for receives in (1, 2)
            for event in (
                events.MessageReceived(
                    at=at + receives,
                    queue="order-events",
                    message_id=f"m-{number}",
                    receives=receives,
                    sent=at + 0.1,
                    order=order_id,
                ),
                events.LogLine(
                    function="process",
                    request_id=f"process-{number}-{receives}",
                    text=json.dumps({**said, "status": "CONFIRMED"}),
                ),
                events.FunctionInvoked(
                    at=at + receives + 0.1,
                    function="process",
                    request_id=f"process-{number}-{receives}",
                    milliseconds=40,
                    source="aws:sqs",
                    ids=f"m-{number}, other",
                    orders=order_id,
                ),
            )
        ),
    ):
        taken.take(event)
    return order_id


def test_an_orders_life_is_told_step_by_step_with_what_took_how_long() -> None:
    taken = index.Index()
    order = taken.order(_order(taken, 7))
    assert order is not None
    steps = timeline.timeline(taken, order, {"create": "create_order"})
    told = [(step.kind, step.what, step.milliseconds) for step in steps if step.kind != "log"]
    rounded = [(kind, what, ms and round(ms)) for kind, what, ms in told]
    assert rounded == [
        ("call", "DynamoDB PutItem", 3),
        ("request", "POST /orders → 201", 100),
        ("wait", "at the door, for a free environment", 30),
        ("cold", "create_order cold start, environment and code", 10),
        ("cold", "create_order cold start, INIT: runtime, imports, globals", 20),
        ("handler", "create_order handler, cold", 20),
        ("queue", "in order-events", 900),
        ("queue", "in order-events, receive 2: delivered again", 1000),
        ("handler", "process handler, warm", 40),
        ("handler", "process handler, warm", 40),
    ]
    assert [s.detail.split(",")[0] for s in steps if s.what.startswith("process")] == [
        "batch of 2 from sqs"
    ] * 2


def test_an_order_is_found_by_id_by_status_and_by_correlation_id() -> None:
    taken = index.Index()
    for number in range(3):
        _order(taken, number)
    found = {
        search: [order.id for order in taken.orders(*search)]
        for search in [("order-1",), ("request-2",), ("", "CONFIRMED"), ("", "FAILED"), ("x",)]
    }
    assert list(found.values()) == [
        ["order-1"],
        ["order-2"],
        ["order-2", "order-1", "order-0"],
        [],
        [],
    ]


def _held(taken: index.Index) -> int:
    """How many values it holds, those in its values included."""
    maps = [value for value in vars(taken).values() if isinstance(value, dict)]
    inside = [each for found in maps for each in found.values() if isinstance(each, deque)]
    orders = taken.orders(limit=sys.maxsize)
    of_orders = [
        each for o in orders for each in vars(o).values() if isinstance(each, deque | list)
    ]
    return sum(map(len, [*maps, *inside, *of_orders]))


def test_what_is_held_stays_the_same_after_a_hundred_thousand_events() -> None:
    taken = index.Index()
    for number in range(8_500):
        _order(taken, number)
    before = _held(taken)
    for number in range(8_500, 10_500):
        _order(taken, number)
    assert taken.version > 100_000
    assert _held(taken) == before
    assert len(taken.orders(limit=sys.maxsize)) == index.ORDERS
    assert len(taken.requests(sys.maxsize)) == index.REQUESTS
    assert taken.order("order-1") is None
    assert taken.order("order-10499") is not None


def test_a_denied_call_is_one_entry_that_counts() -> None:
    taken = index.Index()
    for at in (1.0, 2.0, 3.0):
        taken.take(events.CallDenied(at=at, action="a:B", resource="r", principal="p"))
    [denial] = taken.denials()
    assert (denial.times, denial.first, denial.call.at) == (3, 1.0, 3.0)


def test_subsegments_are_calls_and_other_datagrams_are_nothing() -> None:
    document = {
        "trace_id": TRACE,
        "name": "DynamoDB",
        "start_time": 10.0,
        "end_time": 10.25,
        "aws": {"operation": "PutItem", "region": "r", "table_name": "Orders"},
        "error": True,
        "throttle": True,
        "http": {"response": {"status": 400}},
        "cause": {"exceptions": [{"type": "ClientError"}]},
    }
    call = traces.read(b'{"format": "json"}\n' + json.dumps(document).encode())
    assert call is not None
    assert (call.trace_id, call.service, call.operation, call.resource) == (
        TRACE,
        "DynamoDB",
        "PutItem",
        "Orders",
    )
    assert (call.began, call.milliseconds, call.failure) == (10.0, 250, "throttle ClientError 400")
    assert [traces.read(d) for d in (b"", b"{}\n{}", b"x\n\xff", b"{}\n[]")] == [None] * 4


def test_a_real_orders_life_has_its_calls_its_cold_starts_and_its_wait(running: System) -> None:
    taken = index.Index()
    taken.follow(running.stream)
    api = Api(running.url)
    created = api.create(ORDER, {"idempotency-key": "looked-up"})
    order_id = created.body["id"]
    api.wait_for(order_id, contract.CONFIRMED, SECONDS)
    names = {physical: name for name, physical in running.outputs["functionNames"].items()}

    def told() -> list[timeline.Step]:
        order = taken.order(order_id)
        steps = timeline.timeline(taken, order, names) if order else []
        whole = any("change recorded" in s.what and "version=2" in s.detail for s in steps)
        return steps if whole else []

    steps = until(told)
    calls = [s.what for s in steps if s.kind == "call"]
    assert {"DynamoDB PutItem", "SQS SendMessage", "DynamoDB UpdateItem", "Events PutEvents"} <= {
        *calls
    }
    assert all(s.milliseconds is not None and s.milliseconds >= 0 for s in steps if s.kind != "log")
    assert any(s.kind == "queue" and s.what == "in order-events" for s in steps)
    handlers = {s.what.split()[0] for s in steps if s.kind == "handler"}
    assert handlers >= {"create_order", "process_order", "publish_changes", "record_history"}
    request = taken.request(created.headers["apigw-requestid"])
    assert request is not None
    assert request.idempotency_key == "looked-up"
    name = running.outputs["functionNames"]["create_order"]
    cold = next(e for e in running.events(events.FunctionInvoked) if e.function == name)
    assert cold.environment_milliseconds is not None
    assert cold.init_milliseconds is not None
    assert 0 < cold.init_milliseconds <= cold.milliseconds
