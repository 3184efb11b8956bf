"""`python -m operations drill`: on the running local system, and with an alarm that hears."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from local.client import Answer, Api
from operations.__main__ import main
from operations.drill import AlarmDrill, DrillError, Orders, verdict

ALARM = "orders-observability-order-events-dlq-depth-1"


class Door(Api):
    """An API that answers what it is told to."""

    def __init__(
        self, *answers: int | Exception, status: str = "CONFIRMED", headers: Any = None
    ) -> None:
        self._answers, self._status, self._headers = iter(answers), status, headers or {}
        self.keys: list[str] = []

    def create(self, order: Any, headers: Any = None) -> Answer:
        self.keys.append(headers["idempotency-key"])
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return Answer(answer, self._headers, {"id": "an-order"} if answer < 300 else "no order")

    def get(self, order_id: str) -> Answer:
        return Answer(200, {}, {"status": self._status})


def drilled(door: Door, number: int = 1) -> str:
    return verdict(Orders(door, patience_seconds=0, pause_seconds=0).run(number))


def test_order_is_sent_again_with_its_key_until_it_is_answered() -> None:
    door = Door(503, ConnectionError(), 429, 201)
    assert drilled(door).startswith("1 CONFIRMED")
    assert len(door.keys) == 4
    assert len(set(door.keys)) == 1


def test_callers_limit_is_waited_for_and_is_no_failure() -> None:
    door = Door(*[429] * 20, 201, headers={"retry-after": "0"})
    placed = Orders(door, patience_seconds=60, pause_seconds=0).run(1)
    assert verdict(placed).startswith("1 CONFIRMED")
    assert len(set(door.keys)) == 1
    door = Door(429, headers={"retry-after": "50"})
    with pytest.raises(DrillError, match="1 with 429"):
        drilled(door)


@pytest.mark.parametrize(
    ("door", "says"),
    [
        (Door(400), "of 1 orders 1 not seen; requests were answered 1 with 400"),
        (Door(*[503] * 6), "1 with 503"),
        (Door(*[OSError()] * 6), "1 with nothing"),
        (Door(201, status="PENDING"), "1 PENDING; requests were answered 1 with 201"),
        (Door(201, status="FAILED"), "1 FAILED"),
    ],
)
def test_drill_fails_unless_every_order_is_confirmed(door: Door, says: str) -> None:
    with pytest.raises(DrillError, match=says):
        drilled(door)


class Aws:
    """SQS that gives up at once what it is sent, and CloudWatch that watches the dead letters."""

    def __init__(
        self, letters: tuple[str, ...] = (), actions: bool = True, rings: bool = True
    ) -> None:
        self.letters = list(letters)
        self._actions, self._rings = actions, rings
        self.delivered = True

    def send_message(self, **request: Any) -> None:
        assert request["QueueUrl"] == "https://sqs/1/order-events"
        self.letters.append(request["MessageBody"])

    def receive_message(self, **request: Any) -> dict[str, Any]:
        assert request["QueueUrl"] == "https://sqs/1/order-events-dlq"
        shown, self._hidden = getattr(self, "_hidden", False), True
        if shown:
            return {}
        return {"Messages": [{"Body": each, "ReceiptHandle": each} for each in self.letters]}

    def delete_message(self, **request: Any) -> None:
        self.letters.remove(request["ReceiptHandle"])

    def describe_alarms_for_metric(self, **request: Any) -> dict[str, Any]:
        assert request["Dimensions"] == [{"Name": "QueueName", "Value": "order-events-dlq"}]
        state = "ALARM" if self.letters and self._rings else "OK"
        actions = ["arn:aws:sns:::topic"] if self._actions else []
        return {
            "MetricAlarms": [{"AlarmName": ALARM, "StateValue": state, "AlarmActions": actions}]
        }

    def describe_alarm_history(self, **request: Any) -> dict[str, Any]:
        assert request["AlarmName"] == ALARM
        said = "Successfully executed action" if self.delivered else "Failed to execute action"
        return {"AlarmHistoryItems": [{"HistorySummary": f"{said} arn:aws:sns:::topic"}]}


def ring(aws: Aws) -> list[str]:
    said: list[str] = []
    urls = ("https://sqs/1/order-events", "https://sqs/1/order-events-dlq")
    AlarmDrill(aws, aws, *urls, patience_seconds=0, pause_seconds=0).run(said.append)
    return said


def test_alarm_is_rung_heard_and_cleared_away() -> None:
    aws = Aws()
    assert len(ring(aws)) == 4
    assert aws.letters == []


def not_delivered(aws: Aws) -> None:
    aws.delivered = False


@pytest.mark.parametrize(
    ("aws", "change", "says", "left"),
    [
        (Aws(("a letter",)), None, "rings already", ["a letter"]),
        (Aws(actions=False), None, "has no action", []),
        (Aws(rings=False), None, "has not rang", []),
        (Aws(), not_delivered, "has not told anybody", []),
    ],
)
def test_alarm_that_nobody_hears_is_told_and_the_message_is_taken_out(
    aws: Aws, change: Callable[[Aws], None] | None, says: str, left: list[str]
) -> None:
    if change:
        change(aws)
    with pytest.raises(DrillError, match=says):
        ring(aws)
    assert aws.letters == left


def test_other_dead_letters_are_left_alone() -> None:
    aws = Aws(rings=False)
    aws.letters = ["no JSON", json.dumps({"type": "OrderCreated"}), json.dumps({"drill": "old"})]
    with pytest.raises(DrillError):
        ring(aws)
    assert aws.letters == ["no JSON", json.dumps({"type": "OrderCreated"})]


@pytest.mark.parametrize(
    "arguments",
    [["--stack", "local", "--alarm"], ["--stack", "dev", "--orders", "0"], ["--orders", "1"]],
)
def test_drill_that_cannot_be_is_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["drill", *arguments])
    assert ended.value.code == 2
