"""python -m operations: dead letters, archived events and imports of a stack, for people."""

import argparse
import json
import re
import sys
from typing import Any

from botocore.exceptions import (  # type: ignore[import-untyped]
    BotoCoreError,
    ClientError,
    NoCredentialsError,
)

from functions import contract
from local.text import shown, shown_json
from operations import events_command, import_command, stacks
from operations.archive import ArchiveError
from operations.dead_letters import DeadLetter, DeadLetterError, DeadLetterQueue
from operations.given_up import GivenUpError
from operations.imports import ImportFailedError
from operations.listing import age, iso

MASK = "***"
_PLAIN_NAME = re.compile(r"[A-Za-z][A-Za-z0-9.]{0,63}")


_EXPECTED = (
    stacks.StackError,
    DeadLetterError,
    ArchiveError,
    GivenUpError,
    ImportFailedError,
)


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 when it was done, 1 when not, 2 for a command that cannot be, and
    `import_command.REJECTED`."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        return int(options.run(options.open(parser, options), options))
    except _EXPECTED as error:
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
    events_command.add(kinds)
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


def _queue(parser: argparse.ArgumentParser, options: argparse.Namespace) -> DeadLetterQueue:
    urls = {name: getattr(options, name) for name in ("dlq_url", "queue_url", "table")}
    given = [value for value in urls.values() if value]
    if len(given) != (0 if options.stack else len(urls)):
        parser.error("give --stack NAME, or --dlq-url, --queue-url and --table")
    return stacks.dead_letters(options.stack) if options.stack else stacks.of_urls(**urls)


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
        order = letter.order_id or "-"
        receives = str(letter.receive_count)
        rows.append((letter.message_id, order, age(letter.sent_at), receives, shown(letter.reason)))
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
        "sentAt": iso(letter.sent_at),
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


def _fail(message: str) -> int:
    print(f"operations: {shown(message)}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
