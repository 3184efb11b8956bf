"""The functions' code of a run, exchanged in place when its files change."""

from __future__ import annotations

import contextlib
import py_compile
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi

from components import bundle
from functions import contract
from local.deployer import Deployer, Resource
from local.package import files_of, fingerprint

FUNCTION = "aws:lambda/function:Function"
ALIAS = "aws:lambda/alias:Alias"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"

_FOLDER = "functions"
_LAMBDA_ROOT = "/var/task"  # as in the bundle's own bytecode

Sources = Mapping[str, bytes]


@dataclass(frozen=True)
class NotPythonError(Exception):
    """A source that no Python reads; `file` is relative to the checkout."""

    file: str
    line: int | None
    reason: str

    def __str__(self) -> str:
        return f"{self.file}{f', line {self.line}' if self.line else ''}: {self.reason}"


def sources() -> dict[str, bytes]:
    """The functions' sources as they are now, by their names in the bundle."""
    found = {}
    for path in bundle.sources():
        name = f"{_FOLDER}/{path.relative_to(bundle.FUNCTIONS).as_posix()}"
        with contextlib.suppress(FileNotFoundError):  # exchanged right now, and heard again
            found[name] = path.read_bytes()
    return found


def check(changed: Sources) -> dict[str, bytes]:
    """The bytecode of sources, by its name in the bundle; raises NotPythonError."""
    compiled = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name, content in changed.items():
            source, target = Path(scratch) / "source.py", Path(scratch) / "source.pyc"
            source.write_bytes(content)
            try:
                py_compile.compile(
                    str(source),
                    str(target),
                    dfile=f"{_LAMBDA_ROOT}/{name}",
                    doraise=True,
                    invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
                )
            except py_compile.PyCompileError as error:
                reason = error.exc_value
                line = reason.lineno if isinstance(reason, SyntaxError) else None
                text = reason.msg if isinstance(reason, SyntaxError) else str(reason)
                raise NotPythonError(name, line, f"{type(reason).__name__}: {text}") from None
            compiled[_bytecode(name)] = target.read_bytes()
    return compiled


class Code:
    """What runs of the functions' code; `deployer` made the functions."""

    def __init__(self, deployer: Deployer) -> None:
        self._deployer = deployer
        self._live: Sources = {}
        self._fingerprints: dict[str, str] = {}
        self.deployed()

    @property
    def fingerprints(self) -> dict[str, str]:
        """Of what runs, by the path of the archive that the program registered."""
        return dict(self._fingerprints)

    def deployed(self) -> None:
        """Take what the program registered for what runs."""
        self._fingerprints = {}
        for path, archive in self._archives().items():
            files = files_of(archive)
            self._fingerprints[path] = fingerprint(files)
            self._live = {name: files[name] for name in files if _is_source(name)}

    def changed(self, now: Sources) -> set[str]:
        """The names of sources that are not those that run."""
        return {name for name in {*now, *self._live} if now.get(name) != self._live.get(name)}

    def runs(self, name: str) -> bool:
        """Whether a source of this name is part of what runs."""
        return name in self._live

    def exchange(self, now: Sources) -> list[str]:
        """Run these sources; the names of the functions that do from their next invocation on.

        Raises NotPythonError, and what runs stays as it is.
        """
        changed = self.changed(now)
        check({name: now[name] for name in changed if name in now})
        exchanged = []
        for path, archive in self._archives().items():
            files = _with(files_of(archive), now)
            region = self._deployer.region
            self._deployer.code.replace(archive, region, files)
            self._fingerprints[path] = fingerprint(files)
            for function in self._concerned(archive, changed):
                self._exchange(function)
                exchanged.append(function.name)
        self._live = now
        return exchanged

    def _archives(self) -> dict[str, Any]:
        """Those of the registered archives that hold the functions of this checkout."""
        return {
            each.inputs["code"].path: each.inputs["code"]
            for each in self._deployer.resources
            if each.type == FUNCTION
            and isinstance(each.inputs["code"], pulumi.FileArchive)
            and (Path(each.inputs["code"].path) / _FOLDER / "contract.py").is_file()
        }

    def _concerned(self, archive: Any, changed: set[str]) -> list[Resource]:
        """A function by its own module; by any other all, since any may import it."""
        functions = {
            _module(each): each
            for each in self._deployer.resources
            if each.type == FUNCTION and each.inputs["code"].path == archive.path
        }
        own = changed <= functions.keys()
        return [functions[name] for name in functions if not own or name in changed]

    def _exchange(self, function: Resource) -> None:
        publish(self._deployer, function, {"code"}, function.inputs)


def publish(
    deployer: Deployer, function: Resource, changed: set[str], inputs: Mapping[str, Any]
) -> str:
    """Publish a function with other inputs, of which `changed` are not as they were: the version.

    Its alias leads there at once, or CodeDeploy will lead it; alarms on versions then watch the
    new one.
    """
    made = deployer.update(function, changed, inputs)
    name, version = made.outputs["name"], str(made.outputs["version"])
    for alias in [each for each in deployer.resources if each.type == ALIAS]:
        if alias.inputs["functionName"] != name:
            continue
        if "functionVersion" in deployer.ignored.get((ALIAS, alias.name), ()):
            for alarm in [each for each in deployer.resources if each.type == ALARM]:
                watched = _watching(alarm.inputs, name, version)
                keys = {key for key in watched if watched[key] != alarm.inputs[key]}
                if keys:
                    deployer.update(alarm, keys, watched)
        else:
            deployer.update(
                alias, {"functionVersion"}, {**alias.inputs, "functionVersion": version}
            )
    return version


def _watching(inputs: Any, function: str, version: str) -> Any:
    """An alarm's inputs with another version of a function in its metrics' dimensions."""
    if isinstance(inputs, list):
        return [_watching(each, function, version) for each in inputs]
    if not isinstance(inputs, dict):
        return inputs
    found = {key: _watching(each, function, version) for key, each in inputs.items()}
    for name, of_version in (
        ("FunctionName", "ExecutedVersion"),
        (contract.FUNCTION_NAME_DIMENSION, contract.VERSION_DIMENSION),
    ):
        if found.get(name) == function and of_version in found:
            found[of_version] = version
    return found


def _with(files: dict[str, bytes], now: Sources) -> dict[str, bytes]:
    """An archive's files with these sources, and bytecode of those that it has not got."""
    other = {name: source for name, source in now.items() if files.get(name) != source}
    compiled = check(other)
    gone = {name for name in files if _is_source(name) and name not in now}
    stale = {_bytecode(name) for name in {*other, *gone}}
    kept = {name: data for name, data in files.items() if name not in {*gone, *stale}}
    return {**kept, **other, **compiled}


def _is_source(name: str) -> bool:
    return name.startswith(f"{_FOLDER}/") and name.endswith(".py")


def _bytecode(name: str) -> str:
    folder, _, file = name.rpartition("/")
    return f"{folder}/__pycache__/{file.removesuffix('.py')}.{sys.implementation.cache_tag}.pyc"


def _module(function: Resource) -> str:
    module = str(function.inputs["handler"]).rpartition(".")[0]
    return module.replace(".", "/") + ".py"
