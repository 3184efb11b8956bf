"""Every JSON document inside an input is checked as what it is."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import pytest

from policy.rules.iam import ACTIONS_WITHOUT_RESOURCES
from tests.inputs import dashboard, iam
from tests.inputs.documents import CHECKS, documents
from tests.variants import MANY, recording

ROLE_POLICY = ("aws:iam/rolePolicy:RolePolicy", "policy")
TRUST = ("aws:iam/role:Role", "assumeRolePolicy")
KEY = ("aws:kms/key:Key", "policy")
REDRIVE = ("aws:sqs/queue:Queue", "redrivePolicy")
REDRIVE_ALLOW = ("aws:sqs/redriveAllowPolicy:RedriveAllowPolicy", "redriveAllowPolicy")
DASHBOARD = ("aws:cloudwatch/dashboard:Dashboard", "dashboardBody")
FILTER = ("aws:cloudwatch/logMetricFilter:LogMetricFilter", "pattern")
ACCESS_LOG = ("aws:apigatewayv2/stage:Stage", "accessLogSettings.format")


@pytest.mark.parametrize("variant", MANY)
def test_documents_of_the_stack_are_what_they_should_be(variant: str) -> None:
    recorded = recording(variant)
    found = []
    for each in recorded.registrations:
        for path, text in documents(each):
            check = CHECKS.get((each.type, path))
            if check is None:
                found.append(f"{each} {path}: a document that no check knows")
            else:
                found += [f"{each} {path}: {problem}" for problem in check(text, each, recorded)]
    assert found == []


def test_each_kind_of_document_is_there_to_be_checked() -> None:
    there = {(r.type, path) for r in recording("dev").registrations for path, _ in documents(r)}
    assert {ROLE_POLICY, TRUST, KEY, REDRIVE, REDRIVE_ALLOW, DASHBOARD, ACCESS_LOG, FILTER} <= there


Change = Callable[[dict[str, Any]], object]


def first_statement(**changes: Any) -> Change:
    return lambda document: document["Statement"][0].update(changes)


def widget(number: int, **changes: Any) -> Change:
    return lambda body: body["widgets"][number].update(changes)


def widget_properties(number: int, **changes: Any) -> Change:
    return lambda body: body["widgets"][number]["properties"].update(changes)


@pytest.mark.parametrize(
    ("kind", "change", "says"),
    [
        (ROLE_POLICY, first_statement(Action=["dynamodb:PutItm"]), "UNKNOWN_ACTION"),
        (ROLE_POLICY, first_statement(Action=["sqs:SendMessage"]), "RESOURCE_MISMATCH"),
        (ROLE_POLICY, first_statement(Action=["sqs:SendMessage"], Resource="*"), "RESOURCE_STAR"),
        (ROLE_POLICY, first_statement(Resource=["Orders"]), "INVALID_ARN"),
        (ROLE_POLICY, first_statement(Efect="Allow"), "MALFORMED"),
        (ROLE_POLICY, lambda document: document.update(Version="2008-10-17"), "2012-10-17"),
        (TRUST, first_statement(Action="sts:AssumRole"), "UNKNOWN_ACTION"),
        (TRUST, first_statement(Resource="arn:aws:sqs:us-east-1:123456789012:q"), "beside its own"),
        (KEY, first_statement(Action="kms:Decipher"), "UNKNOWN_ACTION"),
        (KEY, first_statement(Condition={"StringEquals": {"aws:Sauce": "1"}}), "UNKNOWN_CONDITION"),
        (REDRIVE, lambda policy: policy.update(maxReceiveCount="3"), "maxReceiveCount"),
        (REDRIVE, lambda policy: policy.update(maxReceiveCount=0), "maxReceiveCount"),
        (REDRIVE, lambda policy: policy.update(maxReceives=3), "maxReceives"),
        (REDRIVE, lambda policy: policy.update(deadLetterTargetArn="arn:x"), "deadLetterTargetArn"),
        (REDRIVE_ALLOW, lambda policy: policy.update(redrivePermission="queue"), "'queue'"),
        (REDRIVE_ALLOW, lambda policy: policy.update(sourceQueueArns=["arn:x"]), "no queue"),
        (REDRIVE_ALLOW, lambda policy: policy.update(sourceQueueArns=[]), "1 to 10"),
        (ACCESS_LOG, lambda entries: entries.update(id="$context.requestid"), "requestid"),
        (DASHBOARD, lambda body: body.pop("widgets"), "'widgets' is a required"),
        (DASHBOARD, widget(1, type="metrics"), "'metrics' is not one of"),
        (DASHBOARD, widget(1, widht=6), "widht"),
        (DASHBOARD, widget(1, x=20), "wider than the dashboard"),
        (DASHBOARD, widget(2, x=1), "overlap"),
        (DASHBOARD, widget_properties(1, metric=[]), "'metric' was unexpected"),
        (DASHBOARD, widget_properties(1, period=45), "45 is not valid"),
        (DASHBOARD, widget_properties(1, view="line"), "'line' is not one of"),
        (DASHBOARD, widget_properties(1, metrics=[["AWS/SQS"]]), "is not valid"),
        (DASHBOARD, widget_properties(1, metrics=[["A", "B", "QueueName"]]), "without a value"),
        (
            DASHBOARD,
            widget_properties(1, metrics=[["A", "B", {"stat": "Median"}]]),
            "is not valid",
        ),
        (
            DASHBOARD,
            widget_properties(1, metrics=[[{"expression": "IF(requests > 0, 1, 0)"}]]),
            "names requests",
        ),
        (
            DASHBOARD,
            widget_properties(1, metrics=[["A", "B", {"id": "m"}], ["A", "C", {"id": "m"}]]),
            "there twice",
        ),
    ],
)
def test_mistake_in_a_document_is_found(kind: tuple[str, str], change: Change, says: str) -> None:
    recorded = recording("dev")
    resource, text = next(
        (each, text)
        for each in recorded.of(kind[0])
        for path, text in documents(each)
        if path == kind[1]
    )
    assert CHECKS[kind](text, resource, recorded) == []
    document = json.loads(text)
    change(document)
    found = CHECKS[kind](json.dumps(document), resource, recorded)
    assert says in " ".join(found)


@pytest.mark.parametrize("check", [iam.problems, dashboard.problems])
def test_text_that_is_no_json_is_found(check: Callable[[str], list[str]]) -> None:
    assert check("{")[0].startswith("no JSON")


def test_document_of_an_unknown_kind_is_found() -> None:
    queue = recording("dev").of("aws:sqs/queue:Queue")[0]
    changed = dataclasses.replace(queue, inputs={"name": '{"a": 1}', "tags": {"b": "[1]"}})
    assert [path for path, _ in documents(changed)] == ["name", "tags.b"]
    assert ("aws:sqs/queue:Queue", "name") not in CHECKS


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ({"source": ["aws.s3"], "detail": {"size": [{"numeric": [">", 0]}]}}, None),
        ({"$or": [{"source": ["a"]}, {"detail-type": [{"prefix": "b"}]}]}, None),
        ({"body": {"type": ["OrderCreated"]}}, None),
        ({}, "names something"),
        ({"source": "aws.s3"}, "source: what may match is a list"),
        ({"source": []}, "source: what may match is a list"),
        ({"detail": {"size": [[1]]}}, "detail.size: a list within a list"),
        ({"source": [{"begins": "a"}]}, "source: no comparison begins"),
    ],
)
def test_event_pattern_is_checked(pattern: dict[str, Any], says: str | None) -> None:
    recorded = recording("dev")
    check = CHECKS["aws:cloudwatch/eventRule:EventRule", "eventPattern"]
    found = check(json.dumps(pattern), recorded.registrations[0], recorded)
    assert found == [] if says is None else says in found[0]


def test_linter_knows_no_resource_for_actions_that_may_have_none() -> None:
    def allows(action: str, resource: str) -> list[str]:
        statement = {"Effect": "Allow", "Action": action, "Resource": resource}
        return iam.problems(json.dumps({"Version": "2012-10-17", "Statement": [statement]}))

    for action in ACTIONS_WITHOUT_RESOURCES:
        assert allows(action, "*") == [], action
        assert allows(action, "arn:aws:sqs:us-east-1:123456789012:q") != [], action
