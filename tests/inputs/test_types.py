"""The provider would accept every input of every stack, each feature switched on."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.aws_resources import RESOURCE_TYPES
from tests.inputs.aws_types import (
    ENUMS,
    PROVIDER,
    UnknownTokenError,
    enum_values,
    input_types,
    invoke_problems,
    invoke_types,
    nested_types,
    problems,
)
from tests.recorder import COMPONENT_PREFIX
from tests.variants import MANY, STACKS, recording

FUNCTION = "aws:lambda/function:Function"
TABLE = "aws:dynamodb/table:Table"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"


@pytest.mark.parametrize("variant", MANY)
def test_inputs_of_every_resource_are_of_the_provider_s_types(variant: str) -> None:
    # What is the engine's own, a stash, has no provider and takes any value.
    custom = [each for each in recording(variant).registrations if each.custom]
    aws = [each for each in custom if not each.type.startswith("pulumi:index:")]
    found = [f"{each}: {text}" for each in aws for text in problems(each.type, each.inputs)]
    assert found == []


@pytest.mark.parametrize("variant", MANY)
def test_arguments_of_every_invoke_are_of_the_provider_s_types(variant: str) -> None:
    found = [
        f"{each.token}: {text}"
        for each in recording(variant).invocations
        for text in invoke_problems(each.token, each.args)
    ]
    assert found == []


def test_there_are_resources_and_invokes_to_check() -> None:
    for stack in STACKS:
        assert len([each for each in recording(stack).registrations if each.custom]) > 50
        assert recording(stack).invocations


@pytest.mark.parametrize("variant", MANY)
def test_only_components_are_registered_without_a_provider_type(variant: str) -> None:
    for each in recording(variant).registrations:
        assert each.custom != each.type.startswith(COMPONENT_PREFIX), each


def test_names_and_replacing_inputs_that_the_tests_know_of_are_inputs_of_the_provider() -> None:
    wrong = [
        f"{token}: {name}"
        for token, kind in RESOURCE_TYPES.items()
        for name in {*kind.replaced_by, *([kind.name] if kind.name else [])}
        if name not in input_types(token)
    ]
    assert wrong == []


@pytest.mark.parametrize("variant", MANY)
def test_every_type_of_the_program_is_described_for_the_tests(variant: str) -> None:
    registered = {each.type for each in recording(variant).registrations}
    assert {each for each in registered if each.startswith("aws:")} <= RESOURCE_TYPES.keys()


@pytest.mark.parametrize("variant", MANY)
def test_preview_with_unknown_values_registers_the_same_resources(variant: str) -> None:
    def shape(preview: bool) -> set[tuple[Any, ...]]:
        return {
            (each.urn, each.parent, each.protect, frozenset(each.property_dependencies))
            for each in recording(variant, preview=preview).registrations
        }

    assert shape(preview=True) == shape(preview=False)


@pytest.mark.parametrize("variant", MANY)
def test_known_inputs_of_a_preview_are_those_of_the_deployment(variant: str) -> None:
    deployed = {each.urn: each for each in recording(variant).registrations}
    for each in recording(variant, preview=True).registrations:
        unlike = {
            key
            for key, value in each.inputs.items()
            if key not in each.property_dependencies and value != deployed[each.urn].inputs[key]
        }
        assert unlike == set(), each


# --- the check itself --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("token", "change", "says"),
    [
        (FUNCTION, {"tracingConfig": {"mod": "Active"}}, "tracingConfig.mod: no such input"),
        (FUNCTION, {"tracingConfig": {}}, "tracingConfig.mode: required"),
        (FUNCTION, {"tracingConfig": {"mode": "On"}}, "tracingConfig.mode: 'On' is none of"),
        (FUNCTION, {"tracingConfig": ["Active"]}, "tracingConfig: a list instead of an object"),
        (FUNCTION, {"memorysize": 1024}, "memorysize: no such input"),
        (FUNCTION, {"role": None}, "role: required"),
        (FUNCTION, {"timeout": "30"}, "timeout: a string instead of int"),
        (FUNCTION, {"timeout": 30.5}, "timeout: a number instead of int"),
        (FUNCTION, {"timeout": True}, "timeout: a boolean instead of int"),
        (FUNCTION, {"publish": 1}, "publish: a number instead of bool"),
        (FUNCTION, {"handler": 1}, "handler: a number instead of str"),
        (FUNCTION, {"runtime": "python3.99"}, "runtime: 'python3.99' is none of"),
        (FUNCTION, {"architectures": ["x86"]}, "architectures[0]: 'x86' is none of"),
        (FUNCTION, {"architectures": "x86_64"}, "architectures: a string instead of a list"),
        (FUNCTION, {"code": "functions"}, "code: a string instead of Archive"),
        (
            FUNCTION,
            {"environment": {"variables": {"LIMIT": 5}}},
            "environment.variables.LIMIT: a number instead of str",
        ),
        (TABLE, {"attributes": [{"name": "id"}]}, "attributes[0].type: required"),
        (TABLE, {"attributes": [{"name": "id", "type": "string"}]}, "attributes[0].type: 'string'"),
        (TABLE, {"billingMode": "ON_DEMAND"}, "billingMode: 'ON_DEMAND' is none of"),
        (TABLE, {"globalSecondaryIndexes": [{"name": "a", "projection": "ALL"}]}, "projection:"),
        (ALARM, {"comparisonOperator": "Greater"}, "comparisonOperator: 'Greater' is none of"),
        (ALARM, {"metricQueries": [{"id": "a", "metrik": {}}]}, "metricQueries[0].metrik:"),
        (PROVIDER, {"defaultTags": '{"tag": {}}'}, "defaultTags.tag: no such input"),
    ],
)
def test_mistake_in_an_input_is_found(token: str, change: dict[str, Any], says: str) -> None:
    resource = recording("dev").of(token)[0]
    assert problems(token, resource.inputs) == []
    found = problems(token, {**resource.inputs, **change})
    assert any(text.startswith(says) or says in text for text in found), found


def test_mistake_in_an_invoke_is_found() -> None:
    token = "aws:iam/getPolicyDocument:getPolicyDocument"
    assert invoke_problems(token, {"statements": [{"actions": ["sqs:SendMessage"]}]}) == []
    found = invoke_problems(token, {"statements": [{"action": "sqs:SendMessage"}]})
    assert found[0].startswith("statements[0].action: no such input")


def test_type_that_the_provider_does_not_have_is_an_error() -> None:
    with pytest.raises(UnknownTokenError, match="aws:sqs/queue:Kueue"):
        problems("aws:sqs/queue:Kueue", {})
    with pytest.raises(UnknownTokenError, match="getNothing"):
        invoke_types("aws:sqs/getNothing:getNothing")


@pytest.mark.parametrize(("token", "path"), ENUMS)
def test_every_input_with_listed_values_is_one_of_the_provider(token: str, path: str) -> None:
    fields = input_types(token)
    *parents, last = path.split(".")
    for parent in parents:
        fields = nested_types(fields[parent])
    assert last in fields
    assert enum_values(*ENUMS[token, path])
