"""python -m operations capacity: how many orders a second a stack takes, and what breaks first."""

import argparse
import json
import math
from typing import TYPE_CHECKING, Any

from operations.cost_command import settings

if TYPE_CHECKING:
    from operations.capacity.stages import Stage, Stages

NOT_REACHED = 3
"""Exit code when the wanted rate is more than a lasting limit, or a simulated backlog stays."""

BEFORE_OUTAGE = 30.0
"""Seconds of a simulation before something is down."""


def add(kinds: Any) -> None:
    """Add the command to those of `python -m operations`."""
    command = kinds.add_parser(
        "capacity",
        help="how many orders a second a stack takes, without asking AWS",
        description="Show what each stage of a stack takes, from what its program registers, AWS's "
        "quotas (operations/capacity/quotas.toml) and what is assumed (assumptions.toml beside "
        "it and in operations/cost). Nothing is deployed or asked for.",
        epilog=f"Exit codes: 0 the rate is held; {NOT_REACHED} it is not; 1 there is no such "
        "stack, setting or quota; 2 for a command that cannot be.",
    )
    command.add_argument("--stack", default="dev", help="stack to look at (default: dev)")
    command.add_argument(
        "--rate", type=_positive, help="orders a second that are wanted (default: its own throttle)"
    )
    command.add_argument(
        "--items", type=int, choices=range(1, 101), metavar="N", default=3, help="items of an order"
    )
    command.add_argument(
        "--reads", type=_not_negative, default=1, help="how often each order is read (default: 1)"
    )
    for name, what in (
        ("--config", "configuration over that of the stack"),
        ("--quota", "quotas that the account has other ones of, as lambda_concurrency=3000"),
    ):
        command.add_argument(name, type=settings, default={}, metavar="KEY=VALUE,...", help=what)
    command.add_argument(
        "--simulate",
        choices=("burst", "outage"),
        help="play it instead: orders come at the rate for --seconds and no longer, or all the "
        "time while something is down for --seconds",
    )
    command.add_argument(
        "--seconds", type=_positive, default=60, help="of the burst or outage (default: 60)"
    )
    command.add_argument(
        "--of",
        choices=("processor", "queue", "table"),
        default="processor",
        help="what is down in an outage (default: processor)",
    )
    command.add_argument("--json", action="store_true", help="print everything as JSON")
    command.set_defaults(open=_open, run=_run, interrupted="interrupted")


def _positive(text: str) -> float:
    value = _not_negative(text)
    if not value:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number above 0")
    return value


def _not_negative(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number")
    return value


def _open(parser: argparse.ArgumentParser, options: argparse.Namespace) -> "Stages":
    from operations import graph  # Pulumi takes a while to load
    from operations.capacity.quotas import Quotas
    from operations.capacity.stages import Stages

    if any(not isinstance(each, int | float) or each <= 0 for each in options.quota.values()):
        parser.error("--quota: expected numbers above 0")
    read = graph.read(options.stack, options.config)
    quotas = Quotas(read.settings.region, options.quota)
    return Stages(read, quotas, options.items, options.reads)


def _run(stages: "Stages", options: argparse.Namespace) -> int:
    from operations.capacity import report

    rate = options.rate or float(stages.throttle["create_rate"])
    if options.simulate:
        return _simulate(stages, options, rate)
    found = stages.all(rate)
    if options.json:
        print(json.dumps(report.document(stages, found, rate), indent=2))
    else:
        print(report.text(stages, found, rate))
    return 0 if holds(found, rate) else NOT_REACHED


def _simulate(stages: "Stages", options: argparse.Namespace, rate: float) -> int:
    from operations.capacity import report
    from operations.capacity.simulation import Load, model_of, simulate

    load = Load(rate, options.seconds)
    if options.simulate == "outage":
        load = Load(rate, math.inf, options.of, BEFORE_OUTAGE, options.seconds)
    outcome = simulate(model_of(stages), load)
    played = report.played(load, outcome)
    print(json.dumps(played, indent=2) if options.json else report.played_text(load, played))
    return 0 if outcome.drained is not None else NOT_REACHED


def holds(found: "list[Stage]", rate: float) -> bool:
    """Whether all that lasts takes so many orders a second."""
    return all(each.limit >= rate for each in found if each.holds == "lasting")
