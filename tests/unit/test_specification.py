"""The values that the specification demands, as each stack registers them."""

import json
import re
from typing import Any

import pulumi
import pytest

from components.order_functions import route_keys
from functions import contract
from tests.aws_names import ACCOUNT
from tests.recorder import Recording, deploy_stack
from tests.unit import stacks
from tests.variants import long

DAY = 86_400

every_stack = pytest.mark.parametrize("stack", stacks.STACKS)
every_function = pytest.mark.parametrize("function", stacks.FUNCTIONS)
every_function_of_every_stack = pytest.mark.parametrize(
    ("stack", "function"), stacks.FUNCTIONS_OF_STACKS
)


# Functions


@every_function_of_every_stack
def test_function_has_the_size_timeout_and_tracing_of_the_specification(
    stack: str, function: str
) -> None:
    inputs = stacks.function(stacks.recording(stack), function).inputs

    assert inputs["runtime"] == "python3.13"
    assert inputs["memorySize"] == 1024
    assert inputs["timeout"] == stacks.timeout(stack, function)
    assert inputs["architectures"] == ["x86_64"]
    assert inputs["tracingConfig"] == {"mode": "Active"}
    assert inputs["handler"] == f"functions.{function.replace('-', '_')}.handler"
    assert isinstance(inputs["code"], pulumi.Archive)
    assert "vpcConfig" not in inputs
    assert "reservedConcurrentExecutions" not in inputs


@every_stack
def test_the_functions_are_those_declared_and_those_of_the_specification_among_them(
    stack: str,
) -> None:
    names = {each.name for each in stacks.recording(stack).of(stacks.FUNCTION)}
    assert names == {f"orders-{each}" for each in stacks.functions(stack)}
    assert names >= {"orders-create-order", "orders-get-order", "orders-process-order"}


@every_function
def test_function_publishes_versions_behind_the_alias_live(function: str) -> None:
    recorded = stacks.recording()
    itself = stacks.function(recorded, function)
    alias = recorded.one(stacks.ALIAS, f"orders-{function}")

    assert itself.inputs["publish"] is True
    assert alias.inputs["name"] == "live"
    assert alias.inputs["functionName"] == itself.outputs["name"]
    assert alias.inputs["functionVersion"] == itself.outputs["version"]


@every_function_of_every_stack
def test_function_logs_as_text_into_a_log_group_of_its_own_that_forgets(
    stack: str, function: str
) -> None:
    recorded = stacks.recording(stack)
    group = recorded.one(stacks.LOG_GROUP, f"orders-{function}")
    itself = stacks.function(recorded, function)

    assert itself.inputs["loggingConfig"] == {
        "logFormat": "Text",
        "logGroup": group.outputs["name"],
    }
    assert group.inputs["retentionInDays"] == (365 if stack == "prod" else 14)


VARIABLES: dict[str, dict[str, str]] = {
    "create-order": {
        "ORDERS_TABLE_NAME": "Orders",
        "ORDER_EVENTS_QUEUE_URL": f"https://sqs.eu-west-1.amazonaws.com/{ACCOUNT}/order-events",
        "PENDING_SHARDS": "4",
    },
    "get-order": {"ORDERS_TABLE_NAME": "Orders"},
    "process-order": {"ORDERS_TABLE_NAME": "Orders", "MAX_RECEIVE_COUNT": "3"},
    "republish-pending": {
        "ORDERS_TABLE_NAME": "Orders",
        "ORDER_EVENTS_QUEUE_URL": f"https://sqs.eu-west-1.amazonaws.com/{ACCOUNT}/order-events",
        "PENDING_THRESHOLD_SECONDS": "120",
        "REPUBLISH_LIMIT": "1000",
        "PENDING_SHARDS": "4",
    },
}

# What the prod stack's own file changes, with its reasons.
PROD_VARIABLES = {
    "process-order": {"MAX_RECEIVE_COUNT": "5"},
    "republish-pending": {"PENDING_THRESHOLD_SECONDS": "180"},
}


@every_stack
@pytest.mark.parametrize("function", VARIABLES)
def test_function_is_told_what_the_specification_says(stack: str, function: str) -> None:
    variables = stacks.function(stacks.recording(stack), function).inputs["environment"]
    expected = VARIABLES[function] | {"POWERTOOLS_SERVICE_NAME": f"serverless-orders-{stack}"}
    if stack == "prod":
        expected |= PROD_VARIABLES.get(function, {})
    if function == "create-order":
        key = stacks.recording(stack).one(stacks.STASH, "orders-order-id-key")
        expected["ORDER_ID_KEY"] = key.outputs["output"]
    assert variables["variables"].items() >= expected.items()


def test_the_key_of_order_ids_is_256_random_bits_and_a_secret_wherever_it_goes() -> None:
    recorded = [stacks.recording(), deploy_stack("dev", {"events": False})]
    kept = [each.one(stacks.STASH, "orders-order-id-key") for each in recorded]
    assert kept[0].inputs != kept[1].inputs
    assert re.fullmatch("[0-9a-f]{64}", kept[0].inputs["input"])
    assert kept[0].secrets == {"input"}

    secret = {each.name: each.secrets for each in recorded[0].of(stacks.FUNCTION)}
    assert secret.pop("orders-create-order") == {"environment"}
    assert set(secret.values()) == {frozenset()}
    plain = [each for each in recorded[0].registrations if not each.secrets]
    assert kept[0].inputs["input"] not in str([plain, recorded[0].outputs])


def test_the_processor_learns_the_queues_own_receive_count() -> None:
    recorded = stacks.recording(**stacks.OTHER_VALUES)
    queue = recorded.one(stacks.QUEUE, "orders-events")
    variables = stacks.function(recorded, "process-order").inputs["environment"]["variables"]

    assert variables["MAX_RECEIVE_COUNT"] == "7"
    assert json.loads(queue.inputs["redrivePolicy"])["maxReceiveCount"] == 7


def test_functions_run_in_the_vpc_that_is_configured() -> None:
    recorded = stacks.recording(**stacks.OTHER_VALUES)
    for function in recorded.of(stacks.FUNCTION):
        assert function.inputs["vpcConfig"] == {
            "subnetIds": ["subnet-0a", "subnet-0b"],
            "securityGroupIds": ["sg-0a"],
        }


def test_concurrency_is_reserved_for_the_function_that_is_named_alone() -> None:
    for settings, named in (
        (stacks.OTHER_VALUES, {"orders-process-order": 10}),
        (stacks.LEAST, {"orders-list-orders": 5}),  # which is there with sign-in alone
    ):
        functions = stacks.recording(**settings).of(stacks.FUNCTION)
        reserved = {
            each.name: each.inputs.get("reservedConcurrentExecutions") for each in functions
        }
        assert {name: kept for name, kept in reserved.items() if kept is not None} == named


# Table


@every_stack
def test_table_is_keyed_billed_and_encrypted_as_specified(stack: str) -> None:
    inputs = stacks.recording(stack).one(stacks.TABLE, "orders").inputs

    assert inputs["name"] == "Orders"
    assert inputs["hashKey"] == "id"
    assert "rangeKey" not in inputs
    assert inputs["billingMode"] == "PAY_PER_REQUEST"
    assert inputs["serverSideEncryption"] == {"enabled": True}
    assert {(each["name"], each["type"]) for each in inputs["attributes"]} == {
        ("id", "S"),
        ("pendingShard", "N"),
        ("createdAt", "S"),
        *([("owner", "S")] if stack == "prod" else []),  # with sign-in
    }


def test_pending_orders_are_found_by_shard_and_age_by_their_keys_alone() -> None:
    (index,) = stacks.recording().one(stacks.TABLE, "orders").inputs["globalSecondaryIndexes"]
    assert index == {
        "name": "pending-keys",
        "projectionType": "KEYS_ONLY",
        "keySchemas": [
            {"attributeName": "pendingShard", "keyType": "HASH"},
            {"attributeName": "createdAt", "keyType": "RANGE"},
        ],
    }


# Queue


@every_stack
def test_queue_hides_keeps_and_encrypts_messages_as_specified(stack: str) -> None:
    recorded = stacks.recording(stack)
    queue = recorded.one(stacks.QUEUE, "orders-events")
    dead = recorded.one(stacks.QUEUE, "orders-events-dlq")

    assert queue.inputs["name"] == "order-events"
    assert queue.inputs["visibilityTimeoutSeconds"] == 30
    assert queue.inputs["messageRetentionSeconds"] == 14 * DAY
    assert queue.inputs["sqsManagedSseEnabled"] is True
    assert dead.inputs["name"] == "order-events-dlq"
    assert dead.inputs["messageRetentionSeconds"] == 14 * DAY
    assert dead.inputs["sqsManagedSseEnabled"] is True


@every_stack
def test_queue_gives_up_into_a_queue_that_takes_from_it_alone(
    stack: str,
) -> None:
    recorded = stacks.recording(stack)
    queue = recorded.one(stacks.QUEUE, "orders-events")
    dead = recorded.one(stacks.QUEUE, "orders-events-dlq")
    allow = recorded.one(stacks.REDRIVE_ALLOW, "orders-events-dlq")

    assert json.loads(queue.inputs["redrivePolicy"]) == {
        "deadLetterTargetArn": dead.outputs["arn"],
        # Five in the prod stack's own file, as AWS advises.
        "maxReceiveCount": 5 if stack == "prod" else 3,
    }
    assert allow.inputs["queueUrl"] == dead.outputs["url"]
    assert json.loads(allow.inputs["redriveAllowPolicy"]) == {
        "redrivePermission": "byQueue",
        "sourceQueueArns": [queue.outputs["arn"]],
    }


@every_stack
def test_every_queue_refuses_requests_without_tls(stack: str) -> None:
    recorded = stacks.recording(stack)
    queues = {each.outputs["url"]: each.outputs["arn"] for each in recorded.of(stacks.QUEUE)}
    policies = {
        each.inputs["queueUrl"]: stacks.document(each.inputs["policy"])
        for each in recorded.of(stacks.QUEUE_POLICY)
    }

    assert set(policies) == set(queues)
    for url, policy in policies.items():
        denied = [each for each in policy["Statement"] if each["Effect"] == "Deny"]
        assert denied == [
            {
                "Sid": "DenyWithoutTls",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "sqs:*",
                "Resource": queues[url],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        ]


# Event sources


@every_stack
def test_processor_reads_the_queue_in_batches_and_answers_for_each_message(stack: str) -> None:
    recorded = stacks.recording(stack)
    source = recorded.one(stacks.EVENT_SOURCE, "orders-process-order")

    assert source.inputs == {
        "eventSourceArn": recorded.one(stacks.QUEUE, "orders-events").outputs["arn"],
        "functionName": recorded.one(stacks.ALIAS, "orders-process-order").outputs["arn"],
        "batchSize": 10,
        "maximumBatchingWindowInSeconds": 0,
        "functionResponseTypes": ["ReportBatchItemFailures"],
        "scalingConfig": {"maximumConcurrency": 10},
    }


def test_batches_and_the_processors_concurrency_can_be_configured() -> None:
    recorded = stacks.recording(**stacks.OTHER_VALUES)
    source = recorded.one(stacks.EVENT_SOURCE, "orders-process-order")

    assert source.inputs["batchSize"] == 100
    assert source.inputs["maximumBatchingWindowInSeconds"] == 5
    assert source.inputs["scalingConfig"] == {"maximumConcurrency": 7}


def test_the_processors_concurrency_can_be_unlimited() -> None:
    source = stacks.recording(**stacks.LEAST).one(stacks.EVENT_SOURCE, "orders-process-order")
    assert "scalingConfig" not in source.inputs


@every_stack
def test_repair_runs_every_minute_with_retries_and_ends_in_a_dead_letter_queue(stack: str) -> None:
    recorded = stacks.recording(stack)
    alias = recorded.one(stacks.ALIAS, "orders-republish-pending")
    failures = recorded.one(stacks.QUEUE, "orders-republish-pending-failures")
    schedule = recorded.one(stacks.SCHEDULE, "orders-republish-pending").inputs
    invocation = recorded.one(stacks.ASYNC_CONFIG, "orders-republish-pending").inputs

    assert schedule["scheduleExpression"] == "rate(1 minute)"
    assert schedule["flexibleTimeWindow"] == {"mode": "OFF"}
    assert schedule["target"]["arn"] == alias.outputs["arn"]
    assert schedule["target"]["retryPolicy"] == {
        "maximumRetryAttempts": 2,
        "maximumEventAgeInSeconds": 3600,
    }
    assert schedule["target"]["deadLetterConfig"] == {"arn": failures.outputs["arn"]}
    assert invocation == {
        "functionName": stacks.function(recorded, "republish-pending").outputs["name"],
        "qualifier": "live",
        "maximumRetryAttempts": 2,
        "maximumEventAgeInSeconds": 3600,
        "destinationConfig": {"onFailure": {"destination": failures.outputs["arn"]}},
    }
    assert failures.inputs["sqsManagedSseEnabled"] is True


def test_repair_can_run_less_often() -> None:
    recorded = stacks.recording(**stacks.OTHER_VALUES)
    schedule = recorded.one(stacks.SCHEDULE, "orders-republish-pending")
    assert schedule.inputs["scheduleExpression"] == "rate(5 minutes)"


# API


@every_stack
def test_routes_lead_to_the_alias_of_their_function(stack: str) -> None:
    recorded = stacks.recording(stack)
    api = recorded.one(stacks.API)
    integrations = {each.id: each.inputs for each in recorded.of(stacks.INTEGRATION)}
    targets = {}
    for route in recorded.of(stacks.ROUTE):
        assert route.inputs["apiId"] == api.id
        integration = integrations[route.inputs["target"].removeprefix("integrations/")]
        assert integration["apiId"] == api.id
        assert integration["integrationType"] == "AWS_PROXY"
        assert integration["payloadFormatVersion"] == "2.0"
        assert integration["timeoutMilliseconds"] == 30_000
        targets[route.inputs["routeKey"]] = integration["integrationUri"]

    assert targets == {
        key: recorded.one(stacks.ALIAS, f"orders-{function}").outputs["invokeArn"]
        for key, function in routes(stack).items()
    }


def routes(stack: str) -> dict[str, str]:
    """The labels of the functions that a stack's routes are declared to lead to."""
    return {
        key: each.label
        for each in stacks.declared(stack)
        for key in route_keys(each, contract.API_VERSIONS)
    }


def test_the_routes_of_the_specification_are_among_them() -> None:
    assert routes("dev")["POST /orders"] == "create-order"
    assert routes("dev")["GET /orders/{id}"] == "get-order"
    assert routes("dev")["POST /v1/orders"] == routes("dev")["POST /v2/orders"] == "create-order"


@pytest.mark.parametrize(
    "settings", [stacks.OTHER_VALUES, stacks.LEAST, long({"apiVersions": ["v1"]})]
)
def test_a_version_that_is_not_served_has_no_route_and_the_users_own_stay(
    settings: dict[str, Any],
) -> None:
    recorded, served = stacks.recording(**settings), settings["apiVersions"]
    keys = {each.inputs["routeKey"] for each in recorded.of(stacks.ROUTE)}
    whole = {key.partition(" ")[2].removesuffix("/orders") for key in keys if "{" not in key}
    assert whole == {"", *(f"/{each}" for each in served)}
    unversioned = {key for key in keys if key.partition(" ")[2].startswith("/orders")}
    versioned = {key.replace(" ", f" /{each}") for key in unversioned for each in served}
    assert keys == unversioned | versioned
    told = stacks.function(recorded, "get-order").inputs["environment"]["variables"]
    assert ("CURRENCY" in told) is ("v2" in served)


def test_functions_know_the_currency_of_the_stack() -> None:
    for recorded, currency in (
        (stacks.recording(), "EUR"),
        (stacks.recording(**stacks.OTHER_VALUES), "JPY"),
    ):
        for label in ("create-order", "get-order"):
            told = stacks.function(recorded, label).inputs["environment"]["variables"]
            assert told["CURRENCY"] == currency


@every_stack
def test_api_may_invoke_each_function_by_its_own_route_alone(stack: str) -> None:
    recorded = stacks.recording(stack)
    root = recorded.one(stacks.API).outputs["executionArn"]
    of_api = [
        each
        for each in recorded.of(stacks.PERMISSION)
        if each.inputs["principal"] == "apigateway.amazonaws.com"
    ]
    permissions = {each.inputs["sourceArn"]: each.inputs for each in of_api}

    assert len(of_api) == len(routes(stack))
    for key, function in routes(stack).items():
        name = stacks.function(recorded, function).outputs["name"]
        source = f"{root}/$default/{key.replace(' ', '').replace('{id}', '*')}"
        assert permissions[source] == {
            "action": "lambda:InvokeFunction",
            "function": name,
            "qualifier": "live",
            "principal": "apigateway.amazonaws.com",
            "sourceArn": source,
        }


@pytest.mark.parametrize("stack", ["dev", "local"])
def test_any_page_may_call_a_development_api(stack: str) -> None:
    assert cors(stacks.recording(stack))["allowOrigins"] == ["*"]


def test_only_named_pages_may_call_the_production_api() -> None:
    assert cors(stacks.recording("prod"))["allowOrigins"] == ["https://orders.example.com"]


@every_stack
def test_pages_may_use_the_methods_and_headers_of_the_specification(stack: str) -> None:
    rules = cors(stacks.recording(stack))
    # For browsers `*` is every header but Authorization.
    assert rules["allowHeaders"] == [*(["authorization"] if stack == "prod" else []), "*"]
    assert set(rules["allowMethods"]) == {"GET", "POST", *(key.split()[0] for key in routes(stack))}
    # Headers that our answers have and that a page's script could not read otherwise.
    assert set(rules["exposeHeaders"]) == {
        *("location", "retry-after", "idempotency-replayed"),
        *("deprecation", "sunset", "link"),
        *("ratelimit", "ratelimit-policy"),
    }


def cors(recorded: Recording) -> dict[str, Any]:
    api = recorded.one(stacks.API)
    assert api.inputs["protocolType"] == "HTTP"
    rules: dict[str, Any] = api.inputs["corsConfiguration"]
    return rules


@every_stack
def test_stage_deploys_itself_and_throttles_as_a_whole_and_by_route(stack: str) -> None:
    recorded = stacks.recording(stack)
    stage = recorded.one(stacks.STAGE)

    assert stage.inputs["name"] == "$default"
    assert stage.inputs["autoDeploy"] is True
    assert stage.inputs["apiId"] == recorded.one(stacks.API).id
    assert stage.inputs["defaultRouteSettings"] == limits(500, 1000)
    assert {each.pop("routeKey"): each for each in map(dict, stage.inputs["routeSettings"])} == {
        key: limits(250, 500) if key.startswith("POST ") else limits(500, 1000)
        for key in routes(stack)
    }


def test_stage_is_made_after_the_routes_whose_settings_it_has() -> None:
    recorded = stacks.recording()
    routes = {each.urn for each in recorded.of(stacks.ROUTE)}
    assert routes <= recorded.one(stacks.STAGE).dependencies


def limits(rate: int, burst: int) -> dict[str, int]:
    return {"throttlingRateLimit": rate, "throttlingBurstLimit": burst}


@every_stack
def test_access_log_has_a_group_of_its_own_and_no_personal_data(stack: str) -> None:
    recorded = stacks.recording(stack)
    group = recorded.one(stacks.LOG_GROUP, "orders-api")
    settings = recorded.one(stacks.STAGE).inputs["accessLogSettings"]
    fields = json.loads(settings["format"])

    assert settings["destinationArn"] == group.outputs["arn"]
    assert group.inputs["retentionInDays"] == (365 if stack == "prod" else 14)
    assert {"$context.requestId", "$context.routeKey", "$context.status"} <= set(fields.values())
    assert not [each for each in fields.values() if "identity" in each or "ip" in each.lower()]


# Names


def test_two_stacks_fit_one_account_with_a_suffix() -> None:
    recorded = stacks.recording(**stacks.LEAST)
    assert recorded.one(stacks.TABLE, "orders").inputs["name"] == "Orders-two"
    assert recorded.one(stacks.QUEUE, "orders-events").inputs["name"] == "order-events-two"
    assert recorded.one(stacks.QUEUE, "orders-events-dlq").inputs["name"] == "order-events-two-dlq"


def test_no_other_resource_has_a_fixed_name() -> None:
    fixed = {
        (each.type, each.inputs["name"])
        for each in stacks.recording().registrations
        if each.custom and "name" in each.inputs
    }
    assert fixed == {
        (stacks.TABLE, "Orders"),
        (stacks.QUEUE, "order-events"),
        (stacks.QUEUE, "order-events-dlq"),
        (stacks.ALIAS, "live"),
        (stacks.STAGE, "$default"),
    }
