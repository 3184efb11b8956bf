"""The dead-letter queue: what lies in it and why, and the way back into the order queue.

Reading a message from SQS hides it for a while; everything read here is made visible again.
A message is deleted only after its copy has been accepted by the order queue.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]

from functions import contract
from functions.orders import events
from functions.orders.order import now

HIDDEN_SECONDS = 120
"""How long a message read stays hidden should this program die before it gives it back."""
_BATCH = 10  # ReceiveMessage and ChangeMessageVisibilityBatch take at most 10
_KEYS = 100  # BatchGetItem takes at most 100
POLL_SECONDS = 2.0


class DeadLetterError(Exception):
    """What was asked could not be done; the message says why and what is left as it was."""


@dataclass(frozen=True)
class DeadLetter:
    """One message. `order_id` is None when its body names no order."""

    message_id: str
    order_id: str | None
    reason: str
    sent_at: datetime
    receive_count: int
    body: str
    attributes: dict[str, Any]
    receipt_handle: str

    @property
    def correlation_id(self) -> str | None:
        """The id that the logs of the request which placed the order carry."""
        return events.attribute(self.attributes, contract.CORRELATION_ID_ATTRIBUTE) or None

    @property
    def redriven_at(self) -> str | None:
        """When it was last redriven by hand, if ever (ISO-8601)."""
        return events.attribute(self.attributes, contract.REDRIVEN_ATTRIBUTE) or None


@dataclass(frozen=True)
class Redriven:
    """What a redrive did: messages moved, and message id -> why not for the others."""

    moved: int
    failed: dict[str, str]


class DeadLetterQueue:
    """The dead-letter queue of one stack.

    `sqs` and `dynamodb` are boto3 clients. With `moves` SQS itself moves messages
    (StartMessageMoveTask), which the local emulator cannot.
    """

    def __init__(
        self, sqs: Any, dynamodb: Any, dlq_url: str, queue_url: str, table: str, moves: bool
    ) -> None:
        self._sqs = sqs
        self._dynamodb = dynamodb
        self._dlq_url = dlq_url
        self._queue_url = queue_url
        self._table = table
        self._moves = moves

    def letters(self) -> list[DeadLetter]:
        """Every message that can be read now, oldest first."""
        with self._hidden() as messages:
            read = list(messages)
            return sorted(self._understood(read), key=lambda letter: letter.sent_at)

    def show(self, message_id: str) -> DeadLetter:
        """One message; DeadLetterError when it is not there."""
        with self._hidden() as messages:
            return self._find(messages, message_id)

    def redrive_one(self, message_id: str) -> None:
        """Copy one message to the order queue, then delete it here."""
        with self._hidden() as messages:
            message = self._find(messages, message_id)
            self._move(message, now())

    def redrive_all(self, progress: Callable[[int, int], None]) -> Redriven:
        """Move every message back; `progress` gets (moved so far, about how many in all)."""
        if self._moves:
            return self._move_task(progress)
        return self._copy_all(progress)

    @contextmanager
    def _hidden(self) -> Iterator[Iterator[dict[str, Any]]]:
        """Messages as SQS gives them; at the end those still here become visible again."""
        taken: dict[str, str] = {}

        def receive() -> Iterator[dict[str, Any]]:
            while True:
                batch = self._sqs.receive_message(
                    QueueUrl=self._dlq_url,
                    MaxNumberOfMessages=_BATCH,
                    VisibilityTimeout=HIDDEN_SECONDS,
                    # On AWS a wait asks every server, so that an empty answer means empty.
                    WaitTimeSeconds=1 if self._moves else 0,
                    MessageSystemAttributeNames=["All"],
                    MessageAttributeNames=["All"],
                ).get("Messages", [])
                fresh = [message for message in batch if message["MessageId"] not in taken]
                taken.update((message["MessageId"], message["ReceiptHandle"]) for message in batch)
                if not fresh:
                    return
                yield from fresh

        try:
            yield receive()
        finally:
            self._give_back(list(taken.values()))

    def _give_back(self, handles: list[str]) -> None:
        for start in range(0, len(handles), _BATCH):
            entries = [
                {"Id": str(number), "ReceiptHandle": handle, "VisibilityTimeout": 0}
                for number, handle in enumerate(handles[start : start + _BATCH])
            ]
            # One deleted meanwhile is refused; any other comes back after HIDDEN_SECONDS anyway.
            with suppress(ClientError, BotoCoreError):
                self._sqs.change_message_visibility_batch(QueueUrl=self._dlq_url, Entries=entries)

    def _find(self, messages: Iterable[dict[str, Any]], message_id: str) -> DeadLetter:
        for message in messages:
            if message["MessageId"] == message_id:
                return self._understood([message])[0]
        raise DeadLetterError(
            f"no message {message_id} in the dead-letter queue that can be read now: "
            "`dlq list` shows what is there"
        )

    def _understood(self, messages: list[dict[str, Any]]) -> list[DeadLetter]:
        contents = [events.read(message["Body"]) for message in messages]
        orders = self._orders({order for order, *_ in contents if order})
        return [
            DeadLetter(
                message["MessageId"],
                order,
                flaw or _reason(orders.get(order or "")),
                datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC),
                int(message["Attributes"]["ApproximateReceiveCount"]),
                message["Body"],
                message.get("MessageAttributes", {}),
                message["ReceiptHandle"],
            )
            for message, (order, flaw, _) in zip(messages, contents, strict=True)
        ]

    def _orders(self, ids: set[str]) -> dict[str, dict[str, Any]]:
        """The state of these orders, without any of the customer's data."""
        found: dict[str, dict[str, Any]] = {}
        waiting = [{"id": {"S": order}} for order in sorted(ids)]
        while waiting:
            keys, waiting = waiting[:_KEYS], waiting[_KEYS:]
            answer = self._dynamodb.batch_get_item(
                RequestItems={
                    self._table: {
                        "Keys": keys,
                        "ConsistentRead": True,
                        "ProjectionExpression": "id, #status",
                        "ExpressionAttributeNames": {"#status": "status"},
                    }
                }
            )
            for item in answer["Responses"].get(self._table, []):
                found[item["id"]["S"]] = item
            waiting += answer.get("UnprocessedKeys", {}).get(self._table, {}).get("Keys", [])
        return found

    def _move(self, letter: DeadLetter, run: str) -> None:
        try:
            self._sqs.send_message(
                QueueUrl=self._queue_url,
                MessageBody=letter.body,
                MessageAttributes=events.redriven(letter.attributes, run),
            )
        except (ClientError, BotoCoreError) as error:
            raise DeadLetterError(f"not moved, still in the dead-letter queue: {error}") from error
        try:
            self._sqs.delete_message(QueueUrl=self._dlq_url, ReceiptHandle=letter.receipt_handle)
        except (ClientError, BotoCoreError) as error:
            raise DeadLetterError(
                f"copied to the order queue but not deleted from the dead-letter queue ({error}); "
                "redriving it once more is harmless"
            ) from error

    def _copy_all(self, progress: Callable[[int, int], None]) -> Redriven:
        run = now()
        expected = self._depth()
        moved, failed = 0, {}
        with self._hidden() as messages:
            for message in messages:
                letter = self._understood([message])[0]
                if letter.redriven_at == run:
                    continue  # it failed again while this run was going on
                try:
                    self._move(letter, run)
                    moved += 1
                except DeadLetterError as error:
                    failed[letter.message_id] = str(error)
                progress(moved, max(expected, moved + len(failed)))
        return Redriven(moved, failed)

    def _depth(self) -> int:
        answer = self._sqs.get_queue_attributes(
            QueueUrl=self._dlq_url, AttributeNames=["ApproximateNumberOfMessages"]
        )
        return int(answer["Attributes"]["ApproximateNumberOfMessages"])

    def _move_task(self, progress: Callable[[int, int], None]) -> Redriven:
        answer = self._sqs.get_queue_attributes(QueueUrl=self._dlq_url, AttributeNames=["QueueArn"])
        arn = answer["Attributes"]["QueueArn"]
        earlier = self._latest_task(arn).get("StartedTimestamp")
        self._sqs.start_message_move_task(SourceArn=arn)
        while True:
            task = self._latest_task(arn)
            if task.get("StartedTimestamp") == earlier:
                time.sleep(POLL_SECONDS)  # the new task is not listed yet
                continue
            moved = int(task.get("ApproximateNumberOfMessagesMoved", 0))
            progress(moved, max(moved, int(task.get("ApproximateNumberOfMessagesToMove", 0))))
            if task["Status"] == "COMPLETED":
                return Redriven(moved, {})
            if task["Status"] not in ("RUNNING", "CANCELLING"):
                why = task.get("FailureReason", "no reason given")
                raise DeadLetterError(
                    f"SQS ended the move as {task['Status']} after about {moved} messages ({why}); "
                    "the others are still in the dead-letter queue"
                )
            time.sleep(POLL_SECONDS)

    def _latest_task(self, arn: str) -> dict[str, Any]:
        tasks = self._sqs.list_message_move_tasks(SourceArn=arn, MaxResults=1).get("Results", [])
        return dict(tasks[0]) if tasks else {}


def _reason(order: dict[str, Any] | None) -> str:
    if order is None:
        return "unknown order: nothing in the table has this id"
    status = order.get("status", {}).get("S")
    return {
        contract.FAILED: "failed: the processor gave up on the last permitted receive",
        contract.CONFIRMED: "confirmed meanwhile: another delivery of the event was processed",
        contract.PENDING: "undelivered: the processor never finished; the repair sends it again",
    }.get(status, f"the order's status is {status!r}")
