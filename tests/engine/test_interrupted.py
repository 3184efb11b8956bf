"""A deployment that ends half-way, and the one that goes on from there."""

from __future__ import annotations

from collections import Counter

from tests import aws_names
from tests.engine.cloud import Cloud
from tests.engine.conftest import Engine

QUEUE = "aws:sqs/queue:Queue"


def _urns(cloud: Cloud) -> Counter[str]:
    return Counter(record["urn"] for record in cloud)


def test_up_after_one_that_failed_makes_the_rest_and_nothing_twice(
    engine: Engine, cloud: Cloud
) -> None:
    url = aws_names.queue_url("order-events", "us-east-1")
    cloud.put({"type": QUEUE, "id": url, "urn": "", "inputs": {"name": "order-events"}})
    assert "order-events exists already" in engine.up("dev").message
    cloud.remove(QUEUE, url)
    made = _urns(cloud)
    assert made

    resumed = engine.up("dev")
    assert resumed.message == ""
    created = {s.name for s in resumed.changes if s.operation == "create" and s.type == QUEUE}
    assert "orders-events" in created
    assert "orders-events-dlq" not in created
    everything = _urns(cloud)
    assert everything.keys() > made.keys()
    assert set(everything.values()) == {1}
    assert engine.up("dev").changes == []
