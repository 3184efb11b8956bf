"""The role that deploys may do what a deployment asks of AWS, as it was asked of the emulator.

The provider of Pulumi asks for the same to create a resource, and for more to read and change it.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from ministack.core import iam_actions  # type: ignore[import-untyped]
from ministack.core.router import detect_service  # type: ignore[import-untyped]

from components import DeployRole
from local.system import System
from tests.aws_names import ACCOUNT
from tests.iam_decisions import allowed
from tests.recorder import deploy
from tests.unit.test_deploy_role import documents

PROJECT = "serverless-orders"

# What a run asks for beside: who it is, which IAM always allows, whether roles are enforced, and a
# bucket of its own in which it hands over the functions' code.
BESIDE = ("sts:GetCallerIdentity", "iam:SimulatePrincipalPolicy")
OWN_BUCKET = "arn:aws:s3:::local-function-code"

# The emulator takes the default bus for the one that these are about, or a bus for a rule.
MISNAMED = ("events:CreateEventBus", "events:PutRule", "events:PutTargets")


@pytest.mark.long
def test_role_may_make_all_that_a_deployment_makes(running: System, deployed: list[Any]) -> None:
    args: Any = {
        "repository": "acme/shop",
        "environments": ["local"],
        "stack": "local",
        "region": running.region,
    }
    account = running.client("sts").get_caller_identity()["Account"]
    recorded = deploy(lambda: DeployRole("deploy-local", args))
    boundary = recorded.one("aws:iam/policy:Policy", "deploy-local-boundary").outputs["arn"]
    text = json.dumps(documents(recorded)).replace(ACCOUNT, account)
    # Conditions are met: what they refuse is seen in tests/unit/test_deploy_role.py.
    context = {
        "iam:PermissionsBoundary": boundary.replace(ACCOUNT, account),
        "iam:PassedToService": "lambda.amazonaws.com",
        "aws:RequestTag/project": PROJECT,
        "aws:ResourceTag/project": PROJECT,
        "lambda:FunctionArn": f"arn:aws:lambda:{running.region}:{account}:function:orders-a",
    }
    policies: list[dict[str, Any]] = json.loads(text)
    on_anything = [
        {**each, "Statement": [{**one, "Resource": "*"} for one in each["Statement"]]}
        for each in policies
        if "Deny" not in json.dumps(each)
    ]
    asked = {_asked(request, running.region, account) for request in deployed}
    refused = []
    for action, resource in sorted(asked):
        if action in BESIDE or resource.startswith(OWN_BUCKET):
            continue
        known = resource != "*" and action not in MISNAMED
        against = policies if known else on_anything
        if not allowed(against, action, resource, context, running.region):
            refused.append(f"{action} on {resource}")
    assert len(asked) > 100
    assert refused == [], "\n".join(refused)


def _asked(request: Any, region: str, account: str) -> tuple[str, str]:
    """The action of a request, and the resource that it is on."""
    url = urlsplit(request.url)
    body = request.body or b""
    body = body.encode() if isinstance(body, str) else body if isinstance(body, bytes) else b""
    headers = {
        name.lower(): value.decode() if isinstance(value, bytes) else str(value)
        for name, value in request.headers.items()
    }
    form = body.decode() if "urlencoded" in headers.get("content-type", "") else ""
    query = {name: [value] for name, value in parse_qsl(f"{url.query}&{form}", True)}
    path = unquote(url.path)
    service = detect_service(request.method, path, headers, query)
    action = iam_actions.extract_iam_action(service, request.method, path, headers, body, query)
    resource = iam_actions.extract_resource_arn(
        service, request.method, path, headers, body, query, region, account
    )
    return str(action), str(resource)
