"""Resources as the policy pack is given them, and the pack's rules called in this process."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pulumi_policy import (
    Policy,
    PolicyCustomTimeouts,
    PolicyProviderResource,
    PolicyResource,
    PolicyResourceOptions,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.policy import _NotApplicableError
from pulumi_policy.proxy import (
    UNKNOWN_STRING_VALUE as UNKNOWN,
)
from pulumi_policy.proxy import UnknownValueError, unknown_checking_proxy

from policy.rules import POLICIES

RULES: dict[str, Policy] = {policy.name: policy for policy in POLICIES}

__all__ = ["RULES", "UNKNOWN", "Finding", "Outcome", "R", "check", "resource_args"]


@dataclass
class R:
    """A resource: its inputs (for stack rules its outputs too) and what they came from."""

    type: str
    name: str
    props: dict[str, Any] = field(default_factory=dict)
    protect: bool = False
    provider_tags: Mapping[str, Any] | None = None
    # property -> names of the resources that it was computed from
    computed_from: dict[str, list[str]] = field(default_factory=dict)

    def urn(self, stack: str) -> str:
        return f"urn:pulumi:{stack}::shop::{self.type}::{self.name}"


@dataclass(frozen=True)
class Finding:
    resource: str
    message: str


@dataclass
class Outcome:
    """What one rule said of some resources."""

    findings: list[Finding] = field(default_factory=list)
    not_applicable: list[str] = field(default_factory=list)
    undecided: list[str] = field(default_factory=list)


def check(
    rule: str,
    resources: Sequence[R],
    stack: str = "dev",
    settings: Mapping[str, Any] | None = None,
) -> Outcome:
    """Run one rule over resources, each kind of rule as the SDK's server calls it."""
    policy = RULES[rule]
    if isinstance(policy, StackValidationPolicy):
        return _check_stack(policy, resources, stack, settings)
    assert isinstance(policy, ResourceValidationPolicy)
    outcome = Outcome()
    for resource in resources:
        args = resource_args(resource, stack, settings)

        def report(message: str, urn: str | None = None, name: str = resource.name) -> None:
            outcome.findings.append(Finding(name, message))

        with _Answers(outcome):
            policy.validate(args, report)
    return outcome


def resource_args(
    resource: R, stack: str = "dev", settings: Mapping[str, Any] | None = None
) -> ResourceValidationArgs:
    return ResourceValidationArgs(
        resource.type,
        unknown_checking_proxy(copy.deepcopy(resource.props)),
        resource.urn(stack),
        resource.name,
        _options(resource),
        _provider(resource),
        settings,
    )


def _check_stack(
    policy: StackValidationPolicy,
    resources: Iterable[R],
    stack: str,
    settings: Mapping[str, Any] | None,
) -> Outcome:
    outcome = Outcome()
    given = {
        r.name: PolicyResource(
            r.type,
            unknown_checking_proxy(copy.deepcopy(r.props)),
            r.urn(stack),
            r.name,
            _options(r),
            _provider(r),
            None,
            [],
            {},
        )
        for r in resources
    }
    for r in resources:
        given[r.name].property_dependencies = {
            path: [given[name] for name in names] for path, names in r.computed_from.items()
        }

    def report(message: str, urn: str | None = None) -> None:
        assert urn, "a stack rule has to say which resource it is about"
        outcome.findings.append(Finding(urn.rpartition("::")[2], message))

    with _Answers(outcome):
        policy.validate(StackValidationArgs(list(given.values()), settings), report)
    return outcome


class _Answers:
    """Notes what the SDK's server would answer for the exceptions that it knows."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> bool:
        if isinstance(error, _NotApplicableError):
            self.outcome.not_applicable.append(error.reason or "")
        elif isinstance(error, UnknownValueError):
            self.outcome.undecided.append(error.message)
        else:
            return False
        return True


def _options(resource: R) -> PolicyResourceOptions:
    return PolicyResourceOptions(
        resource.protect, [], None, [], PolicyCustomTimeouts(0, 0, 0), [], None
    )


def _provider(resource: R) -> PolicyProviderResource | None:
    if resource.provider_tags is None:
        return None
    props = unknown_checking_proxy(dict(resource.provider_tags))
    return PolicyProviderResource("pulumi:providers:aws", props, "urn", "aws")
