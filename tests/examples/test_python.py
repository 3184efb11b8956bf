"""The examples in Python, run under mocks with the package under its installed name."""

from __future__ import annotations

import json
import re
import runpy
import sys
from pathlib import Path
from unittest import mock

import pytest

import components
from functions import contract
from tests import recorder
from tests.aws_names import ACCOUNT
from tests.inputs.aws_types import PROVIDER, invoke_problems, problems
from tests.policy.analyzer import running_pack
from tests.policy.recorded import registered
from tests.recorder import Recording

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
BUS_ARN = f"arn:aws:events:{recorder.REGION}:{ACCOUNT}:event-bus/orders"
NEEDED = {
    "new-consumer": {"busName": BUS_ARN},
    "pipeline-roles": {
        "region": recorder.REGION,
        "repository": "acme/shop",
        "stateBucket": "acme-states",
    },
}


def _deploy(example: str, config: dict[str, str], preview: bool = False) -> Recording:
    with mock.patch.dict(sys.modules, {"serverless_orders": components}):
        return recorder.deploy(
            lambda: runpy.run_path(str(EXAMPLES / example / "__main__.py")),
            project=example,
            config={f"{example}:{key}": value for key, value in config.items()},
            preview=preview,
        )


@pytest.mark.parametrize("preview", [False, True])
@pytest.mark.parametrize("example", ["queue-with-dlq-and-alarms", "new-consumer", "pipeline-roles"])
def test_example_asks_only_for_what_aws_has(example: str, preview: bool) -> None:
    recording = _deploy(example, NEEDED.get(example, {}), preview)

    assert [r for r in recording.registrations if r.type.startswith("aws:")]
    found = [] if preview else [p for r in recording.registrations for p in _problems(r)]
    found += [p for i in recording.invocations for p in invoke_problems(i.token, i.args)]
    assert found == []


def _problems(registration: recorder.Registration) -> list[str]:
    known = registration.type == PROVIDER or registration.type.startswith("aws:")
    return problems(registration.type, registration.inputs) if known else []


# Not pipeline-roles: who deploys, calls what AWS allows on `*` alone, and what has no name yet.
@pytest.mark.parametrize("example", ["queue-with-dlq-and-alarms", "new-consumer"])
def test_example_passes_the_policy_pack_as_any_other_project(example: str) -> None:
    with running_pack(project=example) as pack:
        # It adds the tags that it asks for, and a remedy is not kept here.
        pack.configure({"required-tags": {"enforcementLevel": "disabled"}})
        found = pack.run(registered(_deploy(example, NEEDED.get(example, {}))))
    assert [f"{d.policy}: {d.message}" for d in found if d.level != "ADVISORY"] == []


def test_queue_with_dlq_and_alarms() -> None:
    recording = _deploy("queue-with-dlq-and-alarms", {"alarmEmails": '["me@example.com"]'})

    queue = recording.one("aws:sqs/queue:Queue", "letters")
    redrive = json.loads(queue.inputs["redrivePolicy"])
    dlq = recording.one("aws:sqs/queue:Queue", "letters-dlq")
    assert redrive == {"deadLetterTargetArn": dlq.outputs["arn"], "maxReceiveCount": 5}
    topic = recording.one("aws:sns/topic:Topic")
    alarms = recording.of("aws:cloudwatch/metricAlarm:MetricAlarm")
    assert {alarm.name for alarm in alarms} == {
        "letters-letters-age",
        "letters-letters-dlq-depth",
        "letters-letters-drain",
    }
    assert all(alarm.inputs["alarmActions"] == [topic.outputs["arn"]] for alarm in alarms)
    (subscription,) = recording.of("aws:sns/topicSubscription:TopicSubscription")
    assert subscription.inputs["endpoint"] == "me@example.com"
    assert recording.outputs["queueUrl"] == queue.outputs["url"]


def test_new_consumer_is_given_the_events_of_the_order_systems_bus() -> None:
    recording = _deploy("new-consumer", {"busName": BUS_ARN})

    rule = recording.one("aws:cloudwatch/eventRule:EventRule")
    assert rule.inputs["eventBusName"] == BUS_ARN
    known = {
        "source": [contract.EVENT_SOURCE],
        "detail-type": [contract.CHANGE_EVENTS["CONFIRMED"]],
    }
    assert json.loads(rule.inputs["eventPattern"]) == known
    queue = recording.one("aws:sqs/queue:Queue", "thank-customer").outputs["arn"]
    mapping = recording.one("aws:lambda/eventSourceMapping:EventSourceMapping")
    assert mapping.inputs["eventSourceArn"] == queue
    function = recording.one("aws:lambda/function:Function")
    module, _, _ = function.inputs["handler"].partition(".")
    assert (Path(function.inputs["code"].path) / f"{module}.py").is_file()


def test_consumer_names_what_failed_and_does_the_rest(capsys: pytest.CaptureFixture[str]) -> None:
    path = EXAMPLES / "new-consumer/function/consumer.py"
    consumer = runpy.run_path(str(path))
    event = json.dumps({"detail": {"orderId": "order-1", "eventId": "order-1:2", "name": "SECRET"}})
    records = [
        {"messageId": "1", "body": "no JSON, SECRET"},
        {"messageId": "2", "body": event},
        {"messageId": "3", "body": "{}"},
    ]
    answer = consumer["handler"]({"Records": records}, None)

    assert answer == {"batchItemFailures": [{"itemIdentifier": "1"}, {"itemIdentifier": "3"}]}
    said = capsys.readouterr().out
    assert "thanks for order order-1, event order-1:2" in said
    assert "SECRET" not in said


@pytest.mark.parametrize("example", sorted(path.name for path in EXAMPLES.iterdir()))
def test_every_example_has_a_readme_and_a_project(example: str) -> None:
    assert (EXAMPLES / example / "README.md").read_text("utf-8").startswith("# ")
    assert (EXAMPLES / example / "Pulumi.yaml").is_file()


def test_each_environment_of_the_workflows_has_a_role_that_it_alone_assumes() -> None:
    recording = _deploy("pipeline-roles", NEEDED["pipeline-roles"])
    subjects = {}
    for role in recording.of("aws:iam/role:Role"):
        (statement,) = json.loads(role.inputs["assumeRolePolicy"])["Statement"]
        equals = statement["Condition"]["StringEquals"]
        subjects[role.outputs["arn"]] = equals["token.actions.githubusercontent.com:sub"]
    used = set()
    for path in (EXAMPLES.parent / ".github" / "workflows").glob("*.yml"):
        for name in re.findall(r"^    environment: (.+)$", path.read_text("utf-8"), re.M):
            used |= {name.replace("${{ matrix.stack }}", stack) for stack in ("dev", "prod")}
    assert used == recording.outputs.keys()
    for environment, told in recording.outputs.items():
        assert subjects.pop(told["DEPLOY_ROLE"]) == [f"repo:acme/shop:environment:{environment}"]
        deploys = not environment.startswith(("preview", "drift"))
        assert (told["PERMISSIONS_BOUNDARY"] is not None) == deploys
    assert subjects == {}
    assert len(recording.of("aws:iam/openIdConnectProvider:OpenIdConnectProvider")) == 1
