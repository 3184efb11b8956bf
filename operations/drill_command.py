"""python -m operations drill: place orders and see them confirmed, ring an alarm and hear it."""

import argparse
from typing import Any

from rich.console import Console
from rich.progress import Progress

from operations import stacks
from operations.drill import AlarmDrill, Orders, verdict

PATIENCE_SECONDS = 900.0
"""By then a message has been received five times, and CloudWatch has evaluated its alarm."""


def add(kinds: Any) -> None:
    """Add the command to those of `python -m operations`."""
    command = kinds.add_parser(
        "drill",
        help="place orders and see them confirmed, ring an alarm and hear it",
        description="Places orders through the API and waits until each is CONFIRMED; they stay. "
        "With --alarm it sends a message that cannot be processed, waits until the alarm on dead "
        "letters has told somebody, and takes the message out again. Where the API asks who calls, "
        "they are orders of the user pool's client for machines, or of whom the token in the "
        f"environment variable {stacks.TOKEN_VARIABLE} names; a caller's limits are kept.",
        epilog="Exit codes: 0 everything was seen; 1 something was not.",
    )
    command.add_argument("--stack", required=True, help="name of the stack")
    command.add_argument("--orders", type=_some, default=10, help="how many (default: 10)")
    command.add_argument("--alarm", action="store_true", help="ring the alarm on dead letters, too")
    command.add_argument(
        "--patience",
        type=float,
        metavar="SECONDS",
        default=PATIENCE_SECONDS,
        help="how long to wait for the orders, and for the alarm (default: %(default)g)",
    )
    command.set_defaults(
        open=_open,
        run=_run,
        interrupted="interrupted; orders that were placed stay, and the next drill with --alarm "
        "takes this one's message out of the dead letters",
    )


def _some(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 100_000:
        raise argparse.ArgumentTypeError(f"expected a number from 1 to 100000, not {text}")
    return int(text)


def _open(parser: argparse.ArgumentParser, options: argparse.Namespace) -> stacks.Stack:
    if options.alarm and stacks.is_local(options.stack):
        parser.error("a local run's alarms are evaluated by its console, and tell nobody")
    return stacks.Stack(options.stack)


def _run(stack: stacks.Stack, options: argparse.Namespace) -> int:
    screen = Console(stderr=True)
    api = stack.api()
    with Progress(console=screen) as progress:
        task = progress.add_task(f"placing {options.orders} orders", total=options.orders)
        placed = Orders(api, options.patience).run(
            options.orders, lambda done: progress.update(task, completed=done)
        )
    print(verdict(placed))
    if options.alarm:
        queues = stack.queues()
        AlarmDrill(
            stack.client("sqs"),
            stack.client("cloudwatch"),
            queues["queue_url"],
            queues["dlq_url"],
            options.patience,
        ).run(lambda said: print(said, flush=True))
    return 0
