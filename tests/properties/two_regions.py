"""A system in two regions, in this process: the real functions of each, with a replica each of the
table of orders and a queue each; replication and outages are under the test's control.

As in DynamoDB's ordinary global tables, a condition holds at the replica that is written to, and
the later of two writes of an item wins. Each replica's stream tells every change there.
"""

import itertools
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar, NamedTuple
from unittest import mock

from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectTimeoutError
from botocore.httpsession import URLLib3Session
from ministack.services import dynamodb

from functions import contract
from functions.orders import adoption
from tests.properties.double import (
    MAX_RECEIVES,
    TABLE,
    Context,
    Message,
    create_table,
    execute,
    loaded_functions,
    response,
)
from tests.unit import stacks
from tools.chaos.calls import Call

HOME, OTHER = MEMBERS = ("us-east-1", "eu-west-1")
ADOPT_AFTER, MARGIN = 900, 360  # seconds
A_DAY = 86_400


@dataclass
class Clock:
    """The time of all functions: a day ago at first, so that their repair finds every order."""

    now: float = field(default_factory=lambda: time.time() - A_DAY)

    def __call__(self) -> float:
        self.now += 0.01
        return self.now


CLOCK = Clock()


@contextmanager
def functions_of_both() -> Iterator[dict[str, dict[str, ModuleType]]]:
    """The handlers' modules by region and name."""
    with ExitStack() as stack:
        found = {}
        for region in MEMBERS:
            variables = {
                contract.REGIONS_VARIABLE: ",".join(MEMBERS),
                contract.ADOPT_AFTER_VARIABLE: str(ADOPT_AFTER),
                "AWS_REGION": region,
                "AWS_DEFAULT_REGION": region,
            }
            found[region] = stack.enter_context(loaded_functions(variables, CLOCK))
            regions = sys.modules["functions.orders.regions"]
            stack.enter_context(mock.patch.object(regions, "time", SimpleNamespace(time=CLOCK)))
        yield found


class Write(NamedTuple):
    """What one replica has to tell the other: an item as it was written, and when."""

    order_id: str
    moment: float
    item: dict[str, Any]


class Filter:
    """The patterns by which a region's stream leads to its function, out of the program."""

    def __init__(self, place: int) -> None:
        recorded = stacks.two_regions()[place]
        mapping = recorded.one(
            "aws:lambda/eventSourceMapping:EventSourceMapping", "orders-publish-changes-stream"
        )
        given = mapping.inputs["filterCriteria"]["filters"]
        self._patterns = [json.loads(each["pattern"]) for each in given]

    def takes(self, record: dict[str, Any]) -> bool:
        return any(_matches(pattern, record) for pattern in self._patterns)


def _matches(pattern: Any, found: Any) -> bool:
    if isinstance(pattern, dict):
        there = found if isinstance(found, dict) else {}
        return all(_matches(each, there.get(name)) for name, each in pattern.items())
    return any(found == each or (each == {"exists": False} and found is None) for each in pattern)


class TwoRegions:
    """Both regions; `held_up` is what happens while a process waits between two attempts."""

    filters: ClassVar[dict[str, Filter]] = {}

    def __init__(self, functions: dict[str, dict[str, ModuleType]]) -> None:
        if not self.filters:
            self.filters.update({region: Filter(n) for n, region in enumerate(MEMBERS)})
        self.functions = functions
        self.queues: dict[str, list[Message]] = {region: [] for region in MEMBERS}
        self.down: set[str] = set()
        self.pending: dict[str, list[Write]] = {region: [] for region in MEMBERS}  # by source
        self.confirmed: Counter[str] = Counter()  # by order
        self.published: Counter[tuple[str, str]] = Counter()  # by order and what it became
        self.asked: list[tuple[str, str]] = []  # region and operation of each call
        self.failing = 0  # that many next calls are answered 500
        self.held_up: Callable[[], None] | None = None
        self._written: dict[tuple[str, str], float] = {}
        self._numbers = itertools.count(1)
        dynamodb.reset()
        for region in MEMBERS:
            create_table(_local(region))

    def other(self, region: str) -> str:
        return next(each for each in MEMBERS if each != region)

    def items(self, region: str) -> dict[str, dict[str, Any]]:
        _, answer = execute("Scan", {"TableName": _local(region), "ConsistentRead": True})
        return {item["id"]["S"]: item for item in answer["Items"]}

    def item(self, region: str, order_id: str) -> dict[str, Any]:
        return self.items(region)[order_id]

    # What happens

    def take(self, region: str, key: str | None = None) -> Any:
        """A request for an order; its id, None where the answer was no 201."""
        number = next(self._numbers)
        headers = {"content-type": "application/json"}
        event = {
            "routeKey": "POST /orders",
            "headers": {**headers, **({"idempotency-key": key} if key else {})},
            "requestContext": {"requestId": f"request-{number}"},
            "body": json.dumps(
                {"customerName": "Ann", "items": [{"sku": "TEA", "qty": 1, "price": 1}]}
            ),
        }
        answer = self._invoke(region, "create_order", event)
        return json.loads(answer["body"])["id"] if answer["statusCode"] == 201 else None

    def deliver(self, region: str, message: Message) -> bool:
        """Hand a message to the region's processor; whether that is done with it."""
        message.receives += 1
        answer = self._invoke(region, "process_order", {"Records": [message.record()]})
        failed = bool(answer["batchItemFailures"])
        if message in self.queues[region] and (not failed or message.receives >= MAX_RECEIVES):
            self.queues[region].remove(message)
        return not failed

    def repair(self, region: str) -> list[Message]:
        """A run of the region's repair; the messages that it sent."""
        before = list(self.queues[region])
        self._invoke(region, "republish_pending", {})
        return [each for each in self.queues[region] if each not in before]

    def replicate(self, source: str, count: int = 1000) -> None:
        """Let the other replica hear of so many writes."""
        target = self.other(source)
        writes, self.pending[source] = self.pending[source][:count], self.pending[source][count:]
        for write in writes:
            if write.moment > self._written.get((target, write.order_id), 0.0):
                self._put(target, write.order_id, write.item, write.moment)

    def adopt(self, down: str, *, alive: bool = False) -> int:
        """What the heir's operator does when a region is down; the orders that were adopted."""
        heir = adoption.heir(MEMBERS, down)
        owners = [down] if alive else adoption.adoptable(MEMBERS, down)
        now = CLOCK()
        done = 0
        for item in self.items(heir).values():
            if contract.PENDING_SHARD_ATTRIBUTE not in item:
                continue
            request = adoption.request(
                TABLE,
                item,
                MEMBERS,
                adopts=heir,
                owners=owners,
                until=_timestamp(now - ADOPT_AFTER - MARGIN),
                now=_timestamp(now),
            )
            done += self._dynamodb(heir, "UpdateItem", request)[0] == 200
        return done

    # AWS

    def _invoke(self, region: str, function: str, event: dict[str, Any]) -> Any:
        assert region not in self.down
        variables = {"AWS_REGION": region, "AWS_DEFAULT_REGION": region}
        with (
            mock.patch.dict("os.environ", variables),
            mock.patch.object(URLLib3Session, "send", self._send),
            mock.patch("botocore.endpoint.time", SimpleNamespace(sleep=self._wait)),
        ):
            ours = self.functions[region]
            # The logger outlives a test, the captured stream does not.
            ours["process_order"].telemetry.logger.registered_handler.stream = sys.stdout
            return ours[function].handler(event, Context())

    def _wait(self, _seconds: float) -> None:
        held_up, self.held_up = self.held_up, None
        if held_up is not None:
            held_up()

    def _send(self, request: Any) -> AWSResponse:
        region = str(request.url).split(".")[1]
        target = request.headers["X-Amz-Target"]
        target = target.encode() if isinstance(target, str) else target
        body = request.body if isinstance(request.body, bytes) else request.body.encode()
        call = Call.read(b"POST", b"/", [(b"x-amz-target", target)], body)
        self.asked.append((region, call.operation))
        if region in self.down:
            raise ConnectTimeoutError(endpoint_url=request.url)
        if self.failing:
            self.failing -= 1
            return response(request, 500, {"__type": "InternalServerError"})
        asked = json.loads(call.body)
        if call.operation.startswith("SendMessage"):
            entries = asked.get("Entries", [asked])
            for entry in entries:
                message = Message(
                    f"message-{next(self._numbers)}",
                    entry["MessageBody"],
                    entry.get("MessageAttributes") or {},
                )
                self.queues[region].append(message)
            sent = [{"Id": each.get("Id"), "MessageId": "m"} for each in entries]
            return response(request, 200, {"MessageId": "m", "Successful": sent, "Failed": []})
        return response(request, *self._dynamodb(region, call.operation, asked))

    def _dynamodb(
        self, region: str, operation: str, asked: dict[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        asked = json.loads(json.dumps(asked).replace(f'"{TABLE}"', f'"{_local(region)}"'))
        if operation not in ("PutItem", "UpdateItem"):
            status, answer = execute(operation, asked)
            text = json.dumps(answer).replace(f'"{_local(region)}"', f'"{TABLE}"')
            return status, json.loads(text)
        order_id = (asked.get("Key") or asked["Item"])["id"]["S"]
        before = self.items(region).get(order_id)
        status, answer = execute(operation, asked)
        if status == 200:
            moment, after = CLOCK(), self.item(region, order_id)
            self._told(region, before, after, moment)
            self.pending[region].append(Write(order_id, moment, after))
            if operation == "UpdateItem" and after["status"]["S"] == contract.CONFIRMED:
                self.confirmed[order_id] += 1
        return status, answer

    def _put(self, region: str, order_id: str, item: dict[str, Any], moment: float) -> None:
        before = self.items(region).get(order_id)
        execute("PutItem", {"TableName": _local(region), "Item": item})
        self._told(region, before, item, moment)

    def _told(
        self, region: str, before: dict[str, Any] | None, after: dict[str, Any], moment: float
    ) -> None:
        """A change as the region's stream tells it, and its consumer publishes it."""
        self._written[region, after["id"]["S"]] = moment
        name = "MODIFY" if before else "INSERT"
        if self.filters[region].takes({"eventName": name, "dynamodb": {"NewImage": after}}):
            self.published[after["id"]["S"], after["status"]["S"]] += 1


def _local(region: str) -> str:
    return f"{TABLE}.{region}"


def _timestamp(moment: float) -> str:
    text = datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
