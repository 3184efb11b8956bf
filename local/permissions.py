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

    Checked are writing a function's logs and traces, and the calls of their targets by schedules
    and rules. Calls that functions make themselves are denied by the emulator when they are made.
    """
    _require_rules_may_invoke(resources)
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


def _require_rules_may_invoke(resources: Sequence[Resource]) -> None:
    """A rule has no role: its function has to permit it, for calls that are the rule's."""
    rules = {
        (each.outputs["name"], each.inputs.get("eventBusName")): each.outputs["arn"]
        for each in resources
        if each.type == "aws:cloudwatch/eventRule:EventRule"
    }
    permitted = {
        (
            _function(each.inputs["function"], each.inputs.get("qualifier")),
            each.inputs.get("sourceArn"),
        )
        for each in resources
        if each.type == "aws:lambda/permission:Permission"
        and each.inputs["principal"] == "events.amazonaws.com"
    }
    for each in resources:
        if each.type == "aws:cloudwatch/eventTarget:EventTarget":
            arn, bus = each.inputs["arn"], each.inputs.get("eventBusName")
            invokes = (_function(arn), rules.get((each.inputs["rule"], bus)))
            if ":lambda:" in arn and invokes not in permitted:
                raise DeployError(
                    f"{each.type} {each.name}: the rule has no permission to invoke {arn}"
                )


def _function(reference: str, qualifier: str | None = None) -> tuple[str, str | None]:
    """Name and alias of a function that is named by either or by an ARN."""
    name, _, alias = reference.rpartition(":function:")[2].partition(":")
    return name, alias or qualifier
