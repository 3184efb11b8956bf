"""Recordings of the stacks, made once, and the questions that the tests ask of them."""

import contextvars
import functools
import json
from collections.abc import Mapping
from typing import Any

import pulumi

from components import http_api, order_functions
from components.order_functions import OrderFunction, functions_of
from local import program
from operations.graph import Graph, read
from settings import Settings
from tests.once import once
from tests.recorder import Recording, Registration, deploy_stack

BUCKET = "aws:s3/bucket:Bucket"
TABLE = "aws:dynamodb/table:Table"
QUEUE = "aws:sqs/queue:Queue"
QUEUE_POLICY = "aws:sqs/queuePolicy:QueuePolicy"
REDRIVE_ALLOW = "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy"
FUNCTION = "aws:lambda/function:Function"
ALIAS = "aws:lambda/alias:Alias"
PERMISSION = "aws:lambda/permission:Permission"
EVENT_SOURCE = "aws:lambda/eventSourceMapping:EventSourceMapping"
ASYNC_CONFIG = "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig"
SCHEDULE = "aws:scheduler/schedule:Schedule"
BUS = "aws:cloudwatch/eventBus:EventBus"
BUS_POLICY = "aws:cloudwatch/eventBusPolicy:EventBusPolicy"
ARCHIVE = "aws:cloudwatch/eventArchive:EventArchive"
RULE = "aws:cloudwatch/eventRule:EventRule"
RULE_TARGET = "aws:cloudwatch/eventTarget:EventTarget"
ROLE = "aws:iam/role:Role"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
METRIC_FILTER = "aws:cloudwatch/logMetricFilter:LogMetricFilter"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
DASHBOARD = "aws:cloudwatch/dashboard:Dashboard"
API = "aws:apigatewayv2/api:Api"
ROUTE = "aws:apigatewayv2/route:Route"
INTEGRATION = "aws:apigatewayv2/integration:Integration"
STAGE = "aws:apigatewayv2/stage:Stage"
KEY = "aws:kms/key:Key"
TOPIC = "aws:sns/topic:Topic"
TOPIC_POLICY = "aws:sns/topicPolicy:TopicPolicy"
SUBSCRIPTION = "aws:sns/topicSubscription:TopicSubscription"
AUTHORIZER = "aws:apigatewayv2/authorizer:Authorizer"
USER_POOL = "aws:cognito/userPool:UserPool"
USER_POOL_CLIENT = "aws:cognito/userPoolClient:UserPoolClient"
USER_POOL_DOMAIN = "aws:cognito/userPoolDomain:UserPoolDomain"
RESOURCE_SERVER = "aws:cognito/resourceServer:ResourceServer"
LOGIN_BRANDING = "aws:cognito/managedLoginBranding:ManagedLoginBranding"
STASH = "pulumi:index:Stash"
PROVIDER = "pulumi:providers:aws"

STACKS = ("dev", "prod", "local")


@functools.cache
def declared(stack: str = "dev") -> tuple[OrderFunction, ...]:
    """The functions that a stack's settings ask for."""
    return functions_of(settings(stack, program.stack_config(stack)).system)


def settings(stack: str, config: Mapping[str, str]) -> Settings:
    """The settings of a stack with this configuration, whose keys are the full ones."""

    def load() -> Settings:
        pulumi.runtime.set_all_config(dict(config))
        return Settings.load(pulumi.Config("serverless-orders"), stack)

    return contextvars.Context().run(load)


def consumers(stack: str = "dev") -> tuple[str, ...]:
    """The labels of the functions that consume the bus's events."""
    return tuple(each.label for each in declared(stack) if each.consumes)


def functions(stack: str = "dev") -> tuple[str, ...]:
    """The labels of a stack's functions, as in the names of their resources."""
    return tuple(each.label for each in declared(stack))


def timeout(stack: str, label: str) -> int:
    """Seconds that a function has, by the specification and what the stacks say."""
    # The prod stack gives the processor a sixth of the visibility timeout, as AWS advises.
    return {("prod", "process-order"): 5, (stack, "import-orders"): 60}.get((stack, label), 30)


FUNCTIONS = functions()
UNUSED_METHOD = next(each for each in http_api.METHODS if each not in order_functions.METHODS)
FUNCTIONS_OF_STACKS = [(stack, each) for stack in STACKS for each in functions(stack)]


@once
def _recording(stack: str, overrides: Mapping[str, Any], preview: bool) -> Recording:
    return deploy_stack(stack, overrides, preview=preview)


def recording(stack: str = "dev", *, preview: bool = False, **overrides: Any) -> Recording:
    """The stack with configuration keys overridden; not to be changed."""
    return _recording(stack, overrides, preview)


@once
def _graph(stack: str, overrides: Mapping[str, Any]) -> Graph:
    return read(stack, overrides)


def graph(stack: str = "dev", overrides: Mapping[str, Any] | None = None) -> Graph:
    """What `operations.graph.read` reads, made once; not to be changed."""
    return _graph(stack, dict(overrides or {}))


REGIONS = {"members": ["us-east-1", "eu-west-1"]}
HOME_STACK = "organization/serverless-orders/home"

# What most tests of a setting ask of, so that a program is executed for all of them in place of
# each. What contradicts something in one of them goes into another.
OTHER_VALUES: dict[str, Any] = {
    "region": "eu-central-1",
    "allowedAccountIds": ["123456789012"],
    "tags": {"owner": "shop"},
    "memorySize": 512,
    "timeoutSeconds": 10,
    "reservedConcurrency": {"process_order": 10},
    "vpc": {"subnetIds": ["subnet-0a", "subnet-0b"], "securityGroupIds": ["sg-0a"]},
    "apiVersions": ["v2"],
    # As YAML makes a day that is not in quotes.
    "deprecations": {"v2": {"since": "2027-01-01T00:00:00Z"}},
    "currency": "JPY",
    "table.pointInTimeRecovery": True,
    "tableMetrics.rateHours": 6,
    "queue.maxReceiveCount": 7,
    "pending.shards": 7,
    "processor": {"batchSize": 100, "batchWindowSeconds": 5, "maximumConcurrency": 7},
    "republish.rateMinutes": 5,
    "alarms.emails": ["a@example.com", "b@example.com", "c@example.com"],
    "alarms.actions": ["arn:aws:lambda:us-east-1:123456789012:function:pager"],
    "monthlyBudget": {"amount": 20.5, "emails": ["finance@example.com"]},
}
"""A value that is not the default's for each setting that adds no part."""

TWO_THRESHOLDS: dict[str, Any] = {
    "alarms.topic": False,
    "alarms.thresholds": {"functionErrorPercent": 7, "queueAgeSeconds": 120},
}
"""Alarms that nobody hears of, two kinds of them from another value on."""

LEAST: dict[str, Any] = {
    "nameSuffix": "-two",
    "apiVersions": [],
    "auth": "cognito",
    "limits": {"createPerMinute": 0, "readPerMinute": 0},
    "reservedConcurrency": {"list_orders": 5},
    "events": False,
    "table.deletionProtection": True,
    "tableMetrics.rateHours": 0,
    "processor.maximumConcurrency": 0,
    "throttle": {"rate": 100_000, "createRate": 100_000},
}
"""Signed in, and without all else that can be left out."""

EVERYTHING: dict[str, Any] = {
    "regions": {
        **REGIONS,
        "domain": {"name": "api.example.com", "zoneId": "Z0123456789ABCDEFGHIJ"},
    },
    "auth": "cognito",
    "userPool.machineScopes": [],
    "userPool.domainPrefix": "shop",
    "userPool.callbackUrls": ["https://shop.example.com/in"],
    "limits": {"createPerMinute": 7, "readPerMinute": 8},
    "cors.headers": ["Authorization", "x-shop"],
    "throttle": {"rate": 10_000, "burst": 10_000, "createRate": 10_000},
    "deprecations": {
        "v1": {
            "since": "2027-01-01",
            "sunset": "2027-12-31",
            "link": "https://shop.example.com/api",
        }
    },
    "table": {"pointInTimeRecovery": True, "deletionProtection": True},
    "imports": True,
    "importing.retentionDays": 7,
    "synthetic.rateMinutes": 5,
    "deployment": "canary25Percent7Minutes",
    "alarms.emails": ["on-call@example.com"],
    "alarms.thresholds": {
        "functionErrorPercent": 0.5,
        "durationPercentOfTimeout": 50,
        "apiErrorPercent": 3,
        "apiLatencyMilliseconds": 700,
        "queueAgeSeconds": 120,
        "drainSeconds": 60,
        "creationSuccessPercent": 99.9,
        "processingTimeMilliseconds": 5000,
        "queueLagMilliseconds": 4000,
        "oldestPendingSeconds": 300,
        "streamAgeSeconds": 60,
        "replicationSeconds": 30,
        "importRejectedPercent": 5,
    },
    "permissionsBoundary": "arn:aws:iam::123456789012:policy/orders-boundary",
    "monthlyBudget": {"amount": 100, "emails": ["finance@example.com"]},
}
"""With each part that can be asked for."""


@once
def _further_region(stack: str, overrides: Mapping[str, Any]) -> Recording:
    home = _recording(stack, overrides, False)
    regions = {**overrides["regions"], "homeStack": HOME_STACK}
    further = {**overrides, "region": regions["members"][1], "regions": regions}
    return deploy_stack(stack, further, other_stacks={HOME_STACK: home.outputs})


def two_regions(stack: str = "dev", **overrides: Any) -> tuple[Recording, Recording]:
    """A stack as home and as the further one of REGIONS; not to be changed."""
    both = {"regions": REGIONS, **overrides}
    return recording(stack, **both), _further_region(stack, both)


def function(recorded: Recording, name: str) -> Registration:
    """One of the stack's functions, by its label."""
    return recorded.one(FUNCTION, f"orders-{name}")


def document(value: str) -> dict[str, Any]:
    """A JSON document of a resource."""
    parsed: dict[str, Any] = json.loads(value)
    return parsed


def role_of(recorded: Recording, arn: str) -> Registration:
    """The role of an ARN."""
    (role,) = [each for each in recorded.of(ROLE) if each.outputs["arn"] == arn]
    return role


def statements(recorded: Recording, role: Registration) -> list[dict[str, Any]]:
    """Every statement of every policy that is attached to a role."""
    policies = [
        each
        for each in recorded.of(ROLE_POLICY)
        if each.inputs["role"] in (role.id, role.outputs["name"])
    ]
    found = []
    for policy in policies:
        parsed = document(policy.inputs["policy"])
        assert parsed["Version"] == "2012-10-17"
        found += parsed["Statement"]
    return found
