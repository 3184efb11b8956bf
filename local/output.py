"""An output for a run that must go on whether anybody reads it or not."""

from __future__ import annotations

import codecs
import contextlib
import errno
import os
import select
import sys
import threading
import time
from collections import deque
from typing import TextIO

from local.text import shown

BUFFERED_LINES = 1_000
"""Lines that wait for a slow reader; further ones are dropped and counted."""

CLOSE_SECONDS = 1.0
"""How long the end of a run waits for a reader who takes nothing."""

RETRY_SECONDS = 0.5
"""How long after a failed write (a full disk) it is tried again."""


class Output:
    """Writes lines to `stream`'s descriptor from a thread of its own: `line` never waits.

    A reader who pauses, a full disk and a closed pipe hold nothing up. Where lines are missing,
    a line says how many. Lines are escaped, see `text.shown`.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._descriptor: int | None = None  # None: nobody can read what is written
        with contextlib.suppress(AttributeError, OSError, ValueError):
            self._descriptor = stream.fileno() if stream is not None else None
        self._encoding = codecs.lookup(getattr(stream, "encoding", None) or "utf-8").name
        self._lines: deque[str] = deque()
        self._dropped = 0
        self._busy = self._failing = self._closed = False
        self._writes = 0
        self._changed = threading.Condition()
        threading.Thread(target=self._write_all, daemon=True, name="output").start()

    def line(self, text: str = "", *, escaped: bool = False) -> None:
        """Print one line, which is `escaped` already if so said; callable from any thread."""
        with self._changed:
            if self._closed:
                return
            if len(self._lines) >= BUFFERED_LINES:
                self._dropped += 1
                return
            self._tell_dropped()
            self._lines.append(text if escaped else shown(text))
            self._changed.notify_all()

    def close(self) -> None:
        """Write what still waits, for as long as somebody takes it; then take no more."""
        with self._changed:
            self._tell_dropped()
            self._closed = True
            self._changed.notify_all()
            while (self._lines or self._busy) and not self._failing:
                before = self._writes
                self._changed.wait(CLOSE_SECONDS)
                if self._writes == before and (self._lines or self._busy):
                    return

    def _tell_dropped(self) -> None:
        if self._dropped:
            count, self._dropped = self._dropped, 0
            lines = "1 line was" if count == 1 else f"{count} lines were"
            self._lines.append(f"  ... {lines} dropped here: the output did not take them in time")

    def _write_all(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._lines or self._closed)
                if not self._lines:
                    return
                text = self._lines.popleft()
                self._busy = True
            self._write((text + "\n").encode(self._encoding, errors="backslashreplace"))
            with self._changed:
                self._busy = False
                self._writes += 1
                self._changed.notify_all()

    def _write(self, data: bytes) -> None:
        while data and self._descriptor is not None:
            try:
                data = data[os.write(self._descriptor, data) :]
                self._failing = False
            except BlockingIOError:  # somebody made the terminal non-blocking
                select.select([], [self._descriptor], [])
            except OSError as error:
                if error.errno in (errno.EPIPE, errno.EBADF):
                    self._descriptor = None
                    return
                with self._changed:
                    self._failing = True
                    self._changed.notify_all()
                time.sleep(RETRY_SECONDS)


def fail(message: str) -> None:
    """Say on standard error why the command ends; all lines but the first are indented."""
    output = Output(sys.stderr)
    for number, line in enumerate(message.splitlines()):
        output.line(f"    {line}" if number else line)
    output.close()
