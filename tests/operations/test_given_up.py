"""`python -m operations events failed` where Lambda and S3 answer what an emulator does not."""

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions import contract
from operations import stacks
from operations.__main__ import main
from operations.given_up import GivenUp

NAME = "Grace Hopper"
ORDERS = [f"0b9c1a3e-6f2d-4c57-9a41-7d5be2c8f01{digit}" for digit in range(4)]


def record(number: int, **image: Any) -> dict[str, Any]:
    item = {
        "id": {"S": ORDERS[number]},
        "status": {"S": contract.PENDING},
        "createdAt": {"S": "2026-01-31T12:00:00.000Z"},
        "customerName": {"S": NAME},
        "items": {"L": []},
        "version": {"N": "1"},
    }
    keys = {"id": {"S": ORDERS[number]}}
    return {
        "eventName": "INSERT",
        "dynamodb": {"SequenceNumber": str(number), "Keys": keys, "NewImage": item | image},
    }


POISON = record(1, createdAt={"N": "1"})


def kept(records: list[Any], *, as_text: bool = True) -> str:
    payload: Any = {"Records": records}
    return json.dumps(
        {
            "requestContext": {"condition": "RetryAttemptsExhausted"},
            "payload": json.dumps(payload) if as_text else payload,
        }
    )


class Bucket:
    """A bucket, whose objects are the older the later they are put."""

    def __init__(self, *bodies: str) -> None:
        now = datetime.now(UTC)
        self.objects = {
            f"aws/lambda/m/s/2026/01/31/batch-{number}": (body, now - timedelta(hours=number))
            for number, body in enumerate(bodies)
        }

    def get_paginator(self, operation: str) -> "Bucket":
        assert operation == "list_objects_v2"
        return self

    def paginate(self, **_: str) -> list[dict[str, Any]]:
        found = [{"Key": key, "LastModified": at} for key, (_, at) in self.objects.items()]
        return [{"Contents": found[:1]}, {"Contents": found[1:]}, {}]

    def get_object(self, **request: str) -> dict[str, Any]:
        return {"Body": io.BytesIO(self.objects[request["Key"]][0].encode())}

    def delete_object(self, **request: str) -> None:
        del self.objects[request["Key"]]


class Publisher:
    """publish_changes behind its alias; `answers` are what it returns, or how it fails."""

    def __init__(self, *answers: dict[str, Any]) -> None:
        self.answers, self.given = list(answers), list[list[str]]()

    def invoke(self, **request: Any) -> dict[str, Any]:
        assert request["Qualifier"] == "live"
        records = json.loads(request["Payload"])["Records"]
        self.given.append([each["dynamodb"]["SequenceNumber"] for each in records])
        answer = self.answers.pop(0) if self.answers else {"batchItemFailures": []}
        failed = {"FunctionError": "Unhandled"} if "errorType" in answer else {}
        return {"Payload": io.BytesIO(json.dumps(answer).encode()), **failed}


def stopped_at(number: int) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": str(number)}]}


def replay(
    monkeypatch: pytest.MonkeyPatch, bucket: Bucket, publisher: Publisher, which: str = "--all"
) -> int:
    monkeypatch.setattr(stacks, "given_up", lambda _: GivenUp(bucket, publisher, "kept", "f"))
    return main(["events", "failed", "replay", which, "--stack", "dev"])


@pytest.mark.parametrize("as_text", [True, False])
def test_the_oldest_are_published_first_and_deleted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], as_text: bool
) -> None:
    bucket = Bucket(kept([record(2)], as_text=as_text), kept([record(0)], as_text=as_text))
    publisher = Publisher()
    assert replay(monkeypatch, bucket, publisher) == 0
    out, err = capsys.readouterr()
    assert out == "changes that are on the bus now: 2\n"
    assert "\r2 of 2 batches replayed" in err
    assert publisher.given == [["0"], ["2"]]
    assert bucket.objects == {}


@pytest.mark.parametrize("records", [[record(0), POISON, record(2)], [POISON, record(2)]])
def test_a_poison_change_keeps_its_batch_and_no_other_change(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], records: list[Any]
) -> None:
    bucket = Bucket(kept([record(3)]), kept(records))
    begins = records[0] is POISON
    unpublished = {"errorType": "NotPublishedError", "errorMessage": "the images"}
    publisher = Publisher(unpublished if begins else stopped_at(1))
    assert replay(monkeypatch, bucket, publisher) == 1
    out, err = capsys.readouterr()
    assert out == f"changes that are on the bus now: {len(records)}\n"
    assert f"batch-1 is kept: the images are not those of an order (order {ORDERS[1]})" in err
    assert publisher.given == [[e["dynamodb"]["SequenceNumber"] for e in records], ["2"], ["3"]]
    assert [key[-7:] for key in bucket.objects] == ["batch-1"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (stopped_at(0), "batch-1: the log of publish_changes says why; it is kept"),
        (
            {"errorType": "NotPublishedError", "errorMessage": "the bus refused x"},
            "batch-1: the bus refused x; it is kept",
        ),
        (
            {"errorType": "Sandbox.Timedout", "errorMessage": NAME},
            "batch-1: publish_changes failed: Sandbox.Timedout; it is kept",
        ),
    ],
)
def test_what_the_bus_does_not_take_ends_the_replay_and_loses_nothing(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    answer: dict[str, Any],
    said: str,
) -> None:
    bucket, publisher = Bucket(kept([record(2)]), kept([record(0)])), Publisher(answer)
    assert replay(monkeypatch, bucket, publisher) == 1
    out, err = capsys.readouterr()
    assert said in err
    assert NAME not in out + err
    assert (len(bucket.objects), publisher.given) == (2, [["0"]])


@pytest.mark.parametrize("body", ["{", "[]", "{}", kept([]).replace("Records", "records")])
def test_what_nobody_understands_is_said_and_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], body: str
) -> None:
    bucket, publisher = Bucket(kept([record(2)]), body), Publisher()
    assert replay(monkeypatch, bucket, publisher) == 1
    assert "batch-1 is kept: not a record of what a stream gave up" in capsys.readouterr().err
    assert ([key[-7:] for key in bucket.objects], publisher.given) == (["batch-1"], [["2"]])


def test_one_batch_is_replayed_by_name_and_one_that_is_not_there_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bucket, publisher = Bucket(kept([record(2)]), kept([record(0)])), Publisher()
    assert replay(monkeypatch, bucket, publisher, "batch-0") == 0
    assert replay(monkeypatch, bucket, publisher, "batch-0") == 1
    assert "nothing called batch-0 was given up" in capsys.readouterr().err
    assert publisher.given == [["2"]]


def test_the_list_says_what_each_change_is_and_nothing_of_the_customer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = record(3, status={"S": f"{NAME}\x1b[2J"})
    bucket = Bucket(kept([record(0), odd]), kept([]).replace("Retry", "\\u001b[2J"))
    monkeypatch.setattr(stacks, "given_up", lambda _: GivenUp(bucket, Publisher(), "kept", "f"))
    assert main(["events", "failed", "list", "--stack", "dev"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        r"batch-1  1 h  \x1b[2JAttemptsExhausted",
        "batch-0  0 s  RetryAttemptsExhausted",
        f"  OrderCreated {ORDERS[0]}:1",
        f"  nothing leads from nothing to an unknown status (order {ORDERS[3]})",
    ]
    assert main(["events", "failed", "list", "--stack", "dev", "--json"]) == 0
    out = capsys.readouterr().out
    assert NAME not in out
    assert [each["eventId"] for each in json.loads(out)[1]["changes"]] == [f"{ORDERS[0]}:1", None]
