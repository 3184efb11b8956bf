"""Starts, watches and ends the child process that holds the emulator and the edge."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import secrets
import shutil
import signal
import socket
import string
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from local import aws, events, state
from local.errors import EmulatorError, LocalRunError
from local.processes import collect_group, kill_group
from local.workspace import ROOT, workspace

START_SECONDS = 30.0
STOP_SECONDS = 5.0
HOST = "127.0.0.1"

INVOCATIONS_PER_FUNCTION = 2 * (os.cpu_count() or 1)
"""Concurrent invocations of one function; more wait at the edge.

The emulator starts a process for each, and past two for each processor they only get in each
other's way.
"""

BATCH_CONCURRENCY = max(2, os.cpu_count() or 1)
"""Batches that one event source mapping processes at once (2 is the least that AWS accepts)."""

_STEPS = (
    events.EmulatorStarted,
    events.SystemStarted,
    events.RoutesChanged,
    events.RegionsChanged,
)
"""What the process does when it is told to, and then says."""

Publish = Callable[[events.Event], None]


def listen(port: int) -> socket.socket:
    """A socket bound to `port` on the loopback interface (0: any free one).

    Raises `LocalRunError` for a port that is taken or not permitted.
    """
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((HOST, port))
        bound.listen(128)
    except OSError as error:
        bound.close()
        raise LocalRunError(
            f"port {port} cannot be used ({error.strerror}): choose another with PORT=, "
            f"or PORT=0 for a free one"
        ) from error
    return bound


class Emulator:
    """The child process, which takes over `edge_sockets`: one for the door of each region.

    `concurrency` is how many invocations of one function run at once, `minute` how many seconds a
    minute of a deployment's takes.
    """

    def __init__(
        self,
        edge_sockets: Sequence[socket.socket],
        functions_endpoint: Callable[[str], str] | None = None,
        concurrency: int = INVOCATIONS_PER_FUNCTION,
        minute: float = 60.0,
    ) -> None:
        self._edge_sockets = edge_sockets
        self._concurrency, self._minute = concurrency, minute
        self._functions_endpoint = functions_endpoint
        self._access_key = "AKIA" + "".join(
            secrets.choice(string.ascii_uppercase + "234567") for _ in range(16)
        )
        self._secret_key = secrets.token_urlsafe(30)
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = False
        self._progress: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._clients: dict[tuple[str, str], Any] = {}
        self._clients_lock = threading.Lock()
        self._sending = threading.Lock()
        self._ready = False
        self._folder: Path | None = None
        self.endpoint = ""

    @property
    def credentials(self) -> dict[str, str]:
        """The credentials of the emulator's administrator, as boto3 takes them."""
        return {
            "aws_access_key_id": self._access_key,
            "aws_secret_access_key": self._secret_key,
        }

    @property
    def pid(self) -> int:
        """The process id, which is the id of the process group of all workers too."""
        if self._process is None:
            raise EmulatorError("the emulator was not started")
        return self._process.pid

    def start(self, publish: Publish) -> None:
        """Start the process; returns at once. The first `client` waits until it answers.

        `publish` is called, from a thread, with each event that it reports. The last is a
        `SystemEnded` with the reason when the process ends by itself.
        """
        _sweep(workspace())
        self._folder = workspace() / f"run-{os.getpid()}-{secrets.token_hex(4)}"
        temporary = self._folder / "tmp"
        self._folder.mkdir(mode=0o700)  # the log is nobody else's business
        temporary.mkdir()
        emulator_socket = listen(0)
        port = emulator_socket.getsockname()[1]
        self.endpoint = f"http://{HOST}:{port}"
        edges = [each.fileno() for each in self._edge_sockets]
        environment = self._environment(port, temporary)
        endpoints = (self.endpoint, f"http://localhost:{port}", environment.get("AWS_ENDPOINT_URL"))
        settings = {
            "folder": str(self._folder),
            "endpoint": self.endpoint,
            "hosts": [urlsplit(endpoint).netloc for endpoint in endpoints if endpoint],
            "emulatorSocket": emulator_socket.fileno(),
            "edgeSockets": edges,
            "concurrency": self._concurrency,
            "minuteSeconds": self._minute,
        }
        with (self._folder / "emulator.log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "local.server", json.dumps(settings)],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                pass_fds=(emulator_socket.fileno(), *edges),
                start_new_session=True,
            )
        emulator_socket.close()
        for each in self._edge_sockets:
            each.close()
        reader = threading.Thread(
            target=self._read_events, args=(publish,), daemon=True, name="emulator-events"
        )
        reader.start()

    def _environment(self, port: int, temporary: Path) -> dict[str, str]:
        # Functions inherit this environment: nothing of this machine belongs in it.
        environment = {
            "PATH": os.defpath,
            "LANG": "C.UTF-8",
            "HOME": str(temporary),
            "TMPDIR": str(temporary),
            "AUTH": "true",
            "STATE_DIR": str(temporary / "state"),  # the keys of user pools, else in /tmp
            "BIND_HOST": HOST,
            "MINISTACK_HOST": HOST,
            "GATEWAY_PORT": str(port),
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            # AWS's own; the edge and the event sources bound what really runs at once.
            "LAMBDA_ACCOUNT_CONCURRENCY": "1000",
            "DOCKER_HOST": f"unix://{temporary}/no-docker",  # not to touch the user's containers
            "AWS_ACCESS_KEY_ID": self._access_key,
            "AWS_SECRET_ACCESS_KEY": self._secret_key,
        }
        if self._functions_endpoint is not None:
            environment["AWS_ENDPOINT_URL"] = self._functions_endpoint(self.endpoint)
        return environment

    def serve(
        self, stack: str, url: str, api: Mapping[str, Any], region: str, interpreter: Path
    ) -> None:
        """Open the next door, of `region`, for `api`; functions start with `interpreter`."""
        command = {
            "stack": stack,
            "url": url,
            "api": dict(api),
            "region": region,
            "interpreter": str(interpreter),
        }
        self._send(command)
        self._advance()

    def watch_by(self, alarms: Mapping[str, Any]) -> None:
        """Let these alarms, their inputs by name, watch the deployments from now on as well."""
        self._send({"alarms": dict(alarms)})

    def serve_instead(self, api: Mapping[str, Any], region: str) -> None:
        """Let a region's edge serve a changed `api` from now on."""
        self._send({"api": dict(api), "region": region})
        self._advance()

    def set_regions(self, down: Sequence[str], cut: Sequence[str]) -> None:
        """Have these regions be down, and these cut off, and no others; see `events`."""
        self._send({"down": list(down), "cut": list(cut)})
        self._advance()

    def lead_functions_to(self, url: str | None) -> None:
        """Give functions another AWS endpoint from their next invocation on; None: their own."""
        self._send({"functionsEndpoint": url})

    def watch_rights(self) -> None:
        """Have every decision of IAM told from now on; once."""
        self._send({"watchRights": True})

    def _send(self, command: Mapping[str, Any]) -> None:
        process = self._process
        if process is None or process.stdin is None:
            raise EmulatorError("the emulator was not started")
        try:
            with self._sending:
                process.stdin.write((json.dumps(command) + "\n").encode())
                process.stdin.flush()
        except (OSError, ValueError) as error:
            raise EmulatorError(self._death()) from error

    def _advance(self) -> None:
        """Wait for the process to say that its next step is done."""
        try:
            failure = self._progress.get(timeout=START_SECONDS)
        except queue.Empty:
            failure = self._death()
        if failure is not None:
            self._progress.put(failure)  # for whoever else waits
            raise EmulatorError(failure)

    def client(self, service: str, region: str, **credentials: str) -> Any:
        """A boto3 client of the emulator; the administrator's unless `credentials` are given.

        Raises `EmulatorError` when the process does not answer.
        """
        with self._clients_lock:
            if not self._ready:
                self._advance()
                self._ready = True
            if credentials:
                return aws.client(service, self.endpoint, region, credentials)
            key = (service, region)
            if key not in self._clients:
                self._clients[key] = aws.client(service, self.endpoint, region, self.credentials)
            return self._clients[key]

    def stop(self) -> None:
        """End the process with all its workers and remove its folder; may be called twice."""
        self._stopping = True
        if self._process is not None:
            kill_group(self._process.pid)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_SECONDS)
                collect_group(self._process.pid, STOP_SECONDS)
            for stream in (self._process.stdin, self._process.stdout):
                if stream is not None:
                    with contextlib.suppress(OSError):
                        stream.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _read_events(self, publish: Publish) -> None:
        process = self._process
        if process is None or process.stdout is None:
            return
        with contextlib.suppress(OSError, ValueError):
            for line in process.stdout:
                event = events.decode(line)
                publish(event)
                if isinstance(event, _STEPS):
                    self._progress.put(None)
        if not self._stopping:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)
            reason = self._death()
            kill_group(process.pid)
            self._progress.put(reason)
            publish(events.SystemEnded(reason=reason))

    def _death(self) -> str:
        code = self._process.poll() if self._process is not None else None
        if code is None:
            how = "does not answer"
        elif code < 0:
            how = f"was ended by {signal.Signals(-code).name}"
        else:
            how = f"ended with exit code {code}"
        log = ""
        if self._folder is not None:
            with contextlib.suppress(OSError):
                text = (self._folder / "emulator.log").read_text(errors="replace")
                log = "\n".join(text.strip().splitlines()[-5:])
        return f"the emulator {how}" + (f"; its last words:\n{log}" if log else "")


def _sweep(place: Path) -> None:
    """Remove what a run left whose processes were all killed at once."""
    for folder in place.glob("run-*"):
        owner = folder.name.split("-")[1]
        if owner.isdigit() and not _alive(int(owner)):
            shutil.rmtree(folder, ignore_errors=True)
    state.forget_dead()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
