"""The queue of order events: OrderCreated, sent alone or in batches.

Raises what botocore raises (`aws.FAILURES`).
"""

from typing import Any, NamedTuple

from .. import contract
from ..toolkit import aws, tracing
from . import order

# SQS takes 10 messages and 256 KiB (the limit that holds everywhere) in one batch.
BATCH_MESSAGES = 10
BATCH_BYTES = 262_144


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


def message(order_id: str, order_text: str, created_at: str, correlation_id: str) -> Message:
    """The OrderCreated event of an order, with what the processor's logs and metrics need."""
    values = {
        contract.CORRELATION_ID_ATTRIBUTE: correlation_id,
        contract.CREATED_AT_ATTRIBUTE: created_at,
    }
    return Message(
        order_id,
        order.event_body(order_id, order_text),
        {
            name: {"DataType": "String", "StringValue": value}
            for name, value in values.items()
            if value
        },
    )


class Events:
    """One SQS queue."""

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
