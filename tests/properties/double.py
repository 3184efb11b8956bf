"""AWS on the far side of botocore's wire, in this process and under the test's control.

DynamoDB is the emulator's own implementation, called without a socket; the queue is a list.
The functions are loaded as they are, and everything they send passes `Aws.answer`.
"""

import importlib
import itertools
import json
import random
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from types import MappingProxyType, ModuleType, SimpleNamespace
from typing import Any
from unittest import mock

from botocore.awsrequest import AWSResponse
from botocore.exceptions import ReadTimeoutError
from botocore.httpsession import URLLib3Session
from ministack.services import dynamodb

from functions import contract
from tools.chaos.calls import Call

TABLE = "Orders"
QUEUE_URL = "https://sqs.us-east-1.amazonaws.com/000000000000/order-events"
QUEUE_ARN = "arn:aws:sqs:us-east-1:000000000000:order-events"
MAX_RECEIVES = 3
REPUBLISH_LIMIT = 4
ENVIRONMENT = {
    contract.TABLE_NAME_VARIABLE: TABLE,
    contract.QUEUE_URL_VARIABLE: QUEUE_URL,
    contract.ORDER_ID_KEY_VARIABLE: "properties",
    contract.MAX_RECEIVE_COUNT_VARIABLE: str(MAX_RECEIVES),
    contract.PENDING_THRESHOLD_VARIABLE: "60",
    contract.REPUBLISH_LIMIT_VARIABLE: str(REPUBLISH_LIMIT),
    contract.PENDING_SHARDS_VARIABLE: "4",
    contract.SERVICE_NAME_VARIABLE: "properties",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
}
HANDLERS = ("create_order", "get_order", "process_order", "republish_pending")


class Fault(Enum):
    """What happens to one attempt of one call."""

    NONE = "none"
    REFUSED = "500, nothing done"
    DENIED = "denied, nothing done, no retry"
    LOST = "done, the answer never came"
    DEATH = "done, then the worker dies"
    DEATH_BEFORE = "the worker dies before"


class WorkerDeath(BaseException):
    """The end of a worker process; nothing in a function may survive it."""


@dataclass
class Message:
    """One message in a queue."""

    message_id: str
    body: str
    attributes: dict[str, Any] = field(default_factory=dict)
    receives: int = 0
    moved_by_sqs: bool = False

    @property
    def redriven(self) -> bool:
        return self.moved_by_sqs or contract.REDRIVEN_ATTRIBUTE in self.attributes

    @property
    def order_id(self) -> str | None:
        orders = Call.read(
            b"POST",
            b"/",
            [(b"x-amz-target", b"AmazonSQS.SendMessage")],
            json.dumps({"MessageBody": self.body}).encode(),
        ).orders
        return orders[0] if orders else None

    def record(self) -> dict[str, Any]:
        """The Lambda event record of a delivery."""
        attributes = {
            "ApproximateReceiveCount": str(self.receives),
            # All AWS promises of a message that it moved back is that its time is a new one.
            "SentTimestamp": str(int(time.time() * 1000)) if self.moved_by_sqs else "0",
        }
        return {
            "messageId": self.message_id,
            "receiptHandle": f"handle of {self.message_id}",
            "body": self.body,
            "attributes": attributes,
            "messageAttributes": {
                name: {key[0].lower() + key[1:]: value for key, value in attribute.items()}
                for name, attribute in self.attributes.items()
            },
            "eventSource": "aws:sqs",
            "eventSourceARN": QUEUE_ARN,
            "awsRegion": "us-east-1",
        }


@dataclass(frozen=True)
class Change:
    """One write that DynamoDB did: the item before (None: there was none) and after."""

    operation: str
    before: dict[str, Any] | None
    after: dict[str, Any]


class Aws:
    """DynamoDB and one queue. `faults` holds, for each order id ("" for calls about none), what
    happens to the next attempts of calls about it."""

    def __init__(self) -> None:
        self.queue: list[Message] = []
        self.dlq: list[Message] = []
        self.changes: list[Change] = []
        self.faults: dict[str, list[Fault]] = {}
        self.default: list[Fault] = []
        self._dead = False
        self._sent = 0
        dynamodb.reset()
        create_table(TABLE)

    @property
    def items(self) -> dict[str, dict[str, Any]]:
        """Order id -> item in DynamoDB's wire form."""
        _, answer = execute("Scan", {"TableName": TABLE, "ConsistentRead": True})
        return {item["id"]["S"]: item for item in answer["Items"]}

    def put_message(self, body: str, attributes: dict[str, Any] | None = None) -> Message:
        """Put a message into the queue, as SendMessage does."""
        self._sent += 1
        message = Message(f"message-{self._sent}", body, attributes or {})
        self.queue.append(message)
        return message

    @contextmanager
    def invocation(self) -> Iterator[None]:
        """One invocation of a function: once its worker has died, it does nothing more."""
        self._dead = False
        try:
            with mock.patch.object(URLLib3Session, "send", self._send):
                yield
        finally:
            self.faults = {}
            self.default = []

    def _send(self, request: Any) -> AWSResponse:
        """What botocore calls to put a request on the wire."""
        body = request.body if isinstance(request.body, bytes) else (request.body or "").encode()
        target = request.headers["X-Amz-Target"]
        target = target.encode() if isinstance(target, str) else target
        call = Call.read(b"POST", b"/", [(b"x-amz-target", target)], body)
        if self._dead:
            raise WorkerDeath
        fault = self._next_fault(call)
        if fault is Fault.DEATH_BEFORE:
            self._dead = True
            raise WorkerDeath
        if fault is Fault.REFUSED:
            return response(request, 500, {"__type": "InternalServerError"})
        if fault is Fault.DENIED:
            return response(request, 400, {"__type": "AccessDeniedException"})
        status, answer = self._do(call)
        if fault is Fault.DEATH:
            self._dead = True
            raise WorkerDeath
        if fault is Fault.LOST:
            raise ReadTimeoutError(endpoint_url=request.url)
        return response(request, status, answer)

    def _next_fault(self, call: Call) -> Fault:
        for order in call.orders or ("",):
            waiting = self.faults.get(order, self.default)
            if waiting:
                return waiting.pop(0)
        return Fault.NONE

    def _do(self, call: Call) -> tuple[int, dict[str, Any]]:
        body = json.loads(call.body)
        if call.operation == "SendMessage":
            message = self.put_message(body["MessageBody"], body.get("MessageAttributes"))
            return 200, {"MessageId": message.message_id}
        if call.operation == "SendMessageBatch":
            done = [
                (entry, self.put_message(entry["MessageBody"], entry.get("MessageAttributes")))
                for entry in body["Entries"]
            ]
            sent = [{"Id": entry["Id"], "MessageId": it.message_id} for entry, it in done]
            return 200, {"Successful": sent, "Failed": []}
        if call.operation not in ("PutItem", "UpdateItem"):
            return execute(call.operation, body)
        [order] = call.orders
        before = self.items.get(order)
        status, answer = execute(call.operation, body)
        if status == 200:
            self.changes.append(Change(call.operation, before, self.items[order]))
        return status, answer


class Context:
    """The context object of an invocation."""

    function_name = "properties"
    function_version = "1"
    memory_limit_in_mb = 1024
    invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:properties"
    aws_request_id = "b6f5f0de-4f3a-4b5e-8f0e-1f2d3c4b5a69"

    def get_remaining_time_in_millis(self) -> int:
        return 30_000


def execute(operation: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Status and answer of an operation of DynamoDB."""
    headers = {"x-amz-target": f"DynamoDB_20120810.{operation}"}
    work = dynamodb.handle_request("POST", "/", headers, json.dumps(body).encode(), {})
    try:
        work.send(None)
    except StopIteration as done:
        status, _, text = done.value
        return status, json.loads(text)
    raise RuntimeError(f"{operation} waits for something")


def response(request: Any, status: int, answer: dict[str, Any]) -> AWSResponse:
    """An answer as botocore reads it from the wire."""
    text = json.dumps(answer).encode()
    raw = SimpleNamespace(stream=lambda: iter([text]))
    headers = {"content-type": "application/x-amz-json-1.0"}
    return AWSResponse(request.url, status, headers, raw)


def create_table(name: str) -> None:
    """Make a table of orders, with the index over pending ones."""
    execute(
        "CreateTable",
        {
            "TableName": name,
            "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "AttributeDefinitions": [
                {"AttributeName": "id", "AttributeType": "S"},
                {"AttributeName": contract.PENDING_SHARD_ATTRIBUTE, "AttributeType": "N"},
                {"AttributeName": contract.CREATED_AT_ATTRIBUTE, "AttributeType": "S"},
            ],
            "GlobalSecondaryIndexes": [
                {
                    "IndexName": contract.PENDING_INDEX,
                    "KeySchema": [
                        {"AttributeName": contract.PENDING_SHARD_ATTRIBUTE, "KeyType": "HASH"},
                        {"AttributeName": contract.CREATED_AT_ATTRIBUTE, "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "KEYS_ONLY"},
                }
            ],
        },
    )


def _ours() -> list[str]:
    return [name for name in sys.modules if name.partition(".")[0] == "functions"]


def _random_id() -> str:
    return str(uuid.UUID(int=random.getrandbits(128), version=4))


def _no_wait(_seconds: float) -> None:
    """Between botocore's attempts."""


@contextmanager
def loaded_functions(
    more: Mapping[str, str] = MappingProxyType({}), clock: Callable[[], float] | None = None
) -> Iterator[dict[str, ModuleType]]:
    """The handlers' modules by name, loaded anew in our environment, made repeatable.

    `more` are further variables. A `clock`, in seconds since 1970, takes the place of theirs.

    Their clock starts a day ago and moves a second with each reading, so every order is older
    than the repair's threshold and no two changes have the same time. Random ids come from
    the generator that hypothesis seeds, and the messages of a batch are processed in turn, so
    that an example that failed fails again.
    """
    kept = {name: sys.modules.pop(name) for name in _ours()}
    seconds = itertools.count()

    def now() -> str:
        moment = start + timedelta(seconds=next(seconds))
        return str(sys.modules["functions.orders.order"].timestamp(moment))

    start = datetime.now(UTC) - timedelta(days=1)
    try:
        with (
            mock.patch.dict("os.environ", {**ENVIRONMENT, **more}),
            mock.patch("botocore.endpoint.time", SimpleNamespace(sleep=_no_wait)),
        ):
            modules = {name: importlib.import_module(f"functions.{name}") for name in HANDLERS}
            order = sys.modules["functions.orders.order"]

            def told() -> str:
                assert clock is not None
                return str(order.timestamp(datetime.fromtimestamp(clock(), UTC)))

            in_turn = ThreadPoolExecutor(1)
            with (
                mock.patch.object(order, "now", told if clock else now),
                mock.patch.object(order, "random_id", _random_id),
                mock.patch.object(modules["process_order"], "_threads", in_turn),
            ):
                yield modules
    finally:
        for name in _ours():
            del sys.modules[name]
        sys.modules.update(kept)
