"""One chaos run: a local system behind the fault proxy, clients, the repair, the audit."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from functions import contract
from functions.orders import events
from local import sign_in
from local.sign_in import Caller
from local.system import System, system
from tools.chaos.audit import DeadLetter, Report, Trail, audit
from tools.chaos.faults import MIXES, Fault, Mix, Plan
from tools.chaos.load import customer, place_orders
from tools.chaos.partly import asking
from tools.chaos.proxy import FaultProxy
from tools.chaos.trail import Follower, rows
from tools.chaos.workers import WorkerKiller

CONFIGURATION = {"republish.pendingThresholdSeconds": 10}
"""The stack's configuration in a run: the repair's threshold is shorter than in production."""

REPAIR_SECONDS = 5.0
"""How often the repair runs. EventBridge Scheduler's shortest rate is a minute, so beside the
emulator's scheduler the function's live alias is invoked as the scheduler does it."""

CONCURRENCY = 12
"""Invocations of one function at once: most of them wait for an answer that a fault delays."""

SETTLE_SECONDS = 240.0
"""How long the system may take, after the last client, to settle every order."""


@dataclass(frozen=True)
class Options:
    """One run: its faults, how many orders, and how long until all of them are settled.

    `concurrency` clients are at work at once; the repair runs every `repair_seconds`; after the
    last client's answer the system has `settle_seconds`.
    """

    mix: Mix
    orders: int = 2000
    seed: int = 1
    concurrency: int = 32
    repair_seconds: float = REPAIR_SECONDS
    settle_seconds: float = SETTLE_SECONDS


@dataclass(frozen=True)
class Result:
    """The report, the faults that struck (kind -> calls), the workers killed, seconds taken."""

    report: Report
    struck: Mapping[Fault, int]
    killed: int
    seconds: float


class Arena:
    """A local system whose functions reach AWS through the fault proxy."""

    def __init__(self, local: System, proxy: FaultProxy) -> None:
        self.local = local
        self.proxy = proxy
        self.killer = WorkerKiller(local.pid)
        proxy.kill = self.killer.kill_caller
        proxy.ask = asking(local)
        self.callers = _callers(local)
        self.follower = Follower(local) if "orderEventsBusName" in local.outputs else None

    def run(self, options: Options, say: Callable[[str], None] = lambda _line: None) -> Result:
        """Place the orders, wait until all are settled, and hold them against the invariants.

        `say` gets the progress. Runs in one arena need seeds of their own: the customers'
        names tell their orders apart.
        """
        started, killed = time.monotonic(), self.killer.killed
        self.proxy.journal.clear()
        self.proxy.plan = Plan(options.mix, options.seed)
        try:
            with _repair(self.local, options.repair_seconds):
                self.proxy.take_down(options.mix.outages)
                outcomes = place_orders(
                    self.local.url,
                    options.orders,
                    options.seed,
                    options.concurrency,
                    retries=options.mix.retries,
                    done=_progress(say, options.orders),
                    callers=self.callers,
                )
                waiting = _settle(self.local, self.proxy, options.settle_seconds, say)
        finally:
            self.proxy.plan = Plan(MIXES["calm"], options.seed)
        ours = customer(options.seed, "")
        orders = [item for item in stored(self.local) if item["customerName"].startswith(ours)]
        trail = self._trail(orders, options.settle_seconds, say)
        killed = self.killer.killed - killed
        report = audit(
            outcomes,
            orders,
            dead_letters(self.local),
            self.proxy.journal,
            waiting,
            losable=(killed - self._deaths_elsewhere()) * _batch_size(self.local),
            trail=trail,
        )
        struck = Counter(entry.fault for entry in self.proxy.journal if entry.fault is not None)
        taken = time.monotonic() - started
        return Result(report, struck, killed, taken)

    def _trail(
        self, orders: list[dict[str, Any]], seconds: float, say: Callable[[str], None]
    ) -> Trail | None:
        """What bus and history tell of `orders`, and of orders that are not stored."""
        if self.follower is None:
            return None
        ours = {order["id"] for order in orders}
        wanted = sum(order["version"] for order in orders)
        trail = self.follower.trail(ours, wanted, seconds, say)
        others = {order["id"] for order in stored(self.local)} - ours
        return replace(
            trail, published=[each for each in trail.published if each.order_id not in others]
        )

    def _deaths_elsewhere(self) -> int:
        """Workers killed at a call that is not the processor's."""
        return sum(
            entry.fault is Fault.DEATH and entry.operation != "UpdateItem"
            for entry in self.proxy.journal
        )


@contextmanager
def arena(
    configuration: Mapping[str, Any] | None = None, *, minute: float = 60.0
) -> Iterator[Arena]:
    """A running arena; `configuration` is laid over CONFIGURATION. A `minute` of a progressive
    deployment takes so many seconds.

    Raises `local.errors.LocalRunError` when the local system cannot run.
    """
    with FaultProxy(Plan(MIXES["calm"], 0)) as proxy:

        def through_proxy(endpoint: str) -> str:
            proxy.connect(endpoint)
            return proxy.url

        with system(
            overrides={**CONFIGURATION, **(configuration or {})},
            functions_endpoint=through_proxy,
            concurrency=CONCURRENCY,
            minute=minute,
        ) as local:
            yield Arena(local, proxy)


def _callers(local: System) -> list[Caller]:
    """Two, where the API asks who calls: so that each key is another's as well."""
    if sign_in.POOL_OUTPUT not in local.outputs:
        return []
    return [sign_in.caller(local, user) for user in ("ada", "grace")]


def stored(local: System) -> list[dict[str, Any]]:
    """Every order in the table, as Python values."""
    return rows(local, local.outputs["ordersTableName"])


def dead_letters(local: System) -> list[DeadLetter]:
    """Every message in the dead-letter queue that names an order, with the processor's words."""
    sqs, url = local.client("sqs"), local.outputs["orderEventsDlqUrl"]
    deliveries = _max_receive_count(local)
    letters: list[DeadLetter] = []
    while True:
        messages = sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=600
        ).get("Messages", [])
        if not messages:
            return letters
        for message in messages:
            order = events.read(message["Body"]).order_id
            if order:
                answers = _answers(local, message["MessageId"])
                letters.append(DeadLetter(order, answers, deliveries))


def _answers(local: System, message_id: str) -> tuple[str | None, ...]:
    """The order's status in each log line that the processor wrote of a message."""
    lines = local.logs(local.outputs["functionNames"]["process_order"], f'"{message_id}"')
    read = (json.loads(line) for line in lines)
    return tuple(fields.get("status") for fields in read if fields["message_id"] == message_id)


def _max_receive_count(local: System) -> int:
    answer = local.client("sqs").get_queue_attributes(
        QueueUrl=local.outputs["orderEventsQueueUrl"], AttributeNames=["RedrivePolicy"]
    )
    return int(json.loads(answer["Attributes"]["RedrivePolicy"])["maxReceiveCount"])


def _batch_size(local: System) -> int:
    """Messages that a worker of the processor can have in hand."""
    mappings = local.client("lambda").list_event_source_mappings(
        FunctionName=f"{local.outputs['functionNames']['process_order']}:live"
    )["EventSourceMappings"]
    return max(int(mapping["BatchSize"]) for mapping in mappings)


@contextmanager
def _repair(local: System, every: float) -> Iterator[None]:
    stop = threading.Event()
    function = f"{local.outputs['functionNames']['republish_pending']}:live"
    client = local.client("lambda")

    def repeat() -> None:
        while not stop.wait(every):
            client.invoke(FunctionName=function, InvocationType="Event", Payload=b"{}")

    thread = threading.Thread(target=repeat, name="repair", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _settle(local: System, proxy: FaultProxy, seconds: float, say: Callable[[str], None]) -> int:
    """Wait until no message is left and no order is PENDING, or the time is up; how many
    messages are left."""
    table, queue = local.outputs["ordersTableName"], local.outputs["orderEventsQueueUrl"]
    dynamodb, sqs = local.client("dynamodb"), local.client("sqs")
    deadline = time.monotonic() + seconds
    told, waiting = "", 0
    while time.monotonic() < deadline:
        pending = sum(
            page["Count"]
            for page in dynamodb.get_paginator("scan").paginate(
                TableName=table, IndexName=contract.PENDING_INDEX, Select="COUNT"
            )
        )
        counts = sqs.get_queue_attributes(
            QueueUrl=queue,
            AttributeNames=[
                "ApproximateNumberOfMessages",
                "ApproximateNumberOfMessagesNotVisible",
            ],
        )["Attributes"]
        waiting = sum(int(count) for count in counts.values())
        now = f"settling: {pending} orders pending, {waiting} messages in the queue"
        if now != told:
            say(now)
            told = now
        if not pending and not waiting and not proxy.refusing:
            break
        local.wait(0.5)
    return waiting


def _progress(say: Callable[[str], None], orders: int) -> Callable[[int], None]:
    step = max(1, orders // 20)

    def done(count: int) -> None:
        if count % step == 0 or count == orders:
            say(f"{count} of {orders} clients have their answer")

    return done
