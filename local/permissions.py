"""What AWS does in a role's name and the emulator does without asking the role."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from local.deployer import Resource
from local.errors import DeployError

_LOGS = ("logs:CreateLogStream", "logs:PutLogEvents")
_TRACES = ("xray:PutTraceSegments", "xray:PutTelemetryRecords")


def require(resources: Sequence[Resource], iam: Any) -> None:
    """Raise `DeployError` for the first permission that a registered role lacks.

    Checked are writing a function's logs and traces, and a schedule's call of its target. Calls
    that functions make themselves are denied by the emulator when they are made.
    """
    for who, role, actions, resource in _used(resources):
        for result in iam.simulate_principal_policy(
            PolicySourceArn=role, ActionNames=list(actions), ResourceArns=[resource]
        )["EvaluationResults"]:
            if result["EvalDecision"] != "allowed":
                raise DeployError(
                    f"{who}: the role {role} may not {result['EvalActionName']} on {resource}"
                )


def _used(resources: Sequence[Resource]) -> Iterator[tuple[str, str, tuple[str, ...], str]]:
    for resource in resources:
        who = f"{resource.type} {resource.name}"
        if resource.type == "aws:lambda/function:Function":
            role = resource.inputs["role"]
            group = (resource.inputs.get("loggingConfig") or {}).get("logGroup")
            group = group or f"/aws/lambda/{resource.outputs['name']}"
            prefix = resource.outputs["arn"].split(":function:")[0].replace(":lambda:", ":logs:")
            yield who, role, _LOGS, f"{prefix}:log-group:{group}:log-stream:any"
            if (resource.inputs.get("tracingConfig") or {}).get("mode") == "Active":
                yield who, role, _TRACES, "*"
        elif resource.type == "aws:scheduler/schedule:Schedule":
            target = resource.inputs["target"]
            if ":lambda:" in target["arn"]:
                yield who, target["roleArn"], ("lambda:InvokeFunction",), target["arn"]
