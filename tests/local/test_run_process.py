"""`python -m local` as a process: what it prints, how it ends, what it leaves."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from local import state
from local.client import Api
from local.emulator import HOST
from local.errors import LocalRunError
from local.package import BUILD
from local.program import ROOT
from tests.local.support import SECONDS, until


class Run:
    """One `python -m local run` whose output goes to a file."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.output = folder / "output"
        environment = {**os.environ, "PORT": "0"}
        with self.output.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "local", "run", *arguments],
                cwd=ROOT,
                env=environment,
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    def text(self) -> str:
        return self.output.read_text()

    def wait_for(self, pattern: str) -> re.Match[str]:
        found = until(lambda: re.search(pattern, self.text()) or self.process.poll() is not None)
        assert isinstance(found, re.Match), f"no {pattern!r} in:\n{self.text()}"
        return found

    def started(self) -> str:
        """Wait until it runs and has shown its first order; its URL."""
        self.wait_for(r"CONFIRMED  after")
        return self.wait_for(r"URL +(\S+)")[1]

    def folder(self) -> Path:
        return next((BUILD / "local").glob(f"run-{self.process.pid}-*"))

    def group(self) -> int:
        return int((self.folder() / "pid").read_text())


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    runs: list[Run] = []

    def begin(*arguments: str) -> Run:
        runs.append(Run(tmp_path, *arguments))
        return runs[-1]

    yield begin
    for run in runs:
        if run.process.poll() is None:
            run.process.kill()
            run.process.wait(SECONDS)


def _gone(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    # Killed, but not yet collected by the process that inherited it.
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
            if os.getpgid(process.pid) != group:
                continue
            # Its first thread may be dead while others still hold what is open.
            if process.status() != psutil.STATUS_ZOMBIE or process.num_threads() > 1:
                return False
    return True


def _shown(command: str) -> str:
    """What a curl line shows."""
    if shutil.which("curl"):
        return subprocess.run(
            ["sh", "-c", command], capture_output=True, text=True, check=True
        ).stdout
    # The line in its parts, for a machine without curl.
    _, _, url, _, header, _, body = shlex.split(command)
    name, _, value = header.partition(": ")
    request = urllib.request.Request(url, body.encode(), {name: value})
    with urllib.request.urlopen(request) as answer:
        return f"HTTP/{answer.version / 10} {answer.status}"


def _refused(url: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, int(url.rsplit(":", 1)[1]))) != 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_ends_the_run_and_leaves_nothing(
    start: Callable[..., Run], number: signal.Signals
) -> None:
    run = start()
    url = run.started()
    folder, group = run.folder(), run.group()
    assert state.read("local")["url"] == url
    assert state.path("local").stat().st_mode & 0o077 == 0, "others can read the credentials"
    run.process.send_signal(number)
    assert run.process.wait(SECONDS) == 0
    assert _gone(group), "a process is left"
    assert not folder.exists(), "a temporary folder is left"
    assert _refused(url), "the port is still open"
    with pytest.raises(LocalRunError):
        state.read("local")
    assert "Traceback" not in run.text()


def test_signal_during_the_start_leaves_nothing(start: Callable[..., Run]) -> None:
    run = start()
    until(lambda: list((BUILD / "local").glob(f"run-{run.process.pid}-*/pid")))
    folder, group = run.folder(), run.group()
    run.process.send_signal(signal.SIGINT)
    assert run.process.wait(SECONDS) == 0
    assert until(lambda: _gone(group))
    assert not folder.exists()
    assert "Traceback" not in run.text()


def test_first_screen_shows_what_runs_and_a_curl_line_that_works(
    start: Callable[..., Run],
) -> None:
    run = start("--config", "memorySize=512")
    url = run.started()
    text = run.text()
    for expected in (
        "POST /orders",
        "GET /orders/{id}",
        "functions.create_order.handler",
        "Orders",
    ):
        assert expected in text
    assert "order-events-dlq" in text
    assert re.search(r"No effect .*Function\.architectures", text)
    command = run.wait_for(r"(curl -i .*)\n")[1]
    assert re.match(r"HTTP/1\.1 201", _shown(command))
    run.wait_for(r"POST /orders +201 ")
    run.wait_for(r"order-events -> orders-process-order +\d+ message")
    assert "Lovelace" not in text.replace(command, ""), "customer data on the screen"
    assert Api(url).request("GET", "/nowhere").status == 404
    run.wait_for(r"GET  /nowhere +404 ")


def test_dead_emulator_ends_the_run_with_an_error(start: Callable[..., Run]) -> None:
    run = start()
    run.started()
    folder, group = run.folder(), run.group()
    os.kill(group, signal.SIGKILL)
    assert run.process.wait(SECONDS) == 1
    assert "the emulator was ended by SIGKILL" in run.text()
    assert until(lambda: _gone(group))
    assert not folder.exists()


def test_killed_run_takes_the_emulator_with_it(start: Callable[..., Run]) -> None:
    run = start()
    url = run.started()
    folder, group = run.folder(), run.group()
    run.process.kill()
    run.process.wait(SECONDS)
    assert until(lambda: _gone(group)), "the emulator or a worker is left"
    assert until(lambda: not folder.exists()), "the temporary folder is left"
    assert _refused(url)
    with pytest.raises(LocalRunError):
        state.read("local")
    state.forget_dead()
    assert not state.path("local").exists(), "the credentials of a killed run are left"


def _local(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "local", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_taken_port_is_named_before_anything_starts(start: Callable[..., Run]) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        run = start("--port", str(port))
        assert run.process.wait(SECONDS) == 1
    assert re.fullmatch(rf"local run: port {port} cannot be used .* PORT=.*\n", run.text()), (
        run.text()
    )
    assert not list((BUILD / "local").glob(f"run-{run.process.pid}-*"))


@pytest.mark.parametrize(
    ("arguments", "environment", "named"),
    [
        (("run", "--port", "65536"), {}, "65536"),
        (("run",), {"PORT": "web"}, "web"),
        (("run", "--port", "0", "--stack", "nowhere"), {}, "Pulumi.nowhere.yaml"),
        (("run", "--port", "0", "--config", "memory=1"), {}, "serverless-orders:memory"),
        (("run", "--port", "0", "--config", "memorySize=1"), {}, "serverless-orders:memorySize"),
        (("run", "--port", "0", "--config", "memorySize"), {}, "KEY=VALUE"),
    ],
)
def test_wrong_option_is_named(
    arguments: tuple[str, ...], environment: dict[str, str], named: str
) -> None:
    ended = _local(*arguments, **environment)
    assert ended.returncode != 0
    assert named in ended.stderr
    assert "Traceback" not in ended.stderr


def test_demo_shows_everything_and_succeeds() -> None:
    ended = _local("demo")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert len(re.findall(r"^  seen ", ended.stdout, re.M)) == 4
    assert "NOT SEEN" not in ended.stdout
    assert re.search(r"DENIED  dynamodb:PutItem on arn:\S+:table/Orders", ended.stdout)
