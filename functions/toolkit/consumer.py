"""A consumer of a bus: each event of a batch from its queue, answered for itself.

What failed is reported, so SQS delivers it again until the queue's maximum, and an event stands
alone whatever happens to its neighbours. Every event may come twice, or after a later one:
`put_once` keeps what has been done from being done again.
"""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from . import aws, telemetry
from .deadline import Deadline


class RejectedError(Exception):
    """An event that no delivery can make good; the text says why and holds none of it."""


class Consumed(NamedTuple):
    """An event that was dealt with: the word for the log line and its fields."""

    what: str
    log: dict[str, Any]


Work = Callable[[dict[str, Any]], Consumed]
"""What is done for one event, given as EventBridge sends it (`detail-type`, `detail`, ...).

May raise RejectedError and aws.FAILURES; anything else is a surprise. Either way the event is
delivered again."""


def consume(
    batch: dict[str, Any],
    context: Any,
    metrics: telemetry.Metrics,
    work: Work,
    longest_call: float,
) -> dict[str, Any]:
    """SQS's answer for one batch: the messages to deliver again, by id.

    `longest_call` is what the work for one event may take, in seconds: an event for which less
    is left is not begun.
    """
    deadline = Deadline(context, longest_call)
    failures = []
    for record in batch["Records"]:
        done, what, log = _outcome(record, work, deadline)
        write = telemetry.logger.info if done else telemetry.logger.warning
        write(
            what,
            message_id=record["messageId"],
            function_request_id=context.aws_request_id,
            **log,
        )
        if not done:
            failures.append({"itemIdentifier": record["messageId"]})
    metrics.failed(context, len(failures))
    metrics.flush(context)
    return {"batchItemFailures": failures}


def _outcome(
    record: dict[str, Any], work: Work, deadline: Deadline
) -> tuple[bool, str, dict[str, Any]]:
    if deadline.passed():
        return False, "not begun: the invocation's time is up", {}
    try:
        return True, *work(_event(record))
    except RejectedError as error:
        return False, "event rejected", {"reason": str(error)}
    except aws.FAILURES as error:
        return False, "event not consumed, to be tried again", aws.failure(error).fields
    except Exception as error:
        return False, "event failed", telemetry.surprise(error)


def _event(record: dict[str, Any]) -> dict[str, Any]:
    try:
        event = json.loads(record["body"])
    except (ValueError, RecursionError):
        raise RejectedError("the message is not JSON") from None
    if not isinstance(event, dict) or not isinstance(event.get("detail"), dict):
        raise RejectedError("the message is no event with a detail")
    return event


def put_once(client: aws.Client, table: str, item: dict[str, Any], key: str) -> bool:
    """Store an item (in DynamoDB's wire form) unless there is one of its key, and say whether it
    was stored. `key` names an attribute of the table's key; what a consumer does once for each
    event has the event's id in its key.

    An attempt whose answer was lost has stored the item; the retry then meets its own work.
    """
    try:
        client.put_item(
            TableName=table,
            Item=item,
            ConditionExpression="attribute_not_exists(#key)",
            ExpressionAttributeNames={"#key": key},
        )
    except aws.FAILURES as error:
        if aws.condition_failed(error) is None:
            raise
        return False
    return True
