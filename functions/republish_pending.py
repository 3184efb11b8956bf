"""The repair: orders PENDING for longer than a threshold get their event sent again.

Runs on a schedule. It reads the sparse index that only pending orders are in, so its work is
proportional to the backlog and the table is never scanned. A run is bounded by a number of
orders and by its time; what it leaves is the next run's.

Half of a run's orders are the oldest ones, the other half begins at a random moment of the
backlog. Were it always the oldest, orders whose events never succeed would take every run's
whole allowance and those behind them would never be reached; this way every order is reached
sooner or later, without anything to remember between runs.
"""

# isort: off
from orders import bootstrap

# isort: on
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from orders import aws, contract, environment, order, telemetry
from orders.deadline import Deadline
from orders.events import BATCH_BYTES, BATCH_MESSAGES, Events, Message, message
from orders.store import Item, Store

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

_store = Store(aws.client("dynamodb"), environment.text(contract.TABLE_NAME_VARIABLE))
_events = Events(aws.client("sqs"), environment.text(contract.QUEUE_URL_VARIABLE))
_threshold = environment.positive_integer(contract.PENDING_THRESHOLD_VARIABLE)
_limit = environment.positive_integer(contract.REPUBLISH_LIMIT_VARIABLE)

_FIRST = "0000"  # sorts before every timestamp


class RepublishError(RuntimeError):
    """AWS failures cut a run short: Lambda counts the error and tries again."""


class Run:
    """The tally of one run."""

    def __init__(self) -> None:
        self.sent = 0
        self.refused: dict[str, int] = {}  # SQS error code -> events
        self.unreadable = 0
        self.oldest: str | None = None  # createdAt
        self.complete = True  # nothing of the backlog was left to the next run
        self.failure: dict[str, Any] = {}


def handler(_event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:
    """The Lambda function's entry: how many events were sent again."""
    run = Run()
    try:
        _republish(run, Deadline(context))
    except aws.FAILURES as error:
        run.complete = False
        run.failure = aws.failure(error).fields
    age = _age(run.oldest)
    telemetry.count(contract.ORDERS_REPUBLISHED, run.sent)
    telemetry.count(contract.OLDEST_PENDING_AGE, age)
    write = telemetry.logger.error if run.failure else telemetry.logger.info
    write(
        "pending orders republished",
        republished=run.sent,
        refused=run.refused,
        unreadable=run.unreadable,
        oldest_pending_age_seconds=age,
        complete=run.complete,
        function_request_id=context.aws_request_id,
        **run.failure,
    )
    telemetry.flush(context)
    if run.failure:
        raise RepublishError(f"{run.failure['error']}; {run.sent} events were sent before it")
    return {"republished": run.sent, "complete": run.complete}


def _republish(run: Run, deadline: Deadline) -> None:
    batch: list[Message] = []
    for item in _stuck(run, deadline):
        event = _event_of(item)
        if event is None:
            run.unreadable += 1
            continue
        size = event.size + sum(queued.size for queued in batch)
        if len(batch) == BATCH_MESSAGES or size > BATCH_BYTES:
            _send(batch, run)
            batch = []
            if deadline.passed():
                run.complete = False
                return
        batch.append(event)
    if batch:
        _send(batch, run)


def _send(batch: list[Message], run: Run) -> None:
    refused = _events.send_batch(batch)
    run.sent += len(batch) - len(refused)
    for code in refused.values():
        run.refused[code] = run.refused.get(code, 0) + 1


def _stuck(run: Run, deadline: Deadline) -> Iterator[Item]:
    """Orders past the threshold, at most the run's limit; what one shard has too few of, the
    next ones get."""
    last = order.timestamp(datetime.now(UTC) - timedelta(seconds=_threshold))
    shards = list(range(contract.PENDING_SHARDS))
    random.shuffle(shards)
    left = max(_limit, 2 * len(shards))
    for position, shard in enumerate(shards):
        if deadline.passed():
            run.complete = False
            return
        for item in _of_shard(shard, last, -(-left // (len(shards) - position)), run):
            left -= 1
            yield item


def _of_shard(shard: int, last: str, share: int, run: Run) -> Iterator[Item]:
    """At most `share` orders of one shard: the oldest, then others from a random moment on."""
    oldest = list(_store.pending(shard, _FIRST, last, share // 2))
    if oldest:
        run.oldest = min(run.oldest or last, _created_at(oldest[0]))
    yield from oldest
    if len(oldest) < share // 2:
        return
    seen = {item["id"]["S"] for item in oldest}
    reached = _created_at(oldest[-1])
    middle = _random_moment(reached, last)
    for first, until in ((middle, last), (reached, middle)):
        for item in _store.pending(shard, first, until, share - len(seen)):
            if item["id"]["S"] not in seen:
                seen.add(item["id"]["S"])
                yield item
    if len(seen) == share:
        run.complete = False


def _random_moment(first: str, last: str) -> str:
    start, end = order.milliseconds(first), order.milliseconds(last)
    if start is None or end is None:
        return first
    moment = start + (end - start) * random.random()  # noqa: S311
    return order.timestamp(datetime.fromtimestamp(moment / 1000, UTC))


def _event_of(item: Item) -> Message | None:
    """The order's event; None for an item that is no order of ours."""
    try:
        correlation_id = item.get("correlationId", {}).get("S", "")
        return message(item["id"]["S"], order.from_item(item), _created_at(item), correlation_id)
    except (KeyError, TypeError, ValueError, ArithmeticError):
        return None


def _created_at(item: Item) -> str:
    created_at: str = item[contract.CREATED_AT_ATTRIBUTE]["S"]
    return created_at


def _age(created_at: str | None) -> float:
    """Seconds since a timestamp; 0 when there is none."""
    moment = order.milliseconds(created_at) if created_at else None
    return 0.0 if moment is None else max(0.0, round(time.time() - moment / 1000, 3))


bootstrap.complete()
