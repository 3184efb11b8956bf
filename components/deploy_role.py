"""The role that a pipeline deploys a stack with, and what keeps it from making stronger ones."""

import json
from collections.abc import Iterator
from typing import Annotated, Any, NotRequired, Optional, TypedDict

import pulumi
import pulumi_aws as aws

from . import iam
from .component import Component
from .deploy_rights import (
    BOUNDARY,
    DOMAIN_RIGHTS,
    REPLICA_BOUNDARY,
    REPLICA_RIGHTS,
    Rights,
    grouped,
    statements,
)
from .iam import Statement
from .inputs import (
    Default,
    InputError,
    Items,
    OneOf,
    Problem,
    Text,
    checked,
    contradictions,
    problem,
)
from .regional_domain import ZoneId

ISSUER = "token.actions.githubusercontent.com"
AUDIENCE = "sts.amazonaws.com"

# A shift of traffic is watched from its beginning to its end.
SESSION_SECONDS = 4 * 3600

# Where Pulumi's own backend keeps a stack:
# https://github.com/pulumi/pulumi/blob/master/pkg/backend/diy/state.go
_STATE = (
    "arn:{partition}:s3:::{bucket}/.pulumi/*/{project}/{stack}.*",
    "arn:{partition}:s3:::{bucket}/.pulumi/*/{project}/{stack}/*",
)
_STATE_RIGHTS = (
    Rights("s3", ("arn:{partition}:s3:::{bucket}",), read="GetBucketLocation ListBucket"),
    Rights("s3", ("arn:{partition}:s3:::{bucket}/.pulumi/meta.yaml",), read="GetObject"),
    Rights("s3", _STATE, read="GetObject", create="PutObject", delete="DeleteObject"),
)
_STATE_KEY_RIGHTS = (Rights("kms", ("{key}",), read="Decrypt DescribeKey", create="Encrypt"),)

# What `python -m operations drill` does beside calling the API.
_ORDER_EVENTS = "arn:{partition}:sqs:{region}:{account}:order-events{suffix}"
_DRILL_RIGHTS = (
    Rights("sqs", (_ORDER_EVENTS,), create="SendMessage"),
    Rights("sqs", (f"{_ORDER_EVENTS}-dlq",), read="ReceiveMessage", delete="DeleteMessage"),
    Rights("cloudwatch", ("*",), read="DescribeAlarmsForMetric DescribeAlarmHistory"),
)


class DeployRoleArgs(TypedDict):
    """Inputs of DeployRole."""

    repository: Annotated[
        str,
        Text(
            r"[A-Za-z0-9][\w.@-]*/[\w.@-]+",
            "a repository as owner/name, or as its tokens name it, with the ids of both",
        ),
    ]
    """Repository on GitHub whose workflows may assume the role."""
    branches: NotRequired[
        Annotated[
            list[Annotated[str, Text(r"[\w./-]+", "a branch's name, without wildcards")]],
            Items(different=True, default=()),
        ]
    ]
    """Branches whose jobs may assume it that name no environment."""
    environments: NotRequired[
        Annotated[
            list[Annotated[str, Text(r"[\w.-]+", "an environment's name, without wildcards")]],
            Items(different=True, default=()),
        ]
    ]
    """Environments whose jobs may assume it."""
    access: NotRequired[Annotated[str, OneOf(("deploy", "read"), default="deploy")]]
    """Whether it deploys, or reads only, for previews and the detection of drift."""
    provider_arn: NotRequired[pulumi.Input[str]]
    """The account's provider of identities for GitHub, of which it has one; made when absent."""
    project: NotRequired[
        Annotated[str, Text(r"[\w.-]+", "a project's name", default="serverless-orders")]
    ]
    """Pulumi project of the stack."""
    stack: Annotated[str, Text(r"[\w.-]+\*?", "a stack's name, or the beginning of names with *")]
    """Stack that is deployed, or the beginning of several stacks' names and a `*`."""
    system: NotRequired[
        Annotated[str, Text(r"[A-Za-z][A-Za-z0-9-]*", "letters, digits and -", default="orders")]
    ]
    """Name of the OrderSystem in the program, which names of its resources begin with."""
    name_suffix: NotRequired[
        Annotated[
            str, Text(r"[A-Za-z0-9_-]{0,40}\*?", "a suffix, or its beginning and *", default="")
        ]
    ]
    """The stack's `nameSuffix`, or the beginning of several stacks' and a `*`."""
    region: NotRequired[
        Annotated[str, Text(r"[a-z]{2}(-[a-z]+)+-[0-9]|\*", "a region", default="us-east-1")]
    ]
    """Region of the stack, or `*`."""
    replica_regions: NotRequired[
        Annotated[
            list[Annotated[str, Text(r"[a-z]{2}(-[a-z]+)+-[0-9]", "a region")]],
            Items(different=True, default=()),
        ]
    ]
    """The system's other regions, in which the stack of the home region makes replicas."""
    zone_id: NotRequired[ZoneId]
    """Hosted zone of the system's domain; without one the role can make no domain."""
    state_bucket: NotRequired[pulumi.Input[str]]
    """Name of the bucket that holds Pulumi's state; without one the role gets no rights on it."""
    state_key_arn: NotRequired[pulumi.Input[str]]
    """ARN of the key that secrets in the state are encrypted with."""
    drills: NotRequired[Annotated[bool, Default(default=False)]]
    """Whether it may send a message that fails, and take it out of the dead letters again."""
    allowed: NotRequired[list[Statement]]
    """What further functions' roles may do, beyond those of the system."""


@contradictions(DeployRoleArgs)
def _somebody_may_assume_it(args: DeployRoleArgs) -> Iterator[Problem]:
    if not args["branches"] and not args["environments"]:
        yield problem("environments", "expected one, or a branch: nobody could assume the role")


class DeployRole(Component):
    """A role that GitHub's workflows deploy a stack with; roles that it makes have its boundary."""

    role_arn: pulumi.Output[str]
    """ARN of the role."""
    role_name: pulumi.Output[str]
    """Name of the role."""
    provider_arn: pulumi.Output[str]
    """ARN of the account's provider of identities for GitHub."""
    boundary_arn: Optional[pulumi.Output[str]]
    """ARN of the boundary, for the stack's `permissionsBoundary`; only of a role that deploys."""

    def __init__(
        self, name: str, args: DeployRoleArgs, opts: Optional[pulumi.ResourceOptions] = None
    ) -> None:
        args = checked(DeployRoleArgs, args, f"DeployRole {name}")
        _not_among_its_own(name, args)
        super().__init__("serverless-orders:index:DeployRole", name, {}, opts)
        self._prefix, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        asked = pulumi.InvokeOutputOptions(parent=self)
        self._names = {
            "account": aws.get_caller_identity_output(opts=asked).account_id,
            "partition": aws.get_partition_output(opts=asked).partition,
            "bucket": args.get("state_bucket", ""),
            "key": args.get("state_key_arn", ""),
            "project": args["project"],
            "stack": args["stack"],
            "system": args["system"],
            "suffix": args["name_suffix"],
            "region": args["region"],
            "replicas": ",".join(args["replica_regions"]),
            "zone": args.get("zone_id", ""),
        }
        deploys = args["access"] == "deploy"
        provider_arn = pulumi.Output.from_input(args.get("provider_arn") or self._identities())
        role = aws.iam.Role(
            name,
            description=f"What {args['repository']} deploys {args['project']} {args['stack']} with",
            assume_role_policy=_trust(provider_arn, args),
            max_session_duration=SESSION_SECONDS,
            opts=self._child,
        )
        boundary = self._boundary() if deploys else None
        for group, rights in self._rights().items():
            self._policy(role, group, rights, boundary)
        if boundary is not None:
            self._keep(role, boundary)
        self.role_arn, self.role_name = role.arn, role.name
        self.provider_arn = provider_arn
        self.boundary_arn = boundary.arn if boundary else None
        self.register()

    def _identities(self) -> pulumi.Output[str]:
        provider = aws.iam.OpenIdConnectProvider(
            self._prefix, url=f"https://{ISSUER}", client_id_lists=[AUDIENCE], opts=self._child
        )
        return provider.arn

    def _rights(self) -> dict[str, list[Rights]]:
        """All rights, by the policy that they are in."""
        optional = {
            "state": [
                *(_STATE_RIGHTS if "state_bucket" in self._args else ()),
                *(_STATE_KEY_RIGHTS if "state_key_arn" in self._args else ()),
            ],
            "domain": [
                each
                for rights in (DOMAIN_RIGHTS.values() if "zone_id" in self._args else ())
                for each in rights
            ],
            "replicas": [*REPLICA_RIGHTS] if self._args["replica_regions"] else [],
            "drills": [*_DRILL_RIGHTS] if self._args["drills"] else [],
        }
        return grouped() | {group: rights for group, rights in optional.items() if rights}

    def _boundary(self) -> aws.iam.Policy:
        allowed = self._args.get("allowed") or []
        further = [
            iam.allow(each["actions"], each["resources"], each.get("condition")) for each in allowed
        ]
        return aws.iam.Policy(
            f"{self._prefix}-boundary",
            description=f"What roles that {self._prefix} makes may do at most",
            policy=self._document(
                [*BOUNDARY, *(REPLICA_BOUNDARY if self._args["replica_regions"] else ())], further
            ),
            opts=self._child,
        )

    def _policy(
        self,
        role: aws.iam.Role,
        group: str,
        rights: list[Rights],
        boundary: aws.iam.Policy | None,
    ) -> None:
        policy = aws.iam.Policy(
            f"{self._prefix}-{group}",
            description=f"What {self._prefix} may do: {group}",
            policy=self._document(rights, [], boundary),
            opts=self._child,
        )
        aws.iam.RolePolicyAttachment(
            f"{self._prefix}-{group}", role=role.name, policy_arn=policy.arn, opts=self._child
        )

    def _document(
        self,
        rights: list[Rights],
        further: list[dict[str, Any]],
        boundary: aws.iam.Policy | None = None,
    ) -> pulumi.Output[str]:
        reads_only = self._args["access"] == "read"
        names = {**self._names, "boundary": boundary.arn if boundary else ""}

        def written(known: dict[str, Any]) -> str:
            all_statements = [*statements(rights, known["names"], reads_only=reads_only)]
            return json.dumps(
                {"Version": iam.VERSION, "Statement": [*all_statements, *known["further"]]},
                separators=(",", ":"),
            )

        return pulumi.Output.from_input({"names": names, "further": further}).apply(written)

    def _keep(self, role: aws.iam.Role, boundary: aws.iam.Policy) -> None:
        """Refuse, whatever else may be allowed, to touch the boundary and the role itself."""
        aws.iam.RolePolicy(
            f"{self._prefix}-keep",
            role=role.name,
            policy=iam.document(
                [
                    {
                        "Sid": "KeepBoundaryAndRole",
                        "Effect": "Deny",
                        "Action": "iam:*",
                        "Resource": [boundary.arn, role.arn],
                    },
                    {
                        "Sid": "KeepRolesWithinBoundary",
                        "Effect": "Deny",
                        "Action": "iam:DeleteRolePermissionsBoundary",
                        "Resource": "*",
                    },
                ]
            ),
            opts=self._child,
        )


def _not_among_its_own(name: str, args: DeployRoleArgs) -> None:
    """A role called as those of the stack are could be changed and passed by itself."""
    if name.startswith(f"{args['system']}-"):
        text = f"expected a name that does not begin with {args['system']}-, as the stack's do"
        raise InputError(f"DeployRole {name}", [Problem(("name",), text)])


def _trust(provider_arn: pulumi.Output[str], args: DeployRoleArgs) -> pulumi.Output[str]:
    """Exactly these jobs of exactly this repository:
    https://docs.github.com/en/actions/reference/security/oidc
    """
    subjects = [f"ref:refs/heads/{each}" for each in args["branches"]]
    subjects += [f"environment:{each}" for each in args["environments"]]
    return iam.document(
        [
            {
                "Effect": "Allow",
                "Principal": {"Federated": provider_arn},
                "Action": "sts:AssumeRoleWithWebIdentity",
                "Condition": {
                    "StringEquals": {
                        f"{ISSUER}:aud": AUDIENCE,
                        f"{ISSUER}:sub": [
                            f"repo:{args['repository']}:{subject}" for subject in subjects
                        ],
                    }
                },
            }
        ]
    )
