"""The table of alarms in docs/operating.md."""

from __future__ import annotations

import pytest

from tests.unit import stacks
from tests.variants import VARIANTS, recording
from tools.generate import alarms


@pytest.mark.long
def test_every_alarm_that_a_stack_can_have_has_its_entry() -> None:
    entries = set()
    for row in alarms.rows()[2:]:
        name, _, said = row.removeprefix("| ").partition(" | ")
        kind, _, whose = name.partition(" of ")
        kind = kind.strip("`")
        of = whose.split(", ") if whose else [""]
        entries |= {(kind.replace("...", each), len(said) > 40) for each in of}
    there = {
        each.name.removeprefix("orders-observability-").removeprefix("orders-deployments-")
        for variant in VARIANTS
        for each in recording(variant).of(stacks.ALARM)
    }
    assert {(name, True) for name in there} <= entries, (
        "switch on what makes the alarm: EVERYTHING in tools/generate/alarms.py"
    )
