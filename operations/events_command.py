"""python -m operations events: what the bus had, what never got there, and the ways back."""

import argparse
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

from local.text import shown, shown_json
from operations import stacks
from operations.archive import Archive
from operations.given_up import Batch, GivenUp
from operations.listing import age, iso, rewrite


def add(kinds: Any) -> None:
    """Add the command to those of `python -m operations`."""
    events = kinds.add_parser("events", help="the events of orders: archived, and given up")
    commands = events.add_subparsers(required=True, metavar="list|replay|failed")
    where = argparse.ArgumentParser(add_help=False)
    where.add_argument(
        "--stack", required=True, help="name of the stack; `local` is the one make run serves"
    )
    _add_archive(commands, where)
    failed = commands.add_parser("failed", help="changes that could not be told on the bus")
    failed.set_defaults(
        open=lambda _, options: stacks.given_up(options.stack),
        interrupted="interrupted; what was not published is still kept",
    )
    _add_failed(failed.add_subparsers(required=True, metavar="list|replay"), where)


def _add_archive(commands: Any, where: argparse.ArgumentParser) -> None:
    opened = {
        "open": lambda _, options: stacks.archive(options.stack),
        "interrupted": "interrupted; a replay that was started goes on",
    }
    listing = commands.add_parser(
        "list", parents=[where], help="what can be replayed, and to which consumers"
    )
    listing.add_argument("--json", action="store_true", help="print JSON, for programs")
    listing.set_defaults(run=_list, **opened)

    replay = commands.add_parser(
        "replay", parents=[where], help="hand archived events to one consumer again"
    )
    replay.add_argument("consumer", help="name of its rule or a part of it, from list")
    for name, said in (("since", "the archive's beginning"), ("until", "now")):
        replay.add_argument(
            f"--{name}", type=_moment, help=f"as 2026-01-31T12:00:00Z; {said} by default"
        )
    replay.set_defaults(run=_replay, **opened)


def _add_failed(commands: Any, where: argparse.ArgumentParser) -> None:
    listing = commands.add_parser(
        "list", parents=[where], help="what was given up, and why it may be"
    )
    listing.add_argument("--json", action="store_true", help="print JSON, for programs")
    listing.set_defaults(run=_list_failed)

    replay = commands.add_parser("replay", parents=[where], help="publish it after all")
    which = replay.add_mutually_exclusive_group(required=True)
    which.add_argument("batch", nargs="?", help="name of what was given up at once, from list")
    which.add_argument("--all", action="store_true", help="all of it, the oldest first")
    replay.set_defaults(run=_replay_failed)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _list(archive: Archive, options: argparse.Namespace) -> int:
    span, consumers = archive.span(), archive.consumers()
    since = iso(span.since, "seconds")
    if options.json:
        names = [consumer.name for consumer in consumers]
        print(
            shown_json(
                {
                    "archive": span.name,
                    "events": span.events,
                    "bytes": span.size,
                    "since": since,
                    "retentionDays": span.days,
                    "consumers": names,
                }
            )
        )
        return 0
    print(shown(f"{span.events} events since {since} in the archive {span.name}"))
    for consumer in consumers:
        print(shown(f"  {consumer.name}  {consumer.pattern}"))
    return 0


def _replay(archive: Archive, options: argparse.Namespace) -> int:
    consumer = archive.consumer(options.consumer)
    # A moment before, since the archive's own times are whole seconds.
    since = options.since or archive.span().since - timedelta(seconds=1)
    until = options.until or datetime.now(UTC)

    def progress(share: float) -> None:
        rewrite(f"{share:.0%} of the time replayed")

    archive.replay(consumer, since, until, progress)
    print(file=sys.stderr)
    print(shown(f"{consumer.name} was given the events again; what it knew is as it was."))
    return 0


def _list_failed(given_up: GivenUp, options: argparse.Namespace) -> int:
    batches = given_up.batches()
    if options.json:
        print(shown_json([_public(batch) for batch in batches]))
        return 0
    if not batches:
        print("No change was given up.")
    for batch in batches:
        print(shown(f"{batch.name}  {age(batch.since)}  {batch.reason}"))
        for change in batch.changes:
            told = f"{change.type} {change.event_id}" if change.type else "no change of the status"
            flawed = f"{change.flaw} (order {change.order_id})"
            print(shown(f"  {flawed if change.flaw else told}"))
    return 0


def _public(batch: Batch) -> dict[str, Any]:
    return {
        "name": batch.name,
        "givenUpAt": iso(batch.since),
        "reason": batch.reason,
        "changes": [
            {
                "orderId": change.order_id,
                "eventId": change.event_id,
                "type": change.type,
                "flaw": change.flaw or None,
            }
            for change in batch.changes
        ],
    }


def _replay_failed(given_up: GivenUp, options: argparse.Namespace) -> int:
    batches = given_up.batches() if options.all else [given_up.batch(options.batch)]

    def progress(done: int, expected: int) -> None:
        rewrite(f"{done} of {expected} batches replayed")

    try:
        result = given_up.replay(batches, progress)
    finally:
        print(file=sys.stderr)
    print(f"changes that are on the bus now: {result.changes}")
    for name, flaws in result.failed.items():
        for flaw in flaws:
            print(shown(f"{name} is kept: {flaw}"), file=sys.stderr)
    return 1 if result.failed else 0
