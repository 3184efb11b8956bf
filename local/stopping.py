"""How a run ends: a signal becomes an exception in the main thread, whatever that is doing.

Python drops exceptions in finalizers and weak references' callbacks, some libraries go on after
whatever an import raises, and C code makes other exceptions of them. So it is raised again and
again until it is being handled, and whatever ends the run then, it ended as asked.
"""

from __future__ import annotations

import signal
import sys
from types import FrameType
from typing import NoReturn

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
RESTARTING = signal.SIGUSR1

_AGAIN_SECONDS = 0.01

_asked: StopError | RestartError | None = None


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
    sys.unraisablehook = _unraisable


def restart_at(port: int) -> None:
    """Raise `RestartError` where `python -m local restart` asks this process to start anew."""

    def restart(_signal: int, _frame: FrameType | None) -> None:
        signal.signal(RESTARTING, signal.SIG_IGN)
        _insist(RestartError(port))

    signal.signal(RESTARTING, restart)


def ended() -> StopError | RestartError | None:
    """What a signal asked for, if any did; it is raised no more."""
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    return _asked


def _stop(_signal: int, _frame: FrameType | None) -> None:
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)  # what follows is short, and must be whole
    _insist(StopError())


def _insist(ending: StopError | RestartError) -> NoReturn:
    global _asked
    _asked = ending

    def again(_signal: int, _frame: FrameType | None) -> None:
        if not _is_ending(sys.exc_info()[1]):  # nobody is handling it: it was lost
            raise ending

    signal.signal(signal.SIGALRM, again)
    signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECONDS, _AGAIN_SECONDS)
    raise ending


def _is_ending(error: BaseException | None) -> bool:
    """Whether an exception came of a signal."""
    while error is not None and not isinstance(error, StopError | RestartError):
        error = error.__cause__ or error.__context__
    return error is not None


def _unraisable(lost: sys.UnraisableHookArgs) -> None:
    if not _is_ending(lost.exc_value):
        sys.__unraisablehook__(lost)
