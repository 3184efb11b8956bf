"""The log of an invocation, whole: a worker says where it ends.

The emulator waits some milliseconds for lines that may still come. On a busy machine it then
misses some, which are in no log afterwards; and who logs nothing waits for nothing.
"""

from __future__ import annotations

import functools
import queue
import secrets
import time
from collections.abc import Callable
from typing import Any

from ministack.core import lambda_runtime  # type: ignore[import-untyped]

_END = f"\x1e{secrets.token_hex(8)}"
"""Ends the log of an invocation, in a line that no function can know of."""

_ANSWERED = "        _real_stdout.flush()\n\nrun()\n"
_LOGGED_AND_ANSWERED = (
    f"        sys.__stderr__.flush()\n        os.write(2, {_END + chr(10)!r}.encode())\n{_ANSWERED}"
)

# A worker that has answered has written its log: this is for one whose child still has its end of
# the pipe, so that nobody says where the log of the dead ends.
_LONGEST_SECONDS = 2.0


def install() -> None:
    """Let Python's workers say where a log ends; once in a process, before the first of them."""
    script = lambda_runtime._PYTHON_WORKER_SCRIPT
    if script.count(_ANSWERED) != 1:
        raise RuntimeError("the emulator's worker no longer answers where its log is to end")
    lambda_runtime._PYTHON_WORKER_SCRIPT = script.replace(_ANSWERED, _LOGGED_AND_ANSWERED)
    worker = lambda_runtime.Worker
    worker._read_stderr = _ending(worker._read_stderr)
    worker._drain_stderr = _until_end(worker._drain_stderr)
    worker._drain_stderr_bounded = _until_end(worker._drain_stderr_bounded)


def _ending(read: Callable[[Any], None]) -> Callable[[Any], None]:
    """A process that has ended says nothing more."""

    @functools.wraps(read)
    def reading(worker: Any) -> None:
        lines = worker._stderr_queue
        read(worker)
        lines.put(_END)

    return reading


def _until_end(drain: Callable[..., str]) -> Callable[..., str]:
    @functools.wraps(drain)
    def drained(worker: Any, **waits: float) -> str:
        if not str(worker.config.get("Runtime")).startswith("python"):
            return drain(worker, **waits)
        lines: list[str] = []
        deadline = time.monotonic() + _LONGEST_SECONDS
        while not (lines and lines[-1].endswith(_END)):
            try:
                lines.append(worker._stderr_queue.get(timeout=deadline - time.monotonic()))
            except (queue.Empty, ValueError):  # nothing came, or the time is up
                return "\n".join(lines)
        last = lines.pop().removesuffix(_END)
        return "\n".join([*lines, last] if last else lines)

    return drained
