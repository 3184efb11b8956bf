"""How traffic moves to a new version: the preferences of CodeDeploy, as its own names write them.

https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-configurations.html
"""

import re
from typing import Annotated, NamedTuple

from .inputs import Text

ALL_AT_ONCE = "allAtOnce"

_CANARY = r"canary(?P<canary>[1-9][0-9]?)Percent(?P<pause>[1-9][0-9]{0,3})Minutes?"
_LINEAR = r"linear(?P<linear>[1-9][0-9]?)PercentEvery(?P<step>[1-9][0-9]{0,3})Minutes?"

# From the first shift of a deployment to its last:
# https://docs.aws.amazon.com/codedeploy/latest/userguide/limits.html
MOST_MINUTES = 2880

# Those that every account has, by the end of their names; others are made.
PREDEFINED = (
    *(f"canary10Percent{minutes}Minutes" for minutes in (5, 10, 15, 30)),
    "linear10PercentEvery1Minute",
    *(f"linear10PercentEvery{minutes}Minutes" for minutes in (2, 3, 10)),
)

Preference = Annotated[
    str,
    Text(
        f"{ALL_AT_ONCE}|{_CANARY}|{_LINEAR}",
        f"{ALL_AT_ONCE}, canary10Percent5Minutes or linear10PercentEvery1Minute, with any numbers",
        default=ALL_AT_ONCE,
    ),
]


class Shift(NamedTuple):
    """Some of the traffic first, in percent; after each pause (in minutes) the rest, or as much
    again."""

    linear: bool
    percent: int
    minutes: int

    @property
    def longest(self) -> int:
        """Minutes from the first shift to the last."""
        return self.minutes * (-(-100 // self.percent) - 1 if self.linear else 1)


def shift_of(preference: str) -> Shift | None:
    """What a preference means; None for all at once."""
    if found := re.fullmatch(_CANARY, preference):
        return Shift(False, int(found["canary"]), int(found["pause"]))
    if found := re.fullmatch(_LINEAR, preference):
        return Shift(True, int(found["linear"]), int(found["step"]))
    return None


def predefined(preference: str) -> str | None:
    """The name of CodeDeploy's own configuration; None where one has to be made."""
    if preference not in PREDEFINED:
        return None
    return f"CodeDeployDefault.Lambda{preference[:1].upper()}{preference[1:]}"
