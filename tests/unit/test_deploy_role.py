"""The role that a pipeline deploys with: who may assume it, what it may do and what it may not.

Its policies are evaluated as IAM does, by the emulator's evaluator. That they suffice to deploy is
seen in tests/local/test_deploy_rights.py, by the requests that a deployment makes.
"""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any, cast

import pulumi
import pytest

from components import DeployRole
from components.deploy_rights import (
    BOUNDARY,
    DOMAIN_RIGHTS,
    PASSED_TO,
    RIGHTS,
    grouped,
)
from components.deploy_role import DeployRoleArgs
from components.inputs import InputError
from components.order_functions import FUNCTIONS
from tests.aws_names import ACCOUNT
from tests.iam_decisions import allowed
from tests.inputs import iam as linter
from tests.recorder import REGION, Recording, Registration, deploy
from tests.unit import stacks
from tests.variants import VARIANTS, long, recording

POLICY, ATTACHMENT = "aws:iam/policy:Policy", "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
PROVIDER = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"
ROLE, ROLE_POLICY = "aws:iam/role:Role", "aws:iam/rolePolicy:RolePolicy"

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
LONGEST_POLICY, MOST_POLICIES = 6144, 10

Registrations = Callable[[], Iterator[Registration]]

ARGS: DeployRoleArgs = {
    "repository": "acme/shop",
    "environments": ["prod"],
    "stack": "prod",
    "region": REGION,
}
OWN_ROLE = f"arn:aws:iam::{ACCOUNT}:role/orders-create-order-1234567"


def role(**changes: Any) -> Recording:
    args: Any = {**ARGS, **changes}
    return deploy(lambda: DeployRole("deploy-prod", args))


@functools.cache
def deploying() -> tuple[list[dict[str, Any]], str]:
    """The documents of the role that deploys, and the ARN of its boundary."""
    recorded = role(state_bucket="states", state_key_arn="arn:aws:kms:eu-west-1:1:key/k")
    return documents(recorded), recorded.one(POLICY, "deploy-prod-boundary").outputs["arn"]


def documents(recorded: Recording) -> list[dict[str, Any]]:
    """What the role may do: the policies that are attached to it, and those inside it."""
    attached = {each.inputs["policyArn"] for each in recorded.of(ATTACHMENT)}
    policies = [each for each in recorded.of(POLICY) if each.outputs["arn"] in attached]
    return [json.loads(each.inputs["policy"]) for each in [*policies, *recorded.of(ROLE_POLICY)]]


def most() -> Iterator[Registration]:
    for settings in (stacks.EVERYTHING, stacks.OTHER_VALUES, stacks.LEAST):
        yield from stacks.recording("dev", **settings).registrations


def all_variants() -> Iterator[Registration]:
    for variant in VARIANTS:
        yield from recording(variant).registrations


of_stacks = pytest.mark.parametrize("registrations", [most, long(all_variants)])


@of_stacks
def test_every_type_that_a_stack_registers_has_its_rights(registrations: Registrations) -> None:
    registered = {
        each.type for each in registrations() if each.custom and each.type.startswith("aws:")
    }
    known = RIGHTS.keys() | DOMAIN_RIGHTS.keys()
    assert registered == known, (
        f"say what deploying {sorted(registered - known)} takes, and drop "
        f"{sorted(known - registered)}: RIGHTS in components/deploy_rights.py"
    )


@of_stacks
def test_roles_are_passed_to_the_services_that_they_are_for(registrations: Registrations) -> None:
    trusted = {
        statement["Principal"]["Service"]
        for each in registrations()
        if each.type == ROLE
        for statement in json.loads(each.inputs["assumeRolePolicy"])["Statement"]
    }
    assert trusted == set(PASSED_TO)


@of_stacks
def test_boundary_lets_roles_do_what_the_program_grants_and_nothing_else(
    registrations: Registrations,
) -> None:
    # One of the stacks has a suffix.
    boundaries = [
        json.loads(role(name_suffix=each).one(POLICY, "deploy-prod-boundary").inputs["policy"])
        for each in ("", "-two")
    ]
    used = set()
    for each in (it for it in registrations() if it.type == ROLE_POLICY):
        for statement in json.loads(each.inputs["policy"])["Statement"]:
            if statement["Effect"] == "Allow":
                used.update(statement["Action"])
                for action, resource in itertools.product(
                    statement["Action"], statement["Resource"]
                ):
                    assert any(allowed([one], action, resource) for one in boundaries), (
                        f"{each}: {action} on {resource}: BOUNDARY in components/deploy_rights.py"
                    )
    listed = {action for rights in BOUNDARY for action in rights.actions(False)}
    assert listed == used


@pytest.mark.parametrize(
    ("action", "resource", "context"),
    [
        ("iam:CreateRole", OWN_ROLE, {}),
        ("iam:CreateRole", OWN_ROLE, {"iam:PermissionsBoundary": "arn:aws:iam::aws:policy/Admin"}),
        ("iam:CreateRole", f"arn:aws:iam::{ACCOUNT}:role/admin", "within"),
        ("iam:PutRolePolicy", OWN_ROLE, {}),
        ("iam:AttachRolePolicy", OWN_ROLE, "within"),
        ("iam:PutRolePermissionsBoundary", OWN_ROLE, {}),
        ("iam:DeleteRolePermissionsBoundary", OWN_ROLE, "within"),
        ("iam:CreatePolicyVersion", "boundary", "within"),
        ("iam:UpdateAssumeRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/deploy-prod-1", "within"),
        ("iam:PassRole", OWN_ROLE, {"iam:PassedToService": "ec2.amazonaws.com"}),
        ("iam:CreateUser", f"arn:aws:iam::{ACCOUNT}:user/me", {}),
        ("iam:CreateAccessKey", f"arn:aws:iam::{ACCOUNT}:user/me", {}),
        ("sts:AssumeRole", OWN_ROLE, {}),
        ("lambda:UpdateFunctionCode", f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:pay", {}),
        ("lambda:InvokeFunction", f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:orders-a", {}),
        ("dynamodb:GetItem", f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/Orders", {}),
        ("dynamodb:DeleteTable", f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/Orders-b", {}),
        ("dynamodb:DeleteTable", f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/Orders", {}),
        ("sqs:SendMessage", f"arn:aws:sqs:{REGION}:{ACCOUNT}:order-events", {}),
        ("s3:GetObject", "arn:aws:s3:::states/.pulumi/stacks/serverless-orders/dev.json", {}),
        ("s3:DeleteBucket", "arn:aws:s3:::states", {}),
        ("kms:ScheduleKeyDeletion", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1", {}),
        ("kms:Decrypt", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1", {}),
    ],
)
def test_role_that_deploys_may_not(action: str, resource: str, context: Any) -> None:
    policies, boundary = deploying()
    within = {"iam:PermissionsBoundary": boundary}
    resource = boundary if resource == "boundary" else resource
    assert not allowed(policies, action, resource, within if context == "within" else context)


@pytest.mark.parametrize(
    ("action", "resource", "context"),
    [
        ("iam:CreateRole", OWN_ROLE, "within"),
        ("iam:PutRolePolicy", OWN_ROLE, "within"),
        ("iam:PassRole", OWN_ROLE, {"iam:PassedToService": "lambda.amazonaws.com"}),
        ("dynamodb:DeleteTable", f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/Orders", {}),
        ("s3:PutObject", "arn:aws:s3:::states/.pulumi/stacks/serverless-orders/prod.json", {}),
        (
            "s3:DeleteObject",
            "arn:aws:s3:::states/.pulumi/locks/organization/serverless-orders/prod/1.json",
            {},
        ),
        ("kms:Decrypt", "arn:aws:kms:eu-west-1:1:key/k", {}),
    ],
)
def test_role_that_deploys_may(action: str, resource: str, context: Any) -> None:
    policies, boundary = deploying()
    within = {"iam:PermissionsBoundary": boundary}
    assert allowed(policies, action, resource, within if context == "within" else context)


TABLE_ELSEWHERE = f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/Orders"
ZONE = "Z0123456789ABCDEFGHIJ"


def test_home_stack_s_role_makes_replicas_in_the_other_regions_alone() -> None:
    without = documents(role())
    recorded = role(replica_regions=["us-east-1", "us-west-2"])
    boundary = json.loads(recorded.one(POLICY, "deploy-prod-boundary").inputs["policy"])
    for action in ("dynamodb:CreateTableReplica", "dynamodb:Scan", "dynamodb:DeleteTableReplica"):
        for region, may in (("us-east-1", True), ("us-west-2", True), ("eu-south-1", False)):
            there = TABLE_ELSEWHERE.replace("us-east-1", region)
            assert allowed(documents(recorded), action, there, {}) is may
            assert not allowed(without, action, there, {})
    # In its own region it reads no data.
    own = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/Orders"
    assert not allowed(documents(recorded), "dynamodb:Scan", own, {})
    # The processor changes old orders in the heir's replica.
    assert allowed([boundary], "dynamodb:UpdateItem", TABLE_ELSEWHERE, {})
    assert not allowed([boundary], "dynamodb:PutItem", TABLE_ELSEWHERE, {})


def test_role_changes_records_of_the_zone_alone_that_it_is_given() -> None:
    ours, other = f"arn:aws:route53:::hostedzone/{ZONE}", "arn:aws:route53:::hostedzone/Z1"
    change = "route53:ChangeResourceRecordSets"
    recorded = role(zone_id=ZONE)
    assert allowed(documents(recorded), change, ours, {})
    assert not allowed(documents(recorded), change, other, {})
    services = {
        action.partition(":")[0]
        for document in documents(role())
        for statement in document["Statement"]
        for action in statement["Action"]
    }
    assert not {"route53", "acm"} & services


def test_role_that_reads_changes_nothing() -> None:
    recorded = role(
        access="read",
        state_bucket="states",
        state_key_arn="arn:aws:kms:x:1:key/k",
        zone_id=ZONE,
        replica_regions=["us-east-1"],
    )
    actions = {
        action.partition(":")[2]
        for document in documents(recorded)
        for statement in document["Statement"]
        for action in statement["Action"]
    }
    reading = ("Describe", "Get", "List", "GET", "Decrypt", "ViewBudget")
    assert {each for each in actions if not each.startswith(reading)} == set()
    assert {"GetFunction", "DescribeTable", "GetObject"} <= actions
    assert [each.name for each in recorded.of(POLICY) if "boundary" in each.name] == []


def test_trust_is_of_these_jobs_of_this_repository_alone() -> None:
    recorded = role(branches=["main"], environments=["prod", "dev"])
    provider = recorded.one(PROVIDER)
    assert provider.inputs == {
        "url": "https://token.actions.githubusercontent.com",
        "clientIdLists": ["sts.amazonaws.com"],
    }
    (statement,) = json.loads(recorded.one(ROLE).inputs["assumeRolePolicy"])["Statement"]
    assert statement == {
        "Effect": "Allow",
        "Principal": {"Federated": provider.outputs["arn"]},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {
            "StringEquals": {
                "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
                "token.actions.githubusercontent.com:sub": [
                    "repo:acme/shop:ref:refs/heads/main",
                    "repo:acme/shop:environment:prod",
                    "repo:acme/shop:environment:dev",
                ],
            }
        },
    }


def test_provider_of_identities_that_is_there_is_used() -> None:
    existing = f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com"
    recorded = deploy(
        lambda: DeployRole(
            "deploy-prod", cast(Any, {**ARGS, "provider_arn": pulumi.Output.from_input(existing)})
        )
    )
    assert recorded.of(PROVIDER) == []
    (statement,) = json.loads(recorded.one(ROLE).inputs["assumeRolePolicy"])["Statement"]
    assert statement["Principal"] == {"Federated": existing}


@pytest.mark.parametrize(
    ("name", "changes", "says"),
    [
        ("deploy", {"environments": []}, "environments: expected one, or a branch"),
        ("deploy", {"environments": ["*"]}, "without wildcards"),
        ("deploy", {"branches": ["release/*"]}, "without wildcards"),
        ("deploy", {"repository": "acme/*"}, "a repository as owner/name"),
        ("deploy", {"access": "admin"}, "one of deploy, read"),
        ("orders-deploy", {}, "does not begin with orders-"),
    ],
)
def test_what_would_trust_too_much_is_refused(
    name: str, changes: dict[str, Any], says: str
) -> None:
    args: Any = {**ARGS, **changes}
    with pytest.raises(InputError, match=says.replace("*", r"\*")):
        deploy(lambda: DeployRole(name, args))


def test_policies_are_within_the_limits_of_iam_and_name_what_exists() -> None:
    recorded = role(
        stack="production-eu",
        name_suffix="-" + "x" * 39,
        state_bucket="b" * 63,
        state_key_arn=f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        drills=True,
        zone_id="Z" + "0" * 31,
        replica_regions=["us-east-1", "us-west-2"],
    )
    assert len(recorded.of(ATTACHMENT)) <= MOST_POLICIES
    assert {each.name.rpartition("-")[2] for each in recorded.of(POLICY)} == {
        *grouped(),
        "boundary",
        "state",
        "drills",
        "domain",
        "replicas",
    }
    for each in recorded.of(POLICY):
        text = each.inputs["policy"]
        assert len(text) <= LONGEST_POLICY
        unknown = {each for each in linter.problems(text) if "UNKNOWN_ACTION" in each}
        assert all("apigateway:TagResource" in each for each in unknown)  # younger than the list


def test_roles_of_a_stack_carry_the_boundary_that_it_is_given() -> None:
    recorded = stacks.recording(**stacks.EVERYTHING)
    boundary = stacks.EVERYTHING["permissionsBoundary"]
    assert {each.inputs.get("permissionsBoundary") for each in recorded.of(ROLE)} == {boundary}
    assert len(recorded.of(ROLE)) > len(FUNCTIONS)
    for stack in ("dev", "prod"):
        without = stacks.recording(stack).of(ROLE)
        assert all("permissionsBoundary" not in each.inputs for each in without)
