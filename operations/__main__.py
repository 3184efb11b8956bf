"""python -m operations: dead letters, archived events and imports of a stack, for people."""

import argparse
import json
import re
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import (  # type: ignore[import-untyped]
    BotoCoreError,
    ClientError,
    NoCredentialsError,
)

from functions import contract
from local.text import shown, shown_json
from operations import import_command, stacks
from operations.archive import Archive, ArchiveError
from operations.dead_letters import DeadLetter, DeadLetterError, DeadLetterQueue
from operations.imports import ImportFailedError

MASK = "***"
_PLAIN_NAME = re.compile(r"[A-Za-z][A-Za-z0-9.]{0,63}")


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 when it was done, 1 when not, 2 for a command that cannot be, and
    `import_command.REJECTED`."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        return int(options.run(options.open(parser, options), options))
    except (stacks.StackError, DeadLetterError, ArchiveError, ImportFailedError) as error:
        return _fail(str(error))
    except NoCredentialsError:
        return _fail("no AWS credentials: set AWS_PROFILE or sign in (`aws sso login`)")
    except (ClientError, BotoCoreError) as error:
        return _fail(f"AWS refused: {error}")
    except KeyboardInterrupt:
        return _fail(options.interrupted)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m operations", description=__doc__)
    kinds = parser.add_subparsers(required=True, metavar="dlq|events|import")
    _events_parser(kinds)
    import_command.add(kinds)
    dlq = kinds.add_parser("dlq", help="the dead-letter queue")
    dlq.set_defaults(
        open=_queue,
        interrupted="interrupted; what was not moved is still in the dead-letter queue",
    )
    commands = dlq.add_subparsers(required=True, metavar="list|show|redrive")
    where = argparse.ArgumentParser(add_help=False)
    where.add_argument("--stack", help="name of the stack; `local` is the one make run serves")
    where.add_argument("--dlq-url", help="without --stack: the dead-letter queue's URL")
    where.add_argument("--queue-url", help="without --stack: the order queue's URL")
    where.add_argument("--table", help="without --stack: the name of the table of orders")

    listing = commands.add_parser(
        "list", parents=[where], help="every message, and why it is there"
    )
    listing.add_argument("--json", action="store_true", help="print JSON, for programs")
    listing.set_defaults(run=_list)

    show = commands.add_parser("show", parents=[where], help="print one message")
    show.add_argument("message", help="message id, from list")
    show.add_argument(
        "--reveal", action="store_true", help="show the customer's data, which is masked otherwise"
    )
    show.set_defaults(run=_show)

    redrive = commands.add_parser(
        "redrive", parents=[where], help="move messages back to the order queue"
    )
    which = redrive.add_mutually_exclusive_group(required=True)
    which.add_argument("message", nargs="?", help="message id, from list")
    which.add_argument("--all", action="store_true", help="every message")
    redrive.set_defaults(run=_redrive)
    return parser


def _events_parser(kinds: Any) -> None:
    events = kinds.add_parser("events", help="the archive of the bus of order events")
    events.set_defaults(
        open=lambda _, options: stacks.archive_of_stack(options.stack),
        interrupted="interrupted; a replay that was started goes on",
    )
    commands = events.add_subparsers(required=True, metavar="list|replay")
    where = argparse.ArgumentParser(add_help=False)
    where.add_argument(
        "--stack", required=True, help="name of the stack; `local` is the one make run serves"
    )
    listing = commands.add_parser(
        "list", parents=[where], help="what can be replayed, and to which consumers"
    )
    listing.add_argument("--json", action="store_true", help="print JSON, for programs")
    listing.set_defaults(run=_list_events)

    replay = commands.add_parser(
        "replay", parents=[where], help="hand archived events to one consumer again"
    )
    replay.add_argument("consumer", help="name of its rule or a part of it, from list")
    for name, said in (("since", "the archive's beginning"), ("until", "now")):
        replay.add_argument(
            f"--{name}", type=_moment, help=f"as 2026-01-31T12:00:00Z; {said} by default"
        )
    replay.set_defaults(run=_replay)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _list_events(archive: Archive, options: argparse.Namespace) -> int:
    span, consumers = archive.span(), archive.consumers()
    since = span.since.isoformat(timespec="seconds").replace("+00:00", "Z")
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
        print(f"\r{share:.0%} of the time replayed", end="", file=sys.stderr, flush=True)

    archive.replay(consumer, since, until, progress)
    print(file=sys.stderr)
    print(shown(f"{consumer.name} was given the events again; what it knew is as it was."))
    return 0


def _queue(parser: argparse.ArgumentParser, options: argparse.Namespace) -> DeadLetterQueue:
    urls = {name: getattr(options, name) for name in ("dlq_url", "queue_url", "table")}
    given = [value for value in urls.values() if value]
    if len(given) != (0 if options.stack else len(urls)):
        parser.error("give --stack NAME, or --dlq-url, --queue-url and --table")
    return stacks.of_stack(options.stack) if options.stack else stacks.of_urls(**urls)


def _list(queue: DeadLetterQueue, options: argparse.Namespace) -> int:
    letters = queue.letters()
    if options.json:
        print(shown_json([_public(letter) for letter in letters]))
        return 0
    if not letters:
        print("The dead-letter queue is empty.")
        return 0
    rows = [("MESSAGE", "ORDER", "AGE", "RECEIVES", "REASON")]
    for letter in letters:
        age = _age((datetime.now(UTC) - letter.sent_at).total_seconds())
        order = letter.order_id or "-"
        receives = str(letter.receive_count)
        rows.append((letter.message_id, order, age, receives, shown(letter.reason)))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    for row in rows:
        padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(padded).rstrip())
    return 0


def _show(queue: DeadLetterQueue, options: argparse.Namespace) -> int:
    letter = queue.show(options.message)
    body = letter.body if options.reveal else _masked(letter.body)
    print(shown_json({**_public(letter), "body": body}))
    return 0


def _redrive(queue: DeadLetterQueue, options: argparse.Namespace) -> int:
    if not options.all:
        queue.redrive_one(options.message)
        print(f"{shown(options.message)} is back in the order queue.")
        return 0

    def progress(moved: int, expected: int) -> None:
        print(f"\r{moved} of about {expected} moved", end="", file=sys.stderr, flush=True)

    result = queue.redrive_all(progress)
    if result.moved or result.failed:
        print(file=sys.stderr)
    print(f"{result.moved} messages are back in the order queue.")
    for message_id, why in result.failed.items():
        print(shown(f"{message_id}: {why}"), file=sys.stderr)
    return 1 if result.failed else 0


def _public(letter: DeadLetter) -> dict[str, Any]:
    return {
        "messageId": letter.message_id,
        "orderId": letter.order_id,
        "reason": letter.reason,
        "sentAt": letter.sent_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "receiveCount": letter.receive_count,
        "correlationId": letter.correlation_id,
        "redrivenAt": letter.redriven_at,
    }


def _masked(body: str) -> Any:
    """The body's shape: every value masked except a plain event type.

    Names of fields are shown when the event defines them; others may be anything.
    """
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        return f"{len(body)} characters that are not JSON (--reveal prints them)"
    if not isinstance(event, dict):
        return MASK
    masked = _masked_fields(event, ("type", "detail"))
    kind, detail = event.get("type"), event.get("detail")
    if isinstance(kind, str) and _PLAIN_NAME.fullmatch(kind):
        masked["type"] = kind
    if isinstance(detail, dict):
        masked["detail"] = _masked_fields(detail, contract.ORDER_CREATED_DETAIL)
    return masked


def _masked_fields(value: dict[str, Any], known: tuple[str, ...]) -> dict[str, Any]:
    masked: dict[str, Any] = {name: MASK for name in known if name in value}
    others = len(value) - len(masked)
    return {**masked, f"({others} other fields)": MASK} if others else masked


def _age(seconds: float) -> str:
    """12 s, 5 min, 3 h, 2 d."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{max(0, int(seconds))} s"


def _fail(message: str) -> int:
    print(f"operations: {shown(message)}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
