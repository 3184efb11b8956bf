"""Least privilege: what roles may do, who may assume them, who may use a resource."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from .rule import (
    Findings,
    Resource,
    Setting,
    Settings,
    Stack,
    StackResource,
    as_list,
    as_object,
    as_texts,
    json_object,
    matches,
    resource_rule,
    stack_rule,
)
from .types import (
    BUCKET_POLICY,
    EVENT_BUS_POLICY,
    FUNCTION,
    GROUP_POLICY,
    GROUP_POLICY_ATTACHMENT,
    KEY,
    KEY_POLICY,
    POLICY,
    POLICY_ATTACHMENT,
    QUEUE,
    QUEUE_POLICY,
    ROLE,
    ROLE_POLICY,
    ROLE_POLICY_ATTACHMENT,
    TOPIC,
    TOPIC_POLICY,
    USER_POLICY,
    USER_POLICY_ATTACHMENT,
)

# Actions that the Service Authorization Reference gives no resource type, so that AWS accepts
# them on `*` alone:
# https://docs.aws.amazon.com/service-authorization/latest/reference/
ACTIONS_WITHOUT_RESOURCES = (
    "cloudwatch:GetMetricData",
    "cloudwatch:PutMetricData",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
    "xray:GetSamplingRules",
    "xray:GetSamplingStatisticSummaries",
    "xray:GetSamplingTargets",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
)

# Lambda refuses to place a function in a VPC unless its role has these on `*`, although EC2
# itself knows resources for them:
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
ACTIONS_THAT_LAMBDA_NEEDS_ON_ALL = (
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:UnassignPrivateIpAddresses",
)

# CloudWatch tells somebody who asks for fewer of fewer kinds of alarms, and AWS's own policy for
# CodeDeploy has it on all:
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html
# https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSCodeDeployRoleForLambdaLimited.html
ACTIONS_THAT_CODEDEPLOY_NEEDS_ON_ALL = ("cloudwatch:DescribeAlarms",)

# The services whose resource part begins with a name instead of a type, so that what follows
# the name may be a wildcard (`bucket/*`, `apiid/*`).
_NAME_FIRST = ("s3", "execute-api")
_TYPE_THEN_WILDCARD = re.compile(r"[A-Za-z-]+[:/][*?]+([:/].*)?")

_IDENTITY_POLICIES = (ROLE_POLICY, USER_POLICY, GROUP_POLICY, POLICY)


def _allow_statements(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    statements = map(as_object, as_list(document.get("Statement")))
    return (statement for statement in statements if statement.get("Effect") == "Allow")


def _identity_statements(resource: Resource) -> Iterator[Mapping[str, Any]]:
    if resource.resource_type == ROLE:
        inline = map(as_object, as_list(resource.props.get("inlinePolicies")))
        documents = [policy.get("policy") for policy in inline]
    else:
        documents = [resource.props.get("policy")]
    for document in documents:
        yield from _allow_statements(json_object(document))


@resource_rule(
    "iam-no-wildcard-action",
    [*_IDENTITY_POLICIES, ROLE],
    "An identity policy names each action that it allows.",
    "List the actions that the code calls, each by its full name.",
    settings={"allowed": Setting("array", [], "Actions with a wildcard that are permitted")},
)
def no_wildcard_action(resource: Resource, settings: Settings) -> Findings:
    for statement in _identity_statements(resource):
        if "NotAction" in statement:
            yield "allows every action but some (NotAction)"
        for action in as_texts(statement.get("Action")):
            if ("*" in action or "?" in action) and action not in settings["allowed"]:
                yield f"allows the action {action!r}"


def _is_broad(arn: str) -> bool:
    """Whether an ARN leaves open the partition, service, region, account or the whole name."""
    parts = arn.split(":", 5)
    if len(parts) < 6:
        return "*" in arn or "?" in arn
    _, partition, service, region, account, name = parts
    if any("*" in part or "?" in part for part in (partition, service, region, account)):
        return True
    if not name.strip("*?"):
        return True
    return service not in _NAME_FIRST and bool(_TYPE_THEN_WILDCARD.fullmatch(name))


@resource_rule(
    "iam-no-wildcard-resource",
    [*_IDENTITY_POLICIES, ROLE],
    "An identity policy names the resources that its actions are allowed on.",
    "Give the ARN of the resource that the action is called on; an action that AWS allows on "
    "'*' alone belongs on this rule's list `actionsWithoutResources`.",
    settings={
        "actionsWithoutResources": Setting(
            "array",
            [
                *ACTIONS_WITHOUT_RESOURCES,
                *ACTIONS_THAT_LAMBDA_NEEDS_ON_ALL,
                *ACTIONS_THAT_CODEDEPLOY_NEEDS_ON_ALL,
            ],
            "Actions that AWS allows on `*` alone",
        )
    },
)
def no_wildcard_resource(resource: Resource, settings: Settings) -> Findings:
    for statement in _identity_statements(resource):
        actions = as_texts(statement.get("Action"))
        if actions and set(actions) <= set(settings["actionsWithoutResources"]):
            continue
        called = ", ".join(actions) or "its actions"
        if "NotResource" in statement:
            yield f"allows {called} on every resource but some (NotResource)"
        named = as_list(statement.get("Resource"))
        # Null is what a misspelt attribute of another resource leaves behind.
        if "Resource" in statement and not all(isinstance(arn, str) for arn in named or [None]):
            yield f"allows {called} on a Resource that is null or not an ARN"
        for arn in as_texts(named):
            if _is_broad(arn):
                yield f"allows {called} on {arn!r}"


@resource_rule(
    "iam-no-broad-managed-policy",
    [
        ROLE,
        ROLE_POLICY_ATTACHMENT,
        USER_POLICY_ATTACHMENT,
        GROUP_POLICY_ATTACHMENT,
        POLICY_ATTACHMENT,
    ],
    "No managed policy that AWS made for people is attached to a role.",
    "Attach a policy with only the actions and resources that are used.",
    settings={
        "denied": Setting(
            "array",
            ["AdministratorAccess", "PowerUserAccess", "*FullAccess", "*_FullAccess*"],
            "Names (patterns) of managed policies that are not to be attached",
        )
    },
)
def no_broad_managed_policy(resource: Resource, settings: Settings) -> Findings:
    if resource.resource_type == ROLE:
        arns = as_texts(resource.props.get("managedPolicyArns"))
    else:
        arns = as_texts(resource.props.get("policyArn"))
    for arn in arns:
        owner, _, name = arn.rpartition("policy/")
        if owner.endswith(":aws:") and matches(name.rpartition("/")[2], settings["denied"]):
            yield f"attaches {arn}"


def _is_everyone(principal: Any) -> bool:
    if isinstance(principal, Mapping):
        return any("*" in as_list(value) for value in principal.values())
    return bool(principal == "*")


@resource_rule(
    "iam-trust-policy-closed",
    [ROLE],
    "A role says who may assume it.",
    "Name the service or the account as Principal.",
)
def trust_policy_closed(role: Resource, _: Settings) -> Findings:
    for statement in _allow_statements(json_object(role.props.get("assumeRolePolicy"))):
        if "NotPrincipal" in statement or _is_everyone(statement.get("Principal")):
            yield "can be assumed by everyone"


@resource_rule(
    "iam-resource-policy-closed",
    [QUEUE, QUEUE_POLICY, TOPIC, TOPIC_POLICY, KEY, KEY_POLICY, BUCKET_POLICY, EVENT_BUS_POLICY],
    "A resource's own policy lets nobody in without a name or a condition.",
    "Name the Principal, or add a Condition on aws:SourceArn or aws:SourceAccount.",
)
def resource_policy_closed(resource: Resource, _: Settings) -> Findings:
    for statement in _allow_statements(json_object(resource.props.get("policy"))):
        everyone = "NotPrincipal" in statement or _is_everyone(statement.get("Principal"))
        if everyone and not statement.get("Condition"):
            actions = ", ".join(as_texts(statement.get("Action"))) or "every action but some"
            yield f"allows everyone {actions}"


@stack_rule(
    "iam-one-role-per-function",
    [FUNCTION],
    "Each function has a role of its own.",
    "Give it its own role with only what it calls.",
)
def one_role_per_function(function: StackResource, stack: Stack, _: Settings) -> Findings:
    roles = [role for role in stack.of(ROLE) if stack.refers(function, "role", role, "arn")]
    for other in stack.of(FUNCTION):
        shared = any(stack.refers(other, "role", role, "arn") for role in roles)
        same = not roles and other.props.get("role") == function.props.get("role")
        if other.urn != function.urn and (shared or same):
            yield f"shares its role with {other.name}"
