"""How a run ends: a signal becomes an exception in the main thread, whatever that is doing."""

from __future__ import annotations

import signal
import sys
from types import FrameType

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
RESTARTING = signal.SIGUSR1

_AGAIN_SECONDS = 0.01


class StopError(BaseException):
    """A signal asked the run to end."""


class RestartError(BaseException):
    """The run is to end and start anew, with the API at the `port` where it is."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.port = port


def listen() -> None:
    """Raise `StopError` where a signal asks this process to end; from the main thread."""
    signal.signal(RESTARTING, signal.SIG_IGN)  # until there is something to start anew
    for number in STOPPING:
        # `nohup` has the hangup ignored, and means it.
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _stop)
    sys.unraisablehook = _raise_again


def restart_at(port: int) -> None:
    """Raise `RestartError` where `python -m local restart` asks this process to start anew."""

    def restart(_signal: int, _frame: FrameType | None) -> None:
        signal.signal(RESTARTING, signal.SIG_IGN)
        raise RestartError(port)

    signal.signal(RESTARTING, restart)


def _stop(_signal: int, _frame: FrameType | None) -> None:
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)  # what follows is short, and must be whole
    raise StopError


def _raise_again(lost: sys.UnraisableHookArgs) -> None:
    """Raise anew, a moment later, what a finalizer or a weak reference's callback swallowed.

    Python drops every exception there, and each import runs such a callback.
    """
    swallowed = lost.exc_value
    if not isinstance(swallowed, StopError | RestartError):
        sys.__unraisablehook__(lost)
        return

    def again(_signal: int, _frame: FrameType | None) -> None:
        raise swallowed

    signal.signal(signal.SIGALRM, again)
    signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECONDS)
