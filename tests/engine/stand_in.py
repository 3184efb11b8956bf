"""A stand-in for Pulumi's engine, small enough to read: state in memory, one provider.

It runs the same program over the same protocols, so that what the double and the program agree
on is known where no Pulumi CLI is. What the real engine makes of it, the CLI alone can tell.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from graphlib import TopologicalSorter
from typing import Any

import grpc

from local.program import stack_config
from tests.engine import program, wire
from tests.engine.differences import differences, top_level
from tests.engine.monitor import Monitor, serving
from tests.engine.outcome import Outcome, Step
from tests.engine.provider import ROOT, Provider, State

PROJECT = "serverless-orders"


class StandIn:
    """Deploys the repository's program; each stack's state lasts as long as the object."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._states: dict[str, dict[str, State]] = {}

    def up(
        self,
        stack: str,
        settings: Mapping[str, Any] | None = None,
        *,
        replace: Sequence[str] = (),
    ) -> Outcome:
        return self._run(stack, settings, preview=False, replace=replace)

    def preview(self, stack: str, settings: Mapping[str, Any] | None = None) -> Outcome:
        return self._run(stack, settings, preview=True)

    def refresh(self, stack: str) -> Outcome:
        outcome = Outcome()
        states = self._states[stack]
        for state in list(states.values()):
            if not state.managed:
                continue
            read = self._provider.read(state)
            if not read.id:
                del states[state.urn]
                outcome.steps.append(Step("delete", state.type, state.name))
                continue
            found = wire.to_dict(read.inputs)
            changed = frozenset(top_level(path) for path in differences(state.inputs, found))
            state.inputs, state.outputs = found, wire.to_dict(read.properties)
            operation = "update" if changed else "same"
            outcome.steps.append(Step(operation, state.type, state.name, changed))
        return outcome

    def destroy(self, stack: str, *, preview_first: bool = False) -> Outcome:
        """What `pulumi destroy` does, by default with `--skip-preview`.

        A preview refuses up front; without one, only what is protected stays.
        """
        outcome = Outcome()
        states = self._states[stack]
        protected = [state for state in states.values() if state.protect]
        if preview_first and protected:
            outcome.errors += [_protected(state) for state in protected]
        else:
            self._delete(stack, list(states), outcome)
        return outcome

    def resources(self, stack: str) -> list[str]:
        """URNs of what the stack holds."""
        return list(self._states.get(stack, {}))

    def _run(
        self,
        stack: str,
        settings: Mapping[str, Any] | None,
        preview: bool,
        replace: Sequence[str] = (),
    ) -> Outcome:
        old = self._states.setdefault(stack, {})
        monitor = Monitor(self._provider, PROJECT, stack, old, preview, replace)
        with serving(monitor) as address:
            environment = {
                **os.environ,
                "PULUMI_CONFIG": json.dumps(stack_config(stack, settings)),
                program.MONITOR: address,
                program.ENGINE: address,
                program.PROJECT: PROJECT,
                program.STACK: stack,
                program.DRY_RUN: "true" if preview else "false",
            }
            ended = subprocess.run(
                [sys.executable, "-m", program.__name__, str(ROOT)],
                cwd=ROOT,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
        outcome = monitor.outcome
        if ended.returncode != 0 and not outcome.errors:
            outcome.errors.append(ended.stderr)
        gone = [state for urn, state in old.items() if urn not in monitor.states]
        if preview and outcome.errors:
            return outcome
        if preview:
            outcome.errors += [_protected(state) for state in gone if state.protect]
            outcome.steps += [Step("delete", state.type, state.name) for state in gone]
            return outcome
        # What was made before a failure is there, and a later run goes on from it.
        self._states[stack] = {**old, **monitor.done}
        if not outcome.errors:
            self._delete(stack, [state.urn for state in gone], outcome)
        return outcome

    def _delete(self, stack: str, urns: list[str], outcome: Outcome) -> None:
        """Delete what nothing left depends on first, and all but what is protected and its needs.

        The engine goes on after what it may not delete, and ends where the provider fails.
        """
        states = self._states[stack]
        kept: set[str] = set()
        for urn in urns:
            if states[urn].protect:
                outcome.errors.append(_protected(states[urn]))
                _keep(urn, states, kept)
        order: TopologicalSorter[str] = TopologicalSorter(dict.fromkeys(urns, ()))
        for urn in urns:
            for needed in states[urn].needs & set(urns):
                order.add(needed, urn)
        for urn in order.static_order():
            if urn in kept:
                continue
            state = states[urn]
            if state.managed:
                try:
                    self._provider.delete(state)
                except grpc.RpcError as error:
                    outcome.errors.append(f"{state.type} {state.name}: {error.details()}")
                    return
            del states[urn]
            outcome.steps.append(Step("delete", state.type, state.name))


def _keep(urn: str, states: Mapping[str, State], kept: set[str]) -> None:
    """Add a resource and all that it needs."""
    if urn in states and urn not in kept:
        kept.add(urn)
        for needed in states[urn].needs:
            _keep(needed, states, kept)


def _protected(state: State) -> str:
    return f"{state.type} {state.name} is protected"
