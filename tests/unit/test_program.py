"""The program as a whole: what it exports, to whom resources belong, what protects them."""

import ast
import json
from typing import Any

import pulumi
import pytest

from local.workspace import ROOT
from tests.recorder import COMPONENT_PREFIX, REGION, Recording, Registration
from tests.unit import stacks

every_stack = pytest.mark.parametrize("stack", ["dev", "prod", "local"])

COMPONENTS = {
    "OrderSystem": {"orders"},
    "Table": {"orders", "orders-history"},
    "Queue": {"orders-events"},
    "Bucket": {"orders-unpublished"},
    "EventBus": {"orders-bus"},
    "HttpApi": {"orders-api"},
    "Observability": {"orders-observability"},
}


@every_stack
def test_outputs_are_those_that_callers_and_operators_need(stack: str) -> None:
    recorded = stacks.recording(stack)
    names = {each.name: each.outputs["name"] for each in recorded.of(stacks.FUNCTION)}

    assert recorded.outputs == {
        "apiUrl": recorded.one(stacks.API).outputs["apiEndpoint"],
        "ordersTableName": "Orders",
        "orderEventsQueueUrl": recorded.one(stacks.QUEUE, "orders-events").outputs["url"],
        "orderEventsDlqUrl": recorded.one(stacks.QUEUE, "orders-events-dlq").outputs["url"],
        "orderEventsBusName": recorded.one(stacks.BUS).outputs["name"],
        "unpublishedEventsBucketName": bucket_name(recorded, "unpublished"),
        **({"importsBucketName": bucket_name(recorded, "imports")} if stack == "local" else {}),
        "dashboardUrl": recorded.outputs["dashboardUrl"],
        **(sign_in_outputs(recorded) if stack == "prod" else {}),
        "functionNames": {
            each.name: names[f"orders-{each.label}"] for each in stacks.declared(stack)
        },
    }


def sign_in_outputs(recorded: Recording) -> dict[str, Any]:
    pool = recorded.one(stacks.USER_POOL)
    domain = recorded.one(stacks.USER_POOL_DOMAIN).outputs["domain"]
    machines = recorded.one(stacks.USER_POOL_CLIENT, "orders-users-machines")
    return {
        "issuer": f"https://{pool.outputs['endpoint']}",
        "userPoolId": pool.id,
        "signInUrl": f"https://{domain}.auth.{REGION}.amazoncognito.com",
        "pageClientId": recorded.one(stacks.USER_POOL_CLIENT, "orders-users-pages").id,
        "machineClientId": machines.id,
        "machineClientSecret": machines.outputs["clientSecret"],
    }


def bucket_name(recorded: Recording, label: str) -> str:
    name: str = recorded.one(stacks.BUCKET, f"orders-{label}").outputs["bucket"]
    return name


@every_stack
def test_nothing_is_registered_outside_a_component_but_the_provider(stack: str) -> None:
    recorded = stacks.recording(stack)
    outside = [
        each
        for each in recorded.registrations
        if not any(COMPONENT_PREFIX in ancestor for ancestor in ancestors(recorded, each))
    ]
    assert {(each.type, each.name) for each in outside} == {
        (stacks.PROVIDER, "aws"),
        (f"{COMPONENT_PREFIX}OrderSystem", "orders"),
    }


def ancestors(recorded: Recording, each: Registration) -> list[str]:
    """The types of a resource's parents, the nearest first."""
    types = []
    while "pulumi:pulumi:Stack::" not in each.parent:
        each = recorded.by_urn(each.parent)
        types.append(each.type)
    return types


@every_stack
def test_components_are_composed_as_designed(stack: str) -> None:
    recorded = stacks.recording(stack)
    found: dict[str, set[str]] = {}
    for each in recorded.registrations:
        if not each.custom:
            found.setdefault(each.type.removeprefix(COMPONENT_PREFIX), set()).add(each.name)
    functions = {f"orders-{each}" for each in stacks.functions(stack)}
    imports = {"orders-imports"} if stack == "local" else set()
    consumers = {f"orders-{each}" for each in stacks.consumers(stack)}
    assert found == {
        **COMPONENTS,
        **({"UserPool": {"orders-users"}} if stack == "prod" else {}),
        "Table": COMPONENTS["Table"] | ({"orders-limits"} if stack == "prod" else set()),
        "Bucket": COMPONENTS["Bucket"] | imports,
        "EventConsumer": consumers,
        "Queue": COMPONENTS["Queue"] | consumers,
        "PythonFunction": functions,
    }


@every_stack
def test_every_resource_and_call_goes_to_the_programs_own_provider(stack: str) -> None:
    recorded = stacks.recording(stack)
    provider = recorded.one(stacks.PROVIDER)
    reference = f"{provider.urn}::{provider.id}"
    for each in recorded.registrations:
        if each.custom and each is not provider and each.type != stacks.STASH:
            assert each.provider == reference, each
    assert recorded.invocations
    for call in recorded.invocations:
        assert call.provider == reference, call.token


def provider_inputs(stack: str = "dev", **overrides: Any) -> dict[str, Any]:
    return stacks.recording(stack, **overrides).one(stacks.PROVIDER).inputs


def test_provider_has_the_region_and_the_accounts_of_the_configuration() -> None:
    assert provider_inputs()["region"] == "us-east-1"
    assert "allowedAccountIds" not in provider_inputs()
    configured = provider_inputs(**stacks.OTHER_VALUES)
    assert configured["region"] == "eu-central-1"
    assert json.loads(configured["allowedAccountIds"]) == ["123456789012"]


@every_stack
def test_every_resource_is_tagged_by_the_provider(stack: str) -> None:
    assert json.loads(provider_inputs(stack)["defaultTags"]) == {
        "tags": {
            "project": "serverless-orders",
            "stack": stack,
            "managed-by": "pulumi",
            "environment": stack,
        }
    }


def test_tags_can_be_added() -> None:
    tags = json.loads(provider_inputs(**stacks.OTHER_VALUES)["defaultTags"])["tags"]
    assert tags["owner"] == "shop"
    assert tags["stack"] == "dev"


# Production protection


def protected(recorded: Recording) -> set[str]:
    return {each.name for each in recorded.registrations if each.protect}


# What a setting adds and takes away again while the stack goes on.
COMES_AND_GOES = {"aws:sns/topicSubscription:TopicSubscription", "aws:iam/rolePolicy:RolePolicy"}
WITH_ALL_THAT_COMES_AND_GOES = {
    "alarms.emails": ["on-call@example.com", "shop@example.com"],
    "vpc.subnetIds": ["subnet-0a1b2c3d", "subnet-0e4f5a6b"],
    "vpc.securityGroupIds": ["sg-0a1b2c3d"],
}


def test_production_protects_the_whole_system_from_pulumi() -> None:
    recorded = stacks.recording("prod")
    exposed = {each.type for each in recorded.registrations if not each.protect}
    # The provider goes after all else.
    assert exposed <= COMES_AND_GOES | {stacks.PROVIDER}
    assert protected(recorded) > {"orders", "orders-api", "orders-events", "orders-get-order"}


def test_what_a_protected_stack_can_lose_goes_only_after_something_protected() -> None:
    """A destroy without a preview deletes all but what something protected depends on."""
    recorded = stacks.recording("prod", **WITH_ALL_THAT_COMES_AND_GOES)
    exposed = [each for each in recorded.registrations if each.custom and not each.protect]
    needed = {urn for each in recorded.registrations if each.protect for urn in each.dependencies}

    assert {each.type for each in exposed} == COMES_AND_GOES | {stacks.PROVIDER}
    assert [each.name for each in exposed if each.urn not in needed] == ["aws"]


def test_production_protects_the_table_from_everybody() -> None:
    table = stacks.recording("prod").one(stacks.TABLE, "orders")
    assert table.inputs["deletionProtectionEnabled"] is True
    assert table.inputs["pointInTimeRecovery"] == {"enabled": True}


@pytest.mark.parametrize("stack", ["dev", "local"])
def test_development_can_be_thrown_away(stack: str) -> None:
    recorded = stacks.recording(stack)
    table = recorded.one(stacks.TABLE, "orders")

    assert protected(recorded) == set()
    assert table.inputs["deletionProtectionEnabled"] is False
    assert table.inputs["pointInTimeRecovery"] == {"enabled": False}


@pytest.mark.parametrize(
    ("settings", "on"),
    [
        (stacks.OTHER_VALUES, (True, False, False)),
        (stacks.LEAST, (False, True, False)),
        ({"protect": True}, (False, False, True)),
    ],
)
def test_each_protection_can_be_switched_on_alone(
    settings: dict[str, Any], on: tuple[bool, ...]
) -> None:
    recorded = stacks.recording("dev", **settings)
    table = recorded.one(stacks.TABLE, "orders")
    assert on == (
        table.inputs["pointInTimeRecovery"]["enabled"],
        table.inputs["deletionProtectionEnabled"],
        table.protect,
    )
    assert bool(protected(recorded)) == table.protect


# Preview


@every_stack
def test_a_preview_registers_the_same_resources_though_nothing_is_known_yet(stack: str) -> None:
    planned = stacks.recording(stack, preview=True)
    made = stacks.recording(stack)

    assert {each.urn for each in planned.registrations} == {each.urn for each in made.registrations}
    # Otherwise nothing was unknown and this has shown nothing.
    role = stacks.function(planned, "create-order").inputs["role"]
    assert isinstance(role, pulumi.output.Unknown)


# What the sources may not do


@pytest.mark.parametrize(
    "path", sorted((ROOT / "components").rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT))
)
def test_component_neither_reads_configuration_nor_makes_a_provider(path: Any) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        name = getattr(node, "attr", None) or getattr(node, "id", None)
        assert name not in {"Config", "Provider", "get_stack", "get_project", "export"}, (
            f"{path.name}:{getattr(node, 'lineno', '?')} uses {name}"
        )


@pytest.mark.parametrize(
    ("overrides", "shards"),
    [
        ({}, 4),
        (stacks.EVERYTHING, 40),  # throttle.createRate 10_000
        (stacks.LEAST, 256),  # 100_000
        (stacks.OTHER_VALUES, 7),  # as is said
    ],
)
def test_pending_orders_are_spread_as_the_rate_needs(
    overrides: dict[str, Any], shards: int
) -> None:
    recorded = stacks.recording(**overrides)
    told = {
        each.name.removeprefix("orders-"): each.inputs["environment"]["variables"]["PENDING_SHARDS"]
        for each in recorded.of(stacks.FUNCTION)
        if "PENDING_SHARDS" in each.inputs["environment"]["variables"]
    }
    writers = ["create-order", "republish-pending"]
    if overrides is stacks.EVERYTHING:
        writers += ["import-orders", "check-before-traffic"]
    assert told == dict.fromkeys(writers, str(shards))
