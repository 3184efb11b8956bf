"""python -m operations deploy: lead traffic to new versions, see it, take it back."""

import argparse
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from local.text import shown
from operations import stacks
from operations.deployments import Deployments, Function, Progress, Versions
from operations.listing import rewrite


def add(kinds: Any) -> None:
    """Add the command to those of `python -m operations`."""
    command = kinds.add_parser(
        "deploy",
        help="lead traffic to the functions' new versions, step by step",
        description="Lead traffic to every function's newest version, as the setting `deployment` "
        "says, those that read a message before those that write it. What is under way is "
        "followed, so the command can be interrupted and called again. `status` shows the "
        "versions, `rollback` takes the traffic back.",
        epilog="Exit codes: 0 the newest versions have all traffic (of `rollback`: the ones before "
        "have it); 1 a deployment failed or was rolled back (of `status`: not all have it).",
    )
    command.add_argument(
        "what",
        nargs="?",
        choices=("start", "status", "rollback"),
        default="start",
        help="start (the default), status or rollback",
    )
    command.add_argument(
        "--stack", required=True, help="name of the stack; `local` is the one make run serves"
    )
    command.set_defaults(
        open=lambda _, options: stacks.deployments(options.stack),
        run=_run,
        interrupted="interrupted; CodeDeploy goes on by itself: `deploy status` shows how far it "
        "is, `deploy` follows it, `deploy rollback` takes it back",
    )


def _run(deployments: Deployments | None, options: argparse.Namespace) -> int:
    if deployments is None:
        print(
            "The stack's deployment is allAtOnce: `pulumi up` has moved all traffic itself, and "
            "`pulumi up` of the former code takes it back."
        )
        return 1 if options.what == "rollback" else 0
    what = {"start": _start, "status": _status, "rollback": _rollback}[options.what]
    return what(deployments)


def _start(deployments: Deployments) -> int:
    active = {each.function: deployments.under_way(each) for each in deployments.functions}
    for each in deployments.functions:
        running = active[each.function]
        newest = deployments.overtaken(each, running) if running else None
        if running and newest:
            _say_overtaken(running, newest)
            deployments.stop(running.id)
            deployments.follow({running.id: each}, _show)
            print(file=sys.stderr)
            active[each.function] = None
    versions = {each.function: deployments.versions(each) for each in deployments.functions}
    new: list[Function] = []
    for number, stage in enumerate(deployments.stages, 1):
        for each in stage:
            there, running = versions[each.function], active[each.function]
            if running is not None:
                said = f"{running.current} -> {running.target}, under way as {running.id}"
            elif there.newest != there.current:
                said = f"{there.current} -> {there.newest}"
                new.append(each)
            else:
                continue
            print(shown(f"stage {number}: {each.function} {said}"))
    if new:
        for event, check in deployments.checks.items():
            print(shown(f"each is checked by {check} ({event})"))
    for stage in deployments.stages:
        started = {}
        late = [each for each in stage if _published_since(deployments, each, versions)]
        if late:  # what reads its messages has not got the version that belongs to it
            print(shown(f"newer versions: {_names(late)}; deploy again"), file=sys.stderr)
            return 1
        for each in stage:
            there, running = versions[each.function], active[each.function]
            if running is not None:
                started[running.id] = each
            elif there.newest != there.current:
                started[deployments.start(each, there.current, there.newest)] = each
        if started and not _ended_well(deployments, started):
            print(
                "Functions of earlier stages keep their new versions: "
                "`deploy rollback` takes them back, too.",
                file=sys.stderr,
            )
            return 1
    for name in deployments.contract(deployments.functions):
        print(shown(f"put away, as no version with traffic needs it: the policy {name}"))
    late = [each for each in deployments.functions if not _is_newest(deployments, each)]
    if late:
        print(shown(f"newer versions: {_names(late)}; deploy again"), file=sys.stderr)
        return 1
    print("Every function's newest version has all traffic.")
    return 0


def _published_since(
    deployments: Deployments, function: Function, versions: Mapping[str, Versions]
) -> bool:
    return deployments.versions(function).newest != versions[function.function].newest


def _names(functions: Iterable[Function]) -> str:
    return ", ".join(each.function for each in functions)


def _is_newest(deployments: Deployments, function: Function) -> bool:
    there = deployments.versions(function)
    return there.current == there.newest and not there.shifting


def _ended_well(deployments: Deployments, started: dict[str, Function]) -> bool:
    found = deployments.follow(started, _show, _say_overtaken)
    print(file=sys.stderr)
    for each in found:
        if each.status != "Succeeded":
            back = f"; rolled back by {each.back}" if each.back else ""
            text = f"{each.function} {each.target}: {each.status}: {each.why}{back}"
            print(shown(text), file=sys.stderr)
    return all(each.status == "Succeeded" for each in found)


def _say_overtaken(running: Progress, newest: str) -> None:
    print(
        shown(
            f"{running.function}: version {newest} was published while traffic moves to "
            f"{running.target}, so that the alarms watch {newest}: {running.id} is stopped, all "
            f"traffic goes back to {running.current}; `deploy` leads it to {newest} then"
        ),
        file=sys.stderr,
    )


def _show(found: Iterable[Progress]) -> None:
    rewrite(shown("  ".join(f"{it.function} {it.target}: {it.weight:g} %" for it in found)))


def _status(deployments: Deployments) -> int:
    done = True
    for each in deployments.functions:
        there = deployments.versions(each)
        parts = [f"{weight:g} % to {version}" for version, weight in there.shifting.items()]
        running = deployments.under_way(each)
        if running:
            parts.append(f"{running.status} as {running.id}")
        if there.newest not in (there.current, *there.shifting):
            last = deployments.latest(each)
            why = f" ({last.status}: {last.why})" if last and last.why else ""
            parts.append(f"{there.newest} has no traffic{why}")
        done = done and not parts
        print(shown(f"{each.function} {there.current}  {', '.join(parts)}".rstrip()))
    return 0 if done else 1


def _rollback(deployments: Deployments) -> int:
    """What is under way is stopped; else what the latest deployments brought goes back."""
    functions = [each for stage in reversed(deployments.stages) for each in stage]
    active = {each.function: deployments.under_way(each) for each in functions}
    for each in functions:
        running = active[each.function]
        if running is not None:
            print(shown(f"{each.function}: stop {running.id}, all traffic to {running.current}"))
            deployments.stop(running.id)
            deployments.follow({running.id: each}, _show)
            print(file=sys.stderr)
    came = []
    for each in functions:
        last = deployments.latest(each)
        if last and last.status == "Succeeded" and active[each.function] is None:
            there = deployments.versions(each)
            if there.current == last.target and int(last.current) < int(last.target):
                came.append((each, last))
    for each, last in came:
        print(shown(f"{each.function}: all traffic to {last.current}, from {last.target}"))
        deployments.expand(each)
        started = {deployments.start(each, last.target, last.current, at_once=True): each}
        if not _ended_well(deployments, started):
            return 1
    if not came and not any(active.values()):
        print("There is nothing to take back.")
    return 0
