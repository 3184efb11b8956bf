"""IAM documents against parliament, a linter with AWS's own lists of actions and resources.

parliament reads identity policies. A trust policy and a key's policy leave out, or write as
`*`, the one resource that they are attached to; it is put in before they are read.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # parliament still imports pkg_resources
    import parliament

from components.event_sources import STREAM_ACTIONS
from policy.rules.iam import (
    ACTIONS_THAT_CODEDEPLOY_NEEDS_ON_ALL,
    ACTIONS_THAT_LAMBDA_NEEDS_ON_ALL,
)

INFORMATIONAL = ("INFO", "MUTE")


@dataclass(frozen=True)
class Tolerated:
    """A finding that is no defect of a document, and why."""

    issue: str
    why: str


LAMBDA_NETWORK = Tolerated(
    "RESOURCE_STAR",
    "Lambda refuses a function in a VPC unless its role has these on every resource: "
    "https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html",
)
CODEDEPLOY = Tolerated(
    "RESOURCE_STAR",
    "AWS's own policy for CodeDeploy allows it on every resource: "
    "https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSCodeDeployRoleForLambdaLimited.html",
)
CALLING_FUNCTION = Tolerated(
    "UNKNOWN_CONDITION_FOR_ACTION",
    "lambda:SourceFunctionArn is there for every action called from a function: "
    "https://docs.aws.amazon.com/lambda/latest/dg/permissions-source-function-arn.html",
)
KEY_ADMINISTRATION = Tolerated(
    "RESOURCE_MISMATCH",
    "The statement that AWS recommends for the account allows kms:*, some of which is not "
    "about a key: https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html",
)
STREAM_READER = Tolerated(
    "RESOURCE_MISMATCH",
    "A stream's label is a time, whose colons parliament takes for the ARN's; and Lambda asks for "
    "ListStreams on the stream that it reads, which has no resources in parliament's list: "
    "https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html",
)
HOOK_OF_DEPLOYMENT = Tolerated(
    "RESOURCE_MISMATCH",
    "AWS's own example of a hook names the deployment groups, of which parliament's list knows "
    "nothing: https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/"
    "automating-updates-to-serverless-apps.html",
)
_HOOK = "codedeploy:PutLifecycleEventHookExecutionStatus"
_STREAM = re.compile(r"arn:aws:dynamodb:[\w-]+:\d{12}:table/[\w.-]+/stream/[\d:.T-]+")


def problems(text: str, resource: str | None = None) -> list[str]:
    """What is wrong with a policy document; `resource` is what it is attached to, if it says."""
    try:
        document = json.loads(text)
    except ValueError as error:
        return [f"no JSON: {error}"]
    if document.get("Version") != "2012-10-17":
        return [f"Version is {document.get('Version')!r}, not 2012-10-17"]
    if resource:
        for statement in document["Statement"]:
            if statement.get("Resource", "*") != "*":
                return [f"names the resource {statement['Resource']!r} beside its own"]
            statement["Resource"] = resource
    return list(_findings(document))


def _findings(document: dict[str, Any]) -> Iterator[str]:
    for finding in parliament.analyze_policy_string(json.dumps(document)).findings:
        finding = parliament.enhance_finding(finding)
        if finding.severity not in INFORMATIONAL and not _tolerated(document, finding):
            yield f"{finding.severity} {finding.issue}: {finding.title} {finding.detail}"


def _tolerated(document: dict[str, Any], finding: Any) -> Tolerated | None:
    detail = finding.detail
    if finding.issue == CODEDEPLOY.issue and set(detail) <= set(
        ACTIONS_THAT_CODEDEPLOY_NEEDS_ON_ALL
    ):
        return CODEDEPLOY
    if finding.issue == LAMBDA_NETWORK.issue:
        return LAMBDA_NETWORK if set(detail) <= set(ACTIONS_THAT_LAMBDA_NEEDS_ON_ALL) else None
    if finding.issue == CALLING_FUNCTION.issue:
        return CALLING_FUNCTION if "lambda:SourceFunctionArn" in detail else None
    if finding.issue == HOOK_OF_DEPLOYMENT.issue and _told_of_groups(document, detail):
        return HOOK_OF_DEPLOYMENT
    if finding.issue == STREAM_READER.issue and _reads_a_stream(document, detail):
        return STREAM_READER
    if finding.issue == KEY_ADMINISTRATION.issue:
        written = {
            action
            for statement in document["Statement"]
            for action in _strings(statement.get("Action"))
        }
        from_wildcard = not written & {entry["action"] for entry in detail}
        return KEY_ADMINISTRATION if "kms:*" in written and from_wildcard else None
    return None


def _told_of_groups(document: dict[str, Any], detail: Any) -> bool:
    """Whether a finding is about hooks alone, and deployment groups are all they are told of."""
    statements = [each for each in document["Statement"] if _HOOK in _strings(each.get("Action"))]
    resources = [name for each in statements for name in _strings(each.get("Resource"))]
    return {entry["action"] for entry in detail} == {_HOOK} and all(
        ":deploymentgroup:" in name for name in resources
    )


def _reads_a_stream(document: dict[str, Any], detail: Any) -> bool:
    """Whether a finding is about reading streams alone, and streams are all that may be read."""
    found = {entry["action"] for entry in detail}
    statements = [
        each for each in document["Statement"] if found & set(_strings(each.get("Action")))
    ]
    resources = [name for each in statements for name in _strings(each.get("Resource"))]
    return found <= set(STREAM_ACTIONS) and all(map(_STREAM.fullmatch, resources))


def _strings(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or [])
