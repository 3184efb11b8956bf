"""IAM documents, as JSON outputs."""

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import pulumi

VERSION = "2012-10-17"


class Statement(TypedDict):
    """What a function's role may do, on which resources."""

    actions: list[str]
    """IAM actions, as `dynamodb:GetItem`."""
    resources: list[pulumi.Input[str]]
    """ARNs that the actions are allowed on."""
    condition: NotRequired[dict[str, dict[str, list[str]]]]
    """When they are, as `{"StringEquals": {"s3:prefix": ["in/"]}}`; always by default."""


def allow(
    actions: Sequence[str],
    resources: Sequence[pulumi.Input[str]],
    condition: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """One allowing statement of an identity policy."""
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": list(resources)}
    return {**statement, "Condition": dict(condition)} if condition else statement


def document(statements: Sequence[Mapping[str, Any]]) -> pulumi.Output[str]:
    """A policy document; statements may contain outputs."""
    return pulumi.Output.json_dumps({"Version": VERSION, "Statement": list(statements)})


def trust(service: str, account: pulumi.Input[str] | None = None) -> pulumi.Output[str]:
    """A trust policy that lets one AWS service assume the role, on behalf of one account."""
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sts:AssumeRole",
    }
    if account is not None:
        statement["Condition"] = {"StringEquals": {"aws:SourceAccount": account}}
    return document([statement])


def deny_without_tls(actions: str, resource: pulumi.Input[str]) -> dict[str, Any]:
    """A resource policy's statement that refuses requests over plain HTTP."""
    return {
        "Sid": "DenyWithoutTls",
        "Effect": "Deny",
        "Principal": "*",
        "Action": actions,
        "Resource": resource,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
