"""Stacks configured otherwise run locally too, and what then does nothing is said."""

from __future__ import annotations

import pytest

from functions import contract
from local.client import Api
from local.errors import DeployError
from local.system import system
from tests.local.support import ORDER

pytestmark = pytest.mark.long


def test_everything_that_can_be_configured_runs_and_what_has_no_effect_is_listed() -> None:
    overrides = {
        "vpc.subnetIds": ["subnet-1", "subnet-2"],
        "vpc.securityGroupIds": ["sg-1"],
        "reservedConcurrency": {"process_order": 5, "create_order": 2},
        "processor.maximumConcurrency": 4,
        "processor.batchWindowSeconds": 1,
        "queue.visibilityTimeoutSeconds": 40,
        "alarms.emails": ["someone@example.com"],
        "nameSuffix": "-two",
        "architecture": "arm64",
        "region": "eu-west-1",
        "auth": "none",
        "publicApi": True,
        "allowedAccountIds": ["000000000000"],  # that of every local run
    }
    with system(stack="prod", overrides=overrides) as other:
        api = Api(other.url)
        order_id = api.create(ORDER).body["id"]
        confirmed = api.wait_for(order_id, contract.CONFIRMED, 30)
        assert confirmed.body["status"] == contract.CONFIRMED
        assert other.outputs["ordersTableName"] == "Orders-two"
        assert other.region == "eu-west-1"
        listed = {name.rsplit(":", 1)[1] for name in other.without_effect}
    assert {
        "Function.vpcConfig",
        "Function.architectures",
        "EventSourceMapping.maximumBatchingWindowInSeconds",
        "TopicSubscription (email)",
    } <= listed


def test_stack_of_another_account_is_refused() -> None:
    refused = pytest.raises(DeployError, match=r"allowedAccountIds .*123456789012")
    with refused, system(overrides={"allowedAccountIds": ["123456789012"]}):
        pass
