"""The repair: orders PENDING for longer than a threshold get their event sent again.

Runs on a schedule. It reads the sparse index that only pending orders are in, so its work is
proportional to the backlog and the table is never scanned. A run is bounded by a number of
orders and by its time; what it leaves is the next run's.

The index is in shards. In each, a run goes on behind the order that the run before it took last,
and with the oldest again when it is through (`Shard`). Were it always the oldest, orders whose
events never succeed would take every run's whole allowance, and those behind them would never
have their turn. The place is kept in the process, as runs this frequent share one; a new process
begins with the oldest.

Every shard gets an equal share of the run's orders. What shards with fewer leave over is shared
out in another round among those that have more (`_stuck`).
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
from .orders import events, order, store
from .orders.events import Events, Message, has_room, message
from .orders.metrics import metrics
from .orders.store import Pending, Store
from .toolkit import aws, environment, telemetry
from .toolkit.deadline import Deadline

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

_store = Store.connect()
_events = Events.connect()
_threshold = environment.positive_integer(contract.PENDING_THRESHOLD_VARIABLE)
_limit = environment.positive_integer(contract.REPUBLISH_LIMIT_VARIABLE)

_LONGEST_CALL = max(store.LONGEST_CALL, events.LONGEST_CALL)


class RepublishError(RuntimeError):
    """AWS failures cut a run short: Lambda counts the error and tries again."""


class Run:
    """The tally of one run."""

    def __init__(self) -> None:
        self.sent = 0
        self.refused: dict[str, int] = {}  # SQS error code -> events
        self.unreadable = 0
        self.taken: set[str] = set()  # order ids
        self.oldest: str | None = None  # createdAt
        self.complete = True  # nothing of the backlog was left to the next run
        self.failure: dict[str, Any] = {}

    def saw(self, *orders: Pending) -> None:
        """Note the age of pending orders."""
        created = [each.created_at for each in orders]
        self.oldest = min([*created, *filter(None, [self.oldest])], default=None)


class Shard:
    """One shard of the index over pending orders, and the place that the repair has come to."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._last: Any = None  # position of the order taken last; None: the oldest is next

    @property
    def through(self) -> bool:
        """Whether there was nothing more to take, as of the last `take`."""
        return self._last is None

    def begin_again(self) -> None:
        """Let the oldest order be the next one."""
        self._last = None

    def take(self, share: int, until: str, run: Run) -> Iterator[Pending]:
        """At most `share` of the orders created up to `until`: those behind the one taken last,
        then from the oldest on to the first that this run has taken already."""
        if self._last:
            # The oldest may come last or not at all, but its age is measured by every run.
            run.saw(*_store.pending(self._number, until, 1))
        for start in (self._last, None) if self._last else (None,):
            for item in _store.pending(self._number, until, share, start):
                if item.order_id in run.taken:
                    break
                run.taken.add(item.order_id)
                run.saw(item)
                yield item
                # Not before: a run whose time is up leaves the order it was just given.
                self._last = item.position
                share -= 1
                if not share:
                    return
        self._last = None


_shards = [Shard(number) for number in range(contract.PENDING_SHARDS)]


def handler(_event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:
    """The Lambda function's entry: how many events were sent again."""
    run = Run()
    try:
        _republish(run, Deadline(context, _LONGEST_CALL))
    except aws.FAILURES as error:
        run.complete = False
        run.failure = aws.failure(error).fields
        for shard in _shards:
            shard.begin_again()  # not all that was taken was sent
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
        if not has_room(batch, event):
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
    """Orders past the threshold, at most the run's limit (and one a shard)."""
    until = order.timestamp(datetime.now(UTC) - timedelta(seconds=_threshold))
    # Where a limit or a deadline cuts a round short, no shard is always the last.
    shards = random.sample(_shards, len(_shards))
    left = max(_limit, len(shards))
    while shards and left:
        for served, shard in enumerate(shards):
            share = -(-left // (len(shards) - served))  # rounded up
            if deadline.passed() or not share:
                run.complete = False
                return
            for item in shard.take(share, until, run):
                left -= 1
                yield item
        shards = [shard for shard in shards if not shard.through]
    run.complete = run.complete and not shards


def _event_of(pending: Pending) -> Message | None:
    """The order's event; None for an item that is not one of our orders."""
    if pending.details is None:
        return None
    text = order.text(pending.details)
    return message(pending.order_id, text, pending.created_at, pending.correlation_id)


def _age(created_at: str | None) -> float:
    """Seconds since a timestamp; 0 when there is none."""
    moment = order.milliseconds(created_at) if created_at else None
    return 0.0 if moment is None else max(0.0, round(time.time() - moment / 1000, 3))


bootstrap.complete()
