"""`python -m local` as a process: what it prints, how it ends, what it leaves."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil
import pytest

from local import control, state
from local.client import Api
from local.emulator import HOST
from local.errors import LocalRunError
from local.workspace import BUILD, ROOT
from tests.local.support import ORDER, SECONDS, until

pytestmark = pytest.mark.long


class Run:
    """One `python -m local run` whose output goes to a file."""

    def __init__(
        self, output: Path, *arguments: str, before: Sequence[str] = (), **environment: str
    ) -> None:
        self.output = output
        with self.output.open("wb") as file:
            self.process = subprocess.Popen(
                [*before, sys.executable, "-m", "local", "run", *arguments],
                cwd=ROOT,
                env={**os.environ, "PORT": "0", "CONSOLE_PORT": "0", **environment},
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    def text(self) -> str:
        return self.output.read_text()

    def wait_for(self, pattern: str) -> re.Match[str]:
        found = until(lambda: re.search(pattern, self.text()) or self.process.poll() is not None)
        assert isinstance(found, re.Match), f"no {pattern!r} in:\n{self.text()}"
        return found

    def serving(self) -> str:
        """Wait until it runs; its URL."""
        return self.wait_for(r"URL +(\S+)")[1]

    def started(self) -> str:
        """Wait until it has shown its first order, with workers that wait for more; its URL."""
        self.wait_for(r"CONFIRMED  after")
        return self.serving()

    @property
    def state(self) -> Path:
        """The file by which other processes find it."""
        return state.path("local", self.process.pid)

    def folder(self) -> Path:
        return next((BUILD / "local").glob(f"run-{self.process.pid}-*"))

    def group(self) -> int:
        return int((self.folder() / "pid").read_text())


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    runs: list[Run] = []
    # A suite under `nohup` ignores the hangup, and what it starts would inherit that.
    inherited = signal.signal(signal.SIGHUP, signal.SIG_DFL)

    def begin(*arguments: str, before: Sequence[str] = (), **environment: str) -> Run:
        output = tmp_path / f"output-{len(runs)}"
        runs.append(Run(output, *arguments, before=before, **environment))
        return runs[-1]

    yield begin
    signal.signal(signal.SIGHUP, inherited)
    for run in runs:
        if run.process.poll() is None:
            run.process.kill()
            run.process.wait(SECONDS)


def _unlisted(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


def _gone(group: int) -> bool:
    if _unlisted(group):
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


@pytest.mark.skipif(shutil.which("nohup") is None, reason="no nohup on this machine")
def test_hangup_is_ignored_under_nohup(start: Callable[..., Run]) -> None:
    run = start(before=["nohup"])
    url = run.serving()
    run.process.send_signal(signal.SIGHUP)
    for _ in range(3):
        assert Api(url).request("GET", "/nowhere").status == 404
    assert run.process.poll() is None
    _assert_ended_by(signal.SIGTERM, run)


def test_closed_standard_input_and_output_are_no_reason_to_end(start: Callable[..., Run]) -> None:
    run = start(before=["sh", "-c", 'exec "$@" <&- >&-', "sh"])
    assert until(lambda: run.state.exists() or run.process.poll() is not None)
    url = json.loads(run.state.read_text())["url"]
    assert Api(url).create(ORDER).status == 201
    run.process.send_signal(signal.SIGTERM)
    assert run.process.wait(SECONDS) == 0
    assert run.text() == ""


def _assert_ended_by(number: signal.Signals, run: Run) -> None:
    url = run.serving()
    folder, group = run.folder(), run.group()
    assert json.loads(run.state.read_text())["url"] == url
    assert run.state.stat().st_mode & 0o077 == 0, "others can read the credentials"
    assert folder.stat().st_mode & 0o077 == 0, "others can read the emulator's log"
    run.process.send_signal(number)
    assert run.process.wait(SECONDS) == 0
    assert _unlisted(group), "a process is left, if only in the list of processes"
    assert not folder.exists(), "a temporary folder is left"
    assert _refused(url), "the port is still open"
    assert not run.state.exists(), "the credentials of an ended run are left"
    assert "Traceback" not in run.text()


def test_signal_during_the_start_leaves_nothing(start: Callable[..., Run]) -> None:
    run = start()
    pid = until(lambda: next((BUILD / "local").glob(f"run-{run.process.pid}-*/pid"), None))
    assert until(pid.read_text)
    folder, group = run.folder(), run.group()
    run.process.send_signal(signal.SIGINT)
    assert run.process.wait(SECONDS) == 0
    assert until(lambda: _gone(group))
    assert not folder.exists()
    assert "Traceback" not in run.text()


def test_first_screen_shows_what_runs_a_curl_line_that_works_and_ends_by_a_signal(
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
    assert re.search(r"No effect (.*\n)*? .*Function\.architectures: ", text)
    command = run.wait_for(r"(curl -i .*)\n")[1]
    assert re.match(r"HTTP/1\.1 201", _shown(command))
    run.wait_for(r"POST /orders +201 ")
    run.wait_for(r"order-events -> orders-process-order +\d+ message")
    assert "Lovelace" not in text.replace(command, ""), "customer data on the screen"
    assert Api(url).request("GET", "/nowhere").status == 404
    run.wait_for(r"GET  /nowhere +404 ")
    _assert_ended_by(signal.SIGINT, run)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_dead_emulator_ends_the_run_with_an_error(
    start: Callable[..., Run], number: signal.Signals
) -> None:
    run = start()
    run.started()
    folder, group = run.folder(), run.group()
    os.kill(group, number)
    assert run.process.wait(SECONDS) == 1
    assert f"local run: the emulator was ended by {number.name}" in run.text()
    assert _unlisted(group), "a process is left, if only in the list of processes"
    assert not folder.exists()


def test_killed_run_takes_the_emulator_with_it(start: Callable[..., Run]) -> None:
    run = start()
    url = run.started()
    folder, group = run.folder(), run.group()
    assert run.state.exists()
    socket_folder = Path(json.loads(run.state.read_text())["control"]).parent
    assert socket_folder.exists()
    run.process.kill()
    run.process.wait(SECONDS)
    assert until(lambda: _gone(group)), "the emulator or a worker is left"
    assert until(lambda: not folder.exists()), "the temporary folder is left"
    assert _refused(url)
    state.forget_dead()
    assert not run.state.exists(), "the credentials of a killed run are left"
    assert not socket_folder.exists(), "the socket of a killed run is left"


def test_run_that_ends_leaves_another_findable(start: Callable[..., Run]) -> None:
    first, second = start(), start()
    url = first.serving()
    assert second.serving() != url
    second.process.send_signal(signal.SIGINT)
    assert second.process.wait(SECONDS) == 0
    assert not second.state.exists()
    assert json.loads(first.state.read_text())["url"] == url
    listed = _python("operations", "dlq", "list", "--stack", "local")
    assert listed.returncode == 0, listed.stderr


def test_state_of_a_reused_process_id_is_no_run(tmp_path: Path) -> None:
    stack = f"reused-{os.getpid()}"
    with socket.socket() as silent:
        silent.bind((HOST, 0))
        state.write(stack, {"endpoint": f"http://{HOST}:{silent.getsockname()[1]}"})
        try:
            with pytest.raises(LocalRunError, match="make run"):
                state.read(stack)
            silent.listen()
            assert state.read(stack)["pid"] == os.getpid()
        finally:
            state.remove(stack)


def test_run_is_asked_by_a_socket_wherever_temporary_files_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / ("x" * 120)  # longer than a socket's path may be
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    with control.serving({"told": lambda text: text}) as path:
        assert control.ask(path, "told", text="é") == "é"


def test_environment_meant_for_aws_and_another_encoding_have_no_say(
    start: Callable[..., Run], tmp_path: Path
) -> None:
    broken = tmp_path / "config"
    broken.write_text("[profile\nnonsense")
    with socket.socket() as proxy:  # takes connections and never answers
        proxy.bind((HOST, 0))
        proxy.listen()
        address = f"http://{HOST}:{proxy.getsockname()[1]}"
        environment = {
            **dict.fromkeys(("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"), address),
            **dict.fromkeys(("all_proxy", "ALL_PROXY"), address),
            "no_proxy": "",
            "NO_PROXY": "",
            "AWS_PROFILE": "missing",
            "AWS_DEFAULT_PROFILE": "missing",
            "AWS_CONFIG_FILE": str(broken),
            "AWS_SHARED_CREDENTIALS_FILE": str(broken),
            "AWS_DATA_PATH": str(tmp_path),
            "AWS_CA_BUNDLE": str(tmp_path / "missing"),
            "REQUESTS_CA_BUNDLE": str(tmp_path / "missing"),
            "AWS_ACCESS_KEY_ID": "AKIAFOREIGN",
            "AWS_SECRET_ACCESS_KEY": "foreign",
            "AWS_SESSION_TOKEN": "foreign",
            "AWS_REGION": "nowhere",
            "AWS_DEFAULT_REGION": "no where",
            "AWS_ENDPOINT_URL": address,
            "AWS_ENDPOINT_URL_SQS": address,
            "AWS_USE_FIPS_ENDPOINT": "true",
            "AWS_USE_DUALSTACK_ENDPOINT": "true",
            "AWS_DEFAULTS_MODE": "invalid",
            "AWS_RETRY_MODE": "invalid",
            "AWS_MAX_ATTEMPTS": "many",
            "AWS_STS_REGIONAL_ENDPOINTS": "invalid",
            "AWS_S3_US_EAST_1_REGIONAL_ENDPOINT": "invalid",
            "AWS_REQUEST_CHECKSUM_CALCULATION": "invalid",
            "AWS_RESPONSE_CHECKSUM_VALIDATION": "invalid",
            "AWS_ACCOUNT_ID_ENDPOINT_MODE": "invalid",
            "AWS_DISABLE_REQUEST_COMPRESSION": "invalid",
            "AWS_REQUEST_MIN_COMPRESSION_SIZE_BYTES": "many",
            "AWS_SIGV4A_SIGNING_REGION_SET": "nowhere",
            "AWS_AUTH_SCHEME_PREFERENCE": "nothing",
            "AWS_SDK_UA_APP_ID": "x" * 200,
            "BOTOCORE_EXPERIMENTAL__PLUGINS": "missing=missing",
            "TZ": "Nowhere/Nothing",
            # Its output cannot encode what a path may hold.
            "PYTHONUTF8": "0",
            "LC_ALL": "C",
            "PYTHONCOERCECLOCALE": "0",
        }
        run = start(**environment, PYTHONWARNINGS="error")
        url = run.started()
        listed = _python("operations", "dlq", "list", "--stack", "local", **environment)
        assert listed.returncode == 0, listed.stderr
        assert Api(url).request("GET", "/caf%c3%a9/%f0%9f%98%80").status == 404
        run.wait_for(r"/caf\\xe9/\\U0001f600")
        _assert_ended_by(signal.SIGHUP, run)


_ELSEWHERE = """
import pathlib, sys
import local.workspace
local.workspace.BUILD = pathlib.Path(sys.argv.pop())
from local.__main__ import main
sys.exit(main())
"""


def test_checkout_that_cannot_be_written_is_told_in_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "file"  # for root, too, no folder can be made in it
    file.touch()
    ended = subprocess.run(
        [sys.executable, "-c", _ELSEWHERE, "run", "--port", "0", str(file)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert ended.returncode == 1
    assert re.fullmatch(
        r"local run: .*/file/local cannot be written \(Not a directory\), and .*\n", ended.stderr
    )


def _local(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return _python("local", *arguments, **environment)


def _python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def test_console_is_open_to_its_address_alone_and_a_taken_port_ends_no_run(
    start: Callable[..., Run],
) -> None:
    with socket.socket() as free:
        free.bind((HOST, 0))
        port = str(free.getsockname()[1])
    run = start(CONSOLE_PORT=port)
    address = run.wait_for(rf"Console (http://{HOST}:{port}/\?token=\S+)")[1]
    console = Api(address)
    assert console.request("GET", "/").status == 403
    assert console.request("GET", address.partition(port)[2]).status == 303
    second = start(CONSOLE_PORT=port)
    second.wait_for(f"No console: port {port} is taken, choose another with CONSOLE_PORT=")
    assert Api(second.serving()).request("GET", "/nowhere").status == 404


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


@pytest.mark.parametrize("configuration", [(), ("--config", "auth=cognito")])
def test_demo_shows_everything_and_succeeds(configuration: tuple[str, ...]) -> None:
    ended = _local("demo", *configuration)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert len(re.findall(r"^  seen ", ended.stdout, re.M)) == 7
    assert "NOT SEEN" not in ended.stdout
    assert re.search(r"DENIED  dynamodb:PutItem on arn:\S+:table/Orders", ended.stdout)
