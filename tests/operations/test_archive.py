"""`python -m operations events` where EventBridge is not an emulator."""

import json
from pathlib import Path
from typing import Any

import pytest

from operations import archive, stacks
from operations.__main__ import main
from tests.operations.test_on_aws import OUTPUTS, asked, aws, nowhere
from tests.upstream import Upstream

__all__ = ["aws", "nowhere"]

BUS = "arn:aws:events:eu-west-1:123456789012:event-bus/orders"
RULES = "arn:aws:events:eu-west-1:123456789012:rule/orders"
STARTED, HALF, ENDED = 1_769_860_800, 1_769_862_600, 1_769_864_400
SINCE, UNTIL = "2026-01-31T12:00:00Z", "2026-01-31T13:00:00Z"
REPLAY = ["events", "replay", "--stack", "dev", "--since", SINCE, "--until", UNTIL]


def rule(name: str, **more: Any) -> dict[str, Any]:
    return {"Name": name, "Arn": f"{RULES}/{name}", "EventPattern": "{}", **more}


@pytest.fixture(autouse=True)
def bus(nowhere: None, aws: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    outputs = {**OUTPUTS, "orderEventsBusName": "orders"}
    monkeypatch.setattr(stacks, "_pulumi_outputs", lambda name: outputs)
    monkeypatch.setattr(archive, "POLL_SECONDS", 0.0)
    aws.answers["DescribeEventBus"] = [(200, {"Arn": BUS})]
    aws.answers["ListArchives"] = [(200, {"Archives": [{"ArchiveName": "kept"}]})]
    described = {
        "ArchiveName": "kept",
        "ArchiveArn": "arn:kept",
        "EventCount": 7,
        "SizeBytes": 900,
        "RetentionDays": 0,
        "CreationTime": STARTED,
    }
    aws.answers["DescribeArchive"] = [(200, described)]
    managed = rule("Events-Archive-kept", ManagedBy="vendors.amazonaws.com")
    aws.answers["ListRules"] = [
        (200, {"Rules": [managed, rule("orders-mail-1")], "NextToken": "more"}),
        (200, {"Rules": [rule("orders-record-history-2"), rule("\x1b[31mred")]}),
        (200, {"Rules": []}),
    ]


def test_what_can_be_replayed_is_listed_with_nothing_that_a_terminal_obeys(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["events", "list", "--stack", "dev"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines() == [
        f"7 events since {SINCE} in the archive kept",
        "  orders-mail-1  {}",
        "  orders-record-history-2  {}",
        r"  \x1b[31mred  {}",
    ]


def test_the_list_is_there_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["events", "list", "--stack", "dev", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["events"], told["bytes"], told["since"]) == (7, 900, SINCE)
    assert told["consumers"] == ["orders-mail-1", "orders-record-history-2", "\x1b[31mred"]


def test_a_replay_goes_to_one_consumer_and_is_followed_to_its_end(
    aws: Upstream, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.answers["DescribeReplay"] = [
        (200, {"State": "STARTING"}),
        (200, {"State": "RUNNING", "EventLastReplayedTime": HALF}),
        (200, {"State": "COMPLETED"}),
    ]
    assert main([*REPLAY, "record_history"]) == 0
    (request,) = asked(aws, "StartReplay")
    assert request["Destination"] == {
        "Arn": BUS,
        "FilterArns": [f"{RULES}/orders-record-history-2"],
    }
    assert request["EventSourceArn"] == "arn:kept"
    assert (request["EventStartTime"], request["EventEndTime"]) == (STARTED, ENDED)
    out, err = capsys.readouterr()
    assert "0% of the time replayed\r50% of the time replayed\r100% of the time replayed" in err
    assert out.startswith("orders-record-history-2 was given the events again")


def test_a_replay_that_aws_gives_up_is_an_error_with_its_reason(
    aws: Upstream, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.answers["DescribeReplay"] = [(200, {"State": "FAILED", "StateReason": "no \x1b[0m room"})]
    assert main([*REPLAY, "mail"]) == 1
    assert r"is FAILED: no \x1b[0m room" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("named", "says"),
    [("orders", "2 consumers are called orders"), ("parcels", "0 consumers are called parcels")],
)
def test_without_one_consumer_nothing_is_replayed(
    aws: Upstream, capsys: pytest.CaptureFixture[str], named: str, says: str
) -> None:
    assert main([*REPLAY, named]) == 1
    assert says in capsys.readouterr().err
    assert asked(aws, "StartReplay") == []


def test_a_time_that_ends_before_it_begins_is_refused(
    aws: Upstream, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*REPLAY, "mail", "--since", UNTIL, "--until", SINCE]) == 1
    assert "has to begin before it ends" in capsys.readouterr().err
    assert asked(aws, "StartReplay") == []


def test_a_bus_without_an_archive_and_a_stack_without_a_bus_say_which_setting(
    aws: Upstream, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.answers["ListArchives"] = [(200, {"Archives": []})]
    assert main(["events", "list", "--stack", "dev"]) == 1
    assert "bus.archiveDays is 0" in capsys.readouterr().err
    monkeypatch.setattr(stacks, "_pulumi_outputs", lambda name: OUTPUTS)
    assert main(["events", "list", "--stack", "dev"]) == 1
    assert "stack dev has no output orderEventsBusName" in capsys.readouterr().err


@pytest.fixture
def mail(aws: Upstream) -> None:
    """The queues of a consumer, and a dead letter in each."""
    arn = "arn:aws:sqs:eu-west-1:123456789012:mail"
    target = {"Id": "1", "Arn": arn, "DeadLetterConfig": {"Arn": f"{arn}-undelivered"}}
    aws.answers["ListTargetsByRule"] = [(200, {"Targets": [target]})]
    aws.answers["GetQueueUrl"] = [
        (200, {"QueueUrl": f"https://sqs.eu-west-1.amazonaws.com/123456789012/{name}"})
        for name in ("mail", "mail-letters")
    ]
    attributes = {
        "RedrivePolicy": json.dumps({"deadLetterTargetArn": f"{arn}-dlq"}),
        "QueueArn": f"{arn}-dlq",
        "ApproximateNumberOfMessages": "1",
    }
    aws.answers["GetQueueAttributes"] = [(200, {"Attributes": attributes})]
    letter = {
        "MessageId": "m-1",
        "ReceiptHandle": "handle",
        "Body": "{}",
        "Attributes": {"SentTimestamp": "1", "ApproximateReceiveCount": "1"},
        "MessageAttributes": {"ERROR_CODE": {"DataType": "String", "StringValue": "NO_RIGHT"}},
    }
    aws.answers["ReceiveMessage"] = [(200, {"Messages": [letter]}), (200, {})]


DLQ = ["dlq", "redrive", "--all", "--stack", "dev", "--queue", "mail"]


def test_sqs_moves_a_consumers_dead_letters(
    aws: Upstream, mail: None, capsys: pytest.CaptureFixture[str]
) -> None:
    moved = {"Status": "COMPLETED", "ApproximateNumberOfMessagesMoved": 3, "StartedTimestamp": 2}
    aws.answers["ListMessageMoveTasks"] = [(200, {}), (200, {"Results": [moved]})]
    assert main(DLQ) == 0
    assert capsys.readouterr().out == "3 messages are back in the queue of orders-mail-1.\n"
    [asked_for] = asked(aws, "StartMessageMoveTask")
    assert asked_for == {"SourceArn": "arn:aws:sqs:eu-west-1:123456789012:mail-dlq"}
    names = [each["QueueName"] for each in asked(aws, "GetQueueUrl")]
    assert names == ["mail", "mail-dlq"]


def test_what_eventbridge_gave_up_is_copied_since_sqs_would_not_move_it(
    aws: Upstream, mail: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*DLQ, "--undelivered"]) == 0
    assert capsys.readouterr().out == "1 messages are back in the queue of orders-mail-1.\n"
    assert asked(aws, "StartMessageMoveTask") == []
    assert [each["QueueUrl"][-4:] for each in asked(aws, "SendMessage")] == ["mail"]
    assert [each["QueueUrl"][-12:] for each in asked(aws, "DeleteMessage")] == ["mail-letters"]
    names = [each["QueueName"] for each in asked(aws, "GetQueueUrl")]
    assert names == ["mail", "mail-undelivered"]


def test_why_eventbridge_gave_up_is_listed(
    aws: Upstream, mail: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dlq", "list", *DLQ[3:], "--undelivered"]) == 0
    assert "not delivered: NO_RIGHT" in capsys.readouterr().out


def test_without_a_local_run_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["events", "list", "--stack", "local"]) == 1
    assert "make run" in capsys.readouterr().err
