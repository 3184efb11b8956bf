"""What happens in a local run, as typed events, and the stream that any number listen to.

Nothing here holds what a customer sent: ids, names, counts and times only. The one exception
is a function's own log line, which the functions keep free of customers' data.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, replace
from types import TracebackType
from typing import Self, TypeVar

BUFFERED = 10_000
"""Events that wait for one slow listener; further ones are dropped and counted."""

REMEMBERED = 10_000
"""Events of each type that `Stream.history` remembers; older ones are forgotten."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened at `at`, in seconds since the epoch.

    `region` is there in a run of several regions, where it happened in one of them.
    """

    at: float = field(default_factory=time.time)
    region: str = ""


@dataclass(frozen=True, kw_only=True)
class EmulatorStarted(Event):
    """The emulator answers at `endpoint`; no resource is created yet."""

    endpoint: str


@dataclass(frozen=True, kw_only=True)
class SystemStarted(Event):
    """Every resource of `stack` is created and the API answers at `url`."""

    stack: str
    url: str


@dataclass(frozen=True, kw_only=True)
class SystemEnded(Event):
    """The system is gone; `reason` says why when nobody asked for it."""

    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class RequestAnswered(Event):
    """The front door answered a request.

    `path` is decoded and without its query; `route_key` is None where no route matched;
    `reason` says in a few words what the gateway itself decided, if it did; `location` is the
    answer's own, as of a created order; `idempotency_key` is what the caller names a retry by.
    """

    request_id: str
    method: str
    path: str
    route_key: str | None
    status: int
    milliseconds: float
    reason: str | None
    location: str | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True, kw_only=True)
class Invocation:
    """What is known of an invocation that has ended, whatever came of it.

    `request_id` is Lambda's own and `trace_id` X-Ray's. A cold start took
    `environment_milliseconds` for folder, code and process, then `init_milliseconds` for the
    runtime and the function's module; both are None when the environment was there already.
    `source` is where the event came from ("api", or as `eventSource` names it), `ids` are those of
    the request or the messages and `orders` those of the orders in it, each in one text. `alias`
    and `version` are there while the alias leads to two versions.
    """

    function: str
    request_id: str
    milliseconds: float
    trace_id: str = ""
    environment_milliseconds: float | None = None
    init_milliseconds: float | None = None
    source: str = ""
    ids: str = ""
    orders: str = ""
    alias: str = ""
    version: str = ""


@dataclass(frozen=True, kw_only=True)
class FunctionInvoked(Invocation, Event):
    """A function returned, whoever invoked it."""


@dataclass(frozen=True, kw_only=True)
class FunctionFailed(Invocation, Event):
    """A function raised, timed out or could not start.

    `error` is the type that its caller is told, `message` what was raised, `trace` where in the
    function's own code (a line each, the innermost last), `met` what it was invoked with.
    """

    error: str
    message: str = ""
    trace: str = ""
    met: str = ""


@dataclass(frozen=True, kw_only=True)
class FailureLogged(Event):
    """A function met an unexpected exception that it answered itself; as FunctionFailed."""

    function: str
    request_id: str
    message: str
    trace: str
    met: str


@dataclass(frozen=True, kw_only=True)
class EventGivenUp(Event):
    """A function failed for good on an asynchronous event, or on records of a stream, which went to
    `destination` (ARN)."""

    function: str
    destination: str


@dataclass(frozen=True, kw_only=True)
class EventDelivered(Event):
    """A function was invoked asynchronously, as by a schedule; `attempt` counts from 1."""

    function: str
    attempt: int


@dataclass(frozen=True, kw_only=True)
class CallTraced(Event):
    """X-Ray's subsegment of a call of `service` by a function, which began at `began`.

    `failure` is what kind of failure X-Ray has it for, empty for none; `resource` the table,
    queue or bus that was named.
    """

    trace_id: str
    service: str
    operation: str
    began: float
    milliseconds: float
    failure: str = ""
    resource: str = ""


@dataclass(frozen=True, kw_only=True)
class MessageReceived(Event):
    """A message of `sent` left `queue` for a consumer for the `receives`-th time.

    `order` is the id of the order that it is about; empty where it names none.
    """

    queue: str
    message_id: str
    receives: int
    sent: float = 0.0
    order: str = ""


@dataclass(frozen=True, kw_only=True)
class QueueMeasured(Event):
    """How many messages `queue` has now; the oldest of them was sent at `oldest`, 0 without one."""

    queue: str
    visible: int
    in_flight: int
    delayed: int
    oldest: float


@dataclass(frozen=True, kw_only=True)
class MessageDeadLettered(Event):
    """A message was moved to a dead-letter queue after `receives` receives."""

    queue: str
    dead_letter_queue: str
    message_id: str
    receives: int


@dataclass(frozen=True, kw_only=True)
class BatchProcessed(Event):
    """A function processed `messages` of `queue`; it reported `failures` of them as failed.

    `orders` are the ids of the orders that the messages are about, in one text.
    """

    queue: str
    function: str
    messages: int
    failures: int
    orders: str = ""


@dataclass(frozen=True, kw_only=True)
class BatchFailed(Event):
    """A function failed as a whole on a batch of `queue`; `error` is the error's type."""

    queue: str
    function: str
    error: str
    orders: str = ""


@dataclass(frozen=True, kw_only=True)
class CallDenied(Event):
    """IAM denied `principal` the `action` on `resource` (ARNs)."""

    action: str
    resource: str
    principal: str


@dataclass(frozen=True, kw_only=True)
class CallAuthorized(Event):
    """IAM decided whether `session` of `role` (its name) may do `action` on `resource` (ARN).

    Told only after `System.watch_rights`.
    """

    role: str
    session: str
    action: str
    resource: str
    allowed: bool
    said: dict[str, list[str]] = field(default_factory=dict)
    """What the request says that a condition could be about, by the service's condition keys."""


@dataclass(frozen=True, kw_only=True)
class LogLine(Event):
    """One line that a function logged, in the invocation `request_id`."""

    function: str
    text: str
    request_id: str = ""


@dataclass(frozen=True, kw_only=True)
class RoutesChanged(Event):
    """The front door serves the API as a changed program registered it."""

    routes: int


@dataclass(frozen=True, kw_only=True)
class RegionsChanged(Event):
    """The regions that are `down`, and those that are `cut` off: nothing that is written there
    reaches the replicas elsewhere, and nothing that is written elsewhere those there.

    Both are lists in one text.
    """

    down: str
    cut: str


@dataclass(frozen=True, kw_only=True)
class CodeReloaded(Event):
    """Changed `files` are what `functions` run from their next invocation on.

    Both are lists in one text.
    """

    functions: str
    files: str
    milliseconds: float


@dataclass(frozen=True, kw_only=True)
class SystemChanged(Event):
    """What runs is what a changed program registers; `changes` are separated by semicolons."""

    changes: str
    milliseconds: float


@dataclass(frozen=True, kw_only=True)
class ChangeRefused(Event):
    """Saved files cannot be taken in, and what ran before goes on."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class RestartNeeded(Event):
    """What was changed takes another start of the run, which loses what is in its table."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class Dropped(Event):
    """`count` events are missing here, since whoever listens was too slow for them."""

    count: int


Kind = TypeVar("Kind", bound=Event)


def in_region(event: Kind, region: str) -> Kind:
    """The same event with its region, unless it has one."""
    return event if event.region else replace(event, region=region)


_TYPES = {kind.__name__: kind for kind in Event.__subclasses__()}


def encode(event: Event) -> bytes:
    """An event as one line of JSON, which a terminal can be given: JSON leaves DEL as it is."""
    values = {name: value for name, value in vars(event).items() if name != "region" or value}
    text = json.dumps({"event": type(event).__name__, **values})
    return text.replace("\x7f", "\\u007f").encode() + b"\n"


def decode(line: bytes) -> Event:
    """The event of a line that `encode` made; ValueError for any other line."""
    try:
        values = json.loads(line)
        kind = _TYPES[values.pop("event")]
        known = {each.name for each in fields(kind)}
        return kind(**{name: value for name, value in values.items() if name in known})
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"not an event: {line[:200]!r}") from error


class Stream:
    """Passes every event to all who listen; publishing never waits for any of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._subscriptions: list[Subscription] = []
        self._history: dict[type[Event], deque[Event]] = {}

    def publish(self, event: Event) -> None:
        """Take in one event; callable from any thread."""
        with self._lock:
            kind = type(event)
            self._history.setdefault(kind, deque(maxlen=REMEMBERED)).append(event)
            for subscription in self._subscriptions:
                subscription._offer(event)

    def history(self, kind: type[Kind]) -> list[Kind]:
        """The latest events of one type, oldest first."""
        with self._lock:
            return [event for event in self._history.get(kind, ()) if isinstance(event, kind)]

    def subscribe(self, limit: int = BUFFERED) -> Subscription:
        """Every event from now on; at most `limit` of them wait to be taken."""
        with self._lock:
            subscription = Subscription(self._forget, limit)
            self._subscriptions.append(subscription)
            return subscription

    def replay(self) -> tuple[list[Event], Subscription]:
        """What is remembered of all types, in order, and every event from then on."""
        with self._lock:
            remembered = [event for history in self._history.values() for event in history]
            subscription = Subscription(self._forget, BUFFERED)
            self._subscriptions.append(subscription)
        return sorted(remembered, key=lambda event: event.at), subscription

    def close(self) -> None:
        """End every subscription, after what already waits in it."""
        with self._lock:
            subscriptions = list(self._subscriptions)
        for subscription in subscriptions:
            subscription.close()

    def _forget(self, subscription: Subscription) -> None:
        with self._lock:
            if subscription in self._subscriptions:
                self._subscriptions.remove(subscription)


class Subscription:
    """The events that one listener has not taken yet; iterating waits for the next.

    A listener that is too slow finds a `Dropped` where events are missing.
    """

    def __init__(self, forget: Callable[[Subscription], None], limit: int) -> None:
        self._forget, self._limit = forget, limit
        self._waiting: deque[Event] = deque()
        self._missed = 0
        self._idle = False
        self._closed = False
        self._changed = threading.Condition()

    def _offer(self, event: Event) -> None:
        with self._changed:
            if self._closed:
                return
            if len(self._waiting) >= self._limit:
                self._missed += 1
                return
            if self._missed:
                self._waiting.append(Dropped(count=self._missed))
                self._missed = 0
            self._waiting.append(event)
            self._idle = False
            self._changed.notify_all()

    def get(self, seconds: float | None = None) -> Event | None:
        """The next event; None after `seconds` without one, or when closed and empty."""
        with self._changed:
            if not self._waiting:
                self._idle = True
                self._changed.notify_all()
            self._changed.wait_for(
                lambda: self._waiting or self._missed or self._closed, timeout=seconds
            )
            if self._waiting:
                return self._waiting.popleft()
            if self._missed:
                missed, self._missed = self._missed, 0
                return Dropped(count=missed)
            return None

    def __iter__(self) -> Iterator[Event]:
        while (event := self.get()) is not None:
            yield event

    def settle(self, seconds: float) -> bool:
        """Wait until the listener has done with all that happened so far; whether it has."""
        with self._changed:
            return self._changed.wait_for(lambda: self._idle, timeout=seconds)

    def close(self) -> None:
        """Take no further events; what waits can still be read."""
        self._forget(self)
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
