"""What holds for every test: which of them share a worker, and what is not collected as garbage."""

from __future__ import annotations

import gc
import os
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests import once

SHARING = {
    "policy pack": ("tests/policy/",),
    "running system": tuple(
        f"tests/local/test_{name}.py"
        for name in (
            *("deploy_rights", "drill", "event_sources", "events", "failures", "front_door"),
            *("guard", "history"),
            *("orders_end_to_end", "publishing", "resources"),
        )
    ),
}
"""Tests by what they use together and each worker would have to make for itself."""

# What is imported and collected stays, and is not worth looking through again and again: a third
# of the time of a Pulumi program goes into that.
gc.disable()


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        config.add_cleanup(once.share())


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)
    gc.enable()


class ByWhatIsShared(LoadScopeScheduling):  # type: ignore[misc]
    """A worker takes a whole file, or all files that share something costly."""

    def _split_scope(self, nodeid: str) -> str:
        for shared, beginnings in SHARING.items():
            if nodeid.startswith(beginnings):
                return shared
        return nodeid.partition("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    return ByWhatIsShared(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than processors: a fifth of the time is spent waiting for timeouts and outages."""
    return (os.cpu_count() or 1) + 1
