"""python -m operations cost: what a stack costs on AWS, by what it registers."""

import argparse
import json
import re
from collections.abc import Mapping
from typing import Any

import yaml

from operations.stacks import StackError

Overrides = Mapping[str, Any]


def add(kinds: Any) -> None:
    """Add the command to those of `python -m operations`."""
    command = kinds.add_parser(
        "cost",
        help="what a stack costs on AWS, without asking AWS",
        description="Estimate what a stack costs on AWS from what its program registers, AWS's "
        "prices (operations/cost/prices.toml) and what is assumed "
        "(operations/cost/assumptions.toml). Nothing is deployed or asked for.",
    )
    command.add_argument("--stack", default="dev", help="stack to estimate (default: dev)")
    command.add_argument(
        "--orders", type=_positive, default=1_000_000, help="orders (default: 1,000,000)"
    )
    command.add_argument(
        "--items", type=_items, default=3, help="items of an order, 1 to 100 (default: 3)"
    )
    command.add_argument(
        "--reads",
        type=float,
        default=0,
        help="how often each order is read through the API (default: 0)",
    )
    command.add_argument(
        "--full-batches",
        action="store_true",
        help="orders come so fast that batches are full (default: each comes alone)",
    )
    command.add_argument(
        "--config",
        type=settings,
        default={},
        metavar="KEY=VALUE,...",
        help="configuration over that of the stack",
    )
    command.add_argument(
        "--compare",
        type=settings,
        default={},
        metavar="KEY=VALUE,...",
        help="the stack beside itself with each of these settings, and with all of them",
    )
    command.add_argument("--json", action="store_true", help="print every line as JSON")
    command.set_defaults(open=_open, run=_run, interrupted="interrupted")


def settings(text: str) -> dict[str, Any]:
    """Settings as `memorySize=512,architecture=arm64`; a value is YAML, and may hold commas."""
    found = {}
    for each in re.split(r",(?=[A-Za-z][\w.:]*=)", text):
        key, separator, value = each.partition("=")
        if not separator or not key:
            raise argparse.ArgumentTypeError(f"{each!r}: expected KEY=VALUE")
        try:
            found[key] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise argparse.ArgumentTypeError(f"{each!r}: {error}") from error
    return found


def _positive(text: str) -> int:
    if not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number from 1")
    return int(text)


def _items(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 100:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number from 1 to 100")
    return int(text)


def _open(_parser: argparse.ArgumentParser, options: argparse.Namespace) -> Any:
    from operations import graph  # Pulumi takes a while to load
    from operations.cost.estimate import Work, estimate

    work = Work(options.orders, options.items, options.reads, options.full_batches)
    return {
        name: estimate(graph.read(options.stack, {**options.config, **overrides}), work)
        for name, overrides in variants(options.compare).items()
    }


def variants(compared: Overrides) -> dict[str, Overrides]:
    """The stack as it is, with each of the settings alone, and with all of them."""
    alone = {f"{key}={_shown(value)}": {key: value} for key, value in compared.items()}
    together = {"all of these": compared} if len(compared) > 1 else {}
    return {"as it is": {}, **alone, **together}


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _run(found: Any, options: argparse.Namespace) -> int:
    from operations.cost import report

    for each in found.values():
        if each.unknown:
            raise StackError(
                f"no price of {', '.join(each.unknown)}: say in operations/cost/free.py that it is "
                "free, or in standing.py what it costs"
            )
    if options.json:
        print(json.dumps({name: report.document(each) for name, each in found.items()}, indent=2))
    elif len(found) > 1:
        print(report.side_by_side(found))
    else:
        [one] = found.values()
        print(report.table(one))
    return 0
