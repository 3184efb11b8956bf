"""The stack `prod`, whose data has to outlive mistakes. The tests build on one another."""

from __future__ import annotations

import pytest

from tests.engine.cloud import Cloud
from tests.engine.conftest import Engine
from tests.engine.outcome import Outcome

DATA = {
    ("aws:dynamodb/table:Table", "Orders"),
    ("aws:sqs/queue:Queue", "order-events"),
    ("aws:sqs/queue:Queue", "order-events-dlq"),
}


@pytest.fixture(scope="module")
def deployed(engine: Engine) -> Outcome:
    return engine.up("prod")


def _data(cloud: Cloud) -> set[tuple[str, str]]:
    return {(r["type"], r["inputs"].get("name", "")) for r in cloud} & DATA


def test_up_creates_and_a_second_up_changes_nothing(
    deployed: Outcome, engine: Engine, cloud: Cloud
) -> None:
    assert deployed.message == ""
    assert _data(cloud) == DATA
    assert engine.up("prod").changes == []


def test_protected_data_is_not_replaced(deployed: Outcome, engine: Engine, cloud: Cloud) -> None:
    outcome = engine.up("prod", {"nameSuffix": "-b"})
    assert "protect" in outcome.message
    assert _data(cloud) == DATA


def test_protected_data_is_not_destroyed(deployed: Outcome, engine: Engine, cloud: Cloud) -> None:
    outcome = engine.destroy("prod")
    assert "protect" in outcome.message
    assert _data(cloud) == DATA
