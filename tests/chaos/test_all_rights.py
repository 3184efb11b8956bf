"""make rights: a whole system at work and under faults uses all that its roles are granted."""

from __future__ import annotations

import pytest

from tools.rights import __main__ as rights
from tools.rights import scenario

pytestmark = pytest.mark.long


@pytest.mark.parametrize("system", scenario.SYSTEMS)
def test_a_whole_run_uses_all_that_is_granted(system: str) -> None:
    checked, policies = rights.run(scenario.SYSTEMS[system], "refusals")
    assert checked.findings == policies.findings == []
