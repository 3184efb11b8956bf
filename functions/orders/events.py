"""OrderCreated: the form of the event, built and read here alone, and the queue it is sent to.

A message's body is `{"type", "detail": {"id", "customerName", "items"}}`; beside it travel the
attributes that contract names: the correlation id, the order's createdAt and, on messages that
people sent back from the dead-letter queue, the time of that. Whatever is read may be anything.

`Events` raises what botocore raises (`aws.FAILURES`).
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from .. import contract
from ..toolkit import aws, environment, tracing
from . import order

# SQS takes 10 messages and 256 KiB (the limit that holds everywhere) in one batch.
BATCH_MESSAGES = 10
BATCH_BYTES = 262_144

# Attempts of one send. Together with one put it ends within an API function's 30 s.
ATTEMPTS = 2
LONGEST_CALL = aws.longest_call(ATTEMPTS)

_CORRELATION_ID = re.compile(r"[!-~]{1,128}")


class Message(NamedTuple):
    """An OrderCreated event on its way to the queue."""

    order_id: str
    body: str
    attributes: dict[str, Any]

    @property
    def size(self) -> int:
        """Bytes that SQS counts: the body and each attribute's name, type and value."""
        return len(self.body) + sum(
            len(name) + len(value["DataType"]) + len(value["StringValue"])
            for name, value in self.attributes.items()
        )


def batches(messages: Iterable[Message]) -> Iterator[list[Message]]:
    """The events in batches that one call can send."""
    batch: list[Message] = []
    for event in messages:
        size = event.size + sum(queued.size for queued in batch)
        if batch and (len(batch) == BATCH_MESSAGES or size > BATCH_BYTES):
            yield batch
            batch = []
        batch.append(event)
    if batch:
        yield batch


def message(order_id: str, order_text: str, created_at: str, correlation_id: str) -> Message:
    """The OrderCreated event of an order, with what the processor's logs and metrics need."""
    values = {
        contract.CORRELATION_ID_ATTRIBUTE: correlation_id,
        contract.CREATED_AT_ATTRIBUTE: created_at,
    }
    return Message(
        order_id,
        _body(order_id, order_text),
        {name: _text(value) for name, value in values.items() if value},
    )


def _body(order_id: str, order_text: str) -> str:
    # The order's text is JSON already: its members follow the id.
    head = f'{{"type":"{contract.ORDER_CREATED}","detail":{{"id":"{order_id}",'
    return f"{head}{order_text[1:]}}}"


def _text(value: str) -> dict[str, str]:
    return {"DataType": "String", "StringValue": value}


def redriven(attributes: dict[str, Any], moment: str) -> dict[str, Any]:
    """The attributes of a message (as SQS's API has them) sent back from the dead-letter queue."""
    return {**attributes, contract.REDRIVEN_ATTRIBUTE: _text(moment)}


def attribute(attributes: Any, name: str) -> str:
    """The text of one of a message's attributes, as SQS's API or as Lambda spells them; empty
    when it is absent or of another kind."""
    found = attributes.get(name) if isinstance(attributes, dict) else None
    if not isinstance(found, dict):
        return ""
    value = found.get("stringValue", found.get("StringValue"))
    return value if isinstance(value, str) else ""


class Content(NamedTuple):
    """What a body says: the order it names, if any, and why it is not an OrderCreated event of an
    order (empty: it is one). The flaw holds nothing of the body."""

    order_id: str | None
    flaw: str
    synthetic: bool = False


def read(body: Any) -> Content:
    """The content of a message's body."""
    try:
        event = json.loads(body)
    except (TypeError, ValueError, RecursionError):
        return Content(None, "unreadable: the body is not JSON")
    if not isinstance(event, dict):
        return Content(None, "unreadable: the body is not a JSON object")
    detail = event.get("detail")
    detail = detail if isinstance(detail, dict) else {}
    named = detail.get("id")
    order_id = named if isinstance(named, str) and order.is_id(named) else None
    if event.get("type") != contract.ORDER_CREATED:
        return Content(order_id, f"not an {contract.ORDER_CREATED} event")
    if order_id is None:
        return Content(None, "unreadable: the event has no order id")
    if not detail.keys() >= set(contract.ORDER_CREATED_DETAIL):
        return Content(order_id, "unreadable: the event is incomplete")
    return Content(order_id, "", order.is_synthetic(detail["customerName"]))


class Delivery:
    """A message as Lambda hands it over; what is absent or odd is None, or empty."""

    __slots__ = ("_attributes", "_record", "_system", "message_id")

    def __init__(self, record: Any) -> None:
        self._record: dict[str, Any] = record if isinstance(record, dict) else {}
        self.message_id = self._record.get("messageId")
        self._attributes = self._record.get("messageAttributes")
        system = self._record.get("attributes")
        self._system: dict[str, Any] = system if isinstance(system, dict) else {}

    @property
    def content(self) -> Content:
        """What the body says."""
        return read(self._record.get("body"))

    @property
    def correlation_id(self) -> str | None:
        """The id of the request that placed the order, if it is one that can be logged."""
        value = attribute(self._attributes, contract.CORRELATION_ID_ATTRIBUTE)
        return value if _CORRELATION_ID.fullmatch(value) else None

    @property
    def order_created(self) -> float | None:
        """When the order was created, in milliseconds since the epoch."""
        return order.milliseconds(attribute(self._attributes, contract.CREATED_AT_ATTRIBUTE))

    @property
    def sent(self) -> int | None:
        """When the message was sent, in milliseconds since the epoch."""
        return self._number("SentTimestamp")

    @property
    def receives(self) -> int:
        """Which delivery of the message this is; the first is 1."""
        return self._number("ApproximateReceiveCount") or 1

    @property
    def redriven(self) -> bool:
        """Whether the message says that it comes back from the dead-letter queue: our own redrive
        marks it; SQS gives the attribute to messages of that queue."""
        return "DeadLetterQueueSourceArn" in self._system or bool(
            attribute(self._attributes, contract.REDRIVEN_ATTRIBUTE)
        )

    def sent_after(self, moment: str | None) -> bool:
        """Whether the message was sent after a moment (ISO-8601).

        AWS promises no mark on messages that SQS itself moved back (StartMessageMoveTask), only
        a new enqueue time; events of an order are not sent once it has failed.
        """
        since = order.milliseconds(moment or "")
        return self.sent is not None and since is not None and self.sent > since

    def _number(self, name: str) -> int | None:
        value = str(self._system.get(name, ""))
        return int(value) if value.isascii() and value.isdigit() else None


class Events:
    """One SQS queue."""

    @classmethod
    def connect(cls) -> "Events":
        """The queue that the infrastructure names."""
        url = environment.text(contract.QUEUE_URL_VARIABLE)
        return cls(aws.client("sqs", ATTEMPTS), url)

    def __init__(self, client: aws.Client, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def send(self, event: Message) -> None:
        """Send one event."""
        with tracing.Subsegment("SQS", "SendMessage", queue_url=self._queue_url) as subsegment:
            self._client.send_message(
                QueueUrl=self._queue_url,
                MessageBody=event.body,
                MessageAttributes=event.attributes,
                **_trace_header(subsegment),
            )

    def send_batch(self, batch: list[Message]) -> dict[str, str]:
        """Send up to BATCH_MESSAGES events; order id -> error code of those SQS refused."""
        entries = [
            {"Id": str(index), "MessageBody": event.body, "MessageAttributes": event.attributes}
            for index, event in enumerate(batch)
        ]
        with tracing.Subsegment("SQS", "SendMessageBatch", queue_url=self._queue_url):
            answer = self._client.send_message_batch(QueueUrl=self._queue_url, Entries=entries)
        return {
            batch[int(entry["Id"])].order_id: str(entry.get("Code"))
            for entry in answer.get("Failed", ())
        }


def _trace_header(subsegment: tracing.Subsegment) -> dict[str, Any]:
    header = subsegment.header
    if header is None:
        return {}
    value = {"DataType": "String", "StringValue": header}
    return {"MessageSystemAttributes": {"AWSTraceHeader": value}}
