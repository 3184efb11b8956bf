"""The reader of the table's stream: puts an event on the bus for every change of an order.

The order of one order's events is kept: a call holds at most one event of an order, and no call
begins before every event of the one before it is accepted. What the bus refuses for a while is
put again until the invocation's time is up. The stream then goes on with the first record that
was not done, so events behind it may be put twice; their ids tell.

A record that can never be an event stops the batch as well. Those before it are done first; when
it is the first of its batch the function fails, for which Lambda halves the batch until the record
stands alone, and at last keeps it where people can replay it.
"""

# isort: off
from .toolkit import bootstrap

# isort: on
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from .orders.bus import CALL_BYTES, CALL_EVENTS, LONGEST_CALL, Bus, Event, Refusal, event_of
from .orders.changes import UnreadableError
from .orders.metrics import metrics
from .orders.stream import Record
from .toolkit import aws, telemetry
from .toolkit.deadline import Deadline

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

# Seconds between two attempts to put an event, at first and at most.
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 3.0

_bus = Bus.connect()


class NotPublishedError(RuntimeError):
    """Not even the first change of a batch was published; the text says why."""


class Failure(NamedTuple):
    """The first record of a batch that was not done, and why."""

    place: int
    reason: str


class Run:
    """The tally of one invocation."""

    def __init__(self, context: Any) -> None:
        self.deadline = Deadline(context, LONGEST_CALL)
        self.published = 0
        self.unchanged = 0
        self.repeated = 0  # events that were put again


def handler(event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:
    """The Lambda function's entry: the sequence number of the first record to deliver again."""
    records = [Record(each) for each in event["Records"]]
    run = Run(context)
    failure = _publish(records, run)
    number = records[failure.place].sequence_number if failure else None
    told: dict[str, Any] = {}
    if failure:
        told = {"reason": failure.reason, "sequence_number": number, "done": failure.place}
    write = telemetry.logger.warning if failure else telemetry.logger.info
    write(
        "changes published",
        records=len(records),
        published=run.published,
        unchanged=run.unchanged,
        repeated=run.repeated,
        function_request_id=context.aws_request_id,
        **told,
    )
    metrics.flush(context)
    if failure is None:
        return {"batchItemFailures": []}
    if failure.place == 0 or number is None:
        raise NotPublishedError(failure.reason)
    metrics.failed(context)
    return {"batchItemFailures": [{"itemIdentifier": number}]}


def _publish(records: list[Record], run: Run) -> Failure | None:
    """Publish the changes in order up to the first that cannot be."""
    call: dict[int, Event] = {}  # by the index of its record
    flaw = None
    for index, record in enumerate(records):
        try:
            change = record.change()
        except UnreadableError as error:
            flaw = Failure(index, str(error))
            break
        if change is None:
            run.unchanged += 1
            continue
        event = event_of(change)
        if not _has_room(call, event):
            failure = _put(call, run)
            if failure:
                return failure
            call = {}
        call[index] = event
    return _put(call, run) or flaw


def _has_room(call: dict[int, Event], event: Event) -> bool:
    events = call.values()
    return (
        len(call) < CALL_EVENTS
        and sum(each.size for each in events) + event.size <= CALL_BYTES
        and all(each.order_id != event.order_id for each in events)
    )


def _put(call: dict[int, Event], run: Run) -> Failure | None:
    """Put the events of one call until all are accepted, or no attempt helps or is left."""
    pauses = _pauses()
    while call:
        refused = _attempt(call)
        run.published += len(call) - len(refused)
        if not refused:
            return None
        index, refusal = min(refused.items())
        if run.deadline.passed() or not all(each.temporary for each in refused.values()):
            return Failure(index, f"the bus refused {call[index].event_id}: {refusal.code}")
        time.sleep(next(pauses))
        call = {index: call[index] for index in refused}
        run.repeated += len(call)
    return None


def _attempt(call: dict[int, Event]) -> dict[int, Refusal]:
    indexes = list(call)
    try:
        refused = _bus.put(list(call.values()))
    except aws.FAILURES as error:
        failure = aws.failure(error)
        telemetry.logger.warning("no answer of the bus", **failure.fields)
        refusal = Refusal(str(failure.fields["error"]), failure.temporary)
        return dict.fromkeys(indexes, refusal)
    return {indexes[place]: refusal for place, refusal in refused.items()}


def _pauses() -> Iterator[float]:
    pause = _FIRST_PAUSE
    while True:
        yield pause
        pause = min(_LONGEST_PAUSE, 2 * pause)


bootstrap.complete()
