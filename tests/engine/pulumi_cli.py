"""The real engine: the `pulumi` binary on PATH, a file backend, and the double as its `aws`.

Nothing is downloaded and nothing reaches the network: the work folder is a copy of the program,
beside this checkout's own environment and bundle; the double is installed as the plugin it
stands for, and every virtual environment sees the packages of the tests' own.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pulumi import automation
from pulumi.automation.events import EngineEvent, StepEventMetadata

from tests.engine import aws_double
from tests.engine.differences import INTERNAL, differences, top_level
from tests.engine.outcome import Outcome, Step
from tests.engine.provider import ROOT

OLDEST = (3, 259)

_WHERE = "https://www.pulumi.com/docs/install/"

_PROGRAM = (
    "*.py",
    "Pulumi.*",
    "*requirements.txt",
    "constraints.txt",
    "LICENSE",
    "README.md",
    "pyproject.toml",
)
_FOLDERS = ("components", "functions", "policy", "examples")
_LEFT_BEHIND = shutil.ignore_patterns("__pycache__", "venv", ".venv", "sdks", "node_modules")
_OPERATIONS = {
    "create-replacement": "replace",
    "delete-replaced": "replace",
    "discard-replaced": "replace",
}


@functools.cache
def missing() -> str:
    """Why these tests cannot use a Pulumi CLI, and what to do; empty when they can."""
    wanted = f"the Pulumi CLI {OLDEST[0]}.{OLDEST[1]} or newer ({_WHERE}), then `make engine`"
    if shutil.which("pulumi") is None:
        return f"not run on Pulumi's own engine, which needs {wanted}"
    told = subprocess.run(["pulumi", "version"], capture_output=True, text=True, check=False)
    found = re.match(r"v?(\d+)\.(\d+)\.", told.stdout)
    if not found or tuple(map(int, found.groups())) < OLDEST:
        return f"`pulumi version` says {told.stdout.strip()!r}: needs {wanted}"
    return ""


class PulumiCli:
    """Deploys the repository's program; `folder` holds the work folder and the state."""

    def __init__(self, folder: Path, cloud: Path) -> None:
        self.work = folder / "serverless-orders"
        self.environment = _environment(folder, cloud)
        self._stacks: dict[str, automation.Stack] = {}
        _copy_program(self.work)

    def up(
        self,
        stack: str,
        settings: Mapping[str, Any] | None = None,
        policy_pack: str | None = None,
        replace: Sequence[str] = (),
    ) -> Outcome:
        packs = [str(self.work / policy_pack)] if policy_pack else None
        with self._configured(stack, settings) as chosen:
            return run(
                lambda **options: chosen.up(policy_packs=packs, replace=list(replace), **options),
                "resource_pre_event",
            )

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

    def destroy(self, stack: str, *, preview_first: bool = False) -> Outcome:
        """As the Automation API does it, with `--skip-preview`, or as a person would."""
        with self._configured(stack, None) as chosen:
            if not preview_first:
                return run(lambda **options: chosen.destroy(**options), "resource_pre_event")
        done = self.run("destroy", "--yes", "--stack", stack)
        return Outcome(errors=[done.stdout + done.stderr] if done.returncode else [])

    def resources(self, stack: str) -> list[str]:
        """URNs of what the stack holds."""
        with self._configured(stack, None) as chosen:
            deployment: dict[str, Any] = chosen.export_stack().deployment or {}
            return [resource["urn"] for resource in deployment.get("resources") or []]

    def command(self, *arguments: str, folder: Path | None = None) -> str:
        """What `pulumi ARGUMENTS` prints; raises CalledProcessError, with its error output."""
        done = self.run(*arguments, folder=folder)
        if done.returncode != 0:
            sys.stderr.write(done.stdout + done.stderr)
            done.check_returncode()
        return done.stdout

    def run(self, *arguments: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
        """`pulumi ARGUMENTS`, whatever becomes of it."""
        return subprocess.run(
            ["pulumi", *arguments, "--non-interactive"],
            cwd=folder or self.work,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    @contextlib.contextmanager
    def online(self) -> Iterator[None]:
        """npm finds what the user's own would; all else stays as it is."""
        before = dict(self.environment)
        home = Path.home()
        npm = {"npm_config_userconfig": home / ".npmrc", "npm_config_cache": home / ".npm"}
        self.environment |= {name: str(path) for name, path in npm.items()}
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
            self.environment[name] = os.environ.get(name, "")
        for name in ("NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"):
            if name in os.environ:
                self.environment[name] = os.environ[name]
        try:
            yield
        finally:
            self.environment.clear()
            self.environment.update(before)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """`pulumi ARGUMENTS` as it begins, in a process group of its own as a shell starts it."""
        return subprocess.Popen(
            ["pulumi", *arguments, "--non-interactive"],
            cwd=self.work,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def forget(self, stack: str) -> None:
        """Remove the stack without deleting what it holds."""
        self._stacks.pop(stack, None)
        self.run("stack", "rm", stack, "--yes", "--force", "--preserve-config")

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
        file = self.work / f"Pulumi.{stack}.yaml"
        before = file.read_text("utf-8")
        content = yaml.safe_load(before)
        for key, value in (settings or {}).items():
            *outer, last = f"serverless-orders:{key}".split(".")  # `queue.batchSize`: one of a map
            within = content.setdefault("config", {})
            for each in outer:
                within = within.setdefault(each, {})
            within[last] = value
        file.write_text(yaml.safe_dump(content), "utf-8")
        try:
            yield self._stacks[stack]
        finally:
            file.write_text(before, "utf-8")


def _environment(folder: Path, cloud: Path) -> dict[str, str]:
    # From its folder no engine tries to download it; from PATH one takes it for any version.
    binaries = folder / "bin"
    home = folder / "home"
    installed = home / "plugins" / f"resource-aws-v{aws_double.VERSION}"
    for place in (binaries, installed):
        place.mkdir(parents=True)
        plugin = place / "pulumi-resource-aws"
        double = f'"{sys.executable}" -m {aws_double.__name__}'
        plugin.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec {double} "$@"\n', "utf-8")
        plugin.chmod(0o755)
    (folder / "state").mkdir()
    nowhere = "http://127.0.0.1:9"
    python = Path(sys.executable).parent
    return {
        "PATH": f"{binaries}:{python}:{os.environ['PATH']}",
        "HOME": str(folder),
        "PULUMI_HOME": str(home),
        "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
        "PULUMI_CONFIG_PASSPHRASE": "no secrets here",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "HTTP_PROXY": nowhere,
        "HTTPS_PROXY": nowhere,
        "NO_PROXY": "127.0.0.1,localhost",
        # The engine upgrades pip in each environment that it makes: what is there is the newest.
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # read as `build_isolation = 0`
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "AWS_REGION": "us-east-1",  # as in a user's shell: for a default provider
        aws_double.CLOUD_VARIABLE: str(cloud),
    }


def make_environment(folder: Path) -> None:
    """A virtual environment that holds nothing itself and sees the packages of the tests' own."""
    venv.create(folder, symlinks=True)
    (site_packages,) = folder.glob("lib/python*/site-packages")
    (site_packages / "tests.pth").write_text(sysconfig.get_path("purelib") + "\n", "utf-8")


def _copy_program(work: Path) -> None:
    work.mkdir()
    for pattern in _PROGRAM:
        for path in ROOT.glob(pattern):
            shutil.copy(path, work)
    for name in _FOLDERS:
        shutil.copytree(ROOT / name, work / name, symlinks=True, ignore=_LEFT_BEHIND)
    (work / ".venv").symlink_to(sys.prefix)
    (work / ".build").symlink_to(ROOT / ".build")
    make_environment(work / "components" / "venv")


def run(operation: Any, told_by: str) -> Outcome:
    """What the CLI tells of an operation by its events of one kind, without steps that failed."""
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
        if event.res_op_failed_event:
            steps.pop(event.res_op_failed_event.metadata.urn, None)
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
