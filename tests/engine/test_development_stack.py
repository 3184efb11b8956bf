"""The stack `dev`, from its first deployment to its end. The tests build on one another."""

from __future__ import annotations

import pytest

from tests.engine.cloud import Cloud
from tests.engine.conftest import Engine
from tests.engine.outcome import Outcome, Step
from tests.unit import stacks

pytestmark = pytest.mark.long

FUNCTIONS = [f"orders-{label}" for label in sorted(stacks.FUNCTIONS)]
NAMED = {
    ("aws:dynamodb/table:Table", "orders"),
    ("aws:sqs/queue:Queue", "orders-events"),
    ("aws:sqs/queue:Queue", "orders-events-dlq"),
}


@pytest.fixture(scope="module")
def planned(engine: Engine) -> Outcome:
    return engine.preview("dev")


@pytest.fixture(scope="module")
def deployed(engine: Engine, planned: Outcome) -> Outcome:
    return engine.up("dev")


def _summary(outcome: Outcome) -> list[tuple[str, str, str]]:
    return [(step.operation, step.type, step.name) for step in outcome.changes]


def test_first_preview_creates_nothing(planned: Outcome, cloud: Cloud, engine: Engine) -> None:
    assert planned.message == ""
    assert {step.operation for step in planned.steps} == {"create"}
    assert list(cloud) == []


def test_first_up_creates_what_the_preview_said(
    deployed: Outcome, planned: Outcome, cloud: Cloud
) -> None:
    assert deployed.message == ""
    assert _summary(deployed) == _summary(planned)
    made = [step for step in deployed.steps if step.type.startswith("aws:")]
    assert len(list(cloud)) == len(made) > 50


def test_stack_exports_every_output_with_a_value(deployed: Outcome) -> None:
    assert deployed.outputs.keys() == stacks.recording("dev").outputs.keys()
    assert deployed.outputs["ordersTableName"] == "Orders"
    assert deployed.outputs["orderEventsQueueUrl"].endswith("/order-events")
    assert all(deployed.outputs.values())
    assert all(deployed.outputs["functionNames"].values())


def test_second_up_changes_nothing(deployed: Outcome, engine: Engine) -> None:
    again = engine.up("dev")
    assert again.message == ""
    assert again.changes == []
    assert again.outputs == deployed.outputs


def test_a_setting_changes_its_own_inputs_alone_and_new_code_gets_new_versions(
    deployed: Outcome, engine: Engine
) -> None:
    outcome = engine.preview("dev", {"memorySize": 512, "queue.messageRetentionDays": 7})
    assert outcome.message == ""
    retention = frozenset({"messageRetentionSeconds"})
    assert outcome.changes == [
        *(
            Step("update", "aws:lambda/alias:Alias", name, frozenset({"functionVersion"}))
            for name in FUNCTIONS
        ),
        *(
            Step("update", "aws:lambda/function:Function", name, frozenset({"memorySize"}))
            for name in FUNCTIONS
        ),
        Step("update", "aws:sqs/queue:Queue", "orders-events", retention),
    ]


def test_refresh_finds_what_somebody_changed_and_up_puts_it_back(
    deployed: Outcome, engine: Engine, cloud: Cloud
) -> None:
    assert engine.refresh("dev").changes == []

    queue = next(record for record in cloud if record["inputs"].get("name") == "order-events")
    for values in (queue["inputs"], queue["outputs"]):
        values["visibilityTimeoutSeconds"] = 5
    cloud.put(queue)

    found = engine.refresh("dev")
    assert _summary(found) == [("update", "aws:sqs/queue:Queue", "orders-events")]
    mended = engine.up("dev")
    changed = frozenset({"visibilityTimeoutSeconds"})
    assert mended.changes == [Step("update", "aws:sqs/queue:Queue", "orders-events", changed)]


def test_refresh_finds_what_somebody_deleted_and_up_makes_it_again(
    deployed: Outcome, engine: Engine, cloud: Cloud
) -> None:
    alarm = next(r for r in cloud if r["type"] == "aws:cloudwatch/metricAlarm:MetricAlarm")
    cloud.remove(alarm["type"], alarm["id"])
    name = alarm["urn"].rpartition("::")[2]

    assert _summary(engine.refresh("dev")) == [("delete", alarm["type"], name)]
    assert _summary(engine.up("dev")) == [("create", alarm["type"], name)]
    assert engine.up("dev").changes == []


def test_another_physical_name_is_refused_until_it_is_meant(
    deployed: Outcome, engine: Engine, cloud: Cloud
) -> None:
    other = {"nameSuffix": "-b"}
    (keeper,) = [urn for urn in engine.resources("dev") if urn.endswith("::orders-name-suffix")]
    before = list(cloud)
    for refused in (engine.preview("dev", other), engine.up("dev", other)):
        assert "nameSuffix: expected '' as in the first deployment, not '-b'" in refused.message
        assert f"pulumi up --replace '{keeper}'" in refused.message
        assert not [step for step in refused.changes if (step.type, step.name) in NAMED]
    assert list(cloud) == before

    outcome = engine.up("dev", other, replace=[keeper])
    assert outcome.message == ""
    replaced = {(s.type, s.name) for s in outcome.changes if s.operation == "replace"}
    assert replaced >= NAMED
    assert engine.up("dev", other).changes == []
    assert "expected '-b'" in engine.preview("dev").message
    assert engine.up("dev", replace=[keeper]).message == ""


def test_another_currency_is_refused_as_it_would_be_that_of_the_orders_there_are(
    deployed: Outcome, engine: Engine, cloud: Cloud
) -> None:
    before = list(cloud)
    refused = engine.up("dev", {"currency": "JPY"})
    assert "currency: expected 'EUR' as in the first deployment, not 'JPY'" in refused.message
    assert "pulumi up --replace" in refused.message
    assert list(cloud) == before


def test_a_wrong_setting_ends_the_deployment_before_anything_changes(
    deployed: Outcome, engine: Engine
) -> None:
    outcome = engine.up("dev", {"memorySize": 1})
    assert "serverless-orders:memorySize" in outcome.message
    assert outcome.changes == []


def test_destroy_leaves_nothing(deployed: Outcome, engine: Engine, cloud: Cloud) -> None:
    outcome = engine.destroy("dev")
    assert outcome.message == ""
    assert list(cloud) == []
    assert engine.resources("dev") == []
