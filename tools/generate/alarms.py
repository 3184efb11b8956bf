"""What to do for each alarm: the table of docs/operating.md, out of the alarms' descriptions."""

import re
from typing import Any

from local import graph

ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"

_DEPLOYMENT = "canary10Percent5Minutes"

EVERYTHING: tuple[dict[str, Any], ...] = (
    {
        "imports": True,
        "events": True,
        "synthetic.rateMinutes": 5,
        "deployment": _DEPLOYMENT,
    },
    {
        "auth": "cognito",
        "limits": {"createPerMinute": 60},
        "regions": {"members": ["us-east-1", "eu-west-1"]},
        "deployment": _DEPLOYMENT,
    },
)
"""Settings that together have the program register every alarm that it can."""

# The beginnings of all alarms' names, which say who watches.
_WATCHERS = re.compile(r"orders-(observability|deployments)-")
_NUMBERS = re.compile(r" \(\d+ ms\)")


def rows() -> list[str]:
    """The table's lines: one for all alarms that say the same of different things."""
    found: dict[tuple[str, str], list[tuple[str, str]]] = {}
    texts = declared()
    for name, text in sorted(texts.items()):
        kind, said, whose = _general(name, text)
        found.setdefault((kind, said), []).append((whose, name))
    lines = ["| alarm | what it says, and what to do |", "|---|---|"]
    for (kind, said), alike in sorted(found.items()):
        if len(alike) == 1:
            name = alike[0][1]
            lines.append(f"| `{_WATCHERS.sub('', name)}` | {texts[name]} |")
        else:
            of = ", ".join(whose for whose, _ in alike)
            lines.append(f"| `{kind}` of {of} | {said} |")
    return lines


def _general(name: str, text: str) -> tuple[str, str, str]:
    """An alarm's kind, what it says for all of that kind, and of what; empty when of nothing."""
    short, said = _WATCHERS.sub("", name), _NUMBERS.sub("", text)
    parts = short.split("-")
    for end in range(len(parts) - 1, 0, -1):
        whose = "-".join(parts[:end])
        named = re.compile(rf"(?<![\w-]){re.escape(whose)}(?![\w-])")
        if named.search(said):
            return "-".join(["...", *parts[end:]]), named.sub("...", said), whose
    return short, said, ""


def declared() -> dict[str, str]:
    """Each alarm's description, by its logical name."""
    return {
        each.name: str(each.inputs["alarmDescription"])
        for settings in EVERYTHING
        for each in graph.read("dev", settings).of(ALARM)
    }
