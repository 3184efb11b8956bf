"""What the stacks of one system's regions are called."""

from __future__ import annotations

import re

_REGION_STACK = re.compile(r"(?P<home>.+?)-(?P<region>[a-z]{2}(-[a-z]+)+-[0-9])")


def region_stack(home: str, region: str) -> str:
    """The stack that is `home` in a region other than the first one."""
    return f"{home}-{region}"


def home_of(stack: str) -> str | None:
    """The stack that one of another region is a `region_stack` of; None for any other's name."""
    found = _REGION_STACK.fullmatch(stack)
    return found["home"] if found else None
