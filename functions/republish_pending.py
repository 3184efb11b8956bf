"""The repair: orders PENDING for longer than a threshold get their event sent again.

Runs on a schedule. It finds them in the sparse index of keys that only pending orders are in, so
its work is proportional to the backlog and the table is never scanned, and reads what it sends
from the table. A run is bounded by a number of orders and by its time; what it leaves is the next
run's.

The index is in shards. New orders are put in as many of them as the stack says; a stack that says
fewer than it once did still has orders in the others. So every run looks at a part of those too,
and soon at all of them: no number of shards hides an order (`_shards_of_run`).

In each shard, a run goes on behind the order that the run before it took last,
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
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from . import contract
from .orders import events, order, store
from .orders.events import Events, Message, message
from .orders.metrics import metrics
from .orders.pending_orders import MOST_READ, Pending, PendingKey, PendingOrders
from .toolkit import aws, environment, telemetry
from .toolkit.deadline import Deadline

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

_pending = PendingOrders.connect()
_events = Events.connect()
_threshold = environment.positive_integer(contract.PENDING_THRESHOLD_VARIABLE)
_limit = environment.positive_integer(contract.REPUBLISH_LIMIT_VARIABLE)
_configured_shards = environment.positive_integer(contract.PENDING_SHARDS_VARIABLE)

# Batches sent at once: as many as botocore keeps connections by default.
_THREADS = 10
_threads = ThreadPoolExecutor(_THREADS)

_LONGEST_CALL = max(store.LONGEST_CALL, events.LONGEST_CALL)


class RepublishError(RuntimeError):
    """AWS failures cut a run short: Lambda counts the error and tries again."""


class Run:
    """The tally of one run."""

    def __init__(self) -> None:
        self.sent = 0
        self.refused: dict[str, int] = {}  # SQS error code -> events
        self.unreadable = 0
        self.settled = 0  # not PENDING any more, of which the index did not know yet
        self.taken: set[str] = set()  # order ids
        self.oldest: str | None = None  # createdAt
        self.complete = True  # nothing of the backlog was left to the next run
        self.failure: dict[str, Any] = {}

    def saw(self, *orders: PendingKey) -> None:
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

    def go_back(self, place: Any = None) -> None:
        """Let the order behind a place be the next one, or the oldest."""
        self._last = place

    def take(self, share: int, until: str, run: Run) -> Iterator["Taken"]:
        """At most `share` of the orders created up to `until`: those behind the one taken last,
        then from the oldest on to the first that this run has taken already."""
        if self._last:
            # The oldest may come last or not at all, but its age is measured by every run.
            run.saw(*_pending.page(self._number, until, 1))
        for start in (self._last, None) if self._last else (None,):
            for item in _pending.page(self._number, until, share, start):
                if item.order_id in run.taken:
                    break
                run.taken.add(item.order_id)
                run.saw(item)
                before, self._last = self._last, item.position
                yield Taken(item, self, before)
                share -= 1
                if not share:
                    return
        self._last = None


class Taken(NamedTuple):
    """An order that a run has taken from a shard, and where the shard was before."""

    key: PendingKey
    shard: Shard
    before: Any

    def give_back(self) -> None:
        """Leave it to the next run; to be called for the order taken last first."""
        self.shard.go_back(self.before)


_shards = [Shard(number) for number in range(contract.MOST_PENDING_SHARDS)]


def handler(_event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:
    """The Lambda function's entry: how many events were sent again."""
    run = Run()
    try:
        _republish(run, Deadline(context, _LONGEST_CALL))
    except aws.FAILURES as error:
        run.complete = False
        run.failure = aws.failure(error).fields
        for shard in _shards:
            shard.go_back()  # not all that was taken was sent
    age = _age(run.oldest)
    metrics.count(contract.ORDERS_REPUBLISHED, run.sent)
    metrics.count(contract.OLDEST_PENDING_AGE, age)
    write = telemetry.logger.error if run.failure else telemetry.logger.info
    write(
        "pending orders republished",
        republished=run.sent,
        refused=run.refused,
        unreadable=run.unreadable,
        settled=run.settled,
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
    stuck = _stuck(run, deadline)
    while group := list(islice(stuck, MOST_READ)):
        if not _send_again(group, run, deadline):
            run.complete = False
            for taken in reversed(group):
                taken.give_back()
            return


def _send_again(group: list[Taken], run: Run, deadline: Deadline) -> bool:
    """Send the events of some orders; False when the time was up before all of them."""
    if deadline.passed():
        return False
    pending = _pending.read([taken.key for taken in group])
    run.settled += len(group) - len(pending)
    batches = events.batches(_events_of(pending, run))
    while several := list(islice(batches, _THREADS)):
        if deadline.passed():
            return False
        _send(several, run)
    return True


def _send(batches: list[list[Message]], run: Run) -> None:
    """Send batches at the same time; raises what the first of those raised that could not be."""
    sending = [_threads.submit(_events.send_batch, batch) for batch in batches]
    wait(sending)
    for batch, done in zip(batches, sending, strict=True):
        if done.exception() is None:
            refused = done.result()
            run.sent += len(batch) - len(refused)
            for code in refused.values():
                run.refused[code] = run.refused.get(code, 0) + 1
    for done in sending:
        done.result()


def _stuck(run: Run, deadline: Deadline) -> Iterator[Taken]:
    """Orders past the threshold, at most the run's limit (and one a shard)."""
    until = order.timestamp(datetime.now(UTC) - timedelta(seconds=_threshold))
    # Where a limit or a deadline cuts a round short, no shard is always the last.
    shards = _shards_of_run()
    random.shuffle(shards)
    left = max(_limit, len(shards))
    while shards and left:
        for served, shard in enumerate(shards):
            share = -(-left // (len(shards) - served))  # rounded up
            if deadline.passed() or not share:
                run.complete = False
                return
            for taken in shard.take(share, until, run):
                left -= 1
                yield taken
        shards = [shard for shard in shards if not shard.through]
    run.complete = run.complete and not shards


def _shards_of_run() -> list[Shard]:
    """The shards that new orders are put in, a part of the others, another one every minute, and
    of those of them the ones that a run has not come to the end of."""
    minute = int(time.time() / 60) % contract.PENDING_CYCLE
    return [
        shard
        for number, shard in enumerate(_shards)
        if number < _configured_shards
        or number % contract.PENDING_CYCLE == minute
        or not shard.through
    ]


def _events_of(pending: list[Pending], run: Run) -> Iterator[Message]:
    """The orders' events, without items that are not of our orders."""
    for each in pending:
        if each.details is None:
            run.unreadable += 1
            continue
        text = order.text(each.details)
        yield message(each.order_id, text, each.created_at, each.correlation_id)


def _age(created_at: str | None) -> float:
    """Seconds since a timestamp; 0 when there is none."""
    moment = order.milliseconds(created_at) if created_at else None
    return 0.0 if moment is None else max(0.0, round(time.time() - moment / 1000, 3))


bootstrap.complete()
