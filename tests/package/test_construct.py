"""Each public component, constructed by the host for a program in another language.

Other languages send every number as a float, and what another resource gives as an output that
is unknown in a preview; the children then have to be the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import grpc
import pulumi
import pytest
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from components import OrderSystem
from components.inputs import InputError, camel_case
from settings import Settings, SettingsError
from tests.engine import wire
from tests.engine.provider import State
from tests.package.caller import REGION, Caller, Constructed
from tests.package.golden import GOLDEN
from tests.recorder import deploy

QUEUE_ARN = f"arn:aws:sqs:{REGION}:123456789012:letters"
TABLE_ARN = f"arn:aws:dynamodb:{REGION}:123456789012:table/letters"
STREAM_ARN = f"{TABLE_ARN}/stream/2026-01-31T12:00:00.000"


def _function_inputs(folder: Path) -> dict[str, Any]:
    (folder / "main.py").write_text("def handler(event, context): ...\n")
    return {"code": wire.archive(str(folder)), "handler": "main.handler"}


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, dict[str, Any]]:
    """Of each component, with what another resource gives as an output of it."""
    return {
        "Bucket": {"expiries": [{"days": 30.0}], "notifications": True},
        "DeployRole": {
            "repository": "acme/shop",
            "environments": ["prod"],
            "stack": "prod",
            "stateBucket": wire.output("states"),
            "drills": True,
        },
        "EventBus": {"archiveDays": 7.0},
        "EventConsumer": {
            **_function_inputs(tmp_path),
            "busName": wire.output("letters"),
            "pattern": {"source": ["post"]},
            "timeoutSeconds": 20.0,
            "delivery": {"batchSize": 5.0, "maximumConcurrency": 3.0},
        },
        "HttpApi": {
            "routes": [
                {
                    "routeKey": "GET /letters/{id}",
                    "functionName": wire.output("letters"),
                    "aliasName": wire.output("live"),
                    "invokeArn": wire.output("arn:invoke"),
                    "throttleRate": 20.0,
                    "throttleBurst": 40.0,
                }
            ],
            "throttle": {"rate": 100.0, "burst": 200.0},
            "logRetentionDays": 30.0,
        },
        "Observability": {
            "functions": [
                {"label": "letters", "name": wire.output("letters"), "timeoutSeconds": 20.0}
            ],
            "queues": [
                {
                    "label": "letters",
                    "name": wire.output("letters"),
                    "dlqName": wire.output("letters-dlq"),
                }
            ],
            "alarms": {"emails": ["alarms@example.com"]},
        },
        "OrderSystem": {
            "code": _function_inputs(tmp_path)["code"],
            "memorySize": 512.0,
            "timeoutSeconds": 20.0,
            "reservedConcurrency": {"process_order": 5.0},
            "processor": {"maximumConcurrency": 5.0},
            "republish": {"rateMinutes": 5.0},
            "imports": True,
            "auth": "cognito",
            "regions": {
                "members": ["eu-west-1", "us-east-1"],
                "here": "eu-west-1",
                "domain": {"name": "letters.example.com", "zoneId": "Z0123456789ABCDEFGHIJ"},
            },
        },
        "PythonFunction": {
            **_function_inputs(tmp_path),
            "memorySize": 256.0,
            "timeoutSeconds": 20.0,
            "reservedConcurrency": 3.0,
            "environment": {"QUEUE_ARN": wire.output(QUEUE_ARN)},
            "statements": [
                {"actions": ["dynamodb:GetItem"], "resources": [wire.output(TABLE_ARN)]}
            ],
            "sources": {
                "queue": {
                    "arn": wire.output(QUEUE_ARN),
                    "batchSize": 5.0,
                    "maximumConcurrency": 2.0,
                },
                "schedule": {"expression": "rate(1 hour)"},
                "stream": {
                    "arn": wire.output(STREAM_ARN),
                    "maximumRetryAttempts": 2.0,
                    "filters": [{"eventName": ["INSERT"]}],
                },
            },
            "asynchronous": {"maximumRetryAttempts": 1.0},
        },
        "Queue": {
            "visibilityTimeoutSeconds": 120.0,
            "messageRetentionDays": 4.0,
            "maxReceiveCount": 5.0,
        },
        "RegionalDomain": {
            "domain": {"name": "letters.example.com", "zoneId": "Z0123456789ABCDEFGHIJ"},
            "apiId": wire.output("letters"),
            "apiUrl": wire.output("https://letters.execute-api.eu-west-1.amazonaws.com"),
            "stageName": "$default",
        },
        "Table": {
            "partitionKey": "id",
            "indexes": [{"name": "pending", "partitionKey": "shard", "partitionKeyType": "N"}],
            "pointInTimeRecovery": True,
            "stream": True,
        },
        "UserPool": {
            "resourceServer": "letters",
            "scopes": {"read": "Read letters"},
            "pageScopes": ["letters/read"],
            "machineScopes": ["letters/read"],
            "accessTokenMinutes": 15.0,
        },
    }


COMPONENTS = sorted(
    token.rpartition(":")[2] for token in json.loads(GOLDEN.read_text("utf-8"))["resources"]
)


def test_every_public_component_is_constructed_here(inputs: Mapping[str, Any]) -> None:
    assert sorted(inputs) == COMPONENTS


@pytest.mark.parametrize("component", COMPONENTS)
def test_children_are_below_the_component_with_the_callers_provider(
    component: str, caller: Caller, inputs: Mapping[str, Any]
) -> None:
    made = caller.construct(component, inputs[component])

    assert caller.monitor.states[made.urn].parent == caller.parent
    assert made.children
    for child in made.children:
        assert _is_below(child, made.urn, caller), child.urn
        if child.managed:
            assert child.provider == caller.provider, child.urn


@pytest.mark.parametrize("component", COMPONENTS)
def test_every_output_of_the_schema_has_a_value(
    component: str, caller: Caller, inputs: Mapping[str, Any]
) -> None:
    made = caller.construct(component, inputs[component])

    schema = json.loads(GOLDEN.read_text("utf-8"))
    promised = schema["resources"][f"serverless-orders:index:{component}"]["properties"]
    assert sorted(made.outputs) == sorted(promised)
    assert list(wire.unknown_paths(made.outputs)) == []
    assert "" not in made.outputs.values()


@pytest.mark.long
@pytest.mark.parametrize("component", COMPONENTS)
def test_a_preview_with_unknown_inputs_registers_the_same_resources(
    component: str, caller: Caller, inputs: Mapping[str, Any]
) -> None:
    unknown = _with_unknown_outputs(inputs[component])
    planned = caller.construct(component, unknown, preview=True)
    caller.afresh()
    made = caller.construct(component, inputs[component])

    assert _identities(planned) == _identities(made)


def test_numbers_that_arrive_as_floats_are_whole_on_every_resource(
    caller: Caller, inputs: Mapping[str, Any]
) -> None:
    queue = caller.construct("Queue", inputs["Queue"])
    redrive = json.loads(queue.one("aws:sqs/queue:Queue", "it").inputs["redrivePolicy"])
    assert repr(redrive["maxReceiveCount"]) == "5"

    caller.afresh()
    function = caller.construct("OrderSystem", inputs["OrderSystem"])
    variables = [
        child.inputs["environment"]["variables"]
        for child in function.children
        if child.type == "aws:lambda/function:Function"
    ]
    assert all("." not in v.get("MAX_RECEIVE_COUNT", "") for v in variables)
    schedule = function.one("aws:scheduler/schedule:Schedule", "it-republish-pending").inputs
    assert schedule["scheduleExpression"] == "rate(5 minutes)"


def test_inputs_reach_the_resources(caller: Caller, inputs: Mapping[str, Any]) -> None:
    made = caller.construct("PythonFunction", inputs["PythonFunction"])

    function = made.one("aws:lambda/function:Function").inputs
    assert (function["memorySize"], function["timeout"]) == (256, 20)
    assert function["reservedConcurrentExecutions"] == 3
    assert function["environment"] == {"variables": {"QUEUE_ARN": QUEUE_ARN}}
    mapping = made.one("aws:lambda/eventSourceMapping:EventSourceMapping", "it").inputs
    assert mapping["eventSourceArn"] == QUEUE_ARN
    assert mapping["batchSize"] == 5
    assert mapping["scalingConfig"] == {"maximumConcurrency": 2}
    stream = made.one("aws:lambda/eventSourceMapping:EventSourceMapping", "it-stream").inputs
    assert stream["maximumRetryAttempts"] == 2
    assert stream["filterCriteria"] == {"filters": [{"pattern": '{"eventName": ["INSERT"]}'}]}
    policies = [json.loads(c.inputs["policy"]) for c in made.children if "rolePolicy" in c.type]
    granted = {tuple(s["Action"]): s["Resource"] for p in policies for s in p["Statement"]}
    assert granted[("dynamodb:GetItem",)] == [TABLE_ARN]
    assert granted[("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")] == [
        QUEUE_ARN
    ]


def test_a_secret_stays_one_on_its_way_to_the_provider(
    caller: Caller, inputs: Mapping[str, Any]
) -> None:
    given = {**inputs["PythonFunction"], "environment": {"TOKEN": wire.secret("s3cret")}}
    made = caller.construct("PythonFunction", given)

    registered = made.one("aws:lambda/function:Function").registered["environment"]
    assert "s3cret" in json.dumps(registered)
    assert _outside_secrets(registered) == []


def test_protection_in_the_callers_options_reaches_every_child(caller: Caller) -> None:
    made = caller.construct("Queue", {}, protect=True)
    assert [child.name for child in made.children if not child.protect] == []


@pytest.mark.parametrize(
    ("component", "given", "said"),
    [
        ("Table", {}, "partitionKey"),
        ("HttpApi", {}, "routes"),
        ("HttpApi", {"routes": [{"routeKey": "GET /"}]}, "routes[0].functionName"),
        (
            "Queue",
            {"maxReceiveCount": 2.5, "visibilityTimeoutSecond": 5},
            "Queue it cannot be made of these inputs:\n"
            "  visibilityTimeoutSecond: expected no such key; did you mean "
            "visibilityTimeoutSeconds?\n"
            "  maxReceiveCount: expected a whole number from 1 to 1000, not 2.5",
        ),
    ],
)
def test_a_wrong_input_is_named(
    component: str, given: dict[str, Any], said: str, caller: Caller
) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        caller.construct(component, given)

    metadata = b"".join(
        value if isinstance(value, bytes) else value.encode()
        for _, value in refused.value.trailing_metadata()
    )
    assert said.encode() in refused.value.details().encode() + metadata


# The inputs as Python, any other language and a stack's configuration have them.
WRONG: Any = {
    "memory_size": 5,
    "memory_sise": 512,
    "queue": {"visibility_timeout_seconds": 5, "max_receive_count": 0},
    "processor": {"batch_size": 100},
    "alarms": {"emails": ["a@example.com", "a@example.com"]},
    "reserved_concurrency": {"process_order": 3},
}


def _camel(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    kept = {"process_order", "memory_sise"}
    return {k if k in kept else camel_case(k): _camel(each) for k, each in value.items()}


def test_wrong_inputs_get_the_same_error_from_python_other_languages_and_configuration(
    caller: Caller,
) -> None:
    with pytest.raises(InputError) as from_python:
        deploy(lambda: OrderSystem("it", WRONG))
    with pytest.raises(grpc.RpcError) as from_elsewhere:
        caller.construct("OrderSystem", _camel(WRONG))
    config = {
        f"serverless-orders:{key}": value if isinstance(value, str) else json.dumps(value)
        for key, value in _camel(WRONG).items()
    }
    with pytest.raises(SettingsError) as from_config:
        deploy(
            lambda: Settings.load(pulumi.Config("serverless-orders"), "dev"),
            project="serverless-orders",
            config=config,
        )

    head, *lines = from_elsewhere.value.details().splitlines()
    assert head == "OrderSystem it cannot be made of these inputs:"
    assert [each.partition(":")[0].strip() for each in lines] == [
        "memory_sise",
        "memorySize",
        "queue.maxReceiveCount",
        "processor.batchWindowSeconds",
        "alarms.emails[1]",
        "queue.visibilityTimeoutSeconds",
        "processor.maximumConcurrency",
    ]
    assert str(from_python.value.respelt(camel_case)).splitlines() == [head, *lines]
    said = [each.removeprefix("serverless-orders:") for each in str(from_config.value).splitlines()]
    assert said == [each.strip() for each in lines]


def test_a_component_of_another_name_is_refused(caller: Caller) -> None:
    with pytest.raises(grpc.RpcError, match="Box"):
        caller.construct("Box", {})


def test_host_takes_secrets(host: provider_pb2_grpc.ResourceProviderStub) -> None:
    """The engine does not construct components by a plugin that would lose them."""
    configured = host.Configure(provider_pb2.ConfigureRequest(args=wire.to_struct({})))
    assert configured.acceptSecrets


def _is_below(child: State, urn: str, caller: Caller) -> bool:
    parent = child.parent
    while parent and parent != urn:
        parent = caller.monitor.states[parent].parent
    return parent == urn


def _identities(made: Constructed) -> list[tuple[str, str, str]]:
    return sorted((child.type, child.name, child.parent) for child in made.children)


def _with_unknown_outputs(value: Any) -> Any:
    if isinstance(value, Mapping):
        if value.get(wire.SIGNATURE) == wire.OUTPUT:
            return wire.output()
        return {key: _with_unknown_outputs(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_unknown_outputs(item) for item in value]
    return value


def _outside_secrets(value: Any) -> list[str]:
    """The strings that are neither a secret nor inside of one."""
    return list(_strings(value))


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        if value.get(wire.SIGNATURE) == wire.SECRET:
            return
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
    elif isinstance(value, str):
        yield value
