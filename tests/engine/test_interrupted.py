"""A deployment that ends half-way, and the one that goes on from there."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter

import pytest

from tests import aws_names
from tests.engine.cloud import Cloud
from tests.engine.conftest import Engine
from tests.engine.pulumi_cli import PulumiCli, missing

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
    created = {step.name for step in resumed.changes if step.operation == "create"}
    assert "orders-events" in created
    assert "orders-events-dlq" not in created
    everything = _urns(cloud)
    assert everything.keys() > made.keys()
    assert set(everything.values()) == {1}
    assert engine.up("dev").changes == []


@pytest.mark.skipif(bool(missing()), reason=missing())
def test_up_goes_on_after_one_that_was_interrupted(cli: PulumiCli, cloud: Cloud) -> None:
    """Ctrl-C while a queue is being created: it is waited for, and kept."""
    cli.forget("dev")
    cloud.empty()
    cli.command("stack", "init", "dev")
    cloud.hold(QUEUE)
    up = cli.start("up", "--yes", "--skip-preview", "--stack", "dev")
    while not cloud.somebody_waits():
        assert up.poll() is None, up.communicate()[0]
        time.sleep(0.1)
    os.killpg(up.pid, signal.SIGINT)
    assert up.stdout is not None
    assert any("cancel" in line for line in up.stdout)  # it has taken the signal
    cloud.release()
    said, _ = up.communicate()
    assert up.returncode != 0, said
    made = _urns(cloud)

    assert cli.up("dev").message == ""
    everything = _urns(cloud)
    assert everything.keys() > made.keys()
    assert set(everything.values()) == {1}
    assert cli.up("dev").changes == []
