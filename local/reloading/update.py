"""The process that runs a changed program against the system that runs.

A process of its own, since the run's has the former program's modules. It runs the program
twice: first to see what would change, creating nothing; then, if all of it can be changed in
place, to change it.

Its input is a pickled `Request`, its output a pickled `Outcome`; both ends are ours.
"""

from __future__ import annotations

import os
import pickle
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pulumi

from local import aws, permissions, program
from local.deployer import Deployer, Resource
from local.edge.definition import define
from local.errors import LocalRunError
from local.inputs import Inputs
from local.origins import Origins
from local.package import CodeStore, files_of, fingerprint
from local.resources import UPDATES, WITHOUT_EFFECT
from local.resources.removal import HOLDING, REMOVERS, Removed
from local.workspace import ROOT


@dataclass(frozen=True)
class Request:
    """What runs, and where; `live` has the fingerprint of the code that each archive became."""

    stack: str
    overrides: Mapping[str, Any] | None
    endpoint: str
    credentials: Mapping[str, str]
    region: str
    edge_url: str
    batch_concurrency: int
    resources: list[Resource]
    stashes: dict[str, Any]
    live: dict[str, str]
    stacks: dict[str, Mapping[str, Any]]


@dataclass
class Outcome:
    """What became of it.

    `restart` are the reasons why only another start makes the program's system of this one, and
    `refused` says why the program could not be run. `system` is what runs now, if it was changed.
    """

    changes: list[str] = field(default_factory=list)
    restart: list[str] = field(default_factory=list)
    refused: str = ""
    system: Running | None = None


@dataclass(frozen=True)
class Running:
    """A system as its program registered it."""

    resources: list[Resource]
    stashes: dict[str, Any]
    without_effect: dict[str, str]
    outputs: dict[str, Any]
    api: dict[str, Any] | None


class Update(Deployer):
    """Makes what runs what the program registers; `planned` only says what that would be.

    `changes` are lines for people, `restart` the reasons why it cannot be done in place.
    """

    def __init__(
        self,
        request: Request,
        clients: Callable[[str, str], Any],
        code: CodeStore,
        *,
        planned: bool,
    ) -> None:
        super().__init__(
            client=clients,
            code=code,
            edge_url=request.edge_url,
            batch_concurrency=request.batch_concurrency,
            stashes=dict(request.stashes),
            stacks=request.stacks,
        )
        self.planned, self._live = planned, request.live
        self._reading = threading.Lock()
        self._left = {(each.type, each.name): each for each in request.resources}
        self.changes: list[str] = []
        self.restart: list[str] = []

    def _create(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        with self._lock:
            before = self._left.pop((args.typ, args.name), None)
        if before is None:
            self._tell("created", args.typ, args.name)
            return ("", {}) if self.planned else super()._create(args)
        changed = self._changed(args, before)
        if not changed or args.typ in WITHOUT_EFFECT:
            return self._record(args, before.id, before.outputs)
        self._tell("updated", args.typ, args.name, changed)
        way = UPDATES.get(args.typ)
        if way is not None and way.reaches(changed):
            if self.planned:
                return before.id, before.outputs
            creation = self._creation(
                args, self._provider_of(args), before=before.outputs, changed=changed
            )
            return self._made(args, way.run, creation, way.fixed)
        if "tags" in changed or args.typ in HOLDING or args.typ not in REMOVERS:
            self.restart.append(
                f"{_short(args.typ)} {args.name}: {', '.join(sorted(changed))} cannot be changed "
                f"while it runs"
            )
            return before.id, before.outputs
        if self.planned:
            return "", {}
        self._remove(before)
        return super()._create(args)

    def _changed(self, args: pulumi.runtime.MockResourceArgs, before: Resource) -> frozenset[str]:
        """The inputs that are not as they were, and `tags` for those of the provider as well."""
        now, then = self._comparable(Inputs(args.inputs).plain()), self._comparable(before.inputs)
        changed = {key for key in {*now, *then} if now.get(key) != then.get(key)}
        tags = {**self._provider_of(args).default_tags, **(now.get("tags") or {})}
        if before.outputs.get("tagsAll", tags) != tags:
            changed.add("tags")
        return frozenset(changed) - self.ignored.get((args.typ, args.name), frozenset())

    def remove_what_is_left(self) -> None:
        """Remove what the program no longer registers, the last created first."""
        for gone in reversed(self._left.values()):
            self._tell("removed", gone.type, gone.name)
            if gone.type in WITHOUT_EFFECT:
                continue
            if gone.type not in REMOVERS:
                self.restart.append(f"{_short(gone.type)} {gone.name} cannot be removed alone")
            elif not self.planned:
                self._remove(gone)

    def _remove(self, gone: Resource) -> None:
        region = self.region
        removed = Removed(gone.id, gone.inputs, gone.outputs)
        REMOVERS[gone.type](removed, lambda service: self.client(service, region))

    def _tell(self, what: str, kind: str, name: str, changed: frozenset[str] = frozenset()) -> None:
        keys = f" ({', '.join(sorted(changed))})" if changed else ""
        with self._lock:
            self.changes.append(f"{what} {_short(kind)} {name}{keys}")

    def _comparable(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Inputs with the code that is in an archive, in place of where the archive lies."""
        return {
            key: self._code_of(value) if isinstance(value, pulumi.Archive) else value
            for key, value in inputs.items()
        }

    def _code_of(self, archive: pulumi.Archive) -> str:
        path = str(getattr(archive, "path", ""))
        with self._reading:  # it is long, and most functions share one archive
            if path not in self._live:
                self._live[path] = fingerprint(files_of(archive))
            return self._live[path]


def _short(kind: str) -> str:
    return kind.rpartition(":")[2]


def update(request: Request) -> Outcome:
    """Plan, and if all of it can be done in place, do it."""
    outcome, clients = Outcome(), _Clients(request)
    plan = Update(request, clients, CodeStore(clients), planned=True)
    try:
        _run(request, plan)
    except Exception as error:
        outcome.refused = _told(plan.error or error)
        return outcome
    outcome.restart = plan.restart
    if plan.restart or not plan.changes:
        return outcome
    changing = Update(request, clients, CodeStore(clients), planned=False)
    try:
        outputs = _run(request, changing)
        permissions.require(changing.resources, clients("iam", changing.region))
        outcome.system = Running(
            changing.resources,
            changing.stashes,
            changing.without_effect,
            outputs,
            define(changing.resources, changing.account),
        )
    except Exception as error:
        outcome.restart = [f"what runs is half changed: {_told(changing.error or error)}"]
    outcome.changes = changing.changes
    return outcome


def _run(request: Request, deployer: Update) -> dict[str, Any]:
    monitor = Origins(deployer)
    deployer.ignored = monitor.ignored
    outputs = program.run(
        request.stack, deployer, request.overrides, preview=deployer.planned, monitor=monitor
    )
    deployer.remove_what_is_left()
    return outputs


def _told(error: Exception) -> str:
    """Why the program failed; where, unless it says in its own words what is wrong."""
    if isinstance(error, LocalRunError | pulumi.RunError):
        return str(error)
    if isinstance(error, SyntaxError):
        where = f"{error.filename}, line {error.lineno}: {type(error).__name__}: {error.msg}"
        return where.replace(f"{ROOT}/", "")
    frames = traceback.extract_tb(error.__traceback__)
    ours = [each for each in frames if Path(each.filename).is_relative_to(ROOT)]
    last = (ours or frames)[-1]
    where = f"{last.filename}, line {last.lineno}".replace(f"{ROOT}/", "")
    return f"{where}: {type(error).__name__}: {error}"


class _Clients:
    """boto3 clients of the run's emulator, each made once."""

    def __init__(self, request: Request) -> None:
        self._request, self._lock = request, threading.Lock()
        self._made: dict[tuple[str, str], Any] = {}

    def __call__(self, service: str, region: str) -> Any:
        with self._lock:
            if (service, region) not in self._made:
                self._made[service, region] = aws.client(
                    service, self._request.endpoint, region, self._request.credentials
                )
            return self._made[service, region]


def main() -> None:
    """Answer one request."""
    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the program prints is no answer
    request: Request = pickle.load(sys.stdin.buffer)  # noqa: S301
    with answer:
        pickle.dump(update(request), answer)
    os._exit(0)  # what is left of the program's threads has nothing more to say
