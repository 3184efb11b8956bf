"""The pack over our own stacks, as the engine runs it, and over stacks with one thing broken."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable

import pytest
import yaml
from pulumi_policy import StackValidationPolicy

from local.workspace import ROOT
from policy.exemptions import INITIAL_CONFIG
from policy.rules import types as t
from tests.policy.analyzer import Analyzer, Diagnostic, Registered
from tests.policy.mutations import MUTATIONS, Mutable
from tests.policy.recorded import preview_of, registered, resources
from tests.policy.stack import RULES, R, check
from tests.unit import stacks
from tests.variants import MANY, STACKS, VARIANTS

Packs = Callable[[str], Analyzer]
Said = Callable[[str], list[Diagnostic]]


def documented_advisories() -> set[tuple[str, str]]:
    """(rule, resource) of each row under `Our own advisories` in docs/policy.md."""
    document = (ROOT / "docs" / "policy.md").read_text(encoding="utf-8")
    section = document.partition("## Our own advisories")[2]
    rows = re.findall(r"^\| `([^`]+)` \| `([^`]+)` \| ([^|]+) \|$", section, re.MULTILINE)
    assert all(reason.strip() for _, _, reason in rows)
    return {(rule, resource) for rule, resource, _ in rows}


def _told(diagnostics: list[Diagnostic]) -> str:
    return "\n".join(f"{d.level} {d.policy} on {d.urn}: {d.message}" for d in diagnostics)


@pytest.fixture(scope="module")
def said(packs: Packs) -> Said:
    """What the pack says of a variant, asked once."""

    @functools.cache
    def ask(variant: str) -> list[Diagnostic]:
        return packs(VARIANTS[variant][0]).run(resources(variant))

    return ask


@pytest.mark.parametrize("variant", MANY)
def test_stack_is_clean_of_violations(said: Said, variant: str) -> None:
    found = said(variant)
    violations = [d for d in found if d.level != "ADVISORY"]
    assert violations == [], _told(violations)
    assert {(d.policy, d.resource) for d in found} <= documented_advisories()


@pytest.mark.parametrize("stack", STACKS)
def test_advisories_of_the_stack_are_those_in_the_document(said: Said, stack: str) -> None:
    found = {(d.policy, d.resource) for d in said(stack)}
    # The prod stack does as AWS advises.
    advised = {"queue-visibility-has-margin", "queue-receive-count-has-margin"}
    expected = {each for each in documented_advisories() if each[0] not in advised}
    assert found == (expected if stack == "prod" else documented_advisories())


@pytest.mark.parametrize("variant", MANY)
def test_first_preview_stops_nothing(packs: Packs, variant: str) -> None:
    found = packs(VARIANTS[variant][0]).run(preview_of(variant))
    stopping = [d for d in found if d.level != "ADVISORY"]
    assert stopping == [], _told(stopping)
    decided = [d for d in found if "can't run policy" not in d.message]
    assert {(d.policy, d.resource) for d in decided} <= documented_advisories(), _told(decided)


def test_preview_decides_what_it_can(packs: Packs) -> None:
    # Timing of queues and functions, alarms and log groups are all linked by unknown values.
    found = packs("dev").run(preview_of("dev"))
    undecided = {d.policy for d in found if "can't run policy" in d.message}
    assert undecided <= {
        "iam-no-wildcard-action",
        "iam-no-wildcard-resource",
        "iam-resource-policy-closed",
        "queue-tls-only",
        "queue-receive-count-has-margin",
    }


@pytest.mark.parametrize("stack", STACKS)
def test_rules_in_process_say_the_same(said: Said, stack: str) -> None:
    recorded = resources(stack)
    names = {each.urn: f"{each.type} {each.name}" for each in recorded}
    given = [
        R(
            each.type,
            names[each.urn],
            {**each.inputs, **each.outputs},
            each.protect,
            each.provider_inputs,
            {p: [names[u] for u in urns if u in names] for p, urns in each.dependencies.items()},
        )
        for each in recorded
    ]
    here = set()
    for rule in RULES:
        configured = INITIAL_CONFIG.get(rule)
        settings = dict(configured) if isinstance(configured, dict) else {}
        settings.pop("enforcementLevel", None)
        for listed in ("exemptRoutes", "publicRoutes"):
            routes = settings.get(listed, [])
            settings[listed] = [route.replace("serverless-orders", "shop") for route in routes]
        for finding in check(rule, given, stack, settings).findings:
            here.add((rule, finding.resource.rpartition(" ")[2]))
    assert here == {(d.policy, d.resource) for d in said(stack)}


def test_there_is_a_mutation_for_every_rule() -> None:
    assert set(MUTATIONS) == set(RULES)


@pytest.mark.parametrize("rule", MUTATIONS)
def test_mutation_of_our_own_stack_is_caught_by_its_rule(packs: Packs, rule: str) -> None:
    mutation = MUTATIONS[rule]
    analyzer = packs(VARIANTS[mutation.variant][0])
    off = {other: {"enforcementLevel": "disabled"} for other in RULES if other != rule}
    analyzer.configure({**off, rule: mutation.settings})

    def said_of(subject: Registered, stack: Mutable) -> list[Diagnostic]:
        # A rule is of one kind, and the others are off.
        of_stacks = isinstance(RULES[rule], StackValidationPolicy)
        found = analyzer.analyze_stack(stack.resources) if of_stacks else analyzer.analyze(subject)
        return [d for d in found if (d.policy, d.urn) == (rule, subject.urn)]

    sound, broken = Mutable(resources(mutation.variant)), Mutable(resources(mutation.variant))
    mutation.prepare(sound)
    mutation.prepare(broken)
    subject = mutation.mutate(broken)
    before = [
        d for each in sound.resources if each.urn == subject.urn for d in said_of(each, sound)
    ]
    assert before == [], _told(before)
    named = said_of(subject, broken)
    assert named, f"{rule} said nothing of {subject.name}"
    assert f"{subject.name} ({subject.type}) " in named[0].message


def test_exemptions_name_rules_that_there_are() -> None:
    assert set(INITIAL_CONFIG) <= set(RULES)


def test_exempt_routes_are_routes_that_there_are() -> None:
    routes = {
        f"serverless-orders:{each.inputs['routeKey']}"
        for variant in ("dev", "regions")
        for each in resources(variant)
        if each.type == "aws:apigatewayv2/route:Route" and "authorizationType" not in each.inputs
    }
    configured = INITIAL_CONFIG["api-route-authorised"]
    assert isinstance(configured, dict)
    assert set(configured["exemptRoutes"]) == routes


def test_public_routes_of_production_are_routes_that_there_are() -> None:
    routes = {
        f"serverless-orders:{each.inputs['routeKey']}"
        for each in resources("regions")
        if each.type == "aws:apigatewayv2/route:Route" and "authorizationType" not in each.inputs
    }
    configured = INITIAL_CONFIG["api-production-authorised"]
    assert isinstance(configured, dict)
    assert set(configured["publicRoutes"]) == routes


def test_every_setting_of_the_program_is_in_a_variant() -> None:
    declared = yaml.safe_load((ROOT / "Pulumi.yaml").read_text(encoding="utf-8"))["config"]
    keys = {key for key in declared if ":" not in key}
    switched = {key.split(".")[0] for _, overrides in VARIANTS.values() for key in overrides}
    # The prod stack's own file sets the one; the others only set checks aside.
    assert keys - switched == {"production", "acceptedRisks", "publicApi"}


def test_a_public_api_in_production_has_its_routes_listed(packs: Packs) -> None:
    recorded = [
        each
        for each in registered(stacks.recording("prod", auth="none", publicApi=True))
        if each.type == t.HTTP_ROUTE
    ]
    analyzer = packs("prod")
    analyzer.configure({})
    named = {each.inputs["routeKey"] for each in recorded}
    found = [d for d in analyzer.run(recorded) if d.policy == "api-production-authorised"]
    assert len(found) == len(named) > 2
    analyzer.configure(
        {"api-production-authorised": {"publicRoutes": [f"serverless-orders:{r}" for r in named]}}
    )
    assert [d for d in analyzer.run(recorded) if d.policy == "api-production-authorised"] == []
