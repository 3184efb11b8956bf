"""Streams of tables, read as Lambda reads them.

The emulator reads them among the queues, takes a batch that failed in part for done, and tries one
that failed whole again for ever. Lambda goes on with the first record that was not done, halves
what fails, and at last gives it up into the mapping's failure destination.
"""

from __future__ import annotations

import functools
import json
import logging
import threading
import uuid
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

_reading = threading.local()
"""Whether the thread reads a stream."""

_FAILED = {"errorType": "BatchItemFailures", "errorMessage": "not all was done"}


def repair(lambda_svc: Any, s3: Any) -> None:
    """Have the emulator's service of functions read streams so."""
    lambda_svc._poll_dynamodb_streams = _apart(lambda_svc._poll_dynamodb_streams)
    lambda_svc._send_ddb_stream_failure_record = _kept_whole(
        lambda_svc._send_ddb_stream_failure_record, s3
    )
    lambda_svc._execute_function = _with_failures(lambda_svc._execute_function, lambda_svc)


def _apart(poll: Callable[[], bool]) -> Callable[[], bool]:
    """Streams read in a thread of their own: the emulator's would read no queue meanwhile."""
    busy = threading.Lock()

    def read() -> None:
        _reading.stream = True
        try:
            while poll():
                pass
        except Exception:
            logging.getLogger("local").exception("a stream could not be read")
        finally:
            busy.release()

    @functools.wraps(poll)
    def apart() -> bool:
        if busy.acquire(blocking=False):
            threading.Thread(target=read, daemon=True).start()
        return False

    return apart


def _with_failures(execute: Callable[..., Any], lambda_svc: Any) -> Callable[..., Any]:
    """Batches of a stream that are done record by record, whatever fails among them."""
    readers: dict[str, _Reader] = defaultdict(_Reader)

    @functools.wraps(execute)
    def executed(function: dict[str, Any], event: Any, *rest: Any) -> Any:
        if not getattr(_reading, "stream", False):
            return execute(function, event, *rest)
        stream = event["Records"][0]["eventSourceARN"]
        [mapping] = [
            each
            for each in lambda_svc._esms.values()
            if each["EventSourceArn"] == stream
            and each["FunctionName"] == function["config"]["FunctionName"]
        ]

        def give_up(records: list[Any], result: Any) -> None:
            lambda_svc._send_ddb_stream_failure_record(
                mapping, function, records, stream, result, "RetryAttemptsExhausted"
            )

        return readers[mapping["UUID"]].read(
            event["Records"],
            mapping,
            lambda records: execute(function, {"Records": records}),
            give_up,
        )

    return executed


class _Reader:
    """How far the batch is that one mapping is at; the emulator hands it over whole each time."""

    def __init__(self) -> None:
        self._settled = ""  # sequence number of the last record that needs no attempt any more
        self._size: int | None = None  # records of the part that fails
        self._retries = 0

    def read(
        self,
        records: list[Any],
        mapping: dict[str, Any],
        invoke: Callable[[list[Any]], Any],
        give_up: Callable[[list[Any], Any], None],
    ) -> dict[str, Any]:
        """The emulator's result of a batch; an error when it has to come again after a while."""
        left = [each for each in records if _number(each) > self._settled]
        while left:
            part = left[: self._size]
            result = invoke(part)
            done = _done(result, part)
            if done:
                self._settle(part[done - 1])
            failing, left = part[done:], left[done:]
            if not failing:
                continue
            if len(failing) > 1 and mapping.get("BisectBatchOnFunctionError"):
                self._size = len(failing) // 2  # which is no retry
            elif 0 <= mapping.get("MaximumRetryAttempts", -1) <= self._retries:
                give_up(failing, result)
                self._settle(failing[-1])
                left = left[len(failing) :]
            else:
                self._retries += 1
                return {**result, "error": True, "body": result.get("body") or _FAILED}
        return {"body": None}

    def _settle(self, record: Any) -> None:
        self._settled, self._size, self._retries = _number(record), None, 0


def _number(record: Any) -> str:
    """All are equally long, and grow."""
    return str(record["dynamodb"]["SequenceNumber"])


def _done(result: dict[str, Any], records: list[Any]) -> int:
    """How many records of a batch were done, from its first on."""
    if result.get("error"):
        return 0
    body = result.get("body")
    told = json.loads(body) if isinstance(body, str) and body.startswith("{") else body
    failures = told.get("batchItemFailures") if isinstance(told, dict) else None
    failed = {each["itemIdentifier"] for each in failures or ()}
    return next((n for n, each in enumerate(records) if _number(each) in failed), len(records))


def _kept_whole(send: Callable[..., None], s3: Any) -> Callable[..., None]:
    """Records that were given up kept in a bucket; the emulator knows queues and topics only.

    https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
    """

    @functools.wraps(send)
    def kept(
        mapping: dict[str, Any],
        function: dict[str, Any],
        records: list[Any],
        stream: str,
        result: dict[str, Any],
        condition: str,
    ) -> None:
        target = ((mapping.get("DestinationConfig") or {}).get("OnFailure") or {}).get(
            "Destination", ""
        )
        bucket = target.partition(":s3:::")[2]
        if not bucket:
            send(mapping, function, records, stream, result, condition)
            return
        moment, shard = datetime.now(UTC), "shardId-00000000000000000000-00000000"
        record = {
            "requestContext": {
                "requestId": str(uuid.uuid4()),
                "functionArn": mapping["FunctionArn"],
                "condition": condition,
                "approximateInvokeCount": mapping.get("MaximumRetryAttempts", -1) + 1,
            },
            "responseContext": {
                "statusCode": 200,
                "executedVersion": "$LATEST",
                "functionError": "Unhandled",
            },
            "version": "1.0",
            "timestamp": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "DDBStreamBatchInfo": {
                "shardId": shard,
                "startSequenceNumber": _number(records[0]),
                "endSequenceNumber": _number(records[-1]),
                "batchSize": len(records),
                "streamArn": stream,
            },
            "payload": json.dumps({"Records": records}),
        }
        key = f"aws/lambda/{mapping['UUID']}/{shard}/{moment:%Y/%m/%d/%Y-%m-%dT%H.%M.%S}"
        status, *_ = s3._put_object(
            bucket, f"{key}-{uuid.uuid4()}", json.dumps(record).encode(), {}
        )
        if status >= 300:
            logging.getLogger("local").error("%s took no record that was given up", bucket)

    return kept
