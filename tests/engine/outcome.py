"""What an engine did, in terms that the stand-in and the real engine share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Step:
    """One resource and what happens to it: create, update, replace, delete or same.

    `changed` are the inputs that differ.
    """

    operation: str
    type: str
    name: str
    changed: frozenset[str] = frozenset()


@dataclass
class Outcome:
    """Steps in the order they were taken, the stack's outputs, and what went wrong.

    `policies` are those that a policy pack found broken, each with its enforcement level.
    """

    steps: list[Step] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    policies: list[str] = field(default_factory=list)

    @property
    def changes(self) -> list[Step]:
        """The steps that change something, in a stable order."""
        changes = [step for step in self.steps if step.operation != "same"]
        return sorted(changes, key=lambda step: (step.type, step.name, step.operation))

    @property
    def message(self) -> str:
        return "\n".join(self.errors)
