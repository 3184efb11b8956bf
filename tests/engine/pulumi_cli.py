"""The real engine: the `pulumi` binary on PATH, a file backend, and the double as its `aws`.

Nothing is downloaded and nothing reaches the network: the work folder is a copy of the program,
beside this checkout's own environment and bundle, and providers are taken from PATH.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pulumi import automation
from pulumi.automation.events import EngineEvent, StepEventMetadata

from tests.engine import aws_double
from tests.engine.differences import INTERNAL, differences, top_level
from tests.engine.outcome import Outcome, Step
from tests.engine.provider import ROOT

HOW_TO = (
    "no `pulumi` on PATH: install the Pulumi CLI (https://www.pulumi.com/docs/install/), "
    "3.259 or newer, then `make engine`"
)

_PROGRAM = ("*.py", "Pulumi.*", "*requirements.txt", "constraints.txt", "LICENSE", "README.md")
_FOLDERS = ("components", "functions", "policy", "examples")
_LEFT_BEHIND = shutil.ignore_patterns("__pycache__", "venv", ".venv", "sdks")
_OPERATIONS = {
    "create-replacement": "replace",
    "delete-replaced": "replace",
    "discard-replaced": "replace",
}


def installed() -> bool:
    return shutil.which("pulumi") is not None


class PulumiCli:
    """Deploys the repository's program; `folder` holds the work folder and the state."""

    def __init__(self, folder: Path, cloud: Path) -> None:
        self.work = folder / "serverless-orders"
        self.environment = _environment(folder, cloud)
        self._stacks: dict[str, automation.Stack] = {}
        _copy_program(self.work)

    def up(self, stack: str, settings: Mapping[str, Any] | None = None) -> Outcome:
        with self._configured(stack, settings) as chosen:
            return run(lambda **options: chosen.up(**options), "resource_pre_event")

    def preview(
        self,
        stack: str,
        settings: Mapping[str, Any] | None = None,
        policy_pack: str | None = None,
    ) -> Outcome:
        packs = [str(self.work / policy_pack)] if policy_pack else None
        with self._configured(stack, settings) as chosen:
            return run(
                lambda **options: chosen.preview(policy_packs=packs, **options),
                "resource_pre_event",
            )

    def refresh(self, stack: str) -> Outcome:
        # What a refresh found is known only after the resource was read.
        with self._configured(stack, None) as chosen:
            return run(lambda **options: chosen.refresh(**options), "res_outputs_event")

    def destroy(self, stack: str) -> Outcome:
        with self._configured(stack, None) as chosen:
            return run(lambda **options: chosen.destroy(**options), "resource_pre_event")

    def resources(self, stack: str) -> list[str]:
        """URNs of what the stack holds."""
        with self._configured(stack, None) as chosen:
            deployment: dict[str, Any] = chosen.export_stack().deployment or {}
            return [resource["urn"] for resource in deployment.get("resources") or []]

    def command(self, *arguments: str, folder: Path | None = None) -> str:
        """What `pulumi ARGUMENTS` prints; raises CalledProcessError, with its error output."""
        done = subprocess.run(
            ["pulumi", *arguments, "--non-interactive"],
            cwd=folder or self.work,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            sys.stderr.write(done.stdout + done.stderr)
            done.check_returncode()
        return done.stdout

    @contextlib.contextmanager
    def _configured(
        self, stack: str, settings: Mapping[str, Any] | None
    ) -> Iterator[automation.Stack]:
        if stack not in self._stacks:
            options = automation.LocalWorkspaceOptions(
                env_vars=self.environment, pulumi_home=self.environment["PULUMI_HOME"]
            )
            self._stacks[stack] = automation.create_or_select_stack(
                stack, work_dir=str(self.work), opts=options
            )
        chosen = self._stacks[stack]
        for key, value in (settings or {}).items():
            chosen.set_config(f"serverless-orders:{key}", automation.ConfigValue(_text(value)))
        try:
            yield chosen
        finally:
            for key in settings or {}:
                chosen.remove_config(f"serverless-orders:{key}")


def _environment(folder: Path, cloud: Path) -> dict[str, str]:
    binaries = folder / "bin"
    binaries.mkdir()
    plugin = binaries / "pulumi-resource-aws"
    plugin.write_text(
        f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m {aws_double.__name__} "$@"\n',
        "utf-8",
    )
    plugin.chmod(0o755)
    (folder / "state").mkdir()
    nowhere = "http://127.0.0.1:9"
    return {
        "PATH": f"{binaries}:{os.environ['PATH']}",
        "HOME": str(folder),
        "PULUMI_HOME": str(folder / "home"),
        "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
        "PULUMI_CONFIG_PASSPHRASE": "no secrets here",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "HTTP_PROXY": nowhere,
        "HTTPS_PROXY": nowhere,
        "NO_PROXY": "127.0.0.1,localhost",
        aws_double.CLOUD_VARIABLE: str(cloud),
    }


def _copy_program(work: Path) -> None:
    work.mkdir()
    for pattern in _PROGRAM:
        for path in ROOT.glob(pattern):
            shutil.copy(path, work)
    for name in _FOLDERS:
        shutil.copytree(ROOT / name, work / name, symlinks=True, ignore=_LEFT_BEHIND)
    (work / ".venv").symlink_to(sys.prefix)
    (work / "components" / "venv").symlink_to(sys.prefix)
    (work / ".build").symlink_to(ROOT / ".build")


def _text(value: Any) -> str:
    """A setting as `pulumi config set` takes it."""
    return value if isinstance(value, str) else json.dumps(value)


def run(operation: Any, told_by: str) -> Outcome:
    """What the CLI tells of an operation by its events of one kind."""
    outcome = Outcome()
    events: list[EngineEvent] = []
    try:
        result = operation(on_event=events.append, color="never")
    except automation.CommandError as error:
        outcome.errors.append(str(error))
    else:
        outputs = getattr(result, "outputs", None) or {}
        outcome.outputs = {name: output.value for name, output in outputs.items()}
    steps: dict[str, Step] = {}
    for event in events:
        if event.policy_event:
            broken = event.policy_event
            outcome.policies.append(f"{broken.policy_name} ({broken.enforcement_level})")
        told = getattr(event, told_by)
        if told:
            step = _step(told.metadata)
            earlier = steps.get(told.metadata.urn)
            changed = step.changed | (earlier.changed if earlier else frozenset())
            steps[told.metadata.urn] = Step(step.operation, step.type, step.name, changed)
    outcome.steps = list(steps.values())
    return outcome


def _step(metadata: StepEventMetadata) -> Step:
    operation = str(metadata.op.value)
    changed = {top_level(path) for path in metadata.detailed_diff or ()}
    if operation == "update" and not changed and metadata.old and metadata.new:
        changed = {
            top_level(path)
            for path in differences(metadata.old.inputs or {}, metadata.new.inputs or {})
        }
    return Step(
        operation=_OPERATIONS.get(operation, operation),
        type=metadata.type,
        name=metadata.urn.rpartition("::")[2],
        changed=frozenset(changed - {INTERNAL}),
    )
