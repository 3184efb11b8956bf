"""A system in several regions: what its home stack makes, and what the others do with it."""

import json
from typing import Any

import pulumi
import pytest

from components.regions import home_of
from tests.recorder import Recording, deploy_stack
from tests.unit import stacks

HOME, OTHER = stacks.REGIONS["members"]
MAPPING = "aws:lambda/eventSourceMapping:EventSourceMapping"


def variables(recorded: Recording, label: str) -> dict[str, str]:
    found: dict[str, str] = stacks.function(recorded, label).inputs["environment"]["variables"]
    return found


def test_one_region_has_nothing_of_several() -> None:
    recorded = stacks.recording("dev")
    for table in recorded.of(stacks.TABLE):
        assert not {"replicas", "globalTableWitness"} & table.inputs.keys()
    for label in stacks.functions("dev"):
        assert not {"REGIONS", "ADOPT_AFTER_SECONDS"} & variables(recorded, label).keys()
    assert "regions" not in recorded.outputs
    assert "GET /health" not in {each.inputs["routeKey"] for each in recorded.of(stacks.ROUTE)}
    filters = recorded.one(MAPPING, "orders-publish-changes-stream").inputs["filterCriteria"]
    assert "region" not in json.dumps(filters)


@pytest.mark.parametrize(
    ("settings", "safe"), [({"regions": stacks.REGIONS}, False), (stacks.EVERYTHING, True)]
)
def test_replicas_are_protected_as_the_home_regions_table(
    settings: dict[str, Any], safe: bool
) -> None:
    recorded = stacks.recording("dev", **settings)
    tables = {each.name: each.inputs for each in recorded.of(stacks.TABLE)}
    for name in ("orders", "orders-history"):
        table = tables[name]
        assert table["streamViewType"] == "NEW_AND_OLD_IMAGES"
        assert table["replicas"] == [
            {
                "regionName": OTHER,
                "pointInTimeRecovery": safe,
                "deletionProtectionEnabled": safe,
                "propagateTags": True,
            }
        ]
    assert "replicas" not in tables.get("orders-limits", {})


@pytest.mark.parametrize("settings", [{}, stacks.EVERYTHING], ids=["without sign-in", "signed in"])
def test_another_region_makes_no_table_no_pool_and_no_secret_of_its_own(
    settings: dict[str, Any],
) -> None:
    home, further = stacks.two_regions("dev", **settings)
    made = {each.name for each in further.of(stacks.TABLE)}
    assert made == ({"orders-limits"} if settings else set())
    assert not further.of("aws:cognito/userPool:UserPool")
    for label in ("create-order", "process-order", "republish-pending", "get-order"):
        here, there = variables(home, label), variables(further, label)
        for name in ("ORDERS_TABLE_NAME", "ORDER_ID_KEY", "CURRENCY", "REGIONS"):
            assert here.get(name) == there.get(name), (label, name)
        assert {"ORDER_EVENTS_QUEUE_URL"} & here.keys() == {"ORDER_EVENTS_QUEUE_URL"} & there.keys()
    if settings:
        assert (
            variables(home, "list-orders")["CURSOR_KEY"]
            == (variables(further, "list-orders")["CURSOR_KEY"])
        )
        configured = [
            recorded.one("aws:apigatewayv2/authorizer:Authorizer").inputs["jwtConfiguration"]
            for recorded in (home, further)
        ]
        assert configured[0] == configured[1]
    history = home.one(stacks.TABLE, "orders-history").outputs["name"]
    assert variables(further, "record-history")["HISTORY_TABLE_NAME"] == history
    told = home.outputs["regions"][OTHER]
    stream = further.one(MAPPING, "orders-publish-changes-stream").inputs["eventSourceArn"]
    assert stream == told["tableStreamArn"]
    assert f":{OTHER}:" in stream


def test_what_the_home_region_tells_is_a_secret() -> None:
    recorded = stacks.recording("dev", regions=stacks.REGIONS)
    secret = recorded.one(stacks.STASH, "orders-order-id-key").outputs["output"]
    assert recorded.outputs["regions"][OTHER]["orderIdKey"] == secret
    system = recorded.one("serverless-orders:index:OrderSystem")
    assert secret not in str([each.inputs for each in recorded.registrations if not each.secrets])
    assert system.name == "orders"


def test_only_the_processor_may_write_in_the_heirs_replica_and_only_that_alone() -> None:
    _, recorded = stacks.two_regions("dev")
    there = f"arn:aws:dynamodb:{HOME}:123456789012:table/Orders"
    holders = {
        function.name: (statement["Action"], statement["Resource"])
        for function in recorded.of(stacks.FUNCTION)
        for statement in stacks.statements(
            recorded, stacks.role_of(recorded, function.inputs["role"])
        )
        if any(f":{HOME}:" in resource for resource in statement["Resource"])
    }
    assert holders == {"orders-process-order": (["dynamodb:UpdateItem"], [there])}


def test_health_needs_no_token_and_has_no_version() -> None:
    for recorded in stacks.two_regions("dev", **stacks.EVERYTHING):
        routes = {each.inputs["routeKey"]: each.inputs for each in recorded.of(stacks.ROUTE)}
        assert [each for each in routes if "health" in each] == ["GET /health"]
        assert "authorizationType" not in routes["GET /health"]
        open_ = {key for key, inputs in routes.items() if not inputs.get("authorizationType")}
        assert open_ == {"GET /health"}
        role = stacks.role_of(recorded, stacks.function(recorded, "health").inputs["role"])
        actions = {
            action
            for each in stacks.statements(recorded, role)
            for action in each["Action"]
            if not action.startswith(("logs:", "xray:"))
        }
        assert actions == {"dynamodb:GetItem", "sqs:GetQueueAttributes"}
        assert "CALLER_LIMIT_PER_MINUTE" not in variables(recorded, "health")


def test_domain_leads_to_each_region_and_its_proof_is_homes() -> None:
    both = stacks.two_regions("dev", **stacks.EVERYTHING)
    for recorded in both:
        check = recorded.one("aws:route53/healthCheck:HealthCheck").inputs
        assert check["resourcePath"] == "/health"
        assert f"https://{check['fqdn']}" == recorded.outputs["apiUrl"]
        mapping = recorded.one("aws:apigatewayv2/apiMapping:ApiMapping").inputs
        assert mapping["apiId"] == recorded.one(stacks.API).id
        assert recorded.outputs["domainUrl"] == "https://api.example.com"
    names = [{each.name for each in it.of("aws:route53/record:Record")} for it in both]
    assert names == [{"orders-domain", "orders-domain-validation"}, {"orders-domain"}]
    assert not any(
        each.type.startswith(("aws:acm/", "aws:route53/"))
        for each in stacks.two_regions("dev")[0].registrations
    )


def test_stack_tells_what_adoption_has_to_know() -> None:
    home, other = stacks.two_regions("dev")
    told = {"members": [HOME, OTHER], "adoptAfterMinutes": 15, "adoptionMarginSeconds": 360}
    assert home.outputs["region"] == {"here": HOME, **told}
    assert other.outputs["region"] == {"here": OTHER, "homeStack": stacks.HOME_STACK, **told}
    assert "region" not in stacks.recording("dev").outputs


def further(told: dict[str, Any], **config: Any) -> Recording:
    regions = {**stacks.REGIONS, "homeStack": stacks.HOME_STACK}
    config = {"region": OTHER, "regions": regions, "events": False, **config}
    return deploy_stack("dev", config, other_stacks={stacks.HOME_STACK: told})


def test_a_region_that_the_home_stack_does_not_know_says_what_to_do() -> None:
    with pytest.raises(pulumi.RunError, match=f"knows nothing of {OTHER}; deploy its stack"):
        further({"regions": {"eu-central-1": {}}})


def test_prices_are_in_the_home_regions_currency() -> None:
    home, _ = stacks.two_regions("dev")
    with pytest.raises(pulumi.RunError, match="currency: expected 'EUR' as in the home region"):
        further(home.outputs, currency="JPY")


def test_synthetic_orders_of_another_region_are_placed_by_the_home_regions_machine() -> None:
    home, other = stacks.two_regions("dev", **stacks.EVERYTHING)
    assert not other.of(stacks.USER_POOL_CLIENT)
    here, there = (variables(each, "synthetic-order") for each in (home, other))
    for name in ("SYNTHETIC_TOKEN_URL", "SYNTHETIC_CLIENT_ID", "SYNTHETIC_CLIENT_SECRET"):
        assert here[name] == there[name], name
    assert stacks.function(other, "synthetic-order").secrets == {"environment"}
    configured = [each.one(stacks.AUTHORIZER).inputs["jwtConfiguration"] for each in (home, other)]
    assert configured[0] == configured[1]
    assert here["SYNTHETIC_CLIENT_ID"] in configured[0]["audiences"]


def test_a_region_whose_home_region_lacks_a_setting_says_which() -> None:
    home, _ = stacks.two_regions("dev", **stacks.EVERYTHING)
    told = home.outputs["regions"][OTHER]
    without = {key: value for key, value in told.items() if not key.startswith("synthetic")}
    with pytest.raises(
        pulumi.RunError, match=r"synthetic\.rateMinutes: the home region .* has not"
    ):
        further({"regions": {OTHER: without}}, auth="cognito", synthetic={"rateMinutes": 5})


def test_strong_consistency_is_of_the_table_of_orders_alone() -> None:
    regions = {
        "members": ["us-east-1", "us-west-2"],
        "strongConsistency": True,
        "witness": "us-east-2",
    }
    recorded = stacks.recording("dev", regions=regions)
    orders = recorded.one(stacks.TABLE, "orders").inputs
    assert [each["consistencyMode"] for each in orders["replicas"]] == ["STRONG"]
    assert orders["globalTableWitness"] == {"regionName": "us-east-2"}
    history = recorded.one(stacks.TABLE, "orders-history").inputs
    assert "consistencyMode" not in history["replicas"][0]
    assert "globalTableWitness" not in history
    # DynamoDB publishes no ReplicationLatency of such tables.
    assert not [each for each in recorded.of(stacks.ALARM) if "replication" in each.name]


def test_each_region_keeps_the_place_that_it_had() -> None:
    recorded = stacks.recording("dev", regions=stacks.REGIONS)
    kept = {
        each.name: each.inputs["input"]
        for each in recorded.of(stacks.STASH)
        if "-region-" in each.name
    }
    assert kept == {"orders-region-0": HOME, "orders-region-1": OTHER}
    assert home_of({"members": [HOME, OTHER]}) == HOME
