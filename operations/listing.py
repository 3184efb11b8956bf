"""Times and progress as the commands print them."""

import sys
from datetime import UTC, datetime


def iso(moment: datetime, precision: str = "milliseconds") -> str:
    """As 2026-01-31T12:00:00.000Z."""
    return moment.astimezone(UTC).isoformat(timespec=precision).replace("+00:00", "Z")


def rewrite(line: str) -> None:
    """Show how far something is: over what was shown before, on standard error."""
    print(f"\r{line}", end="", file=sys.stderr, flush=True)


def age(moment: datetime) -> str:
    """How long ago it was: 12 s, 5 min, 3 h, 2 d."""
    seconds = (datetime.now(UTC) - moment).total_seconds()
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{max(0, int(seconds))} s"
