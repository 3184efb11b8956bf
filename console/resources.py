"""What the program registered, component by component, with what happens to it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from functions import contract
from local.deployer import Resource
from local.index import Index
from local.system import System

FUNCTION = "aws:lambda/function:Function"
MASK = "***"
_SECRET = (
    contract.ORDER_ID_KEY_VARIABLE,
    contract.CURSOR_KEY_VARIABLE,
    contract.SYNTHETIC_CUSTOMER_VARIABLE,
    contract.SYNTHETIC_CLIENT_SECRET_VARIABLE,
)
LINES = 60


@dataclass(frozen=True)
class Row:
    """One resource in a list: `kind` is its type without the package."""

    name: str
    type: str
    kind: str
    physical: str
    component: str
    place: str
    activity: str


@dataclass(frozen=True)
class Details:
    """One resource whole; `statements` are those of a function's role, `lines` its latest logs."""

    row: Row
    inputs: dict[str, Any]
    outputs: dict[str, Any]
    statements: list[Any]
    lines: list[str]


class Registered:
    """The resources of a run."""

    def __init__(self, system: System, index: Index) -> None:
        self._system, self._index = system, index

    def rows(self) -> list[Row]:
        """All of them, by component and name."""
        found = [self._row(resource) for resource in self._system.resources]
        return sorted(found, key=lambda row: (row.component, row.name, row.kind))

    def details(self, type_: str, name: str) -> Details | None:
        """One of them; None when there is none."""
        for resource in self._system.resources:
            if (resource.type, resource.name) == (type_, name):
                return Details(
                    self._row(resource),
                    _masked(resource.inputs),
                    _masked(resource.outputs),
                    self._statements(resource),
                    self._lines(resource),
                )
        return None

    def _row(self, resource: Resource) -> Row:
        origin = self._system.origins.get((resource.type, resource.name))
        physical = str(resource.outputs.get("name") or resource.outputs.get("bucket") or "")
        return Row(
            resource.name,
            resource.type,
            resource.type.rpartition(":")[2],
            physical,
            origin.component if origin else "",
            origin.place if origin else "",
            self._activity(resource, physical),
        )

    def _activity(self, resource: Resource, physical: str) -> str:
        if resource.type == FUNCTION:
            count = self._index.counts.get(f"Invocation/{physical}", 0)
            return f"{count} invocations" if count else ""
        queue = self._index.queues().get(physical)
        if resource.type == "aws:sqs/queue:Queue" and queue is not None:
            waiting = queue.visible + queue.in_flight
            return f"{waiting} messages" if waiting else ""
        count = self._index.counts.get(f"Call/{physical}", 0) if physical else 0
        return f"{count} calls" if count else ""

    def _statements(self, resource: Resource) -> list[Any]:
        role = str(resource.inputs.get("role", "")).rpartition("/")[2]
        if resource.type != FUNCTION or not role:
            return []
        return [
            statement
            for each in self._system.resources
            if each.type == "aws:iam/rolePolicy:RolePolicy" and each.inputs.get("role") == role
            for statement in json.loads(each.inputs["policy"])["Statement"]
        ]

    def _lines(self, resource: Resource) -> list[str]:
        if resource.type != FUNCTION:
            return []
        latest = self._index.invocations(str(resource.outputs["name"]), LINES)
        lines = [
            line.text for each in reversed(latest) for line in self._index.lines(each.request_id)
        ]
        return lines[-LINES:]


def _masked(values: Any) -> Any:
    """Values as they are, but for the system's own secrets."""
    if isinstance(values, Mapping):
        return {k: MASK if k in _SECRET else _masked(v) for k, v in values.items()}
    if isinstance(values, list | tuple):
        return [_masked(each) for each in values]
    return values if isinstance(values, str | int | float | bool | None) else str(values)
