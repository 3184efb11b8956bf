"""Changes that publish_changes gave up: kept whole by Lambda, and the way from there to the bus.

Lambda writes what it gives up of a stream as one object for each batch, with the batch in it:
https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html. The function that could
not publish it is given it again, and the object is deleted when the bus has taken all of it.
"""

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from functions.orders.changes import UnreadableError
from functions.orders.stream import Record

ALIAS = "live"
"""What the stream invokes; the function's own code may be one that is not deployed yet."""

NOT_PUBLISHED = "NotPublishedError"
"""What publish_changes raises when not even the first change of a batch can be published."""


class GivenUpError(Exception):
    """What was asked could not be done; the message says why and what is left as it was."""


class KeptChange(NamedTuple):
    """One record of a batch: the event that it would be, or why it can never be one."""

    record: Any
    order_id: str | None
    event_id: str | None
    type: str | None
    flaw: str


class Batch(NamedTuple):
    """What was given up at once; without changes nobody can tell what it is."""

    key: str
    since: datetime
    reason: str
    changes: list[KeptChange]

    @property
    def name(self) -> str:
        """The last part of its key: when it was given up, and an id."""
        return self.key.rpartition("/")[2]


class Published(NamedTuple):
    """What a replay did: changes that are on the bus now, and name of a batch -> why some of it,
    or all, is not."""

    changes: int
    failed: dict[str, list[str]]


class GivenUp:
    """The bucket of changes that were given up.

    `s3` and `functions` (of Lambda) are boto3 clients, `publisher` is the function's name.
    """

    def __init__(self, s3: Any, functions: Any, bucket: str, publisher: str) -> None:
        self._s3, self._functions = s3, functions
        self._bucket, self._publisher = bucket, publisher

    def batches(self) -> list[Batch]:
        """All that was given up, the oldest first."""
        return sorted(map(self._read, self._objects()), key=lambda batch: (batch.since, batch.name))

    def batch(self, name: str) -> Batch:
        """One of them; GivenUpError when it is not there."""
        for found in self._objects():
            if found["Key"].rpartition("/")[2] == name:
                return self._read(found)
        raise GivenUpError(
            f"nothing called {name} was given up: `events failed list` shows what is"
        )

    def replay(self, batches: list[Batch], progress: Callable[[int, int], None]) -> Published:
        """Have these published in their order; `progress` gets (batches done, of how many).

        A change that can never be an event keeps its batch where it is, and nothing else from
        being published. Raises GivenUpError as soon as the function or the bus takes none.
        """
        published, failed = 0, {}
        for number, batch in enumerate(batches, 1):
            if not batch.changes:
                failed[batch.name] = [batch.reason]
                continue
            flaws = self._publish(batch)
            published += len(batch.changes) - len(flaws)
            if flaws:
                failed[batch.name] = flaws
            else:
                self._s3.delete_object(Bucket=self._bucket, Key=batch.key)
            progress(number, len(batches))
        return Published(published, failed)

    def _objects(self) -> Iterator[dict[str, Any]]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket)
        for page in pages:
            yield from page.get("Contents", ())

    def _read(self, found: dict[str, Any]) -> Batch:
        key = found["Key"]
        body = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        try:
            told = json.loads(body)
            reason = str(told["requestContext"]["condition"])
            payload = told["payload"]
            records = (json.loads(payload) if isinstance(payload, str) else payload)["Records"]
            changes = [_change(record) for record in records]
        except (KeyError, TypeError, ValueError, RecursionError):
            return Batch(key, found["LastModified"], "not a record of what a stream gave up", [])
        return Batch(key, found["LastModified"], reason, changes)

    def _publish(self, batch: Batch) -> list[str]:
        """Publish what can be; why the rest of it cannot."""
        left, flaws = batch.changes, []
        while left:
            place, why = self._invoke([change.record for change in left])
            if place is None:
                break
            failed, left = left[place], left[place + 1 :]
            if not failed.flaw:
                raise GivenUpError(
                    f"{batch.name}: {why}; it is kept, and so is all that was not replayed yet"
                )
            flaws.append(f"{failed.flaw} (order {failed.order_id})")
        return flaws

    def _invoke(self, records: list[Any]) -> tuple[int | None, str]:
        """The first record that the function did not publish, if any, and what it says of it."""
        answer = self._functions.invoke(
            FunctionName=self._publisher,
            Qualifier=ALIAS,
            Payload=json.dumps({"Records": records}).encode(),
        )
        told = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            # Texts of other errors may hold what an order holds.
            kind = told.get("errorType", answer["FunctionError"])
            known = kind == NOT_PUBLISHED
            return 0, str(told["errorMessage"]) if known else f"publish_changes failed: {kind}"
        failures = told["batchItemFailures"]
        if not failures:
            return None, ""
        numbers = [Record(record).sequence_number for record in records]
        return numbers.index(failures[0]["itemIdentifier"]), "the log of publish_changes says why"


def _change(record: Any) -> KeptChange:
    read = Record(record)
    try:
        change = read.change()
    except UnreadableError as error:
        return KeptChange(record, read.order_id, None, None, str(error))
    if change is None:
        return KeptChange(record, read.order_id, None, None, "")
    return KeptChange(record, change.order_id, change.event_id, change.type, "")
