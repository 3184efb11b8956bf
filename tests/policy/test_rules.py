"""Every rule reports what violates it, by name, and stays silent on what conforms."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pulumi_aws
import pytest
from pulumi_policy import EnforcementLevel, ResourceValidationPolicy

from policy.rules import POLICIES, tags, types
from policy.rules.functions import RUNTIMES
from tests.inputs.aws_types import input_types, resource_tokens
from tests.policy.cases import CASES, Conforming, Violation
from tests.policy.stack import RULES, UNKNOWN, R, check

VIOLATING = [
    pytest.param(rule, case, id=f"{rule}-{number}")
    for rule, cases in CASES.items()
    for number, case in enumerate(cases.violating)
]
CONFORMING = [
    pytest.param(rule, case, id=f"{rule}-{number}")
    for rule, cases in CASES.items()
    for number, case in enumerate(cases.conforming)
]


def test_every_rule_has_a_violating_and_a_conforming_case() -> None:
    assert set(CASES) == set(RULES)
    lacking = [name for name, c in CASES.items() if not c.violating or not c.conforming]
    assert lacking == []


def test_rule_names_are_unique() -> None:
    assert len(RULES) == len(POLICIES)


@pytest.mark.parametrize(("rule", "case"), VIOLATING)
def test_violation_is_reported_on_its_resource_with_the_way_to_mend_it(
    rule: str, case: Violation
) -> None:
    outcome = check(rule, case.resources, case.stack, case.settings)
    on_bad = [finding for finding in outcome.findings if finding.resource == "bad"]
    assert on_bad, f"{rule} said nothing about 'bad': {outcome}"
    message = on_bad[0].message
    assert message.startswith(("bad (aws:", "bad (pulumi:"))
    assert case.says in " ".join(finding.message for finding in on_bad)
    assert message.endswith(RULES[rule].remediation_steps or "no way to mend it")


@pytest.mark.parametrize(("rule", "case"), VIOLATING)
def test_resource_that_is_exempt_is_left_alone(rule: str, case: Violation) -> None:
    exempt = {**(case.settings or {}), "exemptResources": ["shop:b*"]}
    outcome = check(rule, case.resources, case.stack, exempt)
    assert [finding for finding in outcome.findings if finding.resource == "bad"] == []
    elsewhere = {**exempt, "exemptResources": ["other:bad"]}
    assert check(rule, case.resources, case.stack, elsewhere).findings


@pytest.mark.parametrize(("rule", "case"), CONFORMING)
def test_conforming_resources_are_passed(rule: str, case: Conforming) -> None:
    outcome = check(rule, case.resources, case.stack, case.settings)
    good = [finding for finding in outcome.findings if finding.resource == "good"]
    assert (good, outcome.undecided) == ([], [])


# Outputs that other resources are given.
IDENTITIES = {"arn", "id", "name", "stageName", "url"}


def unknown_one_by_one(resources: list[R]) -> Iterator[tuple[str, list[R]]]:
    """A case once for each value that a first preview may not know, as the engine gives it.

    What is made of the value is unknown too, and what is unknown comes from another resource:
    the one whose value it is, or any of the case.
    """
    for subject in resources:
        others = [each for each in resources if each is not subject]
        for path, value in subject.props.items():
            changed = replace(
                subject,
                props={**subject.props, path: UNKNOWN},
                computed_from={path: [each.name for each in others]},
            )
            made = (
                [made_of(value, subject.name, other) for other in others]
                if path in IDENTITIES
                else others
            )
            yield f"{subject.name}.{path}", [changed, *made]


def made_of(value: str, source: str, resource: R) -> R:
    """The resource where `value`, which is the source's, is not known."""
    props = {path: without(value, held) for path, held in resource.props.items()}
    computed = {path: [source] for path in props if props[path] != resource.props[path]}
    return replace(resource, props=props, computed_from=computed)


def without(value: str, held: Any) -> Any:
    if isinstance(held, dict):
        return {key: without(value, item) for key, item in held.items()}
    if isinstance(held, list):
        return [without(value, item) for item in held]
    whole = rf"(?<![\w-]){re.escape(value)}(?![\w-])"
    return UNKNOWN if isinstance(held, str) and re.search(whole, held) else held


@pytest.mark.parametrize("rule", RULES)
def test_unknown_value_is_no_violation(rule: str) -> None:
    for case in CASES[rule].conforming:
        known = check(rule, case.resources, case.stack, case.settings).findings
        for path, resources in unknown_one_by_one(case.resources):
            found = check(rule, resources, case.stack, case.settings).findings
            assert [each for each in found if each not in known] == [], path


@pytest.mark.parametrize(
    ("rule", "target", "other"),
    [
        (
            "function-owns-log-group",
            R(types.FUNCTION, "worker", {"loggingConfig": {"logGroup": UNKNOWN}}),
            R(types.LOG_GROUP, "logs", {"name": UNKNOWN}, computed_from={"name": ["suffix"]}),
        ),
        (
            "queue-has-alarms",
            R(types.QUEUE, "work", {"name": UNKNOWN}, computed_from={"name": ["suffix"]}),
            R(
                types.METRIC_ALARM,
                "age",
                {
                    "namespace": "AWS/SQS",
                    "metricName": "ApproximateAgeOfOldestMessage",
                    "dimensions": {"QueueName": UNKNOWN},
                },
            ),
        ),
    ],
)
def test_names_made_of_the_same_unknown_are_taken_for_the_same(
    rule: str, target: R, other: R
) -> None:
    suffix, elsewhere = R("random:index:Id", "suffix"), R("random:index:Id", "elsewhere")
    reader = target if target.type == types.FUNCTION else other
    path = next(iter({"loggingConfig", "dimensions"} & reader.props.keys()))
    for source, findings in ((suffix, 0), (elsewhere, 1)):
        linked = replace(reader, computed_from={path: [source.name]})
        rest = other if reader is target else target
        assert len(check(rule, [linked, rest, suffix, elsewhere]).findings) == findings


@pytest.mark.parametrize("rule", RULES)
def test_rule_says_that_it_does_not_apply_to_other_resources(rule: str) -> None:
    outcome = check(rule, [R("aws:ec2/vpc:Vpc", "vpc")])
    assert outcome.not_applicable
    assert outcome.findings == []


@pytest.mark.parametrize(
    ("rule", "kind"),
    [
        ("table-point-in-time-recovery", types.TABLE),
        ("table-deletion-protection", types.TABLE),
        ("table-protect", types.TABLE),
        ("resource-protect", types.QUEUE),
        ("api-named-origins", types.HTTP_API),
        ("alarm-notifies", types.METRIC_ALARM),
    ],
)
def test_rule_for_production_says_that_it_does_not_apply_elsewhere(rule: str, kind: str) -> None:
    assert check(rule, [R(kind, "dev")], "dev").not_applicable == ["the stack is not production"]


def test_secret_value_never_reaches_a_message() -> None:
    for name in ("DB_PASSWORD", "DSN"):
        variables = {"variables": {name: "postgres://me:hunter2secret@db/orders"}}
        function = R(types.FUNCTION, "bad", {"environment": variables})
        outcome = check("function-no-secrets-in-environment", [function])
        assert name in outcome.findings[0].message
        assert "hunter2secret" not in str(outcome)


def test_every_setting_has_a_default_of_its_type_and_a_description() -> None:
    kinds = {"array": list, "integer": int, "boolean": bool}
    for policy in POLICIES:
        assert policy.config_schema is not None
        for name, schema in policy.config_schema.properties.items():
            assert type(schema["default"]) is kinds[schema["type"]], f"{policy.name}.{name}"
            assert schema["description"], f"{policy.name}.{name}"


def test_every_rule_has_a_level_and_only_mending_rules_remediate() -> None:
    for policy in POLICIES:
        assert policy.enforcement_level is not None, policy.name
        mends = isinstance(policy, ResourceValidationPolicy) and policy.has_remediation()
        assert mends == (policy.enforcement_level is EnforcementLevel.REMEDIATE), policy.name


def test_every_type_that_a_rule_reads_is_one_of_the_provider() -> None:
    tokens = {value for name, value in vars(types).items() if name.isupper()}
    assert tokens - resource_tokens() == set()


def test_every_taggable_type_takes_tags() -> None:
    assert [token for token in tags.TAGGABLE if "tags" not in input_types(token)] == []


def test_allowed_runtimes_are_ones_that_the_provider_knows() -> None:
    known = {runtime.value for runtime in pulumi_aws.lambda_.Runtime}
    assert set(RUNTIMES) - known == set()
