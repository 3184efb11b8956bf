"""What bus and history tell of the orders of a local run."""

import json
import time
from collections.abc import Callable, Collection, Iterator
from typing import Any
from uuid import uuid4

from boto3.dynamodb.types import TypeDeserializer  # type: ignore[import-untyped]

from functions import contract
from functions.orders import changes
from local.system import System
from tools.chaos.audit import Trail

LOOK_SECONDS = 0.2
"""How often the queue is looked at. The history, a whole table, is read when that is empty."""

_COUNTS = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]


class Follower:
    """Hears every event of the bus through a rule and a queue of its own, and reads the history
    that record_history writes.

    `queue` is the URL of record_history's queue.
    """

    def __init__(self, local: System) -> None:
        self._local = local
        self._sqs = local.client("sqs")
        functions = local.client("lambda")
        recorder = f"{local.outputs['functionNames']['record_history']}:live"
        variables = functions.get_function_configuration(FunctionName=recorder)["Environment"]
        self._table = variables["Variables"][contract.HISTORY_TABLE_NAME_VARIABLE]
        [mapping] = functions.list_event_source_mappings(FunctionName=recorder)[
            "EventSourceMappings"
        ]
        self.queue = self._url(mapping["EventSourceArn"])
        redrive = json.loads(self._attributes(self.queue, ["RedrivePolicy"])["RedrivePolicy"])
        self._dead = self._url(redrive["deadLetterTargetArn"])
        self._heard = self._listen(local.client("events"), local.outputs["orderEventsBusName"])

    def trail(
        self,
        orders: Collection[str],
        wanted: int,
        seconds: float,
        say: Callable[[str], None],
    ) -> Trail:
        """What is told of `orders`, as soon as `wanted` changes of theirs are in the history and
        no event waits for it, or the time (in seconds) is up. Events of orders that are not
        stored are in it too.

        Events that the history gave up, since every delivery of theirs was struck, are sent back
        meanwhile, as an operator does on the alarm.
        """
        deadline = time.monotonic() + seconds
        told = ""
        while True:
            sent_back = sum(self._send_back(body) for body in self._drained(self._dead))
            waiting = sum(int(n) for n in self._attributes(self.queue, _COUNTS).values())
            late = time.monotonic() > deadline
            if late or not (waiting or sent_back):
                history = self._history(orders)
                if late or len(history) >= wanted:
                    say(f"history: {len(history)} of {wanted} changes")
                    return Trail(self._published(), history)
            now = f"history: {waiting} events in its queue"
            if sent_back:
                now += f", {sent_back} sent back from its dead letters"
            if now != told:
                say(now)
                told = now
            self._local.wait(LOOK_SECONDS)

    def _history(self, orders: Collection[str]) -> list[dict[str, Any]]:
        found = rows(self._local, self._table)
        return [each for each in found if each[contract.HISTORY_ORDER_ATTRIBUTE] in orders]

    def _published(self) -> list[changes.Change]:
        bodies = self._drained(self._heard)
        return [changes.read(json.loads(body)["detail"]) for body in bodies]

    def _send_back(self, body: str) -> int:
        self._sqs.send_message(QueueUrl=self.queue, MessageBody=body)
        return 1

    def _drained(self, url: str) -> Iterator[str]:
        while messages := self._sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for message in messages:
                yield message["Body"]
                self._sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    def _attributes(self, url: str, names: list[str]) -> dict[str, str]:
        answer = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)
        attributes: dict[str, str] = answer["Attributes"]
        return attributes

    def _url(self, arn: str) -> str:
        return str(self._sqs.get_queue_url(QueueName=arn.rpartition(":")[2])["QueueUrl"])

    def _listen(self, events: Any, bus: str) -> str:
        name = f"chaos-{uuid4().hex[:8]}"
        url = str(self._sqs.create_queue(QueueName=name)["QueueUrl"])
        arn = self._attributes(url, ["QueueArn"])["QueueArn"]
        rule = events.put_rule(
            Name=name,
            EventBusName=bus,
            EventPattern=json.dumps({"source": [contract.EVENT_SOURCE]}),
        )["RuleArn"]
        allowed = {
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": rule}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        self._sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
        events.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": "heard", "Arn": arn}])
        return url


def rows(local: System, table: str) -> list[dict[str, Any]]:
    """Every item of a table, as Python values."""
    pages = local.client("dynamodb").get_paginator("scan").paginate(TableName=table)
    read = TypeDeserializer().deserialize
    return [
        plain({name: read(value) for name, value in item.items()})
        for page in pages
        for item in page["Items"]
    ]


def plain(value: Any) -> Any:
    """Decimals as int or float, as the clients sent them."""
    if isinstance(value, dict):
        return {name: plain(member) for name, member in value.items()}
    if isinstance(value, list):
        return [plain(member) for member in value]
    if hasattr(value, "as_tuple"):
        return int(value) if value == int(value) else float(value)
    return value
