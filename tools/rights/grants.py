"""What is granted: each action and resource of each statement of the registered policies."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from local.deployer import Resource

FUNCTION = "aws:lambda/function:Function"


@dataclass(frozen=True)
class Grant:
    """One action on one pattern of ARNs, for whom and by which statement."""

    holder: str
    """Physical name of the role, or of the service that a resource's policy names."""
    label: str
    """What the holder is called in the program, as `orders-create-order`."""
    action: str
    resource: str
    statement: str
    """The policy's name in the program, with the statement's Sid or number."""
    condition: str = ""
    """The condition's keys, where the statement has one."""
    source: str = ""
    """The ARN that a permission of a function is limited to."""

    def covers(self, action: str, resource: str) -> bool:
        """Whether it allows an action on a resource, its condition aside."""
        return _matches(self.action.lower(), action.lower()) and _matches(self.resource, resource)


def _matches(pattern: str, value: str) -> bool:
    """As IAM compares: `*` is any text, `?` any character."""
    parts = (re.escape(each).replace(r"\*", ".*").replace(r"\?", ".") for each in [pattern])
    return re.fullmatch("".join(parts), value) is not None


def of_roles(resources: Iterable[Resource]) -> Iterator[Grant]:
    """What the policies of roles allow."""
    resources = list(resources)
    names = {str(r.outputs["name"]): r.name for r in resources if r.type == "aws:iam/role:Role"}
    for policy in resources:
        if policy.type == "aws:iam/rolePolicy:RolePolicy":
            role = str(policy.inputs["role"])
            yield from _statements(policy, role, names.get(role, role))


POLICIES = {
    "aws:sqs/queuePolicy:QueuePolicy": "policy",
    "aws:sns/topicPolicy:TopicPolicy": "policy",
    "aws:kms/key:Key": "policy",
    "aws:s3/bucketPolicy:BucketPolicy": "policy",
    "aws:cloudwatch/eventBusPolicy:EventBusPolicy": "policy",
}
"""Types with a policy of the resource, and the input that holds it."""


def of_resources(resources: Iterable[Resource]) -> Iterator[Grant]:
    """What the policies of resources allow to services."""
    for each in resources:
        if each.type == "aws:lambda/permission:Permission":
            alias = each.inputs.get("qualifier")
            name = str(each.inputs["function"]).rpartition(":function:")[2]
            principal = str(each.inputs["principal"])
            yield Grant(
                principal,
                principal,
                str(each.inputs["action"]),
                f"{name}:{alias}" if alias else name,
                each.name,
                "AWS:SourceArn" if each.inputs.get("sourceArn") else "",
                str(each.inputs.get("sourceArn") or ""),
            )
        elif each.type in POLICIES and each.inputs.get(POLICIES[each.type]):
            yield from _statements(each, "", "")


def _statements(policy: Resource, holder: str, label: str) -> Iterator[Grant]:
    document = policy.inputs["policy"]
    parsed = json.loads(document) if isinstance(document, str) else document
    for number, statement in enumerate(_listed(parsed["Statement"]), 1):
        if statement["Effect"] != "Allow":
            continue
        name = f"{policy.name} {statement.get('Sid') or number}"
        principal = statement.get("Principal") or {}
        whom = holder or ", ".join(
            str(each) for value in principal.values() for each in _listed(value)
        )
        keys = (key for keys in statement.get("Condition", {}).values() for key in keys)
        condition = ", ".join(dict.fromkeys(keys))
        for action in _listed(statement["Action"]):
            for resource in _listed(statement["Resource"]):
                yield Grant(whom, label or whom, action, resource, name, condition)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
