"""Grants that a version before had: put away without a trace, and granted again as they were."""

import json
from typing import Any

import pytest

from operations.deployments import Deployments, Function

GRANT = {"Effect": "Allow", "Action": ["events:PutEvents"], "Resource": ["arn:bus"]}
OWN = {"StringEquals": {"events:source": "orders"}, "Null": {"events:source": "false"}}
TOLD = Function("publish", "publish-1", "live", "group", "role", ["kept"])


class Aws:
    """A function whose newest version has the traffic, and the policies of its role."""

    def __init__(self, statement: dict[str, Any]) -> None:
        self.policies: dict[str, Any] = {
            "kept": {"Statement": [GRANT]},
            "dropped": {"Statement": [statement]},
        }

    def get_alias(self, **_: str) -> dict[str, Any]:
        return {"FunctionVersion": "2"}

    def get_paginator(self, operation: str) -> "Aws":
        self.page = {
            "list_role_policies": lambda: {"PolicyNames": list(self.policies)},
            "list_versions_by_function": lambda: {"Versions": [{"Version": "2"}]},
        }[operation]()
        return self

    def paginate(self, **_: str) -> list[dict[str, Any]]:
        return [self.page]

    def get_role_policy(self, PolicyName: str, **_: str) -> dict[str, Any]:  # noqa: N803
        return {"PolicyDocument": self.policies[PolicyName]}

    def put_role_policy(self, PolicyName: str, PolicyDocument: str, **_: str) -> None:  # noqa: N803
        self.policies[PolicyName] = json.loads(PolicyDocument)

    def delete_role_policy(self, PolicyName: str, **_: str) -> None:  # noqa: N803
        del self.policies[PolicyName]


@pytest.mark.parametrize("condition", [None, OWN, {"StringEquals": {"a": "b"}}])
def test_a_grant_that_is_put_away_comes_back_with_its_own_condition(
    condition: dict[str, Any] | None,
) -> None:
    statement = {**GRANT, "Condition": condition} if condition else GRANT
    aws = Aws(statement)
    deployments = Deployments(
        lambda _: aws, {"application": "app", "stages": [[TOLD._asdict()]]}, on_aws=False
    )
    assert deployments.contract([TOLD]) == ["dropped"]
    [away] = aws.policies["dropped"]["Statement"]
    assert away["Condition"]["StringEquals"]["aws:PrincipalArn"].startswith("nobody")
    for operator, keys in (condition or {}).items():
        assert keys.items() <= away["Condition"][operator].items()
    assert deployments.expand(TOLD) == ["dropped"]
    assert aws.policies["dropped"]["Statement"] == [statement]
    assert deployments.expand(TOLD) == []
