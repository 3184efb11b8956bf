"""The queue's consumer: OrderCreated events move orders from PENDING to CONFIRMED.

Every message is answered for itself: what failed is reported, and SQS delivers it again
until the queue's maximum, then moves it to the dead-letter queue. A message stands alone
whatever happens to its neighbours.
"""

# isort: off
from .toolkit import bootstrap

# isort: on
import json
import re
import time
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any, NamedTuple

from . import contract
from .orders import order
from .orders.store import Store, Transition
from .toolkit import aws, environment, telemetry
from .toolkit.deadline import Deadline

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

Record = dict[str, Any]

# Updates of one batch under way at once: they wait for DynamoDB together.
PARALLEL_UPDATES = 5

# Seconds of the invocation's time kept for logs, metrics and the answer.
_ANSWER_SECONDS = 1.0

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_CORRELATION_ID = re.compile(r"[!-~]{1,128}")

_store = Store(aws.client("dynamodb"), environment.text(contract.TABLE_NAME_VARIABLE))
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
    records = event["Records"]
    failures = []
    unnamed = 0
    for record, result in zip(records, _outcomes(records, context), strict=True):
        write = telemetry.logger.info if result.done else telemetry.logger.warning
        write(
            result.what,
            correlation_id=_correlation_id(record),
            message_id=_field(record, "messageId"),
            function_request_id=context.aws_request_id,
            **result.log,
        )
        for name, value in result.metrics.items():
            telemetry.count(name, value)
        if not result.done:
            identifier = _field(record, "messageId")
            if identifier:
                failures.append({"itemIdentifier": identifier})
            else:
                unnamed += 1
    telemetry.flush(context)
    if unnamed:
        # Nothing to report it by: failing the batch has SQS deliver all of it again, which
        # is harmless for the messages that are done.
        raise RuntimeError(f"{unnamed} of {len(records)} records have no messageId")
    return {"batchItemFailures": failures}


def _outcomes(records: list[Any], context: "LambdaContext") -> list[Outcome]:
    deadline = Deadline(context)
    if len(records) == 1:
        return [_outcome(records[0], deadline)]
    work = [_threads.submit(_outcome, record, deadline) for record in records]
    # An answer in time keeps what is done from being delivered again. A thread that is late
    # ends in a later invocation: its update is conditional, so it does no harm there.
    wait(work, timeout=context.get_remaining_time_in_millis() / 1000 - _ANSWER_SECONDS)
    late = Outcome(False, "not finished: the invocation's time is up", {}, {})
    return [done.result() if done.done() else late for done in work]


def _outcome(record: Any, deadline: Deadline) -> Outcome:
    metrics: dict[str, float] = {}
    log: dict[str, Any] = {}
    try:
        metrics |= _lag(record)
        if deadline.passed():
            return Outcome(False, "not begun: the invocation's time is up", log, metrics)
        order_id = _order_id(record)
        log["order_id"] = order_id
        return _process(record, order_id, deadline, log, metrics)
    except RejectedError as error:
        metrics[contract.MESSAGES_REJECTED] = 1
        return Outcome(False, "message rejected", {**log, "reason": str(error)}, metrics)
    except Exception as error:
        return Outcome(False, "message failed", {**log, **telemetry.surprise(error)}, metrics)


def _process(
    record: Record,
    order_id: str,
    deadline: Deadline,
    log: dict[str, Any],
    metrics: dict[str, float],
) -> Outcome:
    try:
        result = _confirm(record, order_id)
    except Exception as error:
        known = isinstance(error, aws.FAILURES)
        log |= aws.failure(error).fields if known else telemetry.surprise(error)
        if _receive_count(record) < _last_receive:
            return Outcome(False, "order not processed, to be tried again", log, metrics)
        return _give_up(order_id, deadline, log, metrics)
    if result.status is None:
        raise RejectedError("there is no such order")
    log["status"] = result.status
    if not result.applied:
        # Confirmed by another delivery; or failed, and only a redrive may change that.
        return Outcome(True, "duplicate ignored", log, metrics)
    metrics[contract.ORDERS_CONFIRMED] = 1
    created = order.milliseconds(_attribute(record, contract.CREATED_AT_ATTRIBUTE))
    if created is not None:
        metrics[contract.ORDER_PROCESSING_TIME] = max(0.0, time.time() * 1000 - created)
    return Outcome(True, "order confirmed", log, metrics)


def _confirm(record: Record, order_id: str) -> Transition:
    causes = [contract.DELIVERY]
    if _marked_redriven(record):
        causes.append(contract.REDRIVE)
    sources = order.sources(contract.CONFIRMED, *causes)
    result = _store.change_status(order_id, contract.CONFIRMED, sources)
    if (
        not result.applied
        and result.status == contract.FAILED
        and _sent_after(record, result.since)
    ):
        sources = order.sources(contract.CONFIRMED, contract.REDRIVE)
        result = _store.change_status(order_id, contract.CONFIRMED, sources)
    return result


def _give_up(
    order_id: str, deadline: Deadline, log: dict[str, Any], metrics: dict[str, float]
) -> Outcome:
    """After the last permitted receive the message goes to the dead-letter queue.

    When even FAILED cannot be written, the order stays PENDING beside its message there: the
    repair sends a new event, and a redrive of the old one changes nothing.
    """
    if deadline.passed():
        return Outcome(False, "order not processed, not marked: time is up", log, metrics)
    sources = order.sources(contract.FAILED, contract.LAST_FAILURE)
    try:
        result = _store.change_status(order_id, contract.FAILED, sources)
    except aws.FAILURES as error:
        log["marking"] = aws.failure(error).fields
        return Outcome(False, "order not processed, not marked", log, metrics)
    log["status"] = result.status
    if result.status == contract.CONFIRMED:
        # The update had come through after all, only its answer was lost.
        return Outcome(True, "order confirmed", log, metrics)
    if result.applied:
        metrics[contract.ORDERS_FAILED] = 1
    return Outcome(False, "order failed", log, metrics)


def _order_id(record: Record) -> str:
    try:
        body = json.loads(record["body"])
    except (KeyError, TypeError, ValueError, RecursionError):
        raise RejectedError("the body is not readable JSON") from None
    if not isinstance(body, dict) or body.get("type") != contract.ORDER_CREATED:
        raise RejectedError(f"the body is no {contract.ORDER_CREATED} event")
    detail = body.get("detail")
    if not isinstance(detail, dict) or not detail.keys() >= set(contract.ORDER_CREATED_DETAIL):
        raise RejectedError("the event's detail is incomplete")
    order_id = detail["id"]
    if not isinstance(order_id, str) or not _UUID.fullmatch(order_id):
        raise RejectedError("the event's order id is not a UUID")
    return order_id


def _marked_redriven(record: Record) -> bool:
    """Whether the message says that it comes back from the dead-letter queue: our own redrive
    marks it; SQS gives the attribute to messages of that queue."""
    return "DeadLetterQueueSourceArn" in (record.get("attributes") or {}) or bool(
        _attribute(record, contract.REDRIVEN_ATTRIBUTE)
    )


def _sent_after(record: Record, moment: str | None) -> bool:
    """Whether the message was sent after a moment (ISO-8601).

    AWS promises no mark on messages that SQS itself moved back (StartMessageMoveTask), only a
    new enqueue time; events of an order are not sent once it has failed. Taken for a late
    duplicate, the redriven message would be deleted and the order left behind.
    """
    sent = _system_number(record, "SentTimestamp")
    since = order.milliseconds(moment or "")
    return sent is not None and since is not None and sent > since


def _receive_count(record: Record) -> int:
    return _system_number(record, "ApproximateReceiveCount") or 1


def _lag(record: Record) -> dict[str, float]:
    sent = _system_number(record, "SentTimestamp")
    return {} if sent is None else {contract.QUEUE_LAG: max(0.0, time.time() * 1000 - sent)}


def _system_number(record: Record, name: str) -> int | None:
    value = str((record.get("attributes") or {}).get(name, ""))
    return int(value) if value.isascii() and value.isdigit() else None


def _correlation_id(record: Any) -> str | None:
    value = _attribute(record, contract.CORRELATION_ID_ATTRIBUTE)
    return value if _CORRELATION_ID.fullmatch(value) else None


def _attribute(record: Any, name: str) -> str:
    """A message attribute's text; empty when it is absent or of another kind."""
    attributes = _field(record, "messageAttributes")
    attribute = attributes.get(name) if isinstance(attributes, dict) else None
    value = attribute.get("stringValue") if isinstance(attribute, dict) else None
    return value if isinstance(value, str) else ""


def _field(record: Any, name: str) -> Any:
    return record.get(name) if isinstance(record, dict) else None


bootstrap.complete()
