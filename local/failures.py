"""Failures of functions as the screen tells them: each whole once, then as a count."""

from __future__ import annotations

from collections import Counter

from local import events


class Failures:
    """What has failed so far, by function, exception and place."""

    def __init__(self) -> None:
        self._times: Counter[tuple[str, str, str]] = Counter()

    def tell(self, name: str, event: events.FunctionFailed | events.FailureLogged) -> list[str]:
        """The lines for one failure of the function `name`; none most times that it repeats."""
        message = event.message or getattr(event, "error", "")
        kind = message.partition(":")[0]
        key = (event.function, kind, event.trace)
        self._times[key] += 1
        times = self._times[key]
        place = event.trace.rpartition("\n")[2]
        if times > 1:
            # The 2nd, 4th, 8th ... time.
            often = times & (times - 1) == 0
            return [f"FAILED  {name}: {kind}{at(place)}, {times} times by now"] if often else []
        return [
            f"FAILED  {name}: {message}",
            *(f"    {frame}" for frame in event.trace.splitlines()),
            f"    on {event.met}, request id {event.request_id}",
        ]


def at(place: str) -> str:
    """A place as part of a sentence."""
    return f" at {place}" if place else ""
