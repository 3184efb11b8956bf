"""No rule crashes on a resource that is not as it should be: a program's mistake, a value that
another program left out, or what a preview does not know yet is to be answered, not to end
the pack with a traceback."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from pulumi_policy import ResourceValidationPolicy
from pulumi_policy.policy import _NotApplicableError
from pulumi_policy.proxy import UnknownValueError

from tests.policy.cases import CASES, consumer, identity, redrive, source_and_dlq
from tests.policy.stack import RULES, UNKNOWN, check, resource_args

ABSENT = object()
"""Stands for a key, or a member of a list, that is not there at all."""

WRONG = [
    ABSENT, None, UNKNOWN, "", "*", "{", "null", 0, -1, 2.5, True,
    [], [None], [[]], [{}], [UNKNOWN], {}, {"": None}, {"x": [None]}, {"AWS": [None, 1]},
]  # fmt: skip


def mangled(value: Any) -> Iterator[tuple[str, Any]]:
    """(path and what stands there now, the value with that) for every place in `value`.

    A document given as JSON text is mangled inside as well.
    """
    if isinstance(value, str) and value.startswith(("{", "[")):
        yield from ((where, json.dumps(made)) for where, made in mangled(json.loads(value)))
    if not isinstance(value, dict | list):
        return
    for place in list(value) if isinstance(value, dict) else range(len(value)):
        for wrong in WRONG:
            named = "absent" if wrong is ABSENT else repr(wrong)
            yield f".{place} = {named}", _with(value, place, wrong)
        for where, made in mangled(value[place]):
            yield f".{place}{where}", _with(value, place, made)


def _with(value: Any, place: Any, member: Any) -> Any:
    changed = value.copy()
    if member is ABSENT:
        del changed[place]
    else:
        changed[place] = member
    return changed


@pytest.mark.parametrize("rule", RULES)
def test_no_rule_crashes_on_a_mangled_resource(rule: str) -> None:
    policy = RULES[rule]
    crashed = {}
    for case in [*CASES[rule].violating, *CASES[rule].conforming]:
        for index, resource in enumerate(case.resources):
            for where, props in mangled(resource.props):
                given = case.resources.copy()
                given[index] = replace(resource, props=props)
                try:
                    check(rule, given, case.stack, case.settings)
                    if isinstance(policy, ResourceValidationPolicy) and policy.remediate:
                        policy.remediate(resource_args(given[index], case.stack, case.settings))
                except (_NotApplicableError, UnknownValueError):
                    pass
                except Exception as error:
                    crashed[f"{resource.type}{where}"] = repr(error)
    assert crashed == {}


@pytest.mark.parametrize("resource", [None, [], [None], {}, [{"Fn::GetAtt": []}]])
def test_a_resource_that_names_none_is_a_finding_and_hides_no_other(resource: Any) -> None:
    [finding] = check("iam-no-wildcard-resource", [identity("bad", resource=resource)]).findings
    assert "allows sqs:SendMessage on a Resource that is null or not an ARN" in finding.message
    beside = [*(resource if isinstance(resource, list) else [resource]), "*"]
    both = check("iam-no-wildcard-resource", [identity("bad", resource=beside)]).findings
    assert "on '*'" in both[-1].message


@pytest.mark.parametrize(("count", "findings"), [("3", 1), ("5", 0), (5.0, 0), (None, 1)])
def test_a_number_given_as_text_counts(count: Any, findings: int) -> None:
    source, dlq = source_and_dlq(redrivePolicy=redrive(count=count))
    found = check("queue-receive-count-has-margin", [source, dlq, consumer()]).findings
    assert len(found) == findings
