"""Everything that a person can look at and do in a run; pages and commands ask it alone."""

from __future__ import annotations

import http.client
import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from boto3.dynamodb.types import TypeDeserializer  # type: ignore[import-untyped]

from console import grants
from console.faults import Faults, explained
from console.load import Load
from console.map import LiveMap
from console.resources import Registered
from functions import contract
from local import events, sign_in
from local.client import Answer, Api
from local.deployer import Resource
from local.errors import LocalRunError
from local.index import Denial, Index, Order, order_in
from local.metrics import MINUTES, PERIOD, Alarm, Metrics, alarm
from local.system import System
from local.text import shown_json
from local.timeline import Step, timeline
from operations.dead_letters import DeadLetter, DeadLetterError, DeadLetterQueue, Redriven
from operations.letters import ConsumerLetters, OrderLetters, Reading
from tools.chaos.trail import plain

DLQ_OUTPUT = "orderEventsDlqUrl"


@dataclass(frozen=True)
class OrderLife:
    """One order: what events say, its item as stored (None: not there), its history if kept."""

    order: Order
    steps: list[Step]
    item: dict[str, Any] | None
    history: list[dict[str, Any]]


@dataclass(frozen=True)
class QueueRow:
    """A queue: messages now, seconds since its oldest was sent, where its dead letters go."""

    name: str
    visible: int
    in_flight: int
    delayed: int
    oldest: float
    dead_letters_to: str
    redrivable: bool


@dataclass(frozen=True)
class RequestRow:
    """A request, the function that it met and whether that was cold, and the order in it."""

    request: events.RequestAnswered
    function: str
    cold: bool | None
    order: str


@dataclass(frozen=True)
class DenialRow:
    """A denied call, and what would allow it (None: the caller is no function of ours)."""

    denial: Denial
    missing: grants.Missing | None


class Desk:
    """One run's; what has happened in it already is taken in as well."""

    def __init__(self, system: System) -> None:
        self.system, self.index = system, Index()
        self.registered = Registered(system, self.index)
        self.map = LiveMap(system, self.index)
        api = system.api or {"apiId": "", "stage": ""}
        self.metrics = Metrics(api["apiId"], api["stage"])
        self.index.also(self.metrics.take)
        self.index.follow(system.stream)
        self.faults = Faults(system)
        self.load = Load(self.api)

    def close(self) -> None:
        """End what is going on, with the run."""
        self.faults.close()

    @property
    def names(self) -> dict[str, str]:
        """What functions are called here, by their names in Lambda."""
        return {str(v): k for k, v in self.system.outputs.get("functionNames", {}).items()}

    def orders(self, search: str = "", status: str = "", limit: int = 50) -> list[Order]:
        """The latest orders, found by the begin of an id or correlation id, and by status."""
        return self.index.orders(search, status, limit)

    def life(self, order_id: str, reads: bool = True) -> OrderLife:
        """One order's life, with the `reads` of it or without.

        Raises `LocalRunError` for an order that nobody knows.
        """
        item = self._item(order_id)
        order = self._known(order_id, item)
        if order is None:
            raise LocalRunError(f"there is no order {order_id}")
        return OrderLife(
            order,
            timeline(self.index, order, self.names, reads),
            item,
            self._history(order_id),
        )

    def life_or_none(self, order_id: str, reads: bool) -> OrderLife | None:
        """The same for whoever asks for an id that may be anybody's; None for an unknown one."""
        try:
            return self.life(order_id, reads)
        except LocalRunError:
            return None

    def send_again(self, order_id: str, same_key: bool) -> Answer:
        """Send an order's request again: with its own key, or as a new order with another.

        Raises `LocalRunError` when the order is gone, or its request had no key.
        """
        item = self._item(order_id)
        order = self._known(order_id, item)
        if item is None or order is None:
            raise LocalRunError(f"there is no order {order_id}")
        key = self.key(order)
        if same_key and key is None:
            raise LocalRunError("its request had no Idempotency-Key, or is forgotten")
        body = {name: item[name] for name in ("customerName", "items")}
        return self.call(
            "POST",
            contract.ORDERS_PATH,
            body,
            {"idempotency-key": key if same_key and key else secrets.token_hex(16)},
        )

    def key(self, order: Order) -> str | None:
        """The Idempotency-Key of the request that placed an order, if it is known."""
        for correlation in order.correlations:
            request = self.index.request(correlation)
            if request is not None and request.idempotency_key:
                return request.idempotency_key
        return None

    def api(self) -> Api:
        """A client of the API, of the run's own user where it asks for somebody; raises
        `LocalRunError` where only another's provider has tokens."""
        return sign_in.api(self.system)

    def call(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Ask the API with a body as JSON, as `send` does."""
        return self.send(method, path, None if body is None else json.dumps(body), headers)

    def send(
        self,
        method: str,
        path: str,
        body: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Ask the API, the body as it is given; raises `LocalRunError` when no answer comes."""
        sent = {"content-type": "application/json"} if body is not None else {}
        content = None if body is None else body.encode()
        try:
            return self.api().request(method, path, content, {**sent, **(headers or {})})
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise LocalRunError(f"no answer: {error}") from error

    def queues(self) -> list[QueueRow]:
        """The queues that the program registered."""
        measured = self.index.queues()
        queues = self.system.of_type("sqs/queue:Queue")
        dead = {self._dead_letters_of(str(queue.outputs["arn"])) for queue in queues}
        rows = []
        for queue in queues:
            name = str(queue.outputs["name"])
            now = measured.get(name) or events.QueueMeasured(
                queue=name, visible=0, in_flight=0, delayed=0, oldest=0.0
            )
            rows.append(
                QueueRow(
                    name,
                    now.visible,
                    now.in_flight,
                    now.delayed,
                    now.oldest,
                    self._dead_letters_of(str(queue.outputs["arn"])),
                    name in dead,
                )
            )
        return rows

    def dead_letters(self, queue: str | None = None) -> list[DeadLetter]:
        """What lies in a dead-letter queue, by default that of orders, and why."""
        return self._dlq(queue).letters()

    def masked(self, queue: str, letter: DeadLetter) -> str:
        """What may be shown of a dead letter's body."""
        return shown_json(self._dlq(queue).reading.masked(letter.body))

    def redrive(self, message_id: str | None = None, queue: str | None = None) -> Redriven:
        """Send one dead letter back, or all; raises `LocalRunError` when it cannot be done."""
        try:
            if message_id is None:
                return self._dlq(queue).redrive_all(lambda _moved, _of: None)
            self._dlq(queue).redrive_one(message_id)
            return Redriven(1, {})
        except DeadLetterError as error:
            raise LocalRunError(str(error)) from error

    def alarms(self) -> list[Alarm]:
        """The registered alarms, each as it would be now, and when it would have rung."""
        now = int(time.time()) // PERIOD
        minutes = range(now - MINUTES + 1, now + 1)
        return [
            alarm(each.name, each.inputs, self.metrics, minutes)
            for each in self.system.of_type("cloudwatch/metricAlarm:MetricAlarm")
        ]

    def dashboards(self) -> dict[str, str]:
        """The bodies of the registered dashboards."""
        found = self.system.of_type("cloudwatch/dashboard:Dashboard")
        return {each.name: str(each.inputs["dashboardBody"]) for each in sorted(found, key=_name)}

    def requests(self, limit: int = 100) -> list[RequestRow]:
        """The latest requests."""
        names = self.names
        rows = []
        for request, invocations in self.index.requests(limit):
            met = invocations[-1] if invocations else None
            rows.append(
                RequestRow(
                    request,
                    names.get(met.function, met.function) if met else "",
                    met.init_milliseconds is not None if met else None,
                    order_in(request.location or request.path),
                )
            )
        return rows

    def denials(self) -> list[DenialRow]:
        """The calls that IAM denied, each once, and what would allow them."""
        resources = self.system.resources
        return [DenialRow(d, grants.missing(d.call, resources)) for d in self.index.denials()]

    def _known(self, order_id: str, item: Mapping[str, Any] | None) -> Order | None:
        """An order by what events and its item say; None when neither knows it."""
        order = self.index.order(order_id)
        if item is None:
            return order
        if order is None:  # forgotten, or no event has told of it
            order = Order(order_id, 0.0, 0.0)
        order.status = str(item.get("status", ""))
        # Of a request that failed once its order was stored, nothing else tells.
        if "correlationId" in item:
            self.index.correlate(order, str(item["correlationId"]))
        return order

    def _item(self, order_id: str) -> dict[str, Any] | None:
        answer = self.system.client("dynamodb").get_item(
            TableName=self.system.outputs["ordersTableName"],
            Key={"id": {"S": order_id}},
            ConsistentRead=True,
        )
        return _values(answer["Item"]) if "Item" in answer else None

    def _history(self, order_id: str) -> list[dict[str, Any]]:
        for function in self.system.of_type("Function"):
            variables = (function.inputs.get("environment") or {}).get("variables") or {}
            table = variables.get(contract.HISTORY_TABLE_NAME_VARIABLE)
            if table:
                items = self.system.client("dynamodb").query(
                    TableName=table,
                    KeyConditionExpression=f"{contract.HISTORY_ORDER_ATTRIBUTE} = :id",
                    ExpressionAttributeValues={":id": {"S": order_id}},
                )["Items"]
                return [_values(item) for item in items]
        return []

    def _dead_letters_of(self, arn: str) -> str:
        for each in self.system.resources:
            policy = each.inputs.get("redrivePolicy")
            if policy and arn == each.outputs.get("arn"):
                return str(json.loads(policy)["deadLetterTargetArn"]).rpartition(":")[2]
        return ""

    def _dlq(self, name: str | None = None) -> DeadLetterQueue:
        """The dead-letter queue of this name; by default that of the orders' queue."""
        sqs, outputs = self.system.client("sqs"), self.system.outputs
        queues = {str(q.outputs["name"]): q for q in self.system.of_type("sqs/queue:Queue")}
        own = _queue_name(outputs[DLQ_OUTPUT])
        name = name or own
        source = next(
            (q for q in queues.values() if self._dead_letters_of(q.outputs["arn"]) == name), None
        )
        if source is None:
            raise LocalRunError(f"{name} is no dead-letter queue")
        reading: Reading = ConsumerLetters(source.name)
        if name == own:
            reading = OrderLetters(self.system.client("dynamodb"), outputs["ordersTableName"])
        url = str(queues[name].outputs["url"])
        return DeadLetterQueue(sqs, reading, url, source.outputs["url"], moves=False, waits=False)


def _name(resource: Resource) -> str:
    return resource.name


def _queue_name(url: str) -> str:
    return url.rpartition("/")[2]


def _values(item: Mapping[str, Any]) -> dict[str, Any]:
    """An item as JSON has it."""
    read = TypeDeserializer().deserialize
    return {name: plain(read(value)) for name, value in item.items()}


def operations(desk: Desk) -> dict[str, Callable[..., Any]]:
    """What another process may ask of a desk, for `local.control`."""
    return {
        "orders": desk.orders,
        "life": lambda order_id: replace(desk.life(order_id), item=None, history=[]),
        "send_again": desk.send_again,
        "requests": desk.requests,
        "denials": desk.denials,
        "queues": desk.queues,
        "alarms": desk.alarms,
        "resources": desk.registered.rows,
        "resource": desk.registered.details,
        "faults": desk.faults.now,
        "start_faults": desk.faults.start,
        "stop_faults": desk.faults.stop,
        "kill_workers": desk.faults.kill_workers,
        "explained": explained,
        "start_load": desk.load.start,
        "wait_for_load": desk.load.wait,
    }
