"""The queue's consumer: OrderCreated events move orders from PENDING to CONFIRMED.

Every message is answered for itself: what failed is reported, and SQS delivers it again
until the queue's maximum, then moves it to the dead-letter queue. A message stands alone
whatever happens to its neighbours.
"""

# isort: off
from .toolkit import bootstrap

# isort: on
import time
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any, NamedTuple

from . import contract
from .orders import order
from .orders.events import Delivery
from .orders.metrics import metrics
from .orders.store import LONGEST_CALL, Store
from .toolkit import aws, environment, telemetry
from .toolkit.deadline import Deadline

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

# Updates of one batch under way at once: they wait for DynamoDB together.
PARALLEL_UPDATES = 5

# Seconds of the invocation's time kept for logs, metrics and the answer.
_ANSWER_SECONDS = 1.0

_store = Store.connect()
_last_receive = environment.positive_integer(contract.MAX_RECEIVE_COUNT_VARIABLE)
_threads = ThreadPoolExecutor(PARALLEL_UPDATES)


class Outcome(NamedTuple):
    """What became of one message: `done` (False: SQS has to deliver it again), metrics to
    count, the word for the log line and its fields."""

    done: bool
    what: str
    log: dict[str, Any]
    metrics: dict[str, float]


class RejectedError(Exception):
    """A message that no delivery can make good; the text says why and holds none of it."""


def handler(event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:
    """The Lambda function's entry: the messages to deliver again, by id."""
    deliveries = [Delivery(record) for record in event["Records"]]
    failures = []
    unnamed = 0
    for delivery, result in zip(deliveries, _outcomes(deliveries, context), strict=True):
        write = telemetry.logger.info if result.done else telemetry.logger.warning
        write(
            result.what,
            correlation_id=delivery.correlation_id,
            message_id=delivery.message_id,
            function_request_id=context.aws_request_id,
            **result.log,
        )
        for name, value in result.metrics.items():
            metrics.count(name, value)
        if not result.done:
            if delivery.message_id:
                failures.append({"itemIdentifier": delivery.message_id})
            else:
                unnamed += 1
    metrics.failed(context, len(failures))
    metrics.flush(context)
    if unnamed:
        # Nothing to report it by: failing the batch has SQS deliver all of it again, which
        # is harmless for the messages that are done.
        raise RuntimeError(f"{unnamed} of {len(deliveries)} records have no messageId")
    return {"batchItemFailures": failures}


def _outcomes(deliveries: list[Delivery], context: "LambdaContext") -> list[Outcome]:
    deadline = Deadline(context, LONGEST_CALL)
    if len(deliveries) == 1:
        return [_outcome(deliveries[0], deadline)]
    work = [_threads.submit(_outcome, delivery, deadline) for delivery in deliveries]
    # An answer in time keeps what is done from being delivered again. A thread that is late
    # ends in a later invocation: its update is conditional, so it does no harm there.
    wait(work, timeout=context.get_remaining_time_in_millis() / 1000 - _ANSWER_SECONDS)
    late = Outcome(False, "not finished: the invocation's time is up", {}, {})
    return [done.result() if done.done() else late for done in work]


def _outcome(delivery: Delivery, deadline: Deadline) -> Outcome:
    counts: dict[str, float] = {}
    log: dict[str, Any] = {}
    try:
        if delivery.sent is not None:
            counts[contract.QUEUE_LAG] = _milliseconds_since(delivery.sent)
        if deadline.passed():
            return Outcome(False, "not begun: the invocation's time is up", log, counts)
        order_id, flaw, synthetic = delivery.content
        if flaw or order_id is None:
            raise RejectedError(flaw)
        log["order_id"] = order_id
        if synthetic:
            return _process_synthetic(delivery, order_id, deadline, log)
        return _process(delivery, order_id, deadline, log, counts)
    except RejectedError as error:
        counts[contract.MESSAGES_REJECTED] = 1
        return Outcome(False, "message rejected", {**log, "reason": str(error)}, counts)
    except Exception as error:
        return Outcome(False, "message failed", {**log, **telemetry.surprise(error)}, counts)


def _process(
    delivery: Delivery,
    order_id: str,
    deadline: Deadline,
    log: dict[str, Any],
    counts: dict[str, float],
) -> Outcome:
    try:
        result = _confirm(delivery, order_id)
    except Exception as error:
        known = isinstance(error, aws.FAILURES)
        log |= aws.failure(error).fields if known else telemetry.surprise(error)
        if delivery.receives < _last_receive:
            return Outcome(False, "order not processed, to be tried again", log, counts)
        return _give_up(delivery, order_id, deadline, log, counts)
    if result.status is None:
        raise RejectedError("there is no such order")
    log["status"] = result.status
    if result.elsewhere:
        # Adopted while its event lay in the queue here.
        counts.clear()
        return Outcome(True, "order of another region", log, counts)
    if not result.applied:
        # Confirmed by another delivery; or failed, and only a redrive may change that.
        return Outcome(True, "duplicate ignored", log, counts)
    counts[contract.ORDERS_CONFIRMED] = 1
    # How long a redriven order lay among the dead letters says nothing of processing.
    if delivery.order_created is not None and not (delivery.redriven or result.had_failed):
        counts[contract.ORDER_PROCESSING_TIME] = _milliseconds_since(delivery.order_created)
    return Outcome(True, "order confirmed", log, counts)


def _process_synthetic(
    delivery: Delivery, order_id: str, deadline: Deadline, log: dict[str, Any]
) -> Outcome:
    """As any other, but counted nowhere; and who placed it may have tidied it away already."""
    log["synthetic"] = True
    try:
        return _process(delivery, order_id, deadline, log, {})._replace(metrics={})
    except RejectedError:
        return Outcome(True, "synthetic order is gone", log, {})


class Confirmation(NamedTuple):
    """What came of an attempt to confirm an order, and whether it was FAILED before."""

    applied: bool
    status: str | None
    had_failed: bool = False
    elsewhere: bool = False


def _confirm(delivery: Delivery, order_id: str) -> Confirmation:
    causes = [contract.DELIVERY]
    if delivery.redriven:
        causes.append(contract.REDRIVE)
    sources = order.sources(contract.CONFIRMED, *causes)
    result = _store.change_status(order_id, contract.CONFIRMED, sources)
    if result.elsewhere:
        return Confirmation(False, result.status, elsewhere=True)
    if not result.applied and result.status == contract.FAILED and _comes_back(delivery, result):
        sources = order.sources(contract.CONFIRMED, contract.REDRIVE)
        result = _store.change_status(order_id, contract.CONFIRMED, sources)
        return Confirmation(result.applied, result.status, True, result.elsewhere)
    return Confirmation(result.applied, result.status)


def _comes_back(delivery: Delivery, failed: order.Transition) -> bool:
    """Whether the message is more than a late duplicate of the event of an order that failed:
    SQS moved it back, or it is the very message that was given up. The queue then permits more
    receives than this function knows of (its maxReceiveCount is changed first), or it delivered
    the message twice. Taken for a duplicate it would be deleted, and the order left behind."""
    return delivery.sent_after(failed.since) or (
        delivery.message_id is not None and delivery.message_id == failed.failed_message
    )


def _give_up(
    delivery: Delivery,
    order_id: str,
    deadline: Deadline,
    log: dict[str, Any],
    counts: dict[str, float],
) -> Outcome:
    """After the last permitted receive the message goes to the dead-letter queue.

    When even FAILED cannot be written, the order stays PENDING beside its message there: the
    repair sends a new event, and a redrive of the old one changes nothing.
    """
    if deadline.passed():
        return Outcome(False, "order not processed, not marked: time is up", log, counts)
    sources = order.sources(contract.FAILED, contract.LAST_FAILURE)
    try:
        message = str(delivery.message_id or "")
        result = _store.change_status(order_id, contract.FAILED, sources, message)
    except aws.FAILURES as error:
        log["marking"] = aws.failure(error).fields
        return Outcome(False, "order not processed, not marked", log, counts)
    log["status"] = result.status
    if result.elsewhere:
        counts.clear()
        return Outcome(True, "order of another region", log, counts)
    if result.status == contract.CONFIRMED:
        # The update had come through after all, only its answer was lost.
        return Outcome(True, "order confirmed", log, counts)
    if result.applied:
        counts[contract.ORDERS_FAILED] = 1
    return Outcome(False, "order failed", log, counts)


def _milliseconds_since(moment: float) -> float:
    return max(0.0, time.time() * 1000 - moment)


bootstrap.complete()
