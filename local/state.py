"""Where local runs can be found while they run: for tools in other processes."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from local import control
from local.errors import LocalRunError
from local.workspace import BUILD

_ANSWER_SECONDS = 1.0


def path(stack: str, pid: int | None = None) -> Path:
    """The file of a run of `stack`, that of this process unless a `pid` is given.

    Readable by its owner only, since it holds credentials.
    """
    return BUILD / "local" / f"state-{stack}-{pid or os.getpid()}.json"


def write(stack: str, content: dict[str, Any]) -> None:
    """Say where the run of `stack` is: endpoint, credentials, region, url, outputs, pid."""
    target = path(stack)
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_suffix(".new")
    with contextlib.suppress(FileNotFoundError):
        fresh.unlink()
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump({**content, "pid": os.getpid()}, file)
    fresh.replace(target)


def read(stack: str) -> dict[str, Any]:
    """What `write` said last; raises `LocalRunError` when no run of `stack` is alive."""
    files = [(file.stat().st_mtime_ns, file) for file in _files(stack)]
    for _, file in sorted(files, reverse=True):
        content = _alive(file)
        if content is not None:
            return content
    raise LocalRunError(f"no local run of stack {stack!r} is alive: start one with `make run`")


def forget_dead() -> None:
    """Remove the files of runs that were killed."""
    for file in _files("*"):
        if _alive(file) is None:
            with contextlib.suppress(OSError, ValueError, KeyError):
                control.remove(json.loads(file.read_text())["control"])
            file.unlink(missing_ok=True)


def remove(stack: str) -> None:
    """Forget the run of this process."""
    with contextlib.suppress(OSError):  # there may be none, and no folder for it either
        path(stack).unlink()


def _files(stack: str) -> list[Path]:
    found = (BUILD / "local").glob(f"state-{stack}-*.json")
    name = re.compile(rf"state-{'.+' if stack == '*' else re.escape(stack)}-[0-9]+")
    return [file for file in found if name.fullmatch(file.stem)]


def _alive(file: Path) -> dict[str, Any] | None:
    """What the file says, when its run still answers: a process id alone may be another's now."""
    try:
        content: dict[str, Any] = json.loads(file.read_text())
        os.kill(content["pid"], 0)
        address = urlsplit(content["endpoint"])
        socket.create_connection((address.hostname, address.port), _ANSWER_SECONDS).close()
    except (OSError, ValueError, KeyError):
        return None
    return content
