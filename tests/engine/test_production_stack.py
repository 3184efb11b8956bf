"""The stack `prod`, which has to outlive mistakes. The tests build on one another."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.cloud import Cloud
from tests.engine.conftest import Engine
from tests.engine.outcome import Outcome

pytestmark = pytest.mark.long

DATA = {
    ("aws:dynamodb/table:Table", "Orders"),
    ("aws:sqs/queue:Queue", "order-events"),
    ("aws:sqs/queue:Queue", "order-events-dlq"),
}

SETTINGS: dict[str, Any] = {
    "alarms.emails": ["on-call@example.com", "shop@example.com"],
    "vpc.subnetIds": ["subnet-0a1b2c3d", "subnet-0e4f5a6b"],
    "vpc.securityGroupIds": ["sg-0a1b2c3d"],
}
CHANGED: dict[str, Any] = {
    "alarms.emails": ["shop@example.com"],
    "vpc": {},
    "architecture": "arm64",
    "processor.batchSize": 5,
    "cors.methods": ["POST", "GET"],
    "cors.origins": ["https://shop.example.com"],
    "throttle.createRate": 5,
    "logRetentionDays": 400,
    "queue.maxReceiveCount": 6,
    "memorySize": 512,
    "queue.messageRetentionDays": 4,
    "processor.maximumConcurrency": 12,
    "reservedConcurrency": {"create_order": 20},
    "tags": {"owner": "shop"},
    "timeoutSeconds": 10,
    "queue.visibilityTimeoutSeconds": 240,
}


@pytest.fixture(scope="module")
def deployed(engine: Engine) -> Outcome:
    return engine.up("prod", SETTINGS)


def _there(cloud: Cloud) -> set[tuple[str, str]]:
    return {(record["type"], record["id"]) for record in cloud}


def test_up_creates_and_a_second_up_changes_nothing(
    deployed: Outcome, engine: Engine, cloud: Cloud
) -> None:
    assert deployed.message == ""
    assert {(r["type"], r["inputs"].get("name", "")) for r in cloud} >= DATA
    assert engine.up("prod", SETTINGS).changes == []


def test_protected_data_is_not_replaced(deployed: Outcome, engine: Engine, cloud: Cloud) -> None:
    """Nor does it help to say that another name is meant."""
    before = _there(cloud)
    (keeper,) = [urn for urn in engine.resources("prod") if urn.endswith("::orders-name-suffix")]
    for replace, reason in ([], "nameSuffix"), ([keeper], "protect"):
        outcome = engine.up("prod", {**SETTINGS, "nameSuffix": "-b"}, replace=replace)
        assert reason in outcome.message
        assert _there(cloud) >= before


def test_destroy_deletes_nothing(deployed: Outcome, engine: Engine, cloud: Cloud) -> None:
    """Without a preview as well, when the engine deletes all that it may."""
    engine.up("prod", SETTINGS)
    before = _there(cloud)
    for preview_first in (False, True):
        outcome = engine.destroy("prod", preview_first=preview_first)
        assert "protect" in outcome.message
        assert [step for step in outcome.changes if step.operation == "delete"] == []
        assert _there(cloud) == before


def test_leaving_a_vpc_moves_the_functions_and_drops_no_grant(
    deployed: Outcome, engine: Engine
) -> None:
    outcome = engine.preview("prod", {**SETTINGS, "vpc.leaving": True})
    assert outcome.message == ""
    functions = [each for each in outcome.steps if each.type == "aws:lambda/function:Function"]
    assert {("update", frozenset({"vpcConfig"}))} == {
        (each.operation, each.changed) for each in functions
    }
    assert {each.type for each in outcome.changes} <= {
        "aws:lambda/function:Function",
        "aws:lambda/alias:Alias",  # of the version that is to be
    }


def test_settings_of_a_protected_stack_can_be_changed(deployed: Outcome, engine: Engine) -> None:
    outcome = engine.preview("prod", {**SETTINGS, **CHANGED})
    assert outcome.message == ""
    assert outcome.changes
