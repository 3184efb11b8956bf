"""A dead-letter queue: what lies in it and why, and the way back into the queue it came from.

Reading a message from SQS hides it for a while; everything read here is made visible again.
A message is deleted only after its copy has been accepted there.
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
from operations.letters import Content, Reading

HIDDEN_SECONDS = 120
"""How long a message read stays hidden should this program die before it gives it back."""
_BATCH = 10  # ReceiveMessage and ChangeMessageVisibilityBatch take at most 10
POLL_SECONDS = 2.0


class DeadLetterError(Exception):
    """What was asked could not be done; the message says why and what is left as it was."""


@dataclass(frozen=True)
class DeadLetter:
    """One message."""

    message_id: str
    content: Content
    sent_at: datetime
    receive_count: int
    body: str
    attributes: dict[str, Any]
    receipt_handle: str

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
    """One dead-letter queue.

    `sqs` is a boto3 client. With `moves` SQS itself moves messages (StartMessageMoveTask), which
    the local emulator cannot, and AWS only out of a queue that another one gives up into.
    """

    def __init__(
        self, sqs: Any, reading: Reading, dlq_url: str, queue_url: str, *, moves: bool, waits: bool
    ) -> None:
        self._sqs = sqs
        self.reading = reading
        self._dlq_url = dlq_url
        self._queue_url = queue_url
        self._moves = moves
        self._waits = waits

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
        """Copy one message to where it came from, then delete it here."""
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
                    WaitTimeSeconds=1 if self._waits else 0,
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
        return [
            DeadLetter(
                message["MessageId"],
                content,
                datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC),
                int(message["Attributes"]["ApproximateReceiveCount"]),
                message["Body"],
                message.get("MessageAttributes", {}),
                message["ReceiptHandle"],
            )
            for message, content in zip(messages, self.reading.contents(messages), strict=True)
        ]

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
                f"copied to {self.reading.queue} but not deleted from the dead-letter queue "
                f"({error}); redriving it once more is harmless"
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
