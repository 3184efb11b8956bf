"""The pack over gRPC: what it says of itself, its configuration, mending and unknown values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from google.protobuf import json_format
from pulumi.runtime.proto import analyzer_pb2
from pulumi_policy.deserialize import SPECIAL_SECRET_SIG, SPECIAL_SIG_KEY

from policy.rules import POLICIES, types
from tests.policy.analyzer import PACK, Analyzer, Registered, running_pack
from tests.policy.stack import UNKNOWN


@pytest.fixture(scope="module")
def pack() -> Iterator[Analyzer]:
    with running_pack(project="shop") as analyzer:
        yield analyzer


@pytest.fixture
def analyzer(pack: Analyzer) -> Iterator[Analyzer]:
    yield pack
    pack.configure()


def registered(kind: str, inputs: dict[str, Any] | None = None, **more: Any) -> Registered:
    urn = f"urn:pulumi:dev::shop::{kind}::subject"
    return Registered(kind, "subject", urn, inputs or {}, **more)


def policies_of(analyzer: Analyzer, resource: Registered) -> dict[str, str]:
    return {found.policy: found.level for found in analyzer.analyze(resource)}


def test_pack_tells_every_rule_with_its_level_and_settings(analyzer: Analyzer) -> None:
    told = {policy.name: policy for policy in analyzer.info().policies}
    assert set(told) == {policy.name for policy in POLICIES}
    for policy in POLICIES:
        level = analyzer_pb2.EnforcementLevel.Name(told[policy.name].enforcementLevel)
        assert policy.enforcement_level is not None
        assert level == policy.enforcement_level.name
        settings = json_format.MessageToDict(told[policy.name].configSchema.properties)
        declared = policy.config_schema.properties if policy.config_schema else {}
        assert settings == declared
        assert told[policy.name].remediation_steps


def test_initial_configuration_keeps_each_rule_at_its_level(analyzer: Analyzer) -> None:
    info = analyzer.info()
    levels = {policy.name: policy.enforcementLevel for policy in info.policies}
    assert {name: config.enforcementLevel for name, config in info.initialConfig.items()} == {
        name: levels[name] for name in info.initialConfig
    }
    assert "api-route-authorised" in info.initialConfig


def test_pack_has_a_name_and_a_version(analyzer: Analyzer) -> None:
    assert analyzer.info().name == "serverless"
    assert yaml.safe_load((PACK / "PulumiPolicy.yaml").read_text())["version"]


def test_configured_level_replaces_the_rule_s_own(analyzer: Analyzer) -> None:
    table = registered(types.TABLE)
    assert policies_of(analyzer, table)["table-encrypted"] == "MANDATORY"
    analyzer.configure({"table-encrypted": {"enforcementLevel": "advisory"}})
    assert policies_of(analyzer, table)["table-encrypted"] == "ADVISORY"
    analyzer.configure({"table-encrypted": {"enforcementLevel": "disabled"}})
    assert "table-encrypted" not in policies_of(analyzer, table)


def test_configured_settings_reach_the_rule(analyzer: Analyzer) -> None:
    function = registered(types.FUNCTION, {"timeout": 90, "memorySize": 512})
    assert "function-timeout" in policies_of(analyzer, function)
    analyzer.configure({"function-timeout": {"maximum": 90}})
    assert "function-timeout" not in policies_of(analyzer, function)

    group = registered(types.LOG_GROUP, {"retentionInDays": 30})
    assert "log-group-encrypted" in analyzer.not_applicable(group)
    analyzer.configure({"log-group-encrypted": {"requireOwnKey": True}})
    assert policies_of(analyzer, group)["log-group-encrypted"] == "MANDATORY"


def test_rules_work_before_the_engine_configures_them() -> None:
    with running_pack() as analyzer:
        analyzer._stub.Configure(analyzer_pb2.ConfigureAnalyzerRequest())
        found = policies_of(analyzer, registered(types.FUNCTION, {"timeout": 61}))
    assert found["function-timeout"] == "MANDATORY"


def test_exemption_of_this_project_does_not_hold_for_another(analyzer: Analyzer) -> None:
    def with_project(project: str) -> Registered:
        urn = f"urn:pulumi:dev::{project}::{types.HTTP_ROUTE}::subject"
        return Registered(types.HTTP_ROUTE, "subject", urn, {"routeKey": "POST /orders"})

    assert "api-route-authorised" not in policies_of(analyzer, with_project("serverless-orders"))
    assert "api-route-authorised" in policies_of(analyzer, with_project("shop"))


def test_stack_is_production_by_its_configuration_too() -> None:
    table = registered(types.TABLE)
    with running_pack(project="shop", config={"shop:production": "true"}) as analyzer:
        assert "table-deletion-protection" in policies_of(analyzer, table)
    with running_pack(project="shop", config={"shop:production": "false"}) as analyzer:
        assert "table-deletion-protection" in analyzer.not_applicable(table)


def test_protect_reaches_the_rule() -> None:
    with running_pack(project="shop", config={"shop:production": "true"}) as analyzer:
        assert "table-protect" in policies_of(analyzer, registered(types.TABLE))
        protected = registered(types.TABLE, protect=True)
        assert "table-protect" not in policies_of(analyzer, protected)


# --- mending ---------------------------------------------------------------------------------


def mended(analyzer: Analyzer, resource: Registered) -> dict[str, dict[str, Any]]:
    return {
        remediation.policyName: json_format.MessageToDict(remediation.properties)
        for remediation in analyzer.remediate(resource)
    }


def test_missing_retention_is_added_and_then_conforms(analyzer: Analyzer) -> None:
    group = registered(types.LOG_GROUP, {"name": "api", "tags": {"project": "p", "stack": "s"}})
    remedies = mended(analyzer, group)
    assert set(remedies) == {"log-group-retention"}
    assert remedies["log-group-retention"]["retentionInDays"] == 365
    assert remedies["log-group-retention"]["name"] == "api"
    again = registered(types.LOG_GROUP, remedies["log-group-retention"])
    assert policies_of(analyzer, again) == {}


def test_retention_that_is_set_is_left_to_its_owner(analyzer: Analyzer) -> None:
    for days in (1, UNKNOWN):
        group = registered(types.LOG_GROUP, {"retentionInDays": days})
        assert "log-group-retention" not in mended(analyzer, group)


def test_missing_tags_are_added_beside_those_that_are_there(analyzer: Analyzer) -> None:
    queue = registered(types.QUEUE, {"tags": {"owner": "shop", "project": "mine"}})
    tags = mended(analyzer, queue)["required-tags"]["tags"]
    assert tags == {"owner": "shop", "project": "mine", "stack": "dev"}
    bare = mended(analyzer, registered(types.QUEUE))["required-tags"]["tags"]
    assert bare == {"project": "shop", "stack": "dev"}


def test_tags_of_the_provider_count(analyzer: Analyzer) -> None:
    for default_tags in ({"tags": {"project": "p"}}, '{"tags": {"project": "p"}}'):
        queue = registered(types.QUEUE, provider_inputs={"defaultTags": default_tags})
        assert mended(analyzer, queue)["required-tags"]["tags"] == {"stack": "dev"}


def test_secret_and_unknown_inputs_survive_mending(analyzer: Analyzer) -> None:
    secret = {SPECIAL_SIG_KEY: SPECIAL_SECRET_SIG, "value": "hush"}
    queue = registered(types.QUEUE, {"name": secret, "tags": {"owner": secret, "cost": UNKNOWN}})
    properties = mended(analyzer, queue)["required-tags"]
    assert properties["name"] == secret
    assert properties["tags"]["owner"] == secret
    assert properties["tags"]["cost"] == UNKNOWN
    assert properties["tags"]["project"] == "shop"


def test_tags_that_are_not_known_yet_are_left_alone(analyzer: Analyzer) -> None:
    assert mended(analyzer, registered(types.QUEUE, {"tags": UNKNOWN})) == {}


def test_tag_that_cannot_be_mended_is_a_violation(analyzer: Analyzer) -> None:
    analyzer.configure({"required-tags": {"required": ["owner"]}})
    queue = registered(types.QUEUE)
    assert mended(analyzer, queue) == {}
    assert policies_of(analyzer, queue)["required-tags"] == "MANDATORY"


def test_mending_can_be_turned_off(analyzer: Analyzer) -> None:
    analyzer.configure({"required-tags": {"enforcementLevel": "mandatory"}})
    assert mended(analyzer, registered(types.QUEUE)) == {}


# --- values that a preview does not know -------------------------------------------------------

SUBJECTS: dict[str, dict[str, Any]] = {
    types.ROLE_POLICY: {"policy": UNKNOWN},
    types.ROLE: {"assumeRolePolicy": UNKNOWN, "managedPolicyArns": UNKNOWN, "tags": UNKNOWN},
    types.QUEUE: {
        "redrivePolicy": UNKNOWN,
        "messageRetentionSeconds": UNKNOWN,
        "kmsMasterKeyId": UNKNOWN,
        "visibilityTimeoutSeconds": UNKNOWN,
        "policy": UNKNOWN,
        "arn": UNKNOWN,
        "name": UNKNOWN,
        "url": UNKNOWN,
    },
    types.QUEUE_POLICY: {"policy": UNKNOWN, "queueUrl": UNKNOWN},
    types.FUNCTION: {
        "name": UNKNOWN,
        "timeout": UNKNOWN,
        "memorySize": UNKNOWN,
        "runtime": UNKNOWN,
        "role": UNKNOWN,
        "tracingConfig": UNKNOWN,
        "environment": UNKNOWN,
        "loggingConfig": UNKNOWN,
        "tags": UNKNOWN,
    },
    types.EVENT_SOURCE_MAPPING: {
        "eventSourceArn": UNKNOWN,
        "functionName": UNKNOWN,
        "functionResponseTypes": UNKNOWN,
    },
    types.PERMISSION: {"principal": UNKNOWN, "sourceArn": UNKNOWN, "function": UNKNOWN},
    types.TABLE: {"serverSideEncryption": UNKNOWN, "tags": UNKNOWN},
    types.TOPIC: {"kmsMasterKeyId": UNKNOWN, "policy": UNKNOWN},
    types.HTTP_API: {"corsConfiguration": UNKNOWN, "id": UNKNOWN},
    types.HTTP_ROUTE: {"authorizationType": UNKNOWN, "routeKey": UNKNOWN},
    types.HTTP_STAGE: {"defaultRouteSettings": UNKNOWN, "accessLogSettings": UNKNOWN},
    types.LOG_GROUP: {"retentionInDays": UNKNOWN, "name": UNKNOWN},
    types.METRIC_ALARM: {
        "metricName": UNKNOWN,
        "namespace": UNKNOWN,
        "dimensions": UNKNOWN,
        "metricQueries": UNKNOWN,
        "alarmActions": UNKNOWN,
    },
}


@pytest.mark.parametrize("kind", SUBJECTS)
def test_unknown_inputs_stop_nothing(analyzer: Analyzer, kind: str) -> None:
    for found in analyzer.run([registered(kind, {**SUBJECTS[kind], "tags": UNKNOWN})]):
        undecided = found.level == "ADVISORY" and "can't run policy" in found.message
        lacks_alarms = found.policy.endswith("-has-alarms")
        owns_no_log_group = found.policy == "function-owns-log-group"
        assert undecided or lacks_alarms or owns_no_log_group, found


def test_unknown_input_hides_no_violation_elsewhere(analyzer: Analyzer) -> None:
    def queue(name: str, **inputs: Any) -> Registered:
        return Registered(types.QUEUE, name, f"urn:pulumi:dev::shop::{types.QUEUE}::{name}", inputs)

    found = analyzer.analyze_stack(
        [queue("unknown", policy=UNKNOWN, arn=UNKNOWN), queue("open", arn="arn:aws:sqs:r:1:open")]
    )
    assert ("queue-tls-only", "MANDATORY", "open") in {
        (d.policy, d.level, d.resource) for d in found
    }


def test_preview_links_resources_by_what_they_were_computed_from(analyzer: Analyzer) -> None:
    def resource(kind: str, name: str, inputs: dict[str, Any], **computed: str) -> Registered:
        urn = f"urn:pulumi:dev::shop::{kind}::{name}"
        dependencies = {path: [target] for path, target in computed.items()}
        return Registered(kind, name, urn, inputs, dependencies=dependencies)

    def names(kind: str, name: str) -> str:
        return f"urn:pulumi:dev::shop::{kind}::{name}"

    dlq = resource(
        types.QUEUE,
        "dlq",
        {"arn": UNKNOWN, "url": UNKNOWN, "name": UNKNOWN, "messageRetentionSeconds": 60},
    )
    source = resource(
        types.QUEUE,
        "source",
        {
            "arn": UNKNOWN,
            "url": UNKNOWN,
            "name": UNKNOWN,
            "redrivePolicy": UNKNOWN,
            "messageRetentionSeconds": 120,
            "visibilityTimeoutSeconds": 5,
        },
        redrivePolicy=names(types.QUEUE, "dlq"),
    )
    group = resource(types.LOG_GROUP, "group", {"name": UNKNOWN, "retentionInDays": 14})
    function = resource(
        types.FUNCTION,
        "worker",
        {"name": UNKNOWN, "timeout": 30, "loggingConfig": {"logGroup": UNKNOWN}},
        loggingConfig=group.urn,
    )
    alias = resource(types.ALIAS, "live", {"functionName": UNKNOWN}, functionName=function.urn)
    mapping = resource(
        types.EVENT_SOURCE_MAPPING,
        "mapping",
        {"eventSourceArn": UNKNOWN, "functionName": UNKNOWN},
        eventSourceArn=source.urn,
        functionName=alias.urn,
    )
    alarms = [
        resource(
            types.METRIC_ALARM,
            f"alarm-{metric}",
            {
                "namespace": "AWS/Lambda",
                "metricName": metric,
                "dimensions": {"FunctionName": UNKNOWN},
            },
            dimensions=function.urn,
        )
        for metric in ("Errors", "Throttles")
    ]
    found = analyzer.analyze_stack([dlq, source, group, function, alias, mapping, *alarms])
    decided = {(d.policy, d.resource) for d in found if "can't run policy" not in d.message}
    assert ("queue-dead-letters-outlive-source", "source") in decided
    assert ("queue-visibility-covers-function", "source") in decided
    assert ("function-has-alarms", "worker") in decided  # on Duration alone
    assert ("queue-has-dead-letter-queue", "source") not in decided
    assert ("queue-has-dead-letter-queue", "dlq") not in decided
    assert ("function-owns-log-group", "worker") not in decided
    assert [d.message for d in found if d.policy == "function-has-alarms"] == [
        "Each function has its alarms.\n"
        "worker (aws:lambda/function:Function) has no alarm on Duration. "
        "Add an aws.cloudwatch.MetricAlarm on that metric with its dimensions."
    ]
