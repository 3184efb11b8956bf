"""Two stacks in one account, the second without a suffix to its names, and a deployment that ends
half-way. What the order system is without events is enough for that."""

from __future__ import annotations

from collections import Counter

import pytest

from tests import aws_names
from tests.engine.cloud import Cloud
from tests.engine.conftest import Engine

pytestmark = pytest.mark.long

QUEUE = "aws:sqs/queue:Queue"
SMALL = {"events": False}


def _there(cloud: Cloud) -> dict[tuple[str, str], str]:
    return {(record["type"], record["id"]): record["urn"] for record in cloud}


@pytest.fixture(scope="module")
def interrupted(engine: Engine, cloud: Cloud) -> set[str]:
    """URNs of what the first stack had when its first deployment failed."""
    url = aws_names.queue_url("order-events", "us-east-1")
    cloud.put({"type": QUEUE, "id": url, "urn": "", "inputs": {"name": "order-events"}})
    assert "order-events exists already" in engine.up("dev", SMALL).message
    cloud.remove(QUEUE, url)
    return {record["urn"] for record in cloud}


def test_up_after_one_that_failed_makes_the_rest_and_nothing_twice(
    interrupted: set[str], engine: Engine, cloud: Cloud
) -> None:
    assert interrupted
    resumed = engine.up("dev", SMALL)
    assert resumed.message == ""
    created = {s.name for s in resumed.changes if s.operation == "create" and s.type == QUEUE}
    assert "orders-events" in created
    assert "orders-events-dlq" not in created
    everything = Counter(record["urn"] for record in cloud)
    assert everything.keys() > interrupted
    assert set(everything.values()) == {1}


def test_a_second_stack_of_the_same_names_takes_nothing_of_the_first(
    interrupted: set[str], engine: Engine, cloud: Cloud
) -> None:
    """SQS answers CreateQueue for a queue that is there, and a destroy would then delete it."""
    first = _there(cloud)
    second = engine.up("local", SMALL)
    assert "Orders exists already" in second.message
    made = [step for step in second.steps if step.operation == "create"]
    assert ("aws:sqs/queue:Queue", "orders-events-dlq") not in {(s.type, s.name) for s in made}

    assert engine.destroy("local").message == ""
    assert _there(cloud) == first
    assert engine.up("dev", SMALL).changes == []


def test_a_suffix_lets_both_stand_beside_each_other(
    interrupted: set[str], engine: Engine, cloud: Cloud
) -> None:
    first = _there(cloud)
    assert engine.up("local", {**SMALL, "nameSuffix": "-two"}).message == ""
    names = {record["outputs"].get("name") for record in cloud}
    assert names >= {"Orders", "Orders-two", "order-events-dlq", "order-events-two-dlq"}
    assert engine.destroy("local").message == ""
    assert _there(cloud) == first
