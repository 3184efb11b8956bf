"""Where a local run can be found while it runs: for tools in other processes."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from local.errors import LocalRunError
from local.package import BUILD


def path(stack: str) -> Path:
    """The file of the run of `stack`; readable by its owner only, since it holds credentials."""
    return BUILD / "local" / f"{stack}.json"


def write(stack: str, content: dict[str, Any]) -> None:
    """Say where the run of `stack` is: endpoint, credentials, region, url, outputs, pid."""
    target = path(stack)
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_suffix(f".{os.getpid()}")
    with contextlib.suppress(FileNotFoundError):
        fresh.unlink()
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump({**content, "pid": os.getpid()}, file)
    fresh.replace(target)


def read(stack: str) -> dict[str, Any]:
    """What `write` said; raises `LocalRunError` when no run of `stack` is alive."""
    try:
        content: dict[str, Any] = json.loads(path(stack).read_text())
        os.kill(content["pid"], 0)
    except (OSError, ValueError, KeyError) as error:
        raise LocalRunError(
            f"no local run of stack {stack!r} is alive: start one with `make run`"
        ) from error
    return content


def forget_dead() -> None:
    """Remove the files of runs that were killed."""
    for file in (BUILD / "local").glob("*.json"):
        try:
            read(file.stem)
        except LocalRunError:
            file.unlink(missing_ok=True)


def remove(stack: str) -> None:
    """Forget the run of this process; another run's file is left alone."""
    with contextlib.suppress(OSError, ValueError):
        if json.loads(path(stack).read_text()).get("pid") == os.getpid():
            path(stack).unlink()
