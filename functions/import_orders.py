"""Files of orders: every line of an object that came into the bucket is a request to create one.

A line's order id follows from bucket, key, version and line, and the put is conditional: an event
that is delivered twice, or a run that is repeated, creates nothing twice. What a run has not done
when its time is up it hands to another invocation of itself, with the place that it has come to;
every run does one block at least, so that the chain ends with the file. A run that AWS cuts short
hands over what it has done in the same way, or fails when that is nothing: Lambda tries again,
and keeps the event in the failure queue in the end.

A report says what became of each line. It is written in parts (`Report`), and the file is read in
blocks, so that memory does not grow with the file.
"""

# isort: off
from .toolkit import bootstrap

# isort: on
import contextlib
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

from . import contract
from .orders import events, import_lines, order, problems, store
from .orders.events import Events, Message, message
from .orders.import_lines import Line, Lines
from .orders.import_report import Report
from .orders.metrics import metrics
from .orders.store import New, Store
from .toolkit import aws, environment, objects, telemetry
from .toolkit.deadline import Deadline
from .toolkit.objects import Objects
from .toolkit.problems import Problem

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

BLOCK_BYTES = 262_144
"""Read at once; no line of a block is longer than one."""

GROUP = 100
"""Lines whose orders are under way at once, as far as there are threads."""

# As many as botocore keeps connections by default.
_threads = ThreadPoolExecutor(10)

_PROGRESS_SECONDS = 1.0

_LONGEST_CALL = max(store.LONGEST_CALL, events.LONGEST_CALL, aws.longest_call(objects.ATTEMPTS))

_store = Store.connect()
_events = Events.connect()
_id_secret = environment.text(contract.ORDER_ID_KEY_VARIABLE).encode()
_shards = environment.positive_integer(contract.PENDING_SHARDS_VARIABLE)
_bucket = environment.text(contract.IMPORTS_BUCKET_VARIABLE)
_objects = Objects(aws.complete_client("s3", objects.ATTEMPTS), _bucket)
_lambda = aws.complete_client("lambda", objects.ATTEMPTS)


class ImportFailedError(RuntimeError):
    """A run that came to nothing: Lambda counts the error and tries again."""


class File(NamedTuple):
    """One version of an object; the correlation id is the event's that told of it."""

    key: str
    version: str
    size: int
    correlation_id: str

    @property
    def name(self) -> str:
        """The key within what comes in."""
        return self.key.removeprefix(contract.INCOMING)


class Place:
    """How far a file is; JSON can hold all of it."""

    def __init__(self, state: dict[str, Any]) -> None:
        self.offset: int = state.get("offset", 0)  # bytes
        self.line: int = state.get("line", 0)  # lines before it
        self.columns: list[str] | None = state.get("columns")
        self.imported: int = state.get("imported", 0)
        self.rejected: int = state.get("rejected", 0)


class Outcome(NamedTuple):
    """What became of a line, for the report, and the event to send for a new order."""

    entry: dict[str, Any]
    event: Message | None


def handler(event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:
    """The Lambda function's entry: how many lines of the file are done."""
    state = event.get("continued") or _begin(event)
    file, place = File(*state["file"]), Place(state["place"])
    before = (place.imported, place.rejected)
    report = Report(
        _objects,
        contract.RESULTS + file.name,
        contract.UNFINISHED + file.name,
        {"version-id": file.version},
        state.get("report"),
    )
    run = Run(file, place, report, Deadline(context, _LONGEST_CALL))
    failure: dict[str, Any] = {}
    try:
        complete = run.work()
        if complete:
            report.end()
    except aws.FAILURES as error:
        complete, failure = False, aws.failure(error).fields
    kept = complete
    if not complete and (run.moved or not failure):
        try:
            _carry_on(file, place, report, context)
            kept = True
        except aws.FAILURES as error:
            failure = aws.failure(error).fields
    if kept:  # else the same lines come again
        run.show(done=complete)
        metrics.count(contract.LINES_IMPORTED, place.imported - before[0])
        metrics.count(contract.LINES_REJECTED, place.rejected - before[1])
    write = telemetry.logger.error if failure else telemetry.logger.info
    write(
        "file imported" if complete else "file to be continued",
        correlation_id=file.correlation_id,
        version_id=file.version,
        imported=place.imported,
        rejected=place.rejected,
        refused_events=run.refused,
        bytes=place.offset,
        size=file.size,
        complete=complete,
        function_request_id=context.aws_request_id,
        **failure,
    )
    metrics.flush(context)
    if not kept:
        raise ImportFailedError(f"{failure['error']}; {place.line} lines were done before")
    return {"imported": place.imported, "rejected": place.rejected, "complete": complete}


def _begin(event: dict[str, Any]) -> dict[str, Any]:
    """The state of a file that EventBridge tells of.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
    """
    found = event["detail"]["object"]
    file = File(found["key"], found["version-id"], int(found["size"]), event["id"])
    return {"file": list(file), "place": {}}


def _carry_on(file: File, place: Place, report: Report, context: "LambdaContext") -> None:
    state = {
        "file": list(file),
        "place": vars(place),
        "report": report.keep(f"{file.version}.{context.aws_request_id}"),
    }
    _lambda.invoke(
        FunctionName=context.invoked_function_arn,
        InvocationType="Event",
        Payload=json.dumps({"continued": state}).encode(),
    )


class Run:
    """The work of one invocation on a file."""

    def __init__(self, file: File, place: Place, report: Report, deadline: Deadline) -> None:
        self._file, self._place, self._report = file, place, report
        self._deadline = deadline
        self._shown = time.monotonic()
        self.moved = False
        self.refused: dict[str, int] = {}  # SQS error code -> events

    def work(self) -> bool:
        """Do lines until there are no more or the time is up; whether there are no more."""
        if not import_lines.is_known(self._file.key):
            detail = "The name of a file ends in .ndjson, .jsonl or .csv."
            self._refuse(Problem(problems.UNKNOWN_FILE, detail))
            return True
        group: list[Line] = []
        for line in self._lines():
            group.append(line)
            if len(group) == GROUP:
                if not self._do(group):
                    return True
                group = []
                if self._deadline.passed():
                    return False
        if group:
            self._do(group)
        return True

    def show(self, *, done: bool) -> None:
        """Write how far the file is, for whoever waits for it; not what an import fails for."""
        place = self._place
        shown = {
            "versionId": self._file.version,
            "bytes": self._file.size if done else place.offset,
            "size": self._file.size,
            "imported": place.imported,
            "rejected": place.rejected,
            "done": done,
        }
        key = f"{contract.UNFINISHED}{self._file.name}.json"
        with contextlib.suppress(*aws.FAILURES):
            _objects.write(key, json.dumps(shown).encode(), "application/json", {})
        self._shown = time.monotonic()

    def _lines(self) -> Iterator[Line]:
        file, start = self._file, self._place.offset
        lines = Lines(start)
        while start < file.size:
            block = _objects.read_range(file.key, file.version, start, BLOCK_BYTES)
            start += len(block)
            yield from lines.feed(block)
        yield from lines.last()

    def _do(self, group: list[Line]) -> bool:
        """Do a group of lines; False when the rest of the file cannot be read."""
        place, end = self._place, group[-1].end
        first = place.line + 1
        if import_lines.is_csv(self._file.key) and place.columns is None:
            try:
                place.columns = import_lines.columns(group[0])
            except Problem as problem:
                self._refuse(problem)
                return False
            group, first = group[1:], 2
        outcomes = list(_threads.map(self._line, range(first, first + len(group)), group))
        self._send([outcome.event for outcome in outcomes if outcome.event])
        imported = sum("orderId" in outcome.entry for outcome in outcomes)
        place.offset, place.line = end, first + len(group) - 1
        place.imported += imported
        place.rejected += len(outcomes) - imported
        self.moved = True
        # Last: what it cannot write now it keeps for the next run.
        self._report.add([outcome.entry for outcome in outcomes])
        if time.monotonic() - self._shown > _PROGRESS_SECONDS:
            self.show(done=False)
        return True

    def _line(self, number: int, line: Line) -> Outcome:
        file = self._file
        try:
            details = import_lines.read(line, self._place.columns)
        except Problem as problem:
            return Outcome(self._problem(number, problem), None)
        text = order.text(details)
        order_id = order.derived_id(
            _id_secret, "import", _bucket, file.version, str(number), file.key
        )
        new = New(details, order.fingerprint(text), order.now(), file.correlation_id)
        stored = _store.put_new(order_id, new, _shards)
        created_at = stored.created_at if stored else new.created_at
        event = None
        if stored is None or stored.needs_event:
            event = message(order_id, text, created_at, file.correlation_id)
        return Outcome({"line": number, "orderId": order_id}, event)

    def _send(self, announced: list[Message]) -> None:
        """Announce new orders. What SQS refuses is left to the repair: the orders are stored."""
        for refused in _threads.map(_events.send_batch, events.batches(announced)):
            for code in refused.values():
                self.refused[code] = self.refused.get(code, 0) + 1

    def _refuse(self, problem: Problem) -> None:
        """Report a problem of the whole file as its first line's."""
        self._report.add([self._problem(1, problem)])
        self._place.rejected += 1

    def _problem(self, number: int, problem: Problem) -> dict[str, Any]:
        return {"line": number, **problem.document(self._file.correlation_id, problems.TYPE)}


bootstrap.complete()
