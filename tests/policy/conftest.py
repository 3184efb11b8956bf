"""The pack's process, one for each stack."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from local.program import stack_config
from tests.policy.analyzer import Analyzer, running_pack


@pytest.fixture(scope="session")
def packs() -> Iterator[Callable[[str], Analyzer]]:
    """Give the pack as the engine would start it for one of our stacks."""
    with ExitStack() as processes:
        running: dict[str, Analyzer] = {}

        def pack(stack: str) -> Analyzer:
            if stack not in running:
                config = stack_config(stack)
                running[stack] = processes.enter_context(running_pack(stack, config=config))
            running[stack].configure()
            return running[stack]

        yield pack
