"""The configuration: its defaults, and what a wrong value is answered with."""

import json
from typing import Any

import pulumi
import pytest
import yaml

from components import defaults
from local.program import ROOT
from settings import Settings, SettingsError
from tests.recorder import deploy, deploy_stack

PROJECT: dict[str, Any] = yaml.safe_load((ROOT / "Pulumi.yaml").read_text(encoding="utf-8"))
DECLARED: dict[str, Any] = {k: v for k, v in PROJECT["config"].items() if ":" not in k}

# Keys whose default is the specification's, or the component's own.
FROM_COMPONENTS = {
    "runtime": defaults.RUNTIME,
    "architecture": defaults.ARCHITECTURE,
    "memorySize": defaults.MEMORY_MB,
    "timeoutSeconds": defaults.TIMEOUT_SECONDS,
    "logRetentionDays": defaults.LOG_RETENTION_DAYS,
    "corsOrigins": list(defaults.CORS_ORIGINS),
    "corsHeaders": list(defaults.CORS_HEADERS),
    "corsMethods": list(defaults.CORS_METHODS),
    "throttleRate": defaults.THROTTLE_RATE,
    "throttleBurst": defaults.THROTTLE_BURST,
    "createThrottleRate": defaults.CREATE_THROTTLE_RATE,
    "createThrottleBurst": defaults.CREATE_THROTTLE_BURST,
    "visibilityTimeoutSeconds": defaults.VISIBILITY_TIMEOUT_SECONDS,
    "messageRetentionDays": defaults.MESSAGE_RETENTION_DAYS,
    "maxReceiveCount": defaults.MAX_RECEIVE_COUNT,
    "batchSize": defaults.BATCH_SIZE,
    "batchWindowSeconds": defaults.BATCH_WINDOW_SECONDS,
    "republishRateMinutes": defaults.REPUBLISH_RATE_MINUTES,
    "pendingThresholdSeconds": defaults.PENDING_THRESHOLD_SECONDS,
    "republishLimit": defaults.REPUBLISH_LIMIT,
}


def load(stack: str = "dev", **config: str) -> Settings:
    """The settings of a stack whose configuration has these keys alone, as texts."""
    loaded: list[Settings] = []
    deploy(
        lambda: loaded.append(Settings.load(pulumi.Config("serverless-orders"), stack)),
        stack=stack,
        project="serverless-orders",
        config={f"serverless-orders:{key}": value for key, value in config.items()},
    )
    return loaded[0]


def plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(map(str.capitalize, tail))


def test_every_setting_is_declared_in_pulumi_yaml_and_the_other_way_round() -> None:
    assert set(DECLARED) == {camel(name) for name in Settings.__dataclass_fields__}


@pytest.mark.parametrize("name", Settings.__dataclass_fields__)
def test_default_is_the_same_with_and_without_pulumi_yaml(name: str) -> None:
    declared = DECLARED[camel(name)]["default"]
    assert plain(getattr(Settings(), name)) == declared
    assert type(plain(getattr(Settings(), name))) is type(declared)


@pytest.mark.parametrize("key", FROM_COMPONENTS)
def test_default_is_the_same_as_the_components(key: str) -> None:
    assert DECLARED[key]["default"] == FROM_COMPONENTS[key]


@pytest.mark.parametrize("key", DECLARED)
def test_key_is_typed_and_described_in_pulumi_yaml(key: str) -> None:
    kinds = {bool: "boolean", int: "integer", str: "string", list: "array", dict: "object"}
    assert DECLARED[key]["type"] == kinds[type(DECLARED[key]["default"])]
    assert len(DECLARED[key]["description"]) > 10


def test_providers_that_nobody_configured_are_switched_off() -> None:
    assert PROJECT["config"]["pulumi:disable-default-providers"] == {"value": ["aws"]}


def test_settings_are_frozen() -> None:
    with pytest.raises(AttributeError):
        load().memory_size = 1  # type: ignore[misc]


def test_values_are_read_as_what_they_are() -> None:
    settings = load(
        memorySize="512",
        pointInTimeRecovery="true",
        corsOrigins='["https://a.example.com"]',
        tags='{"owner": "shop"}',
        reservedConcurrency='{"process_order": 5}',
        alarmThresholds='{"queueAgeSeconds": 12, "apiErrorPercent": 0.5}',
    )
    assert settings.memory_size == 512
    assert settings.point_in_time_recovery is True
    assert settings.cors_origins == ("https://a.example.com",)
    assert settings.tags == {"owner": "shop"}
    assert settings.reserved_concurrency == {"process_order": 5}
    assert settings.order_system()["alarm_thresholds"] == {
        "queue_age_seconds": 12,
        "api_error_percent": 0.5,
    }


# key, wrong text, what the error has to say was expected
WRONG = [
    ("production", "yes", "true or false"),
    ("region", "Ireland", "a region as us-east-1"),
    ("allowedAccountIds", "[123456789012]", "an account id of 12 digits, in quotes"),
    ("allowedAccountIds", '["12345"]', "an account id of 12 digits"),
    ("allowedAccountIds", "123456789012", "a list"),
    ("allowedAccountIds", "{not json", "a list"),
    ("nameSuffix", "-two words", "at most 40 letters, digits, - and _"),
    ("tags", '["a"]', "a map"),
    ("tags", '{"aws:owner": "x"}', "aws:owner: a key not beginning with aws:"),
    ("runtime", "python3.8", "one of python3.11, python3.12, python3.13, python3.14"),
    ("runtime", "nodejs22.x", "one of python3.11"),
    ("architecture", "arm", "one of x86_64, arm64"),
    ("memorySize", "64", "a whole number from 128 to 10240"),
    ("memorySize", "1024.5", "a whole number from 128 to 10240"),
    ("memorySize", "much", "a whole number from 128 to 10240"),
    ("memorySize", "", "a whole number from 128 to 10240"),
    ("memorySize", "9" * 5000, "a whole number from 128 to 10240"),
    ("timeoutSeconds", "31", "a whole number from 1 to 30"),
    ("timeoutSeconds", "0", "a whole number from 1 to 30"),
    ("logRetentionDays", "15", "a number of days that CloudWatch Logs knows"),
    ("logRetentionDays", "²", "a number of days that CloudWatch Logs knows"),
    ("reservedConcurrency", '{"processOrder": 5}', "one of create_order, get_order"),
    ("reservedConcurrency", '{"process_order": 0}', "process_order: a whole number from 1"),
    ("reservedConcurrency", '{"process_order": true}', "process_order: a whole number from 1"),
    ("vpcSubnetIds", '["vpc-1"]', "a subnet id as subnet-0abc"),
    ("vpcSecurityGroupIds", '["default"]', "a security group id as sg-0abc"),
    ("corsOrigins", "[]", "a list with at least 1 entry"),
    ("corsOrigins", '["shop.example.com"]', "`*` or an origin as https://shop.example.com"),
    ("corsOrigins", '["https://shop.example.com/"]', "`*` or an origin"),
    ("corsOrigins", '["https://*.example.com"]', "`*` or an origin"),
    ("corsHeaders", '["x y"]', "`*` or a header's name"),
    ("corsMethods", '["get"]', "one of GET"),
    ("throttleRate", "0", "a whole number from 1"),
    ("throttleBurst", "-1", "a whole number from 1"),
    ("createThrottleRate", "0", "a whole number from 1"),
    ("createThrottleBurst", "0", "a whole number from 1"),
    ("visibilityTimeoutSeconds", "43201", "a whole number from 1 to 43200"),
    ("messageRetentionDays", "15", "a whole number from 1 to 14"),
    ("maxReceiveCount", "0", "a whole number from 1 to 1000"),
    ("batchSize", "10001", "a whole number from 1 to 10000"),
    ("batchWindowSeconds", "301", "a whole number from 0 to 300"),
    ("processorMaximumConcurrency", "1", "0 (none) or a whole number from 2 to 1000"),
    ("republishRateMinutes", "0", "a whole number from 1 to 60"),
    ("pendingThresholdSeconds", "0", "a whole number from 1"),
    ("republishLimit", "0", "a whole number from 1"),
    ("pointInTimeRecovery", "1", "true or false"),
    ("deletionProtection", "True", "true or false"),
    ("protect", "on", "true or false"),
    ("alarmTopic", "", "true or false"),
    ("alarmEmails", '["nobody"]', "an e-mail address"),
    ("alarmThresholds", '{"queueAge": 1}', "queueAge: one of functionErrorPercent"),
    ("alarmThresholds", '{"queueAgeSeconds": 0}', "queueAgeSeconds: a number greater than 0"),
    ("alarmThresholds", '{"queueAgeSeconds": "x"}', "queueAgeSeconds: a number greater than 0"),
]


@pytest.mark.parametrize(("key", "text", "expected"), WRONG)
def test_wrong_value_is_named_by_its_key_with_what_was_expected(
    key: str, text: str, expected: str
) -> None:
    with pytest.raises(SettingsError) as raised:
        load(**{key: text})
    (line,) = str(raised.value).splitlines()
    assert line.startswith(f"serverless-orders:{key}: expected ")
    assert expected in line


def test_every_key_has_a_wrong_value_here() -> None:
    assert {key for key, _, _ in WRONG} == set(DECLARED)


def test_every_wrong_value_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as raised:
        load(memorySize="1", protect="maybe", region="here")
    keys = {line.split(": ")[0] for line in str(raised.value).splitlines()}
    assert keys == {
        "serverless-orders:memorySize",
        "serverless-orders:protect",
        "serverless-orders:region",
    }


def test_a_long_wrong_value_is_not_repeated_in_full() -> None:
    with pytest.raises(SettingsError) as raised:
        load(region="x" * 5000)
    assert len(str(raised.value)) < 300


def test_a_misspelt_key_is_refused_with_the_one_that_was_meant(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The way in which the Pulumi CLI hands the configuration over.
    given = {"serverless-orders:memorySze": "512", "aws:region": "x", "other:memorySze": "1"}
    monkeypatch.setenv("PULUMI_CONFIG", json.dumps(given))
    with pytest.raises(SettingsError) as raised:
        load()
    assert str(raised.value) == (
        "serverless-orders:memorySze: expected no such key; did you mean memorySize?"
    )


CONTRADICTIONS = [
    (
        {"timeoutSeconds": "20", "visibilityTimeoutSeconds": "19"},
        "visibilityTimeoutSeconds",
        "at least timeoutSeconds (20)",
    ),
    ({"batchSize": "11"}, "batchWindowSeconds", "at least 1, because batchSize (11)"),
    ({"throttleRate": "100"}, "createThrottleRate", "at most throttleRate (100), not 250"),
    ({"throttleBurst": "100"}, "createThrottleBurst", "at most throttleBurst (100), not 500"),
    ({"vpcSubnetIds": '["subnet-0a"]'}, "vpcSecurityGroupIds", "at least one"),
    ({"vpcSecurityGroupIds": '["sg-0a"]'}, "vpcSubnetIds", "at least one"),
    ({"alarmEmails": '["a@b.example"]', "alarmTopic": "false"}, "alarmTopic", "true, because"),
    (
        {"reservedConcurrency": '{"process_order": 3}', "processorMaximumConcurrency": "4"},
        "processorMaximumConcurrency",
        "at most reservedConcurrency.process_order (3), not 4",
    ),
]


@pytest.mark.parametrize(("config", "key", "expected"), CONTRADICTIONS)
def test_values_that_contradict_each_other_are_refused(
    config: dict[str, str], key: str, expected: str
) -> None:
    with pytest.raises(SettingsError) as raised:
        load(**config)
    (line,) = str(raised.value).splitlines()
    assert line.startswith(f"serverless-orders:{key}: expected {expected}")


def test_wrong_configuration_ends_the_program_before_anything_is_registered() -> None:
    with pytest.raises(SettingsError) as raised:
        deploy_stack("dev", {"memorySize": 1})
    # Pulumi shows such an error without a stack trace.
    assert isinstance(raised.value, pulumi.RunError)


# Production


SAFE = {
    "production": "true",
    "corsOrigins": '["https://shop.example.com"]',
    "pointInTimeRecovery": "true",
    "deletionProtection": "true",
    "protect": "true",
    "logRetentionDays": "90",
}

UNSAFE = [
    ("corsOrigins", '["*"]', "origins as https://shop.example.com, not ['*']"),
    (
        "corsOrigins",
        '["https://shop.example.com", "http://shop.example.com"]',
        "origins as https://shop.example.com, not ['http://shop.example.com']",
    ),
    ("pointInTimeRecovery", "false", "true"),
    ("deletionProtection", "false", "true"),
    ("protect", "false", "true"),
    ("alarmTopic", "false", "true"),
    ("logRetentionDays", "60", "at least 90, not 60"),
]


def test_a_production_stack_that_protects_its_data_is_accepted() -> None:
    assert load("prod", **SAFE).production is True
    assert load("live-eu", **SAFE).production is True


@pytest.mark.parametrize(("key", "text", "expected"), UNSAFE)
def test_production_is_refused_without(key: str, text: str, expected: str) -> None:
    with pytest.raises(SettingsError) as raised:
        load("prod", **{**SAFE, key: text})
    (line,) = str(raised.value).splitlines()
    assert line == (
        f"serverless-orders:{key}: expected {expected}, "
        "because serverless-orders:production is true"
    )


def test_the_stack_prod_has_to_be_production() -> None:
    with pytest.raises(SettingsError) as raised:
        load("prod")
    assert str(raised.value) == (
        "serverless-orders:production: expected true, because the stack is prod"
    )


def test_prod_with_any_origin_is_refused_by_the_program_itself() -> None:
    with pytest.raises(SettingsError, match=r"serverless-orders:corsOrigins: expected origins"):
        deploy_stack("prod", {"corsOrigins": ["*"]})
