"""What each role may do: exactly what its function calls, on exactly that resource."""

from typing import Any

import pytest

from components import PythonFunction
from components.order_functions import FUNCTIONS
from functions import contract
from tests.aws_names import ACCOUNT
from tests.recorder import Recording, Registration, deploy, small_bundle
from tests.unit import stacks

TABLE = f"arn:aws:dynamodb:eu-west-1:{ACCOUNT}:table/Orders"
QUEUE = f"arn:aws:sqs:eu-west-1:{ACCOUNT}:order-events"
STREAM = f"{TABLE}/stream/2026-01-31T12:00:00.000"
BUS, UNPUBLISHED = "the bus", "the bucket of what could not be published"

# SPEC: what each function may do beyond logs and traces.
GRANTS = {
    "create-order": {("dynamodb:PutItem", TABLE), ("sqs:SendMessage", QUEUE)},
    "get-order": {("dynamodb:GetItem", TABLE)},
    # Only in a stack with sign-in.
    "list-orders": {("dynamodb:Query", f"{TABLE}/index/owner")},
    "process-order": {
        ("dynamodb:UpdateItem", TABLE),
        ("sqs:ReceiveMessage", QUEUE),
        ("sqs:DeleteMessage", QUEUE),
        ("sqs:GetQueueAttributes", QUEUE),
    },
    "republish-pending": {
        ("dynamodb:Query", f"{TABLE}/index/pending-keys"),
        ("dynamodb:BatchGetItem", TABLE),
        ("sqs:SendMessage", QUEUE),
        # Lambda itself delivers an invocation given up with the function's role.
        ("sqs:SendMessage", "its failure queue"),
    },
    # Only in a stack that has its table measured.
    "measure-table": {
        ("dynamodb:DescribeTable", TABLE),
        ("sqs:SendMessage", "its failure queue"),
    },
    # Only in a system of several regions.
    "health": {("dynamodb:GetItem", TABLE), ("sqs:GetQueueAttributes", QUEUE)},
    # Only in a stack with synthetic orders.
    "synthetic-order": {
        ("dynamodb:DeleteItem", TABLE),
        ("sqs:SendMessage", "its failure queue"),
    },
    "record-history": {
        ("dynamodb:PutItem", "the history"),
        ("sqs:ReceiveMessage", "its queue"),
        ("sqs:DeleteMessage", "its queue"),
        ("sqs:GetQueueAttributes", "its queue"),
    },
    "get-order-history": {("dynamodb:Query", "the history")},
    "publish-changes": {
        ("dynamodb:DescribeStream", STREAM),
        ("dynamodb:GetRecords", STREAM),
        ("dynamodb:GetShardIterator", STREAM),
        ("dynamodb:ListStreams", STREAM),
        ("events:PutEvents", BUS),
        # Lambda itself keeps there what the stream gives up, with the function's role.
        ("s3:PutObject", f"{UNPUBLISHED}/*"),
        ("s3:ListBucket", UNPUBLISHED),
    },
}

# AWS asks them of each event: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-conditions.html
CONDITIONS = {
    "events:PutEvents": {
        "ForAllValues:StringEquals": {
            "events:source": ["serverless-orders"],
            "events:detail-type": list(contract.CHANGE_EVENTS.values()),
        }
    }
}

# Only in a stack whose versions change step by step.
GROUPS = "the deployment groups"
_OF_DEPLOYMENTS = {
    ("codedeploy:GetDeployment", GROUPS),
    ("codedeploy:PutLifecycleEventHookExecutionStatus", GROUPS),
}
_TRIED = {each.label for each in FUNCTIONS if not (each.unchecked or each.checks)}
GRANTS["check-before-traffic"] = {
    ("dynamodb:PutItem", TABLE),
    ("dynamodb:DeleteItem", TABLE),
    *(("lambda:InvokeFunction", f"versions of {each}") for each in _TRIED),
    *_OF_DEPLOYMENTS,
}
GRANTS["check-after-traffic"] = {("cloudwatch:GetMetricData", "*"), *_OF_DEPLOYMENTS}

# These count their requests, in a stack whose callers have limits.
ROUTED = {each.label for each in FUNCTIONS if each.route and not each.public}

# Only in a stack with imports.
_IMPORTS = "the bucket of imports"
GRANTS["import-orders"] = {
    ("dynamodb:PutItem", TABLE),
    ("sqs:SendMessage", QUEUE),
    ("sqs:SendMessage", "its failure queue"),
    ("s3:GetObjectVersion", f"{_IMPORTS}/incoming/*"),
    ("s3:PutObject", f"{_IMPORTS}/results/*"),
    ("s3:PutObject", f"{_IMPORTS}/unfinished/*"),
    ("s3:GetObject", f"{_IMPORTS}/unfinished/*"),
    ("lambda:InvokeFunction", "itself"),
}

NETWORK = {
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
}


def logs_and_traces(recorded: Recording, function: str) -> set[tuple[str, str]]:
    group_name = stacks.function(recorded, function).inputs["loggingConfig"]["logGroup"]
    (group,) = [
        each
        for each in recorded.of(stacks.LOG_GROUP)
        if each.outputs["name"] == group_name and each.name == f"orders-{function}"
    ]
    own_logs = f"{group.outputs['arn']}:*"
    return {
        ("logs:CreateLogStream", own_logs),
        ("logs:PutLogEvents", own_logs),
        ("xray:PutTraceSegments", "*"),
        ("xray:PutTelemetryRecords", "*"),
    }


def allowed(recorded: Recording, function: str) -> list[tuple[str, str]]:
    """Every (action, resource) that the function's role is allowed, the plain way."""
    role = stacks.role_of(recorded, stacks.function(recorded, function).inputs["role"])
    pairs = []
    for statement in stacks.statements(recorded, role):
        if statement["Effect"] == "Deny":
            continue
        assert set(statement) - {"Condition"} == {"Effect", "Action", "Resource"}, statement
        assert statement.get("Condition") == CONDITIONS.get(statement["Action"][0]), statement
        pairs += [(a, r) for a in statement["Action"] for r in statement["Resource"]]
    return pairs


def test_grants_of_every_function_are_decided() -> None:
    for each in FUNCTIONS:
        assert each.label in GRANTS, (
            f"decide the grants of {each.label}: add it to GRANTS in tests/unit/test_roles.py"
        )
    assert set(GRANTS) == {each.label for each in FUNCTIONS}


@pytest.mark.parametrize(
    ("stack", "function", "settings"),
    [
        *((stack, function, {}) for stack, function in stacks.FUNCTIONS_OF_STACKS),
        ("dev", "synthetic-order", {"synthetic": {"rateMinutes": 5}}),
        ("dev", "import-orders", {"imports": True}),
        *(
            ("dev", function, stacks.EVERYTHING)
            for function in (
                "synthetic-order",
                "import-orders",
                "health",
                "check-before-traffic",
                "check-after-traffic",
            )
        ),
        *(
            ("dev", function, {"auth": "cognito"})
            for function in (*stacks.FUNCTIONS, "list-orders")
        ),
    ],
)
def test_role_has_exactly_the_permissions_of_the_specification(
    stack: str, function: str, settings: dict[str, Any]
) -> None:
    recorded = stacks.recording(stack, **settings)
    queues = {each.name: each.outputs["arn"] for each in recorded.of(stacks.QUEUE)}
    tables = {each.name: each.outputs["arn"] for each in recorded.of(stacks.TABLE)}
    unpublished = recorded.one(stacks.BUCKET, "orders-unpublished").outputs["arn"]
    meant = {
        "its failure queue": queues.get(f"orders-{function}-failures", "no failure queue"),
        "its queue": queues.get(f"orders-{function}", "no queue of its own"),
        "the history": tables["orders-history"],
        BUS: recorded.one(stacks.BUS).outputs["arn"],
        UNPUBLISHED: unpublished,
        f"{UNPUBLISHED}/*": f"{unpublished}/*",
        "itself": recorded.one(stacks.ALIAS, f"orders-{function}").outputs["arn"],
    }
    for application in recorded.of("aws:codedeploy/application:Application"):
        name = application.outputs["name"]
        groups = f"deploymentgroup:{name}/orders-deployments-*"
        meant[GROUPS] = f"arn:aws:codedeploy:eu-west-1:{ACCOUNT}:{groups}"
    for each in recorded.of(stacks.FUNCTION):
        meant[f"versions of {each.name.removeprefix('orders-')}"] = f"{each.outputs['arn']}:*"
    for bucket in (b for b in recorded.of(stacks.BUCKET) if b.name == "orders-imports"):
        for prefix in ("incoming", "results", "unfinished"):
            meant[f"{_IMPORTS}/{prefix}/*"] = f"{bucket.outputs['arn']}/{prefix}/*"
    expected = {
        (action, meant.get(resource, resource)) for action, resource in GRANTS[function]
    } | logs_and_traces(recorded, function)
    if "orders-limits" in tables and function in ROUTED:
        expected.add(("dynamodb:UpdateItem", tables["orders-limits"]))

    found = allowed(recorded, function)

    assert set(found) == expected
    assert len(found) == len(expected), "a permission is granted twice"


@pytest.mark.parametrize("function", stacks.FUNCTIONS)
def test_role_in_a_vpc_has_the_network_permissions_that_lambda_needs_and_code_has_not(
    function: str,
) -> None:
    plain = stacks.recording("dev")
    placed = stacks.recording(**stacks.OTHER_VALUES)

    assert set(allowed(placed, function)) - set(allowed(plain, function)) == {
        (action, "*") for action in NETWORK
    }
    itself = stacks.function(placed, function)
    role = stacks.role_of(placed, itself.inputs["role"])
    denials = [each for each in stacks.statements(placed, role) if each["Effect"] == "Deny"]
    assert len(denials) == 1
    assert set(denials[0]["Action"]) == NETWORK
    assert denials[0]["Resource"] == "*"
    assert denials[0]["Condition"] == {
        "ArnEquals": {"lambda:SourceFunctionArn": itself.outputs["arn"]}
    }


def test_function_that_leaves_its_vpc_keeps_what_lambda_removes_its_interfaces_with() -> None:
    """They take minutes to go, and without the grants they would stay for good."""
    placed, leaving = in_vpc(), in_vpc(leaving=True)
    assert "vpcConfig" in placed.one(stacks.FUNCTION).inputs
    assert "vpcConfig" not in leaving.one(stacks.FUNCTION).inputs
    granted, kept = (stacks.statements(each, each.one(stacks.ROLE)) for each in (placed, leaving))
    assert granted == kept
    assert NETWORK & {action for each in kept for action in each["Action"]}


def in_vpc(**more: bool) -> Recording:
    """A function alone in a VPC."""
    vpc: Any = {"subnet_ids": ["subnet-0a", "subnet-0b"], "security_group_ids": ["sg-0a"], **more}
    return deploy(
        lambda: PythonFunction("f", {"code": small_bundle(), "handler": "f.handler", "vpc": vpc})
    )


def test_each_function_has_a_role_of_its_own_that_only_lambda_assumes() -> None:
    recorded = stacks.recording()
    arns = [each.inputs["role"] for each in recorded.of(stacks.FUNCTION)]

    assert len(set(arns)) == len(arns)
    for arn in arns:
        trust = stacks.document(stacks.role_of(recorded, arn).inputs["assumeRolePolicy"])
        assert trust["Statement"] == [
            {
                "Effect": "Allow",
                "Principal": {"Service": "lambda.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ]


def test_schedule_may_only_invoke_the_alias_and_give_up_into_its_queue() -> None:
    recorded = stacks.recording()
    target = recorded.one(stacks.SCHEDULE, "orders-republish-pending").inputs["target"]
    role = stacks.role_of(recorded, target["roleArn"])
    alias = recorded.one(stacks.ALIAS, "orders-republish-pending").outputs["arn"]
    failures = recorded.one(stacks.QUEUE, "orders-republish-pending-failures").outputs["arn"]

    assert stacks.statements(recorded, role) == [
        {"Effect": "Allow", "Action": ["lambda:InvokeFunction"], "Resource": [alias]},
        {"Effect": "Allow", "Action": ["sqs:SendMessage"], "Resource": [failures]},
    ]
    assert stacks.document(role.inputs["assumeRolePolicy"])["Statement"] == [
        {
            "Effect": "Allow",
            "Principal": {"Service": "scheduler.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
        }
    ]


def test_no_role_has_permissions_from_anywhere_else() -> None:
    recorded = stacks.recording()
    roles = recorded.of(stacks.ROLE)
    used = {each.inputs["role"] for each in recorded.of(stacks.FUNCTION)}
    used |= {each.inputs["target"]["roleArn"] for each in recorded.of(stacks.SCHEDULE)}

    assert {each.outputs["arn"] for each in roles} == used
    for role in roles:
        assert not {"managedPolicyArns", "inlinePolicies"} & set(role.inputs)
    attached = {each.type for each in recorded.registrations if "ttachment" in each.type}
    assert attached == set()


def granting(recorded: Recording, function: str) -> list[Registration]:
    """The policies that allow the function's role something."""
    role = stacks.role_of(recorded, stacks.function(recorded, function).inputs["role"])
    return [
        each
        for each in recorded.of(stacks.ROLE_POLICY)
        if each.inputs["role"] == role.outputs["name"]
        and stacks.document(each.inputs["policy"])["Statement"][0]["Effect"] == "Allow"
    ]


@pytest.mark.parametrize("function", stacks.FUNCTIONS)
def test_function_is_made_after_its_permissions_and_deleted_before_them(function: str) -> None:
    placed = stacks.recording(**stacks.OTHER_VALUES)
    policies = {each.urn for each in granting(placed, function)}
    assert policies
    assert policies <= stacks.function(placed, function).dependencies


@pytest.mark.parametrize("function", stacks.FUNCTIONS)
def test_a_grant_that_is_dropped_is_a_resource_that_goes_last(function: str) -> None:
    """Not a statement of a policy that stays, whose update would come before the function's."""
    for policy in granting(stacks.recording(), function):
        statements = stacks.document(policy.inputs["policy"])["Statement"]
        actions = {tuple(each["Action"]) for each in statements}
        basic = {each for each in actions if each[0].startswith(("logs:", "xray:"))}
        assert len(actions) == 1 or actions == basic, policy
