"""The examples in Python, run under mocks with the package under its installed name."""

from __future__ import annotations

import importlib.util
import json
import runpy
import sys
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import pytest

import components
from tests import recorder
from tests.aws_names import ACCOUNT
from tests.inputs.aws_types import PROVIDER, invoke_problems, problems
from tests.policy.analyzer import running_pack
from tests.policy.recorded import registered
from tests.recorder import Recording

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
ARN = f"arn:aws:sqs:{recorder.REGION}:{ACCOUNT}:order-events-b"
TABLE_ARN = f"arn:aws:dynamodb:{recorder.REGION}:{ACCOUNT}:table/Orders-b"
ANSWERS: dict[str, dict[str, Any]] = {
    "aws:sqs/getQueue:getQueue": {"arn": ARN, "name": "order-events-b"},
    "aws:dynamodb/getTable:getTable": {"arn": TABLE_ARN, "name": "Orders-b"},
}


def _deploy(example: str, config: dict[str, str], preview: bool = False) -> Recording:
    with mock.patch.dict(sys.modules, {"serverless_orders": components}):
        return recorder.deploy(
            lambda: runpy.run_path(str(EXAMPLES / example / "__main__.py")),
            project=example,
            config={f"{example}:{key}": value for key, value in config.items()},
            preview=preview,
            answers=ANSWERS,
        )


@pytest.mark.parametrize("preview", [False, True])
@pytest.mark.parametrize("example", ["queue-with-dlq-and-alarms", "new-consumer"])
def test_example_asks_only_for_what_aws_has(example: str, preview: bool) -> None:
    recording = _deploy(example, {}, preview)

    assert [r for r in recording.registrations if r.type.startswith("aws:")]
    found = [] if preview else [p for r in recording.registrations for p in _problems(r)]
    found += [p for i in recording.invocations for p in invoke_problems(i.token, i.args)]
    assert found == []


def _problems(registration: recorder.Registration) -> list[str]:
    known = registration.type == PROVIDER or registration.type.startswith("aws:")
    return problems(registration.type, registration.inputs) if known else []


@pytest.mark.parametrize("example", ["queue-with-dlq-and-alarms", "new-consumer"])
def test_example_passes_the_policy_pack_as_any_other_project(example: str) -> None:
    with running_pack(project=example) as pack:
        # It adds the tags that it asks for, and a remedy is not kept here.
        pack.configure({"required-tags": {"enforcementLevel": "disabled"}})
        found = pack.run(registered(_deploy(example, {})))
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


def test_new_consumer_reads_the_order_systems_queue() -> None:
    recording = _deploy("new-consumer", {"nameSuffix": "-b", "maximumConcurrency": "20"})

    asked = {invocation.token: invocation.args["name"] for invocation in recording.invocations
             if invocation.token in ANSWERS}  # fmt: skip
    assert set(asked.values()) == {"order-events-b", "Orders-b"}
    mapping = recording.one("aws:lambda/eventSourceMapping:EventSourceMapping")
    assert mapping.inputs["eventSourceArn"] == ARN
    assert mapping.inputs["scalingConfig"] == {"maximumConcurrency": 20}
    assert mapping.inputs["functionResponseTypes"] == ["ReportBatchItemFailures"]
    policies = recording.of("aws:iam/rolePolicy:RolePolicy")
    statements = [s for p in policies for s in json.loads(p.inputs["policy"])["Statement"]]
    granted = {action: tuple(s["Resource"]) for s in statements for action in s["Action"]}
    assert granted["sqs:ReceiveMessage"] == (ARN,)
    assert granted["dynamodb:UpdateItem"] == (TABLE_ARN,)
    function = recording.one("aws:lambda/function:Function")
    assert function.inputs["environment"] == {"variables": {"ORDERS_TABLE_NAME": "Orders-b"}}
    module, _, _ = function.inputs["handler"].partition(".")
    assert (Path(function.inputs["code"].path) / f"{module}.py").is_file()


class _Orders:
    """A table of orders, as far as the consumer's one request goes."""

    class exceptions:  # noqa: N801 (boto3's name)
        class ConditionalCheckFailedException(Exception):  # noqa: N818 (boto3's name)
            pass

    def __init__(self, statuses: dict[str, str]) -> None:
        self.statuses = statuses

    def update_item(self, **request: Any) -> None:
        values = request["ExpressionAttributeValues"]
        order_id = request["Key"]["id"]["S"]
        if self.statuses.get(order_id) != values[":from"]["S"]:
            raise self.exceptions.ConditionalCheckFailedException
        self.statuses[order_id] = values[":to"]["S"]


@pytest.fixture
def consumer(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setenv("ORDERS_TABLE_NAME", "Orders")
    monkeypatch.setenv("AWS_DEFAULT_REGION", recorder.REGION)
    path = EXAMPLES / "new-consumer/function/consumer.py"
    spec = importlib.util.spec_from_file_location("consumer", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_consumer_confirms_each_order_once_and_names_what_failed(
    consumer: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = _Orders({"a": "PENDING", "b": "CONFIRMED"})
    monkeypatch.setattr(consumer, "_orders", orders)

    def record(message_id: str, body: str) -> dict[str, str]:
        return {"messageId": message_id, "body": body}

    created = [json.dumps({"type": "OrderCreated", "detail": {"id": i}}) for i in ("a", "b")]
    records = [record("1", created[0]), record("2", "no JSON"), record("3", created[1])]
    answer = consumer.handler({"Records": records}, None)

    assert answer == {"batchItemFailures": [{"itemIdentifier": "2"}]}
    assert orders.statuses == {"a": "CONFIRMED", "b": "CONFIRMED"}


@pytest.mark.parametrize("example", sorted(path.name for path in EXAMPLES.iterdir()))
def test_every_example_has_a_readme_and_a_project(example: str) -> None:
    assert (EXAMPLES / example / "README.md").read_text("utf-8").startswith("# ")
    assert (EXAMPLES / example / "Pulumi.yaml").is_file()
