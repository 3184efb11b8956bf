"""What a function logs is in its log, however busy the machine is."""

from __future__ import annotations

import io
import queue
import time
import zipfile
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from ministack.core import lambda_runtime  # type: ignore[import-untyped]

from local.ministack import worker_logs

LOGGING = """
import os, subprocess, sys, time

def handler(event, context):
    for line in event["lines"]:
        print(line)
    sys.stdout.write(event.get("rest", ""))
    if event.get("child"):
        subprocess.Popen(["sleep", "60"], stdout=sys.stderr)
    if event.get("dies"):
        os._exit(1)
    if event.get("fails"):
        raise ValueError
    if event.get("sleeps"):
        time.sleep(60)
"""


class Late(queue.Queue[str]):
    """Lines as a busy machine gives them."""

    def put(self, *line: Any, **wait: Any) -> None:
        time.sleep(0.3)
        super().put(*line, **wait)


@pytest.fixture
def invoke(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """Invoke a function whose pipe is read late; gives its log."""
    for name in ("_read_stderr", "_drain_stderr", "_drain_stderr_bounded"):
        monkeypatch.setattr(lambda_runtime.Worker, name, getattr(lambda_runtime.Worker, name))
    script = lambda_runtime._PYTHON_WORKER_SCRIPT
    monkeypatch.setattr(lambda_runtime, "_PYTHON_WORKER_SCRIPT", script)
    worker_logs.install()
    late = SimpleNamespace(Queue=Late, Empty=queue.Empty)
    monkeypatch.setattr(lambda_runtime, "queue", late)
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("index.py", LOGGING)
    arn = "arn:aws:lambda:eu-west-1:000000000000:function:logging"
    config = {"Runtime": "python3.11", "Handler": "index.handler", "Timeout": 1, "FunctionArn": arn}
    worker = lambda_runtime.Worker("logging", config, code.getvalue())

    def invoked(*lines: str, **event: Any) -> str:
        return str(worker.invoke({"lines": lines, **event}, "request").get("log"))

    yield invoked
    worker.kill()


@pytest.mark.parametrize("end", [{}, {"fails": True}, {"dies": True}, {"sleeps": True}])
def test_the_log_of_an_invocation_is_whole(
    invoke: Callable[..., str], end: dict[str, bool]
) -> None:
    assert invoke("one", "", "two", **end) == "one\n\ntwo"


def test_the_log_of_each_invocation_is_its_own(invoke: Callable[..., str]) -> None:
    logs = [invoke("first"), invoke(), invoke("third", rest="without an end"), invoke("fourth")]
    assert logs == ["first", "", "third\nwithout an end", "fourth"]


def test_what_a_child_may_still_write_is_not_awaited(invoke: Callable[..., str]) -> None:
    assert invoke("one", child=True, dies=True) == "one"
