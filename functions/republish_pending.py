"""The repair: orders PENDING for longer than a threshold get their event sent again.

Runs on a schedule. It reads the sparse index that only pending orders are in, so its work is
proportional to the backlog and the table is never scanned. A run is bounded by a number of
orders and by its time; what it leaves is the next run's.

A run continues behind the last order that the one before it has reached, and begins again with
the oldest when it is through. Were it always the oldest, orders whose events never succeed
would take every run's whole allowance, and those behind them would never be reached. The place
is kept in the process, which runs this often are made in; a new process begins with the oldest.
"""

# isort: off
from .toolkit import bootstrap

# isort: on
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from . import contract
from .orders import order
from .orders.events import BATCH_BYTES, BATCH_MESSAGES, Events, Message, message
from .orders.metrics import metrics
from .orders.store import Pending, Store
from .toolkit import aws, environment, telemetry
from .toolkit.deadline import Deadline

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

_store = Store(aws.client("dynamodb"), environment.text(contract.TABLE_NAME_VARIABLE))
_events = Events(aws.client("sqs"), environment.text(contract.QUEUE_URL_VARIABLE))
_threshold = environment.positive_integer(contract.PENDING_THRESHOLD_VARIABLE)
_limit = environment.positive_integer(contract.REPUBLISH_LIMIT_VARIABLE)

_reached: dict[int, Any] = {}  # shard -> position of the last order of the last run


class RepublishError(RuntimeError):
    """AWS failures cut a run short: Lambda counts the error and tries again."""


class Run:
    """The tally of one run."""

    def __init__(self) -> None:
        self.sent = 0
        self.refused: dict[str, int] = {}  # SQS error code -> events
        self.unreadable = 0
        self.seen: set[str] = set()  # order ids
        self.oldest: str | None = None  # createdAt
        self.complete = True  # nothing of the backlog was left to the next run
        self.failure: dict[str, Any] = {}

    def saw(self, *orders: Pending) -> None:
        """Note the age of pending orders."""
        created = [each.created_at for each in orders]
        self.oldest = min([*created, *filter(None, [self.oldest])], default=None)


def handler(_event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:
    """The Lambda function's entry: how many events were sent again."""
    run = Run()
    try:
        _republish(run, Deadline(context))
    except aws.FAILURES as error:
        run.complete = False
        run.failure = aws.failure(error).fields
        _reached.clear()  # what was reached was not all sent
    age = _age(run.oldest)
    metrics.count(contract.ORDERS_REPUBLISHED, run.sent)
    metrics.count(contract.OLDEST_PENDING_AGE, age)
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
    metrics.flush(context)
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


def _stuck(run: Run, deadline: Deadline) -> Iterator[Pending]:
    """Orders past the threshold, at most the run's limit, in equal shares; what one shard has
    too few of, the others get."""
    until = order.timestamp(datetime.now(UTC) - timedelta(seconds=_threshold))
    shards = list(range(contract.PENDING_SHARDS))
    random.shuffle(shards)
    left = max(_limit, len(shards))
    while shards and left:
        unfinished = []
        for position, shard in enumerate(shards):
            share = -(-left // (len(shards) - position))
            if deadline.passed() or not share:
                run.complete = False
                return
            for item in _of_shard(shard, until, share, run):
                left -= 1
                yield item
            if shard in _reached:
                unfinished.append(shard)
        shards = unfinished
    run.complete = run.complete and not shards


def _of_shard(shard: int, until: str, share: int, run: Run) -> Iterator[Pending]:
    after = _reached.get(shard)
    if after:
        run.saw(*_store.pending(shard, until, 1))
    for start in (after, None) if after else (None,):
        for item in _store.pending(shard, until, share, start):
            if item.order_id in run.seen:
                break
            run.seen.add(item.order_id)
            run.saw(item)
            yield item
            _reached[shard] = item.position
            share -= 1
            if not share:
                return
    _reached.pop(shard, None)


def _event_of(pending: Pending) -> Message | None:
    """The order's event; None for an item that is no order of ours."""
    if pending.details is None:
        return None
    text = order.text(pending.details)
    return message(pending.order_id, text, pending.created_at, pending.correlation_id)


def _age(created_at: str | None) -> float:
    """Seconds since a timestamp; 0 when there is none."""
    moment = order.milliseconds(created_at) if created_at else None
    return 0.0 if moment is None else max(0.0, round(time.time() - moment / 1000, 3))


bootstrap.complete()
