"""How much of an invocation's time is left for one more AWS call."""

from typing import Any

from . import aws

_RESERVE = 1000 * max(map(aws.longest_call, aws.ATTEMPTS))


class Deadline:
    """The time limit of one invocation. Half of it is always granted, whatever its length, so
    that a short limit does not stop all work."""

    def __init__(self, context: Any) -> None:
        self._left = context.get_remaining_time_in_millis
        self._reserve = min(_RESERVE, self._left() / 2)

    def passed(self) -> bool:
        """Whether another call might outlive the invocation."""
        return bool(self._left() < self._reserve)
