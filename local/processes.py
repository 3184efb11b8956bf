"""The processes of a run: the command itself, and the emulator with the workers it started."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time

_PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> None:
    """Have this process inherit what its children leave behind, so that `end_group` collects it.

    Otherwise dead workers stay listed until process 1 collects them, which in a container may be
    late or never. Linux only: https://man7.org/linux/man-pages/man2/pr_set_child_subreaper.2const.html
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def kill_group(group: int) -> None:
    """Kill all processes of a group, at once."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def collect_group(group: int, seconds: float) -> None:
    """Take the dead of a killed group off the list of processes, as far as they are ours.

    Waits for at most `seconds`. Its leader has to be waited for before, by who started it.
    """
    deadline = time.monotonic() + seconds
    with contextlib.suppress(ChildProcessError):
        while time.monotonic() < deadline:
            process, _ = os.waitpid(-group, os.WNOHANG)
            if not process:
                time.sleep(0.005)


def hold_standard_descriptors() -> None:
    """Open to nothing what this process was started without (`<&-`), so that no socket or file
    becomes the standard input or output of what it starts."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number is this one
