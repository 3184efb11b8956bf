"""What another shell sees of a run: its environment, its logs, an order's life."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from functions import contract
from local import state
from local.client import Api
from local.program import ROOT
from local.system import System
from tests.local.support import ORDER, SECONDS, until

STACK = "inspected"


@pytest.fixture(scope="module", autouse=True)
def findable(running: System) -> Iterator[None]:
    state.write(STACK, running.whereabouts({}))
    yield
    state.remove(STACK)


def local(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command, *rest = arguments
    return subprocess.run(
        [sys.executable, "-m", "local", command, "--stack", STACK, *rest],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@pytest.fixture(scope="module")
def order_id(running: System) -> str:
    api = Api(running.url)
    created = str(api.create(ORDER).body["id"])
    assert api.wait_for(created, contract.CONFIRMED, SECONDS).status == 200
    name = running.outputs["functionNames"]["process_order"]
    until(lambda: [line for line in running.logs(name) if created in line])
    return created


def test_the_life_of_an_order_goes_from_the_door_to_its_confirmation(order_id: str) -> None:
    told = until(lambda: _with_api_line(local("show", order_id).stdout.splitlines()))
    assert told[0] == f"order {order_id}  CONFIRMED"
    sources = [line.split(" ms  ")[1].split()[0] for line in told[2:]]
    assert sources.index("create_order") < sources.index("process_order")
    assert {"api", "create_order", "process_order"} <= set(sources)
    assert "order confirmed" in told[2 + sources.index("process_order")]
    assert ORDER["customerName"] not in "\n".join(told)


def _with_api_line(lines: list[str]) -> list[str]:
    return lines if any(" api " in line for line in lines) else []


def test_logs_are_those_of_the_function_and_order_that_are_asked_for(order_id: str) -> None:
    lines = local("logs", "process_order", "--order", order_id).stdout.splitlines()
    assert lines
    assert all("  process_order " in line and order_id in line for line in lines)
    assert local("logs", "create_order", "--order", "another").stdout == ""


def test_the_environment_leads_boto3_to_the_run_whatever_was_set_before() -> None:
    script = f'eval "$({sys.executable} -m local env --stack {STACK})"; ' + (
        f"{sys.executable} -c 'import boto3; "
        'print(boto3.client("dynamodb").list_tables()["TableNames"])\''
    )
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=ROOT,
        env={**os.environ, "AWS_PROFILE": "absent", "AWS_SESSION_TOKEN": "stale"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert "'Orders'" in done.stdout, done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("logs", "nothing"), "there is no function nothing; there are create_order, get_order"),
        (("show", "\x1b]0;X\x07"), "there is no order \\x1b]0;X\\x07"),
    ],
)
def test_what_is_not_there_is_said(arguments: tuple[str, ...], said: str) -> None:
    done = local(*arguments)
    assert done.returncode == 1
    assert said in done.stderr


def test_without_a_run_the_commands_say_how_to_start_one() -> None:
    done = local("env", "--stack", "absent")
    assert done.returncode == 1
    assert "no local run of stack 'absent' is alive: start one with `make run`" in done.stderr
