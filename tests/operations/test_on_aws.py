"""`python -m operations dlq` where SQS is not an emulator: stacks, credentials, the move task."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local import state
from operations import dead_letters
from operations.__main__ import main
from tests.upstream import Upstream

DLQ_URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/order-events-dlq"
QUEUE_URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/order-events"
DLQ_ARN = "arn:aws:sqs:eu-west-1:123456789012:order-events-dlq"
OUTPUTS = {
    "orderEventsDlqUrl": DLQ_URL,
    "orderEventsQueueUrl": QUEUE_URL,
    "ordersTableName": "Orders",
}
URLS = ["--dlq-url", DLQ_URL, "--queue-url", QUEUE_URL, "--table", "Orders"]


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No credentials, no Pulumi CLI, no local run."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(state, "BUILD", tmp_path)
    monkeypatch.setattr(dead_letters, "POLL_SECONDS", 0.0)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Upstream]:
    with Upstream() as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        server.answers["GetQueueAttributes"] = [(200, {"Attributes": {"QueueArn": DLQ_ARN}})]
        server.answers["StartMessageMoveTask"] = [(200, {"TaskHandle": "handle"})]
        yield server
        server.shutdown()


def task(status: str, moved: int, started: int = 2, **more: Any) -> tuple[int, dict[str, Any]]:
    entry = {
        "Status": status,
        "SourceArn": DLQ_ARN,
        "ApproximateNumberOfMessagesMoved": moved,
        "ApproximateNumberOfMessagesToMove": 5,
        "StartedTimestamp": started,
        **more,
    }
    return 200, {"Results": [entry]}


def asked(aws: Upstream, operation: str) -> list[dict[str, Any]]:
    pairs = zip(aws.operations, aws.asked, strict=True)
    return [json.loads(body) for name, (_, _, body) in pairs if name == operation]


def test_redriving_all_on_aws_has_sqs_move_them_and_waits_for_the_end(
    aws: Upstream, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.answers["ListMessageMoveTasks"] = [
        (200, {}),  # none before
        (200, {}),  # the new one is not listed yet
        task("RUNNING", 2),
        task("COMPLETED", 5),
    ]
    assert main(["dlq", "redrive", "--all", *URLS]) == 0
    out, err = capsys.readouterr()
    assert out == "5 messages are back in the order queue.\n"
    assert "\r2 of about 5 moved\r5 of about 5 moved" in err
    assert asked(aws, "StartMessageMoveTask") == [{"SourceArn": DLQ_ARN}]
    assert not {"SendMessage", "DeleteMessage", "ReceiveMessage"} & set(aws.operations)


def test_an_earlier_finished_move_is_not_taken_for_this_one(
    aws: Upstream, capsys: pytest.CaptureFixture[str]
) -> None:
    earlier = task("COMPLETED", 99, started=1)
    aws.answers["ListMessageMoveTasks"] = [earlier, earlier, task("COMPLETED", 5)]
    assert main(["dlq", "redrive", "--all", *URLS]) == 0
    assert capsys.readouterr().out == "5 messages are back in the order queue.\n"


def test_a_move_that_sqs_ends_early_is_an_error_with_its_reason(
    aws: Upstream, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = task("FAILED", 3, FailureReason="AWS.SimpleQueueService.NonExistentQueue")
    aws.answers["ListMessageMoveTasks"] = [(200, {}), ended]
    assert main(["dlq", "redrive", "--all", *URLS]) == 1
    err = capsys.readouterr().err
    assert "FAILED after about 3 messages" in err
    assert "NonExistentQueue" in err


def test_a_refused_call_is_an_error_that_names_it(
    aws: Upstream, capsys: pytest.CaptureFixture[str]
) -> None:
    denied = {"__type": "com.amazonaws.sqs#AccessDeniedException", "message": "not authorized"}
    aws.answers["ReceiveMessage"] = [(403, denied)]
    assert main(["dlq", "list", *URLS]) == 1
    err = capsys.readouterr().err
    assert "AWS refused" in err
    assert "ReceiveMessage" in err


def test_the_region_is_the_one_in_the_queues_address(aws: Upstream) -> None:
    assert main(["dlq", "list", *URLS]) == 0
    [(_, headers, _)] = aws.asked
    assert "/eu-west-1/sqs/aws4_request" in headers["authorization"]


def test_missing_credentials_are_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dlq", "list", *URLS]) == 1
    assert "no AWS credentials" in capsys.readouterr().err


def test_no_local_run_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dlq", "list", "--stack", "local"]) == 1
    assert "start one with `make run`" in capsys.readouterr().err


def test_a_missing_pulumi_is_said_with_the_other_way(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dlq", "list", "--stack", "dev"]) == 1
    err = capsys.readouterr().err
    assert "Pulumi CLI, which is not installed" in err
    assert "--dlq-url" in err


def pulumi(folder: Path, script: str) -> None:
    """A CLI in the way of the real one; it notes what it was called with."""
    program = folder / "pulumi"
    program.write_text(f'#!/bin/sh\necho "$@" > {folder}/called\n{script}\n')
    program.chmod(0o755)


def test_a_stacks_queues_come_from_its_outputs(aws: Upstream, tmp_path: Path) -> None:
    pulumi(tmp_path, f"echo '{json.dumps(OUTPUTS)}'")
    assert main(["dlq", "list", "--stack", "dev"]) == 0
    called = (tmp_path / "called").read_text()
    assert called == "stack output --json --non-interactive --stack dev\n"
    assert [body["QueueUrl"] for body in asked(aws, "ReceiveMessage")] == [DLQ_URL]


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo \"error: no stack named 'dev' found\" >&2; exit 255", "no stack named 'dev' found"),
        ("exit 3", "exit code 3"),
        ("echo '{}'", "has no output orderEventsDlqUrl, orderEventsQueueUrl, ordersTableName"),
        ("echo nonsense", "did not print its outputs as a JSON object"),
    ],
)
def test_a_stack_without_outputs_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], script: str, said: str
) -> None:
    pulumi(tmp_path, script)
    assert main(["dlq", "list", "--stack", "dev"]) == 1
    err = capsys.readouterr().err
    assert "stack dev" in err
    assert said in err


@pytest.mark.parametrize(
    "url", ["order-events-dlq", "http://sqs.x.amazonaws.com/1/q", "https://x/1/q"]
)
def test_an_address_that_is_no_queue_url_is_named(
    capsys: pytest.CaptureFixture[str], url: str
) -> None:
    arguments = ["--dlq-url", url, "--queue-url", QUEUE_URL, "--table", "Orders"]
    assert main(["dlq", "list", *arguments]) == 1
    assert url in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["dlq", "list"],
        ["dlq", "list", "--stack", "dev", *URLS],
        ["dlq", "list", "--dlq-url", DLQ_URL],
        ["dlq", "list", "--queue", "record-history", *URLS],
        ["dlq", "list", "--stack", "dev", "--undelivered"],
        ["dlq", "redrive", "--stack", "dev"],
        ["dlq", "redrive", "m-1", "--all", "--stack", "dev"],
        ["dlq"],
    ],
)
def test_an_incomplete_command_is_a_usage_error(arguments: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
