"""Two stacks in one account, the second without a suffix to its names."""

from __future__ import annotations

import pytest

from tests.engine.cloud import Cloud
from tests.engine.conftest import Engine


def _there(cloud: Cloud) -> dict[tuple[str, str], str]:
    return {(record["type"], record["id"]): record["urn"] for record in cloud}


@pytest.fixture(scope="module")
def first(engine: Engine, cloud: Cloud) -> dict[tuple[str, str], str]:
    assert engine.up("dev").message == ""
    return _there(cloud)


def test_a_second_stack_of_the_same_names_takes_nothing_of_the_first(
    first: dict[tuple[str, str], str], engine: Engine, cloud: Cloud
) -> None:
    """SQS answers CreateQueue for a queue that is there, and a destroy would then delete it."""
    second = engine.up("local")
    assert "Orders exists already" in second.message
    made = [step for step in second.steps if step.operation == "create"]
    assert ("aws:sqs/queue:Queue", "orders-events-dlq") not in {(s.type, s.name) for s in made}

    assert engine.destroy("local").message == ""
    assert _there(cloud) == first
    assert engine.up("dev").changes == []


def test_a_suffix_lets_both_stand_beside_each_other(
    first: dict[tuple[str, str], str], engine: Engine, cloud: Cloud
) -> None:
    assert engine.up("local", {"nameSuffix": "-two"}).message == ""
    names = {record["outputs"].get("name") for record in cloud}
    assert names >= {"Orders", "Orders-two", "order-events-dlq", "order-events-two-dlq"}
    assert engine.destroy("local").message == ""
    assert _there(cloud) == first
