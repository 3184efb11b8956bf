"""Any interleaving of requests, deliveries, duplicates, faults, repairs and redrives keeps
every order whole: the real functions against AWS on the other side of the wire."""

import copy
import json
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from functions import contract
from tests.properties.double import MAX_RECEIVES, Aws, Context, Fault, WorkerDeath, loaded_functions

REQUESTS = [
    {"customerName": "Ann", "items": [{"sku": "TEA", "qty": 1, "price": 0.1}]},
    {"customerName": "Bob", "items": [{"sku": "TEA", "qty": 2, "price": 3}]},
]
POISON = [
    "not json",
    '{"type": "OrderCancelled", "detail": {}}',
    '{"type": "OrderCreated"}',
    json.dumps(
        {
            "type": "OrderCreated",
            "detail": {
                "id": "7c9e6679-7425-40de-944b-e07fc1f90ae7",
                "customerName": "Nobody",
                "items": [],
            },
        }
    ),
]
FAULTS = st.just([]) | st.lists(st.sampled_from(Fault), min_size=1, max_size=6)
CHANGED = {"status", "version", "updatedAt", "failedMessage"}
CROWD = 8  # messages in the queue from which on no more are invented
FUNCTIONS: dict[str, ModuleType] = {}


def status(item: dict[str, Any]) -> str:
    return str(item["status"]["S"])


class Orders(RuleBasedStateMachine):
    """Everything that can happen to the system, and what has to be true throughout."""

    def __init__(self) -> None:
        super().__init__()
        self.aws = Aws()
        self.accepted: dict[str, dict[str, Any]] = {}  # order id -> request, answered 201
        self.by_key: dict[str, str] = {}  # idempotency key -> order id, answered 201
        self.requests = 0
        self.permitted = MAX_RECEIVES  # by the queue; the processor knows MAX_RECEIVES

    def invoke(self, function: str, event: dict[str, Any]) -> Any:
        """A function's result, or None when its worker died."""
        with self.aws.invocation():
            try:
                return FUNCTIONS[function].handler(event, Context())
            except WorkerDeath:
                return None

    @initialize(
        keys=st.lists(st.sampled_from([None, "key-1", "key-2"]), min_size=1, max_size=4),
        sent=st.booleans(),
    )
    def some_orders(self, keys: list[str | None], sent: bool) -> None:
        for key in keys:
            self.create(REQUESTS[0], key, [] if sent else [Fault.NONE, Fault.DEATH_BEFORE])

    @rule(
        request=st.sampled_from(REQUESTS),
        key=st.sampled_from([None, "key-1", "key-2"]),
        faults=FAULTS,
    )
    def create(self, request: dict[str, Any], key: str | None, faults: list[Fault]) -> None:
        before = self.aws.items
        self.aws.default = list(faults)
        self.requests += 1
        answer = self.invoke("create_order", api_event(request, key, self.requests))
        after = self.aws.items
        assert len(after) - len(before) <= 1, "one request made several orders"
        assert {name: after[name] for name in before} == before, "a request changed an order"
        if answer is None:
            return
        assert answer["statusCode"] in (201, 422, 500, 503)
        if not faults:
            assert answer["statusCode"] in (201, 422), "failed without a fault"
        body = json.loads(answer["body"])
        if answer["statusCode"] == 422:
            assert key is not None
            assert len(after) == len(before), "a refused request made an order"
        if answer["statusCode"] != 201:
            return
        order = body["id"]
        assert asked_for(after[order]) == request, "201 for an order that is not the one asked for"
        if status(after[order]) == contract.PENDING:
            queued = {it.order_id for it in self.aws.queue}
            assert order in queued, "201 for an order whose event was not sent"
        if key is None:
            assert order not in before, "without a key a request got somebody else's order"
        else:
            assert self.by_key.setdefault(key, order) == order, "one key, two orders"
        self.accepted[order] = request

    @precondition(lambda self: self.aws.queue)
    @rule(pick=st.integers(0, 9))
    def give_up_too_early(self, pick: int) -> None:
        """A deployment has given the queue more receives, and the processor not yet."""
        self.permitted = MAX_RECEIVES + 2
        message = self.aws.queue[pick % len(self.aws.queue)]
        while message in self.aws.queue and message.receives < MAX_RECEIVES:
            self._deliver([message], {message.order_id: [Fault.DENIED]})
        if message in self.aws.queue:
            self._deliver([message], {})

    @precondition(lambda self: self.aws.queue)
    @rule(
        picks=st.lists(st.integers(0, 9), min_size=1, max_size=10, unique=True),
        faults=st.dictionaries(st.integers(0, 9), FAULTS, max_size=4),
        deletion_lost=st.booleans(),
    )
    def deliver(
        self, picks: list[int], faults: dict[int, list[Fault]], deletion_lost: bool
    ) -> None:
        queue = self.aws.queue
        batch = [queue[pick] for pick in picks if pick < len(queue)] or [queue[0]]
        troubled = {}
        for pick, planned in faults.items():
            order = batch[pick % len(batch)].order_id
            if order is not None:
                troubled[order] = list(planned)
        self._deliver(batch, troubled, deletion_lost)

    def _deliver(
        self, batch: list[Any], faults: dict[Any, list[Fault]], deletion_lost: bool = False
    ) -> None:
        for message in batch:
            message.receives += 1
        changes = len(self.aws.changes)
        self.aws.faults = copy.deepcopy(faults)
        result = self.invoke("process_order", {"Records": [it.record() for it in batch]})
        self._check_causes(batch, self.aws.changes[changes:])
        failed = {it.message_id for it in batch}
        if result is not None:
            failed = {entry["itemIdentifier"] for entry in result["batchItemFailures"]}
            self._check_result(batch, failed, faults)
        for message in batch:
            if message.message_id not in failed and not deletion_lost:
                self.aws.queue.remove(message)
            elif message.receives >= self.permitted:
                self.aws.queue.remove(message)
                self.aws.dlq.append(message)

    def _check_causes(self, batch: list[Any], changes: list[Any]) -> None:
        for change in changes:
            about = [it for it in batch if it.order_id == change.after["id"]["S"]]
            assert about, "an order changed without a message about it"
            if status(change.after) == contract.FAILED:
                assert any(it.receives >= MAX_RECEIVES for it in about), "FAILED too early"
            if change.before and status(change.before) == contract.FAILED:
                assert any(it.redriven or it.receives > MAX_RECEIVES for it in about), (
                    "FAILED was left without a redrive"
                )

    def _check_result(
        self, batch: list[Any], failed: set[str], faults: dict[Any, list[Fault]]
    ) -> None:
        assert failed <= {it.message_id for it in batch}, "reported a message it never got"
        items = self.aws.items
        for message in batch:
            item = items.get(message.order_id)
            if message.message_id not in failed:
                assert item is not None, "a message for no order was taken as done"
                done = {contract.CONFIRMED}
                if not message.redriven:
                    done.add(contract.FAILED)
                assert status(item) in done, "taken as done, but the order is not"
            elif item is not None:
                assert faults.get(message.order_id), "a good message was reported as failed"

    @precondition(lambda self: self.aws.queue)
    @rule(pick=st.integers(0, 9), faults=st.sampled_from([[Fault.DENIED], [Fault.DENIED] * 2]))
    def exhaust(self, pick: int, faults: list[Fault]) -> None:
        """Every permitted receive fails; whether FAILED can still be written, or not even that."""
        message = self.aws.queue[pick % len(self.aws.queue)]
        order = message.order_id
        before = self.aws.items.get(order or "")
        while message in self.aws.queue:
            self._deliver([message], {order: faults})
        if before is not None and status(before) == contract.PENDING:
            expected = contract.FAILED if faults == [Fault.DENIED] else contract.PENDING
            assert status(self.aws.items[order]) == expected, "not marked on the last receive"

    @precondition(lambda self: 0 < len(self.aws.queue) < CROWD)
    @rule(pick=st.integers(0, 9))
    def duplicate(self, pick: int) -> None:
        message = self.aws.queue[pick % len(self.aws.queue)]
        copied = copy.deepcopy(message)
        copied.message_id += "+"
        copied.receives = 0
        self.aws.queue.append(copied)

    @precondition(lambda self: len(self.aws.queue) < CROWD)
    @rule(body=st.sampled_from(POISON))
    def poison(self, body: str) -> None:
        self.aws.put_message(body)

    @rule(faults=FAULTS)
    def repair(self, faults: list[Fault]) -> None:
        before = self.aws.items
        self.aws.default = list(faults)
        with nullcontext() if not faults else suppress(Exception):
            self.invoke("republish_pending", {})
        assert self.aws.items == before, "the repair changed an order"

    @precondition(lambda self: self.aws.dlq)
    @rule(pick=st.integers(0, 9), by_sqs=st.booleans(), deletion_lost=st.booleans())
    def redrive(self, pick: int, by_sqs: bool, deletion_lost: bool) -> None:
        message = self.aws.dlq[pick % len(self.aws.dlq)]
        copied = self.aws.put_message(message.body, dict(message.attributes))
        if by_sqs:
            copied.moved_by_sqs = True
        else:
            mark = {"DataType": "String", "StringValue": "2026-01-01T00:00:00.000Z"}
            copied.attributes[contract.REDRIVEN_ATTRIBUTE] = mark
        if not deletion_lost:
            self.aws.dlq.remove(message)

    @invariant()
    def every_change_is_one_the_status_machine_allows(self) -> None:
        for change in self.aws.changes:
            before, after = change.before, change.after
            if change.operation == "PutItem":
                assert before is None, "an order was overwritten"
                assert status(after) == contract.PENDING
                continue
            assert before is not None, "an update made an order"
            assert (status(before), status(after)) in contract.TRANSITIONS
            assert int(after["version"]["N"]) == int(before["version"]["N"]) + 1
            assert after["updatedAt"]["S"] > before["updatedAt"]["S"]
            fixed = after.keys() - CHANGED
            assert fixed == before.keys() - CHANGED - {contract.PENDING_SHARD_ATTRIBUTE}
            assert ("failedMessage" in after) >= (status(after) == contract.FAILED)
            assert all(after[name] == before[name] for name in fixed)
        self.aws.changes.clear()

    @invariant()
    def only_pending_orders_are_in_the_index(self) -> None:
        for item in self.aws.items.values():
            pending = contract.PENDING_SHARD_ATTRIBUTE in item
            assert pending == (status(item) == contract.PENDING)

    @invariant()
    def a_failed_order_has_its_message_where_people_look(self) -> None:
        there = {it.order_id for it in self.aws.dlq}
        there |= {
            it.order_id for it in self.aws.queue if it.redriven or it.receives >= MAX_RECEIVES
        }
        for order, item in self.aws.items.items():
            assert status(item) != contract.FAILED or order in there, "FAILED, its message gone"

    @invariant()
    def an_accepted_order_is_there_as_it_was_asked_for(self) -> None:
        items = self.aws.items
        for order, request in self.accepted.items():
            assert asked_for(items[order]) == request

    def teardown(self) -> None:
        """Once the faults end, the repair and a redrive of everything settle every order."""
        self._drain()
        for _ in range(len(self.aws.items)):
            self.invoke("republish_pending", {})
            self._drain()
        left = {status(item) for item in self.aws.items.values()}
        assert left <= {contract.CONFIRMED, contract.FAILED}, "an order is stuck"
        self.aws.queue, self.aws.dlq = self.aws.dlq, []
        for message in self.aws.queue:
            message.receives, message.moved_by_sqs = 0, True
        self._drain()
        left = {status(item) for item in self.aws.items.values()}
        assert left <= {contract.CONFIRMED}, "a redrive left an order behind"

    def _drain(self) -> None:
        while self.aws.queue:
            self._deliver(self.aws.queue[:10], {})
            self.every_change_is_one_the_status_machine_allows()


def api_event(request: dict[str, Any], key: str | None, number: int) -> dict[str, Any]:
    """What API Gateway hands over (payload format 2.0), as far as the function reads it."""
    headers = {"content-type": "application/json"}
    if key is not None:
        headers["idempotency-key"] = key
    return {
        "version": "2.0",
        "routeKey": "POST /orders",
        "headers": headers,
        "requestContext": {"requestId": f"request-{number}"},
        "body": json.dumps(request),
        "isBase64Encoded": False,
    }


def asked_for(item: dict[str, Any]) -> dict[str, Any]:
    """The request that an item was made of."""
    return {
        "customerName": item["customerName"]["S"],
        "items": [
            {
                "sku": it["M"]["sku"]["S"],
                "qty": int(it["M"]["qty"]["N"]),
                "price": float(it["M"]["price"]["N"]),
            }
            for it in item["items"]["L"]
        ],
    }


@pytest.fixture(scope="module", autouse=True)
def functions() -> Iterator[None]:
    with loaded_functions() as modules:
        FUNCTIONS.update(modules)
        yield
        FUNCTIONS.clear()


def test_no_interleaving_loses_doubles_or_sticks_an_order() -> None:
    run_state_machine_as_test(
        Orders,
        settings=settings(
            max_examples=60,
            stateful_step_count=30,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
