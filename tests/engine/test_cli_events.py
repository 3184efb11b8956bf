"""What Pulumi's CLI tells of an operation, read as steps."""

from __future__ import annotations

from typing import Any

from pulumi import automation
from pulumi.automation._cmd import CommandResult
from pulumi.automation.events import EngineEvent

from tests.engine.outcome import Step
from tests.engine.pulumi_cli import run

QUEUE = "aws:sqs/queue:Queue"
PRE = "resource_pre_event"


def _told(operation: str, name: str, kind: str = "resourcePreEvent", **details: Any) -> EngineEvent:
    metadata = {
        "op": operation,
        "urn": f"urn:pulumi:dev::serverless-orders::{QUEUE}::{name}",
        "type": QUEUE,
        "provider": "",
        **details,
    }
    event = {"metadata": metadata, **({"status": 1, "steps": 1} if "Failed" in kind else {})}
    return EngineEvent.from_json({"sequence": 1, "timestamp": 1, kind: event})


def _operation(*events: EngineEvent, fails: str = "") -> Any:
    def operation(on_event: Any, color: str) -> object:
        for event in events:
            on_event(event)
        if fails:
            raise automation.CommandError(CommandResult("", fails, 1))
        return object()

    return operation


def test_an_update_names_the_inputs_that_differ() -> None:
    detailed = {"tags.a": {"diffKind": "update", "inputDiff": True}}
    outcome = run(_operation(_told("update", "q", detailedDiff=detailed)), PRE)
    assert outcome.steps == [Step("update", QUEUE, "q", frozenset({"tags"}))]


def test_the_three_steps_of_a_replacement_are_one() -> None:
    detailed = {"name": {"diffKind": "update-replace", "inputDiff": True}}
    outcome = run(
        _operation(
            _told("create-replacement", "q", detailedDiff=detailed),
            _told("replace", "q", detailedDiff=detailed),
            _told("delete-replaced", "q"),
        ),
        PRE,
    )
    assert outcome.steps == [Step("replace", QUEUE, "q", frozenset({"name"}))]


def test_a_refresh_is_read_after_the_resource() -> None:
    state = {"type": QUEUE, "urn": "", "id": "q", "parent": "", "provider": ""}
    found = _told(
        "update",
        "q",
        kind="resOutputsEvent",
        old={**state, "inputs": {"delaySeconds": 1}},
        new={**state, "inputs": {"delaySeconds": 2}},
    )
    outcome = run(_operation(_told("refresh", "q"), found), "res_outputs_event")
    assert outcome.steps == [Step("update", QUEUE, "q", frozenset({"delaySeconds"}))]


def test_a_failure_is_told_with_its_steps() -> None:
    outcome = run(_operation(_told("same", "q"), fails="it is protected"), PRE)
    assert "it is protected" in outcome.message
    assert outcome.changes == []


def test_a_step_that_failed_has_not_been_taken() -> None:
    failed = _told("delete", "q", kind="resOpFailedEvent")
    outcome = run(_operation(_told("delete", "q"), failed, fails="it is protected"), PRE)
    assert outcome.steps == []


def test_broken_policies_are_told_with_their_level() -> None:
    policy = {
        "message": "",
        "color": "never",
        "policyName": "function-memory",
        "policyPackName": "serverless",
        "policyPackVersion": "1",
        "policyPackVersionTag": "1",
        "enforcementLevel": "mandatory",
    }
    event = EngineEvent.from_json({"sequence": 1, "timestamp": 1, "policyEvent": policy})
    assert run(_operation(event), PRE).policies == ["function-memory (mandatory)"]
