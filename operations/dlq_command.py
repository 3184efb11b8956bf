"""python -m operations dlq: dead letters of orders and of the bus's consumers, and the way back."""

import argparse
import sys
from typing import Any

from local.text import shown, shown_json
from operations import stacks
from operations.dead_letters import DeadLetter, DeadLetterQueue
from operations.listing import age, iso, rewrite


def add(kinds: Any) -> None:
    """Add the command to those of `python -m operations`."""
    dlq = kinds.add_parser("dlq", help="the dead-letter queues")
    dlq.set_defaults(
        open=_open,
        interrupted="interrupted; what was not moved is still in the dead-letter queue",
    )
    commands = dlq.add_subparsers(required=True, metavar="list|show|redrive")
    where = _where()
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
        "redrive", parents=[where], help="move messages back to the queue that they come from"
    )
    which = redrive.add_mutually_exclusive_group(required=True)
    which.add_argument("message", nargs="?", help="message id, from list")
    which.add_argument("--all", action="store_true", help="every message")
    redrive.set_defaults(run=_redrive)


def _where() -> argparse.ArgumentParser:
    where = argparse.ArgumentParser(add_help=False)
    where.add_argument("--stack", help="name of the stack; `local` is the one make run serves")
    where.add_argument(
        "--queue",
        metavar="NAME",
        help="whose dead letters, as alarms name it: a consumer of the stack's bus, or "
        f"{stacks.ORDER_QUEUE}, which is the default",
    )
    where.add_argument(
        "--undelivered",
        action="store_true",
        help="with --queue: the events that did not get into the consumer's queue at all",
    )
    where.add_argument("--dlq-url", help="without --stack: the dead-letter queue's URL")
    where.add_argument("--queue-url", help="without --stack: the order queue's URL")
    where.add_argument("--table", help="without --stack: the name of the table of orders")
    return where


def _open(parser: argparse.ArgumentParser, options: argparse.Namespace) -> DeadLetterQueue:
    urls = {name: getattr(options, name) for name in ("dlq_url", "queue_url", "table")}
    given = [value for value in urls.values() if value]
    if len(given) != (0 if options.stack else len(urls)):
        parser.error("give --stack NAME, or --dlq-url, --queue-url and --table")
    consumer = options.queue if options.queue != stacks.ORDER_QUEUE else None
    if consumer and not options.stack:
        parser.error("--queue is one of a stack: give --stack as well")
    if options.undelivered and not consumer:
        parser.error("--undelivered asks for the --queue of a consumer")
    if consumer:
        return stacks.consumer_letters(options.stack, consumer, undelivered=options.undelivered)
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
        order = letter.content.order_id or "-"
        receives = str(letter.receive_count)
        rows.append(
            (letter.message_id, order, age(letter.sent_at), receives, shown(letter.content.reason))
        )
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    for row in rows:
        padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(padded).rstrip())
    return 0


def _show(queue: DeadLetterQueue, options: argparse.Namespace) -> int:
    letter = queue.show(options.message)
    body = letter.body if options.reveal else queue.reading.masked(letter.body)
    print(shown_json({**_public(letter), "body": body}))
    return 0


def _redrive(queue: DeadLetterQueue, options: argparse.Namespace) -> int:
    if not options.all:
        queue.redrive_one(options.message)
        print(f"{shown(options.message)} is back in {queue.reading.queue}.")
        return 0

    def progress(moved: int, expected: int) -> None:
        rewrite(f"{moved} of about {expected} moved")

    result = queue.redrive_all(progress)
    if result.moved or result.failed:
        print(file=sys.stderr)
    print(f"{result.moved} messages are back in {queue.reading.queue}.")
    for message_id, why in result.failed.items():
        print(shown(f"{message_id}: {why}"), file=sys.stderr)
    return 1 if result.failed else 0


def _public(letter: DeadLetter) -> dict[str, Any]:
    return {
        "messageId": letter.message_id,
        "orderId": letter.content.order_id,
        "reason": letter.content.reason,
        "sentAt": iso(letter.sent_at),
        "receiveCount": letter.receive_count,
        "correlationId": letter.content.correlation_id,
        "redrivenAt": letter.redriven_at,
    }
