"""Whether a stack does what it is for: orders are confirmed, and an alarm is heard."""

from __future__ import annotations

import http.client
import json
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from functions import contract
from local.client import Answer, Api

CLIENTS = 20
"""Orders that are on their way at once."""

ATTEMPTS = 6
"""How often an order is sent at most, with its key: again after 5xx, 429 or silence."""

LETTERS_AT_ONCE = 10  # the most that SQS hands out
LOOKS = 50
"""How often dead letters are received until there are none; SQS does not show all at once."""


class DrillError(Exception):
    """The stack did not do what it is for; the message says what was seen instead."""


@dataclass(frozen=True)
class Placed:
    """One order: the status that its request was answered with at last (0: none), and its own."""

    answer: int
    status: str
    seconds: float
    """From its first request until it was seen CONFIRMED, or not waited for any longer."""


class Orders:
    """Places orders through an API, and waits until each is CONFIRMED."""

    def __init__(self, api: Api, patience_seconds: float, pause_seconds: float = 0.5) -> None:
        self._api, self._patience, self._pause = api, patience_seconds, pause_seconds

    def run(self, number: int, show: Callable[[int], None] = lambda _: None) -> list[Placed]:
        """Place so many, and see what became of each; `show` is told how many are done."""
        done, lock = 0, threading.Lock()
        deadline = time.monotonic() + self._patience

        def one(index: int) -> Placed:
            nonlocal done
            placed = self._one(index, deadline)
            with lock:
                done += 1
                show(done)
            return placed

        with ThreadPoolExecutor(CLIENTS, thread_name_prefix="drill") as clients:
            return list(clients.map(one, range(number)))

    def _one(self, index: int, deadline: float) -> Placed:
        started = time.monotonic()
        order = {
            "customerName": f"Drill {index}",
            "items": [{"sku": "DRILL", "qty": 1, "price": 1}],
        }
        answer, identity = self._place(order, deadline)
        status = ""
        while identity and status != contract.CONFIRMED:
            status, pause = self._status(identity)
            if status != contract.CONFIRMED:
                if time.monotonic() + pause > deadline:
                    break
                time.sleep(pause)
        return Placed(answer, status, time.monotonic() - started)

    def _place(self, order: dict[str, Any], deadline: float) -> tuple[int, str]:
        """The answer's status, and the order's id."""
        key, status, attempt = {"idempotency-key": str(uuid.uuid4())}, 0, 0
        while attempt < ATTEMPTS:
            pause = self._pause * attempt
            try:
                answer = self._api.create(order, key)
            except (OSError, http.client.HTTPException):
                status = 0
            else:
                status = answer.status
                if status < 300:
                    return status, str(answer.body["id"])
                if status < 500 and status != 429:
                    return status, ""
                told = _told(answer)
                if told is not None:
                    # A caller's limit is no failure of the stack, so it is no attempt either.
                    if time.monotonic() + told > deadline:
                        return status, ""
                    time.sleep(told)
                    continue
            time.sleep(pause)
            attempt += 1
        return status, ""

    def _status(self, identity: str) -> tuple[str, float]:
        """The order's status (empty: it was not told), and seconds until the next look."""
        try:
            answer = self._api.get(identity)
        except (OSError, http.client.HTTPException):
            return "", self._pause
        if answer.status != 200 or not isinstance(answer.body, dict):
            return "", max(self._pause, _told(answer) or 0)
        return str(answer.body.get("status", "")), self._pause


def _told(answer: Answer) -> float | None:
    """Seconds after which a refused caller is to come again, if the answer says so."""
    told = answer.headers.get("retry-after", "")
    return float(told) if answer.status == 429 and told.isdecimal() else None


def verdict(placed: list[Placed]) -> str:
    """What became of all, in a sentence; raises DrillError when one is not CONFIRMED."""
    answers = Counter(each.answer for each in placed)
    states = Counter(each.status or "not seen" for each in placed)
    seconds = sorted(each.seconds for each in placed)
    told = ", ".join(f"{number} {what}" for what, number in states.most_common())
    if set(states) != {contract.CONFIRMED}:
        codes = ", ".join(f"{number} with {code or 'nothing'}" for code, number in answers.items())
        raise DrillError(f"of {len(placed)} orders {told}; requests were answered {codes}")
    return (
        f"{told}; half of them after {seconds[len(seconds) // 2]:.1f} s, the last after "
        f"{seconds[-1]:.1f} s"
    )


class AlarmDrill:
    """Sends a message that cannot be processed, and waits until its alarm was heard.

    That is: the message is given up into the dead-letter queue, the alarm on it rings, and
    CloudWatch has carried out one of its actions.
    """

    def __init__(
        self,
        sqs: Any,
        cloudwatch: Any,
        queue_url: str,
        dlq_url: str,
        patience_seconds: float,
        pause_seconds: float = 5,
    ) -> None:
        self._sqs, self._cloudwatch = sqs, cloudwatch
        self._queue_url, self._dlq_url = queue_url, dlq_url
        self._patience, self._pause = patience_seconds, pause_seconds

    def run(self, show: Callable[[str], None]) -> None:
        """Run it; raises DrillError where the alarm was not heard."""
        alarm = self._alarm()
        if alarm["StateValue"] == "ALARM":
            raise DrillError(f"{alarm['AlarmName']} rings already: see to its dead letters first")
        if not alarm["AlarmActions"]:
            raise DrillError(f"{alarm['AlarmName']} has no action: nobody would hear it")
        started = datetime.now(UTC)
        self._sqs.send_message(
            QueueUrl=self._queue_url, MessageBody=json.dumps({"drill": str(uuid.uuid4())})
        )
        try:
            show("sent a message that cannot be processed")
            self._wait("rang", lambda: self._alarm()["StateValue"] == "ALARM", alarm)
            show(f"{alarm['AlarmName']} rings")
            self._wait("told anybody", lambda: self._heard(alarm["AlarmName"], started), alarm)
            show("its action was carried out")
        finally:
            removed = self._remove()
        if not removed:
            raise DrillError("the alarm rang, but not for the message, which is in no dead letter")
        show("took the message out of the dead letters")

    def _alarm(self) -> dict[str, Any]:
        found = self._cloudwatch.describe_alarms_for_metric(
            Namespace="AWS/SQS",
            MetricName="ApproximateNumberOfMessagesVisible",
            Dimensions=[{"Name": "QueueName", "Value": self._dlq_url.rpartition("/")[2]}],
        )["MetricAlarms"]
        if not found:
            raise DrillError(f"no alarm watches {self._dlq_url}")
        alarm: dict[str, Any] = found[0]
        return alarm

    def _heard(self, alarm: str, started: datetime) -> bool:
        entries = self._cloudwatch.describe_alarm_history(
            AlarmName=alarm, HistoryItemType="Action", StartDate=started
        )["AlarmHistoryItems"]
        return any("Successfully executed action" in each["HistorySummary"] for each in entries)

    def _wait(self, what: str, happened: Callable[[], bool], alarm: dict[str, Any]) -> None:
        deadline = time.monotonic() + self._patience
        while not happened():
            if time.monotonic() > deadline:
                raise DrillError(f"{alarm['AlarmName']} has not {what} in {self._patience:g} s")
            time.sleep(self._pause)

    def _remove(self) -> int:
        """Take the drills' messages out of the dead letters, those of earlier drills as well."""
        removed = 0
        for message in self._letters():
            if _is_drill(message["Body"]):
                self._sqs.delete_message(
                    QueueUrl=self._dlq_url, ReceiptHandle=message["ReceiptHandle"]
                )
                removed += 1
        return removed

    def _letters(self) -> Iterator[dict[str, Any]]:
        for _ in range(LOOKS):
            messages = self._sqs.receive_message(
                QueueUrl=self._dlq_url,
                MaxNumberOfMessages=LETTERS_AT_ONCE,
                VisibilityTimeout=30,
                WaitTimeSeconds=1,
            ).get("Messages", [])
            if not messages:
                return
            yield from messages


def _is_drill(body: str) -> bool:
    try:
        message = json.loads(body)
    except ValueError:
        return False
    return isinstance(message, dict) and set(message) == {"drill"}
