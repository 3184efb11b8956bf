"""How much of an invocation's time is left for one more AWS call."""

from typing import Any


class Deadline:
    """The time limit of one invocation whose calls take up to `longest_call` seconds. Half of it
    is always granted, whatever its length, so that a short limit does not stop all work."""

    def __init__(self, context: Any, longest_call: float) -> None:
        self._left = context.get_remaining_time_in_millis
        self._reserve = min(1000 * longest_call, self._left() / 2)

    def passed(self) -> bool:
        """Whether another call might outlive the invocation."""
        return bool(self._left() < self._reserve)
