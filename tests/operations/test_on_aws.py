"""`python -m operations dlq` where SQS is not an emulator: stacks, credentials, the move task."""

import json
import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

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


MACHINE = {"UserPoolClient": {"ClientId": "machine-1", "ClientSecret": "hush"}}


def with_sign_in(aws: Upstream, folder: Path, **more: str | None) -> None:
    """A stack with a pool whose sign-in pages and API are at `aws`."""
    here = f"http://127.0.0.1:{aws.server_port}"
    pool = {"userPoolId": "eu-west-1_1", "machineClientId": "machine-1", "signInUrl": here}
    outputs = {**OUTPUTS, **pool, "apiUrl": "https://api.example.com/", **more}
    pulumi(folder, f"echo '{json.dumps({k: v for k, v in outputs.items() if v})}'")
    aws.answers["DescribeUserPoolClient"] = [(200, MACHINE)]
    aws.answers["/oauth2/token"] = [(200, {"access_token": "a.b.c", "token_type": "Bearer"})]


def test_a_token_on_aws_is_a_machines_and_its_secret_is_told_to_nobody_else(
    aws: Upstream, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with_sign_in(aws, tmp_path)
    assert main(["token", "--stack", "dev"]) == 0
    out, err = capsys.readouterr()
    token, _, line = out.splitlines()
    assert token == "a.b.c"
    assert shlex.split(line)[:5] == [
        *("curl", "-i", "https://api.example.com/orders"),
        *("-H", "authorization: Bearer a.b.c"),
    ]
    assert "hush" not in out + err
    asked_for = asked(aws, "DescribeUserPoolClient")
    assert asked_for == [{"UserPoolId": "eu-west-1_1", "ClientId": "machine-1"}]
    (path, headers, body) = aws.asked[-1]
    assert path == "/oauth2/token"
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    assert "authorization" not in headers
    assert dict(parse_qsl(body.decode())) == {
        "grant_type": "client_credentials",
        "client_id": "machine-1",
        "client_secret": "hush",
        "scope": "orders/read orders/write",
    }


def test_a_token_alone_has_the_scopes_that_were_asked_for(
    aws: Upstream, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with_sign_in(aws, tmp_path)
    scopes = ["--scope", "orders/read", "--scope", "orders/admin"]
    assert main(["token", "--stack", "dev", "--raw", *scopes]) == 0
    assert capsys.readouterr().out == "a.b.c\n"
    assert dict(parse_qsl(aws.asked[-1][2].decode()))["scope"] == "orders/read orders/admin"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((400, {"error": "invalid_client"}), "no token: invalid_client"),
        ((400, {"error": "invalid_scope", "error_description": "x"}), "invalid_scope (x)"),
        ((200, {}), "the pool gives no reason"),
    ],
)
def test_a_pool_that_gives_no_token_is_an_error_without_the_secret(
    aws: Upstream,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    answer: tuple[int, dict[str, Any]],
    said: str,
) -> None:
    with_sign_in(aws, tmp_path)
    aws.answers["/oauth2/token"] = [answer]
    assert main(["token", "--stack", "dev"]) == 1
    out, err = capsys.readouterr()
    assert said in err
    assert "hush" not in out + err


@pytest.mark.parametrize(
    ("lacks", "said"),
    [
        ("userPoolId", "no user pool of its own (setting auth)"),
        ("machineClientId", "no output machineClientId"),
        ("signInUrl", "no sign-in pages"),
    ],
)
def test_a_stack_that_gives_no_tokens_says_what_it_lacks(
    aws: Upstream, tmp_path: Path, capsys: pytest.CaptureFixture[str], lacks: str, said: str
) -> None:
    with_sign_in(aws, tmp_path, **{lacks: None})
    assert main(["token", "--stack", "dev"]) == 1
    assert said in capsys.readouterr().err


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
        ["token", "--stack", "dev", "--user", "ada"],
        ["token", "--scope", "orders/everything"],
    ],
)
def test_an_incomplete_command_is_a_usage_error(arguments: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
