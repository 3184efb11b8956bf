"""How a command asks a run in another process: a Unix socket that only the run's user can reach.

One JSON object a line each way: `{"ask": name, "with": {...}}`, then `{"answer": ...}` or
`{"error": text}`.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import socketserver
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from local.errors import LocalRunError

ANSWER_SECONDS = 600
"""As long as placing orders may take."""

LONGEST_PLACE = 70
"""Bytes of a folder's path, of the 103 that the path of a socket may have everywhere."""

_PREFIX = "local-run-"

Operations = Mapping[str, Callable[..., Any]]


@contextmanager
def serving(operations: Operations) -> Iterator[str]:
    """Answer from `operations`, by name and with keyword arguments; the path of the socket.

    Its answer is made JSON, dataclasses by their fields. What it raises is told.
    """
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=_place()))  # 0700
    path = str(folder / "control")

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                for line in self.rfile:
                    answer = json.dumps(_answer(operations, line), default=_members)
                    self.wfile.write(answer.encode() + b"\n")

    server = socketserver.ThreadingUnixStreamServer(path, Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="control", daemon=True)
    thread.start()
    try:
        yield path
    finally:
        server.shutdown()
        server.server_close()
        shutil.rmtree(folder, ignore_errors=True)


def remove(path: str) -> None:
    """Remove the socket at `path`, with its folder, of a run that was killed."""
    folder = Path(path).parent
    if folder.name.startswith(_PREFIX):  # whatever the path is: nothing but what `serving` made
        shutil.rmtree(folder, ignore_errors=True)


def _place() -> str:
    """Where temporary files go, unless a path there is too long for a socket."""
    usual = tempfile.gettempdir()
    return usual if len(os.fsencode(usual)) <= LONGEST_PLACE else "/tmp"  # noqa: S108


def _answer(operations: Operations, line: bytes) -> dict[str, Any]:
    try:
        asked = json.loads(line)
        if asked["ask"] not in operations:
            return {"error": f"this run knows no {asked['ask']}"}
        operation = operations[asked["ask"]]
        return {"answer": operation(**asked["with"])}
    except LocalRunError as error:
        return {"error": str(error)}
    except Exception as error:  # the run goes on, whatever was asked
        return {"error": f"{type(error).__name__}: {error}"}


def _members(value: Any) -> Any:
    if is_dataclass(value):
        return {each.name: getattr(value, each.name) for each in fields(value)}
    return list(value) if isinstance(value, deque) else str(value)


def ask(path: str, operation: str, **given: Any) -> Any:
    """What the run at `path` answers; raises `LocalRunError` when it refuses or is gone."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(ANSWER_SECONDS)
            connection.connect(path)
            connection.sendall(json.dumps({"ask": operation, "with": given}).encode() + b"\n")
            with connection.makefile("rb") as answers:
                answer = json.loads(answers.readline())
    except (OSError, ValueError) as error:
        raise LocalRunError(f"the run does not answer: {error}") from error
    if "error" in answer:
        raise LocalRunError(answer["error"])
    return answer["answer"]
