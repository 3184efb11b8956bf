"""The configuration: what its text is read as, and what a wrong one is answered with."""

import json
from typing import Any

import pulumi
import pytest

from components.inputs import camel_case
from settings import PRODUCTION_STACKS, Configuration, Settings, SettingsError, is_production
from tests.recorder import deploy_stack
from tests.unit import stacks


def load(stack: str = "dev", **config: str) -> Settings:
    """The settings of a stack whose configuration has these keys alone, as texts."""
    return stacks.settings(
        stack, {f"serverless-orders:{key}": value for key, value in config.items()}
    )


def refused(stack: str = "dev", **config: str) -> list[str]:
    """The lines of the error that a configuration is answered with."""
    with pytest.raises(SettingsError) as raised:
        load(stack, **config)
    # Pulumi shows such an error without a stack trace.
    assert isinstance(raised.value, pulumi.RunError)
    return str(raised.value).splitlines()


def test_settings_are_frozen() -> None:
    with pytest.raises(AttributeError):
        load().region = "eu-west-1"  # type: ignore[misc]


def test_values_are_read_as_what_they_are() -> None:
    settings = load(
        production="false",
        memorySize="512",
        # As `pulumi config set --path` leaves it with and without `--type string`.
        queue='{"maxReceiveCount": "4", "messageRetentionDays": 7}',
        table='{"pointInTimeRecovery": "true"}',
        cors='{"origins": ["https://a.example.com"]}',
        tags='{"owner": "shop"}',
        reservedConcurrency='{"process_order": 15}',
        alarms='{"thresholds": {"queueAgeSeconds": "12", "apiErrorPercent": 0.5}}',
    )
    system = settings.system
    assert settings.production is False
    assert settings.tags == {"owner": "shop"}
    assert system["memory_size"] == 512
    assert system["queue"]["max_receive_count"] == 4
    assert system["queue"]["message_retention_days"] == 7
    assert system["table"] == {"point_in_time_recovery": True, "deletion_protection": False}
    assert system["cors"]["origins"] == ["https://a.example.com"]
    assert system["reserved_concurrency"] == {"process_order": 15}
    assert system["alarms"]["thresholds"]["queue_age_seconds"] == 12
    assert system["alarms"]["thresholds"]["api_error_percent"] == 0.5


def test_empty_maps_say_nothing() -> None:
    assert "vpc" not in load(vpc="{}").system


# key, wrong text, the path that is named, what the error has to say was expected
WRONG = [
    ("production", "yes", "", "true or false, not 'yes'"),
    ("acceptedRisks", '{"protect": "we like to live"}', ".protect", "one of alarms.emails, "),
    ("acceptedRisks", '{"logRetentionDays": "no"}', ".logRetentionDays", "a reason of ten"),
    ("region", "Ireland", "", "a region as us-east-1, not 'Ireland'"),
    ("allowedAccountIds", "[123456789012]", "[0]", "an account id of 12 digits, in quotes"),
    ("allowedAccountIds", '["12345"]', "[0]", "an account id of 12 digits"),
    ("allowedAccountIds", "123456789012", "", "a list"),
    ("allowedAccountIds", "{not json", "", "a list, not '{not json'"),
    ("deployment", "canary", "", "allAtOnce, canary10Percent5Minutes or linear10Percent"),
    ("deployment", "linear1PercentEvery30Minutes", "", "a shift of at most 2880 minutes, not 2970"),
    ("events", "sometimes", "", "true or false, not 'sometimes'"),
    ("bus", '{"archiveDays": -1}', ".archiveDays", "0 (none) or a whole number from 1 to 3650"),
    ("history", '{"retentionDays": "long"}', ".retentionDays", "0 (none) or a whole number from"),
    ("apiVersions", '["v3"]', "[0]", "one of v1, v2, not 'v3'"),
    ("deprecations", '{"v1": {"since": "soon"}}', ".v1.since", "a date as 2027-12-31, not 'soon'"),
    ("currency", "euro", "", "a currency of ISO 4217 as EUR, not 'euro'"),
    ("permissionsBoundary", "PowerUsers", "", "an IAM policy's ARN, not 'PowerUsers'"),
    ("nameSuffix", "-two words", "", "at most 40 letters, digits, - and _"),
    ("nameSuffix", ".two", "", "at most 40 letters, digits, - and _"),
    ("monthlyBudget", '{"amount": 0}', ".amount", "a number greater than 0"),
    ("monthlyBudget", '{"amount": 9, "emails": ["ops"]}', ".emails[0]", "an e-mail address"),
    ("monthlyBudget", '{"amount": 9}', ".emails", "1 to 10 addresses, not 0"),
    ("tags", '["a"]', "", "a map"),
    ("tags", '{"aws:owner": "x"}', ".aws:owner", "a key of letters"),
    ("tags", '{"AWS:owner": "x"}', ".AWS:owner", "a key of letters"),
    ("tags", '{"R&D": "x"}', ".R&D", "a key of letters"),
    ("tags", '{"owner": "R&D"}', ".owner", "at most 256 letters, digits, spaces and"),
    ("runtime", "python3.8", "", "one of python3.11, python3.12, python3.13, python3.14"),
    ("runtime", "nodejs22.x", "", "one of python3.11"),
    ("architecture", "arm", "", "one of x86_64, arm64"),
    ("memorySize", "64", "", "a whole number from 128 to 10240, not 64"),
    ("memorySize", "1024.5", "", "a whole number from 128 to 10240, not 1024.5"),
    ("memorySize", "{}", "", "a whole number from 128 to 10240, not {}"),
    ("memorySize", "null", "", "a whole number from 128 to 10240, not 'null'"),
    ("memorySize", "true", "", "a whole number from 128 to 10240, not true"),
    ("events", "1", "", "true or false, not 1"),
    ("memorySize", "much", "", "a whole number from 128 to 10240"),
    ("memorySize", "", "", "a whole number from 128 to 10240"),
    ("memorySize", "9" * 5000, "", "a whole number from 128 to 10240"),
    ("timeoutSeconds", "0", "", "a whole number from 1 to 900, not 0"),
    ("logRetentionDays", "15", "", "a number of days that CloudWatch Logs knows"),
    ("logRetentionDays", "²", "", "a number of days that CloudWatch Logs knows"),
    ("reservedConcurrency", '{"processOrder": 5}', ".processOrder", "one of create_order, get"),
    ("reservedConcurrency", '{"get_order": 0}', ".get_order", "a whole number from 1"),
    ("reservedConcurrency", '{"get_order": true}', ".get_order", "a whole number from 1"),
    (
        "vpc",
        '{"subnetIds": ["vpc-1"], "securityGroupIds": ["sg-1"]}',
        ".subnetIds[0]",
        "a subnet id as subnet-0abc",
    ),
    ("vpc", '{"subnetIds": ["subnet-1"]}', ".securityGroupIds", "a list with at least 1 entry"),
    ("vpc", '{"securityGroupIds": ["sg-1"]}', ".subnetIds", "a list with at least 1 entry"),
    ("cors", '{"origins": []}', ".origins", "a list with at least 1 entry"),
    ("cors", '{"origins": ["shop.example.com"]}', ".origins[0]", "`*` or an origin as https"),
    ("cors", '{"origins": ["https://a.example/"]}', ".origins[0]", "`*` or an origin"),
    ("cors", '{"origins": ["https://*.a.example"]}', ".origins[0]", "`*` or an origin"),
    ("cors", '{"headers": ["x y"]}', ".headers[0]", "`*` or a header's name"),
    ("cors", '{"methods": ["get"]}', ".methods[0]", "one of GET"),
    ("publicApi", "perhaps", "", "true or false, not 'perhaps'"),
    ("auth", "github", "", "one of none, cognito, jwt, not 'github'"),
    ("auth", '{"mode": "jwt"}', "", "one of none, cognito, jwt, not"),
    ("jwt", "https://login.example.com", "", "a map, not 'https://login.example.com'"),
    (
        "userPool",
        '{"callbackUrls": ["https://*.example.com"]}',
        ".callbackUrls[0]",
        "one exact address as https",
    ),
    *(
        ("userPool", json.dumps({"callbackUrls": [url]}), ".callbackUrls[0]", "one exact address")
        for url in (
            "http://shop.example.com/",
            "http://localhost.example.com/",
            "https://shop.example.com@evil.example/",
            "https://shop.example.com/#signed-in",
            "shop://signed-in",
        )
    ),
    ("userPool", '{"callbackUrls": []}', ".callbackUrls", "a list with at least 1 entry"),
    ("userPool", '{"logoutUrls": ["https://a.example/*"]}', ".logoutUrls[0]", "one exact address"),
    ("userPool", '{"mfa": "sms"}', ".mfa", "one of off, optional, required"),
    ("userPool", '{"passwordLength": 7}', ".passwordLength", "a whole number from 8 to 99"),
    ("userPool", '{"accessTokenMinutes": 4}', ".accessTokenMinutes", "a whole number from 5"),
    ("userPool", '{"refreshTokenDays": 0}', ".refreshTokenDays", "a whole number from 1"),
    ("userPool", '{"domainPrefix": "my-aws-shop"}', ".domainPrefix", "at most 63 lower-case"),
    ("userPool", '{"machineScopes": ["orders/all"]}', ".machineScopes[0]", "one of orders/read"),
    ("userPool", '{"sesIdentityArn": "me@shop.example"}', ".sesIdentityArn", "the ARN of an "),
    ("limits", '{"createPerMinute": -1}', ".createPerMinute", "0 (none) or a whole number from 1"),
    ("limits", '{"readPerMinute": 100001}', ".readPerMinute", "0 (none) or a whole number from 1"),
    ("limits", '{"perMinute": 1}', ".perMinute", "no such key"),
    ("throttle", '{"rate": 0}', ".rate", "a whole number from 1"),
    ("throttle", '{"burst": -1}', ".burst", "a whole number from 1"),
    ("throttle", '{"createRate": 0}', ".createRate", "a whole number from 1"),
    ("throttle", '{"createBurst": 0}', ".createBurst", "a whole number from 1"),
    ("table", '{"pointInTimeRecovery": 1}', ".pointInTimeRecovery", "true or false"),
    ("table", '{"deletionProtection": "True"}', ".deletionProtection", "true or false"),
    (
        "queue",
        '{"visibilityTimeoutSeconds": 43201}',
        ".visibilityTimeoutSeconds",
        "a whole number from 1 to 43200",
    ),
    ("queue", '{"messageRetentionDays": 15}', ".messageRetentionDays", "a whole number from 1"),
    ("queue", '{"maxReceiveCount": 0}', ".maxReceiveCount", "a whole number from 1 to 1000"),
    ("queue", "5", "", "a map, not 5"),
    ("processor", '{"batchSize": 10001}', ".batchSize", "a whole number from 1 to 10000"),
    ("processor", '{"batchWindowSeconds": 301}', ".batchWindowSeconds", "a whole number from 0"),
    ("processor", '{"maximumConcurrency": 1}', ".maximumConcurrency", "0 (none) or a whole "),
    ("processor", '{"timeoutSeconds": 901}', ".timeoutSeconds", "a whole number from 1 to 900"),
    ("republish", '{"rateMinutes": 0}', ".rateMinutes", "a whole number from 1 to 60"),
    ("republish", '{"pendingThresholdSeconds": 0}', ".pendingThresholdSeconds", "a whole number"),
    ("republish", '{"limit": 0}', ".limit", "a whole number from 1"),
    ("pending", '{"shards": 257}', ".shards", "a whole number from 1 to 256"),
    ("history", '{"maximumConcurrency": 1}', ".maximumConcurrency", "0 (none) or a whole number"),
    ("tableMetrics", '{"rateHours": 25}', ".rateHours", "0 (none) or a whole number from 1 to 24"),
    ("synthetic", '{"rateMinutes": 61}', ".rateMinutes", "a whole number from 1 to 60"),
    ("imports", "yes", "", "true or false"),
    ("importing", '{"retentionDays": 0}', ".retentionDays", "a whole number from 1 to 36500"),
    ("importing", '{"timeoutSeconds": 901}', ".timeoutSeconds", "a whole number from 1 to 900"),
    ("protect", "on", "", "true or false"),
    ("alarms", '{"topic": ""}', ".topic", "true or false"),
    ("alarms", '{"emails": ["nobody"]}', ".emails[0]", "an e-mail address"),
    ("alarms", '{"emails": ["a@b.c", "a@b.c"]}', ".emails[1]", "each only once, not 'a@b.c'"),
    ("alarms", '{"emails": ["a@b.c", "A@b.c"]}', ".emails[1]", "each only once, not 'A@b.c'"),
    ("regions", '{"members": ["us-east-1"]}', ".members", "a list with at least 2 entries"),
    (
        "regions",
        '{"members": ["us-east-1", "us-west-2"], "adoptAfterMinutes": 0}',
        ".adoptAfterMinutes",
        "a whole number from 1 to 1440",
    ),
    (
        "alarms",
        '{"thresholds": {"queueAgeSeconds": 0}}',
        ".thresholds.queueAgeSeconds",
        "a number greater than 0",
    ),
]


def test_entries_that_are_wrong_are_not_called_repeated_as_well() -> None:
    assert refused(alarms='{"actions": [[1], [1]]}') == [
        f"serverless-orders:alarms.actions[{index}]: expected a text, not [1]" for index in (0, 1)
    ]


@pytest.mark.parametrize(("key", "text", "path", "expected"), WRONG)
def test_wrong_value_is_named_by_its_path_with_what_was_expected(
    key: str, text: str, path: str, expected: str
) -> None:
    (line,) = refused(**{key: text})
    assert line.startswith(f"serverless-orders:{key}{path}: expected {expected}")


def test_every_key_has_a_wrong_value_here() -> None:
    keys, tried = set(map(camel_case, Configuration.__annotations__)), {key for key, *_ in WRONG}
    assert tried == keys, f"give {keys ^ tried} a wrong value: WRONG in tests/unit/test_settings.py"


def test_everything_that_is_wrong_is_named_at_once() -> None:
    lines = refused(memorySize="1", protect="maybe", processor='{"batchSize": 100}', queue="[]")
    assert {line.split(": ")[0] for line in lines} == {
        "serverless-orders:memorySize",
        "serverless-orders:protect",
        "serverless-orders:processor.batchWindowSeconds",
        "serverless-orders:queue",
    }


def test_a_long_wrong_value_is_not_repeated_in_full() -> None:
    (line,) = refused(region="x" * 5000)
    assert len(line) < 300


MISSPELT = [
    ("memorySze", "memorySize"),
    ("alarmEmails", "alarms.emails"),
    ("maxReceiveCount", "queue.maxReceiveCount"),
    ("republishLimit", "republish.limit"),
]


@pytest.mark.parametrize(("key", "meant"), MISSPELT)
def test_a_misspelt_key_is_refused_with_the_one_that_was_meant(key: str, meant: str) -> None:
    assert refused(**{key: "1"}) == [
        f"serverless-orders:{key}: expected no such key; did you mean {meant}?"
    ]


def test_a_key_that_the_pulumi_cli_hands_over_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"serverless-orders:memorySze": "512", "other:memorySze": "1"}
    monkeypatch.setenv("PULUMI_CONFIG", json.dumps(given))
    assert refused() == [
        "serverless-orders:memorySze: expected no such key; did you mean memorySize?"
    ]


@pytest.mark.parametrize(
    ("key", "way"),
    [
        ("region", "say `pulumi config set region`"),
        ("profile", "set AWS_PROFILE"),
        ("skipMetadataApiCheck", "the program's provider has what its own keys say"),
    ],
)
def test_keys_of_a_provider_that_is_not_used_are_refused_with_the_way_to_say_it(
    key: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_CONFIG", json.dumps({f"aws:{key}": "eu-west-1"}))
    (line,) = refused()
    assert line.startswith(f"aws:{key}: expected no such key, which nothing would read; {way}")


def test_a_stack_that_no_dashboard_can_be_named_after_is_refused() -> None:
    (line,) = refused("v1.2")
    assert line.startswith("the stack's name: expected letters, digits, - and _, not v1.2")


CONTRADICTIONS: list[tuple[dict[str, str], str, str]] = [
    (
        {"timeoutSeconds": "20", "queue": '{"visibilityTimeoutSeconds": 19}'},
        "queue.visibilityTimeoutSeconds",
        "at least timeoutSeconds (20), not 19",
    ),
    (
        {"timeoutSeconds": "31", "queue": '{"visibilityTimeoutSeconds": 31}'},
        "timeoutSeconds",
        "a whole number from 1 to 30, not 31: an HTTP API waits no longer",
    ),
    (
        {"processor": '{"timeoutSeconds": 40}'},
        "queue.visibilityTimeoutSeconds",
        "at least processor.timeoutSeconds (40), not 30",
    ),
    (
        {"processor": '{"batchSize": 11}'},
        "processor.batchWindowSeconds",
        "at least 1, because batchSize (11)",
    ),
    (
        {"processor": '{"batchWindowSeconds": 30}'},
        "processor.batchWindowSeconds",
        "less than queue.visibilityTimeoutSeconds (30), not 30",
    ),
    (
        {"jwt": '{"issuer": "https://login.example.com", "audience": ["orders"]}'},
        "jwt",
        "nothing, because auth ('none'): nobody",
    ),
    (
        {"limits": '{"createPerMinute": 30}'},
        "limits.createPerMinute",
        "nothing, not 30, because auth ('none'): nobody knows who calls",
    ),
    (
        {"regions": '{"members": ["eu-west-1", "us-west-2"]}'},
        "region",
        "one of regions.members (['eu-west-1', 'us-west-2']), not us-east-1",
    ),
    (
        {"regions": '{"members": ["us-east-1", "us-west-2"], "homeStack": "prod"}'},
        "regions.homeStack",
        "nothing, because region ('us-east-1') is the home region itself",
    ),
    (
        {"region": "us-west-2", "regions": '{"members": ["us-east-1", "us-west-2"]}'},
        "regions.homeStack",
        "a stack as organization/serverless-orders/prod, but it is missing",
    ),
    (
        {"regions": '{"members": ["us-east-1", "us-west-2"], "strongConsistency": true}'},
        "regions.members",
        "three, or two and witness, not 2, because strongConsistency (true)",
    ),
    (
        {
            "regions": '{"members": ["us-east-1", "us-west-2"], "strongConsistency": true,'
            ' "witness": "eu-west-1"}'
        },
        "regions.members",
        "regions of one set",
    ),
    (
        {"regions": '{"members": ["us-east-1", "us-west-2"], "witness": "us-east-2"}'},
        "regions.witness",
        "nothing, because strongConsistency (false) is not true",
    ),
    ({"throttle": '{"rate": 100}'}, "throttle.createRate", "at most rate (100), not 250"),
    ({"throttle": '{"burst": 100}'}, "throttle.createBurst", "at most burst (100), not 500"),
    (
        {"alarms": '{"emails": ["a@b.example"], "topic": false}'},
        "alarms.topic",
        "true, because emails are given",
    ),
    (
        {"reservedConcurrency": '{"process_order": 3}', "processor": '{"maximumConcurrency": 4}'},
        "processor.maximumConcurrency",
        "at most reservedConcurrency.process_order (3), not 4",
    ),
    (
        {"reservedConcurrency": '{"process_order": 9}'},
        "processor.maximumConcurrency",
        "at most reservedConcurrency.process_order (9), not 10",
    ),
    (
        {"reservedConcurrency": '{"process_order": 9}', "processor": '{"maximumConcurrency": 0}'},
        "processor.maximumConcurrency",
        "at most reservedConcurrency.process_order (9), not 0 (none)",
    ),
    ({"reservedConcurrency": '{"record_history": 1}'}, "reservedConcurrency.record_history", "at "),
    (
        {"republish": '{"pendingThresholdSeconds": 601}'},
        "republish.pendingThresholdSeconds",
        "at most alarms.thresholds.oldestPendingSeconds (600), not 601",
    ),
]


@pytest.mark.parametrize(("config", "path", "expected"), CONTRADICTIONS)
def test_values_that_contradict_each_other_are_refused(
    config: dict[str, str], path: str, expected: str
) -> None:
    (line,) = refused(**config)
    assert line.startswith(f"serverless-orders:{path}: expected {expected}")


def test_a_contradiction_to_a_value_that_is_wrong_already_is_not_told() -> None:
    (line,) = refused(
        queue='{"visibilityTimeoutSeconds": 0}', processor='{"batchWindowSeconds": 30}'
    )
    assert line.startswith("serverless-orders:queue.visibilityTimeoutSeconds: expected a whole")


def test_wrong_configuration_ends_the_program_before_anything_is_registered() -> None:
    with pytest.raises(SettingsError):
        deploy_stack("dev", {"memorySize": 1})


# Production


SAFE: dict[str, Any] = {
    "production": True,
    "allowedAccountIds": ["123456789012"],
    "cors": {"origins": ["https://shop.example.com"]},
    "table": {"pointInTimeRecovery": True, "deletionProtection": True},
    "protect": True,
    "logRetentionDays": 90,
    "alarms": {"emails": ["on-call@example.com"]},
    "queue": {"maxReceiveCount": 5},
    "processor": {"timeoutSeconds": 5},
    "monthlyBudget": {"amount": 100, "emails": ["finance@example.com"]},
    "auth": "cognito",
    "userPool": {"callbackUrls": ["https://shop.example.com/"]},
}


def texts(config: dict[str, Any]) -> dict[str, str]:
    return {
        key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()
    }


# What is changed of SAFE, the path that is named, what the error has to say was expected
UNSAFE: list[tuple[dict[str, Any], str, str]] = [
    (
        {"cors": {"origins": ["*"]}},
        "cors.origins",
        "origins as https://shop.example.com, not ['*']",
    ),
    (
        {"cors": {"origins": ["https://shop.example.com", "http://shop.example.com"]}},
        "cors.origins",
        "origins as https://shop.example.com, not ['http://shop.example.com']",
    ),
    (
        {"allowedAccountIds": []},
        "allowedAccountIds",
        "the accounts that it may be deployed to, in quotes",
    ),
    ({"monthlyBudget": {}}, "monthlyBudget", "a budget as {amount: 100}"),
    ({"auth": "none"}, "auth", "cognito or jwt, or publicApi true"),
    (
        {"userPool": {"callbackUrls": ["https://a.example/", "http://localhost:3000/"]}},
        "userPool.callbackUrls",
        "addresses as https://shop.example.com/signed-in, not ['http://localhost:3000/']",
    ),
    (
        {"auth": "jwt", "jwt": {"issuer": "http://localhost:8080/realm", "audience": ["orders"]}},
        "jwt.issuer",
        "an issuer as https://login.example.com, not http://localhost:8080/realm",
    ),
    ({"table": {"deletionProtection": True}}, "table.pointInTimeRecovery", "true"),
    ({"table": {"pointInTimeRecovery": True}}, "table.deletionProtection", "true"),
    ({"protect": False}, "protect", "true"),
    ({"alarms": {"emails": []}}, "alarms.emails", "somebody who hears the alarms"),
    ({"alarms": {"topic": False, "actions": ["arn:aws:sns:x"]}}, "alarms.topic", "true"),
    ({"logRetentionDays": 60}, "logRetentionDays", "at least 90, not 60"),
    (
        {"vpc": {"subnetIds": ["subnet-0a"], "securityGroupIds": ["sg-0a"]}},
        "vpc.subnetIds",
        "two subnets or more, of different zones",
    ),
    ({"queue": {"maxReceiveCount": 4}}, "queue.maxReceiveCount", "at least 5, not 4"),
    (
        {"processor": {"timeoutSeconds": 5, "batchWindowSeconds": 1}},
        "queue.visibilityTimeoutSeconds",
        "at least 31 (6 times the processor's timeout of 5 and the batch window of 1), not 30",
    ),
]


@pytest.mark.parametrize("stack", ["prod", "prod-eu", "live"])
def test_a_production_stack_that_protects_its_data_is_accepted(stack: str) -> None:
    assert load(stack, **texts(SAFE)).production is True


@pytest.mark.parametrize(("change", "path", "expected"), UNSAFE)
def test_production_is_refused_without(change: dict[str, Any], path: str, expected: str) -> None:
    assert refused("prod", **texts({**SAFE, **change})) == [
        f"serverless-orders:{path}: expected {expected}, because production is true"
    ]


def test_a_risk_that_a_production_stack_accepts_has_its_reason_beside_it() -> None:
    values = {**SAFE, "queue": {"maxReceiveCount": 3}}
    values["acceptedRisks"] = {"queue.maxReceiveCount": "the operator redrives by hand"}
    assert load("prod", **texts(values)).system["queue"]["max_receive_count"] == 3


def test_an_api_that_everybody_may_call_is_accepted_of_production_that_says_so() -> None:
    values = {**SAFE, "auth": "none", "publicApi": True}
    assert load("prod", **texts(values)).system["auth"] == "none"


@pytest.mark.parametrize(
    ("given", "lacking"),
    [
        (None, ["issuer", "audience"]),
        ({"issuer": "https://login.example.com"}, ["audience"]),
        ({"audience": ["orders"]}, ["issuer"]),
    ],
)
def test_tokens_of_another_provider_need_issuer_and_audience(
    given: dict[str, Any] | None, lacking: list[str]
) -> None:
    lines = refused(auth="jwt", **({"jwt": json.dumps(given)} if given else {}))
    assert [line.partition(": expected ")[0] for line in lines] == [
        f"serverless-orders:jwt.{name}" for name in lacking
    ]


@pytest.mark.parametrize("stack", ["prod", "prod-eu", "production", "shop-prod", "Production"])
def test_a_stack_of_a_productions_name_has_to_be_production(stack: str) -> None:
    assert refused(stack) == [
        f"serverless-orders:production: expected true, because the stack is {stack}"
    ]


@pytest.mark.parametrize("stack", ["dev", "products", "reproduce", "preprod", "staging"])
def test_other_stacks_are_not(stack: str) -> None:
    assert not is_production(stack)


def test_prod_with_any_origin_is_refused_by_the_program_itself() -> None:
    with pytest.raises(SettingsError, match=r"serverless-orders:cors\.origins: expected origins"):
        deploy_stack("prod", {"cors.origins": ["*"]})


def test_every_pattern_of_a_production_stack_is_lower_case() -> None:
    assert [each for each in PRODUCTION_STACKS if each != each.lower()] == []
