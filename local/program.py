"""Runs the repository's own Pulumi program under mocks, as `pulumi up` would run it.

The configuration is what the Pulumi CLI would hand over: the defaults of `Pulumi.yaml`, then
`Pulumi.<stack>.yaml`, then the caller's overrides.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import json
import logging
import os
import queue
import runpy
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pulumi
import yaml
from pulumi.runtime import mocks as pulumi_mocks
from pulumi.runtime.settings import SETTINGS, get_root_resource
from pulumi.runtime.stack import Stack, run_pulumi_func

from local.errors import LocalRunError
from local.naming import home_of
from local.workspace import ROOT

if TYPE_CHECKING:
    from settings import Settings

LOGGER = "local.program"
"""The logger that gets what the program says through `pulumi.log`."""

# Resources are registered from these threads, so as many creations can be under way at once.
REGISTRATION_THREADS = 8

# A selector and two ends of a pipe of its own.
_DESCRIPTORS_OF_A_LOOP = 3


class ProgramError(LocalRunError):
    """The program cannot be run as asked; the message says what to change."""


def run(
    stack: str,
    mocks: pulumi.runtime.Mocks,
    overrides: Mapping[str, Any] | None = None,
    preview: bool = False,
    monitor: pulumi_mocks.MockMonitor | None = None,
    code: pulumi.Archive | None = None,
) -> dict[str, Any]:
    """Execute `__main__.py` for `stack` and return the stack's outputs, resolved.

    `overrides` maps configuration keys (`memorySize`, `queue.maxReceiveCount` for a part of one,
    or `serverless-orders:memorySize`) to plain values. `code` stands for the functions' bundle,
    which is built otherwise. `ProgramError` says that the configuration could not be read; the
    rest is as `execute` has it.
    """

    def main() -> None:
        if code is not None:
            from components import bundle

            bundle.STAND_IN.set(code)
        runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__")

    return execute(
        main,
        mocks,
        project=_project(),
        stack=stack,
        config=stack_config(stack, overrides),
        preview=preview,
        monitor=monitor,
    )


def settings(stack: str, overrides: Mapping[str, Any] | None = None) -> Settings:
    """A stack's settings, checked and with every default; raises as the program does."""
    from settings import Settings

    loaded: list[Settings] = []
    execute(
        lambda: loaded.append(Settings.load(pulumi.Config(), stack)),
        _Nothing(),
        project=_project(),
        stack=stack,
        config=stack_config(stack, overrides),
    )
    return loaded[0]


class _Nothing(pulumi.runtime.Mocks):
    """For what registers nothing."""

    def new_resource(
        self, args: pulumi_mocks.MockResourceArgs
    ) -> tuple[str | None, dict[str, Any]]:
        raise AssertionError(args.typ)

    def call(
        self, args: pulumi_mocks.MockCallArgs
    ) -> tuple[dict[str, Any], list[tuple[str, str]] | None]:
        raise AssertionError(args.token)


def execute(
    program: Callable[[], Any],
    mocks: pulumi.runtime.Mocks,
    *,
    project: str,
    stack: str,
    config: dict[str, str],
    preview: bool = False,
    monitor: pulumi_mocks.MockMonitor | None = None,
) -> dict[str, Any]:
    """Execute any program under mocks and return the stack's outputs, resolved.

    Each call has its own thread, event loop and Pulumi runtime, so nothing leaks from one
    run into the next. What the program or a mock raises is raised here.
    """
    outcome: dict[str, Any] = {}

    def target() -> None:
        try:
            outcome["outputs"] = _run_in_fresh_loop(
                program, mocks, project, stack, config, preview, monitor
            )
        except BaseException as error:
            outcome["error"] = error

    thread = threading.Thread(
        target=contextvars.Context().run, args=(target,), name="pulumi-program", daemon=True
    )
    thread.start()
    thread.join()
    if "error" in outcome:
        raise outcome["error"]
    return dict(outcome["outputs"])


def stack_config(stack: str, overrides: Mapping[str, Any] | None = None) -> dict[str, str]:
    """The configuration of a stack as Pulumi's runtime takes it: full key -> string.

    A stack of another region, as `local.naming` has it, has the file of its home stack unless it
    has one of its own.

    Raises `ProgramError` for a stack without a readable file, for a key that `Pulumi.yaml`
    does not declare, and for a secret (only the Pulumi CLI can decrypt it).
    """
    project_file = ROOT / "Pulumi.yaml"
    project = _read_yaml(project_file)
    namespace = f"{project['name']}:"
    declared = {
        _full_key(key, namespace): entry for key, entry in (project.get("config") or {}).items()
    }

    def checked(values: Mapping[str, Any], origin: str) -> dict[str, Any]:
        full = {_full_key(key, namespace): value for key, value in values.items()}
        unknown = sorted(k for k in full if k.startswith(namespace) and k not in declared)
        if unknown:
            known = ", ".join(sorted(k for k in declared if k.startswith(namespace)))
            raise ProgramError(
                f"{origin}: unknown configuration {', '.join(unknown)}. "
                f"{project_file.name} declares: {known}"
            )
        return full

    stack_file = ROOT / f"Pulumi.{stack}.yaml"
    home = home_of(stack)
    if home and not stack_file.exists():
        stack_file = ROOT / f"Pulumi.{home}.yaml"
    if not stack_file.exists():
        stacks = sorted(path.name.split(".")[1] for path in ROOT.glob("Pulumi.*.yaml"))
        raise ProgramError(
            f"no {stack_file.name}: the stacks here are {', '.join(stacks) or '(none)'}"
        )
    values: dict[str, Any] = {
        key: entry.get("default", entry.get("value")) if isinstance(entry, dict) else entry
        for key, entry in declared.items()
    }
    values |= checked(_read_yaml(stack_file).get("config") or {}, stack_file.name)
    for key, value in (overrides or {}).items():
        # As `pulumi config set --path` has it, and none of our keys has a dot.
        first, *inner = key.split(".")
        full = _full_key(first, namespace)
        checked({full: value}, "override")
        values[full] = _with(values.get(full), inner, value)
    for key, value in values.items():
        if isinstance(value, dict) and set(value) == {"secure"}:
            raise ProgramError(
                f"{stack_file.name}: {key} is encrypted, and only the Pulumi CLI can decrypt it: "
                f"give a plain value as an override"
            )
    return {key: _as_config(value) for key, value in values.items() if value is not None}


def _with(present: Any, path: list[str], value: Any) -> Any:
    """A value with another one inside of it."""
    if not path:
        return value
    inside = present if isinstance(present, dict) else {}
    return {**inside, path[0]: _with(inside.get(path[0]), path[1:], value)}


def _full_key(key: str, namespace: str) -> str:
    return key if ":" in key else namespace + key


def _as_config(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _project() -> str:
    return str(_read_yaml(ROOT / "Pulumi.yaml")["name"])


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        raise ProgramError(f"no {path.name} in {path.parent}") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ProgramError(f"{path.name} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise ProgramError(f"{path.name} must be a mapping, not {type(content).__name__}")
    config = content.get("config")
    if config is not None and not isinstance(config, dict):
        raise ProgramError(f"{path.name}: `config` must be a mapping, not {type(config).__name__}")
    return content


def _run_in_fresh_loop(
    program: Callable[[], Any],
    mocks: pulumi.runtime.Mocks,
    project: str,
    stack: str,
    config: dict[str, str],
    preview: bool,
    monitor: pulumi_mocks.MockMonitor | None,
) -> dict[str, Any]:
    loops: list[asyncio.AbstractEventLoop] = []
    free: queue.SimpleQueue[asyncio.AbstractEventLoop] = queue.SimpleQueue()

    def give_thread_a_loop() -> None:
        # Pulumi would make one for each thread and never close it.
        asyncio.set_event_loop(free.get_nowait())

    async def main() -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(
            ThreadPoolExecutor(REGISTRATION_THREADS, "pulumi-rpc", give_thread_a_loop)
        )
        # After a failure, which is raised to the caller, its consequences are only noise.
        loop.set_exception_handler(lambda _loop, _context: None)
        # A failed run leaves unfinished tasks of its closed loop in Pulumi's settings.
        pulumi.runtime.reset_options(project=project, stack=stack)
        pulumi.runtime.set_all_config(config, secret_keys=[])
        pulumi.runtime.set_mocks(
            mocks,
            project=project,
            stack=stack,
            preview=preview,
            monitor=monitor,
            logger=logging.getLogger(LOGGER),
        )
        await run_pulumi_func(lambda: _until_settled(program))
        root = get_root_resource()
        outputs = {}
        for name, value in (root.outputs if isinstance(root, Stack) else {}).items():
            outputs[name] = await pulumi.Output.from_input(value).future(with_unknowns=True)
        return outputs

    for path in (str(ROOT), str(ROOT / "functions")):
        if path not in sys.path:
            sys.path.append(path)
    try:
        # Here, where a failure is told to the caller: that of a thread is told of the pool alone.
        for _ in range(REGISTRATION_THREADS):
            loops.append(_new_loop())
            free.put(loops[-1])
        with asyncio.Runner(loop_factory=_new_loop) as runner:
            return runner.run(main())
    finally:
        for loop in loops:
            loop.close()


def _new_loop() -> asyncio.AbstractEventLoop:
    """An event loop; raises OSError where there is no room for what it opens.

    One that is half made then would print a traceback when it is collected.
    """
    opened: list[int] = []
    try:
        while len(opened) < _DESCRIPTORS_OF_A_LOOP:
            opened += os.pipe()
    finally:
        for descriptor in opened:
            os.close(descriptor)
    return asyncio.new_event_loop()


async def _until_settled(program: Callable[[], Any]) -> None:
    """Run a program and wait for its outputs, or for the first that fails.

    Pulumi would look at all that are pending again after each one that is done, which of a
    hundred resources is half the time. It still waits for the rest and raises what failed.
    """
    result = program()
    if inspect.isawaitable(result):
        await result
    while pending := [each for each in list(SETTINGS.outputs) if not each.done()]:
        done, _ = await asyncio.wait(pending, return_when=asyncio.FIRST_EXCEPTION)
        if any(not each.cancelled() and each.exception() for each in done):
            return
