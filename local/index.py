"""What happened in a run, so that it can be looked up: the latest of all, and no more.

No page and no command is known here: both ask it, see `timeline`.
"""

from __future__ import annotations

import json
import re
import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from functions import contract
from local import events
from local.events import Event, Stream

ORDERS = 1_000
REQUESTS = 2_000
INVOCATIONS = 8_000
"""Those of an order's life included, which is five or so for each order."""
DENIALS = 500
COUNTED = 500
"""Names that are counted."""
OF_ONE = 100
"""Of one order, invocation or trace: receives, log lines, calls."""

_STATUSES = (contract.PENDING, contract.CONFIRMED, contract.FAILED)
_LONGEST_ID = 100
# In any version of the API.
_ORDER_PATH = re.compile(
    rf"(?:/(?:{'|'.join(contract.API_VERSIONS)}))?{contract.ORDERS_PATH}/(?P<id>[^/]+)"
)

Kind = TypeVar("Kind")


def order_in(path: str) -> str:
    """The id of the order that a path of the API is about; empty for any other."""
    found = _ORDER_PATH.match(path)
    return found["id"] if found else ""


class _Latest(OrderedDict[str, Kind]):
    """The latest `limit` values by key; an old one is handed to `forget`."""

    def __init__(self, limit: int, forget: Callable[[str, Kind], None] | None = None) -> None:
        super().__init__()
        self._limit, self._forget = limit, forget

    def put(self, key: str, value: Kind) -> None:
        self[key] = value
        if len(self) > self._limit:
            old, gone = self.popitem(last=False)
            if self._forget is not None:
                self._forget(old, gone)


def _few() -> deque[Any]:
    return deque(maxlen=OF_ONE)


@dataclass
class Order:
    """An order by what events say of it; `at` is when the first and `changed` when the last did.

    `correlations` are the ids of requests that placed it, or placed it again.
    """

    id: str
    at: float
    changed: float
    status: str = contract.PENDING
    correlations: list[str] = field(default_factory=list)
    reads: deque[str] = field(default_factory=_few)
    received: deque[events.MessageReceived] = field(default_factory=_few)
    dead: deque[events.MessageDeadLettered] = field(default_factory=_few)
    invocations: deque[str] = field(default_factory=_few)


@dataclass(frozen=True)
class Denial:
    """A call that IAM denied, how often by now, and when first and last."""

    call: events.CallDenied
    times: int
    first: float


class Index:
    """The latest of a run, taken in from its stream; every look is a copy.

    Kept are the latest ORDERS orders, REQUESTS requests and INVOCATIONS invocations, with up to
    OF_ONE log lines and calls each: some tens of MB, however long the run lasts.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.version = 0
        """Grows with each event."""
        self.ended: events.SystemEnded | None = None
        self.counts: dict[str, int] = {}
        """Events so far by type, `Invocation/<function>`, `Call/<resource>` and
        `Call/<function>/<resource>`."""
        self._orders: _Latest[Order] = _Latest(ORDERS)
        self._requests: _Latest[events.RequestAnswered] = _Latest(REQUESTS)
        self._invocations: _Latest[events.Invocation] = _Latest(INVOCATIONS, self._forget)
        self._lines: dict[str, deque[events.LogLine]] = {}
        self._calls: _Latest[deque[events.CallTraced]] = _Latest(INVOCATIONS)
        self._by_subject: _Latest[deque[str]] = _Latest(INVOCATIONS)
        self._order_of: _Latest[str] = _Latest(INVOCATIONS)
        self._denials: _Latest[Denial] = _Latest(DENIALS)
        self._takers: list[Callable[[Event], None]] = []
        self._queues: dict[str, events.QueueMeasured] = {}

    def follow(self, stream: Stream) -> threading.Thread:
        """Take in all that happens, what the stream remembers included, until it ends."""
        remembered, subscription = stream.replay()

        def listen() -> None:
            for event in remembered:
                self.take(event)
            remembered.clear()
            for event in subscription:
                self.take(event)

        thread = threading.Thread(target=listen, daemon=True, name="index")
        thread.start()
        return thread

    def also(self, taker: Callable[[Event], None]) -> None:
        """Have `taker` take in each event as well, from the next one on."""
        self._takers.append(taker)

    def take(self, event: Event) -> None:
        """Take in one event."""
        for taker in self._takers:
            taker(event)
        with self._lock:
            self.version += 1
            self._count(type(event).__name__)
            match event:
                case events.RequestAnswered():
                    self._request(event)
                case events.Invocation():
                    self._invocation(event)
                case events.LogLine():
                    self._line(event)
                case events.CallTraced():
                    self._of(self._calls, event.trace_id).append(event)
                    if event.resource:
                        self._count(f"Call/{event.resource}")
                case events.MessageReceived() if self._is_id(event.order):
                    self._order_of.put(event.message_id, event.order)
                    self._order(event.order, event.at).received.append(event)
                case events.MessageDeadLettered():
                    order = self._orders.get(self._order_of.get(event.message_id, ""))
                    if order is not None:
                        order.dead.append(event)
                case events.QueueMeasured():
                    self._queues[event.queue] = event
                case events.CallDenied():
                    key = f"{event.principal} {event.action} {event.resource}"
                    before = self._denials.pop(key, None)
                    times, first = (before.times, before.first) if before else (0, event.at)
                    self._denials.put(key, Denial(event, times + 1, first))
                case events.SystemEnded():
                    self.ended = event

    def _count(self, what: str) -> None:
        # What functions say of themselves may name anything: not without end.
        if what in self.counts or len(self.counts) < COUNTED:
            self.counts[what] = self.counts.get(what, 0) + 1

    @staticmethod
    def _is_id(text: Any) -> bool:
        return isinstance(text, str) and 0 < len(text) <= _LONGEST_ID

    def _request(self, event: events.RequestAnswered) -> None:
        self._requests.put(event.request_id, event)
        placed = order_in(event.location or "")
        if placed and event.method == "POST":
            self.correlate(self._order(placed, event.at), event.request_id)
        elif event.method == "GET":
            read = order_in(event.path)
            if read in self._orders:
                self._orders[read].reads.append(event.request_id)

    def _invocation(self, event: events.Invocation) -> None:
        self._invocations.put(event.request_id, event)
        self._count(f"Invocation/{event.function}")
        for call in self._calls.get(event.trace_id, ()):
            self._count(f"Call/{event.function}/{call.resource}")
        for subject in event.ids.split(", ") if event.ids else ():
            self._of(self._by_subject, subject).append(event.request_id)
        for order in event.orders.split(", ") if event.orders else ():
            if self._is_id(order):
                self._order(order, event.at).invocations.append(event.request_id)  # type: ignore[attr-defined]

    def _line(self, event: events.LogLine) -> None:
        self._lines.setdefault(event.request_id, _few()).append(event)
        if '"order_id"' not in event.text:
            return
        try:
            said = json.loads(event.text)
            named = said["order_id"]
        except (ValueError, KeyError, TypeError):
            return
        if not self._is_id(named):
            return
        order = self._order(named, event.at)
        if said.get("status") in _STATUSES:
            order.status, order.changed = said["status"], event.at
        if self._is_id(said.get("correlation_id")):
            self.correlate(order, said["correlation_id"])

    def _order(self, order_id: str, at: float) -> Order:
        if order_id not in self._orders:
            self._orders.put(order_id, Order(order_id, at, at))
        return self._orders[order_id]

    def correlate(self, order: Order, correlation: str) -> None:
        """Note that a request with this id placed the order."""
        if correlation not in order.correlations and len(order.correlations) < OF_ONE:
            order.correlations.append(correlation)

    @staticmethod
    def _of(found: _Latest[deque[Any]], key: str) -> deque[Any]:
        if key not in found:
            found.put(key, _few())
        return found[key]

    def _forget(self, request_id: str, _event: events.Invocation) -> None:
        self._lines.pop(request_id, None)

    def orders(self, search: str = "", status: str = "", limit: int = 50) -> list[Order]:
        """The latest orders of a status whose id or correlation id begins with `search`."""
        with self._lock:
            found = []
            for order in reversed(self._orders.values()):
                if status and order.status != status:
                    continue
                if any(each.startswith(search) for each in (order.id, *order.correlations)):
                    found.append(order)
                if len(found) == limit:
                    break
            return found

    def order(self, order_id: str) -> Order | None:
        """What is known of an order; None when that was forgotten, or never was."""
        with self._lock:
            return self._orders.get(order_id)

    def requests(self, limit: int = 100) -> list[tuple[events.RequestAnswered, list[Any]]]:
        """The latest requests, each with its invocations (several: the door tried again)."""
        with self._lock:
            latest = list(self._requests.values())[-limit:]
            return [(each, self._about(each.request_id)) for each in reversed(latest)]

    def request(self, request_id: str) -> events.RequestAnswered | None:
        """One request, while it is remembered."""
        with self._lock:
            return self._requests.get(request_id)

    def about(self, subject: str) -> list[Any]:
        """The invocations with a request or message in hand."""
        with self._lock:
            return self._about(subject)

    def _about(self, subject: str) -> list[Any]:
        ids = self._by_subject.get(subject, ())
        return [self._invocations[each] for each in ids if each in self._invocations]

    def invocation(self, request_id: str) -> Any:
        """The FunctionInvoked or FunctionFailed of an invocation; None when it is forgotten."""
        with self._lock:
            return self._invocations.get(request_id)

    def invocations(self, function: str, limit: int = 20) -> list[Any]:
        """The latest invocations of a function."""
        with self._lock:
            found = (e for e in reversed(self._invocations.values()) if e.function == function)
            return [event for event, _ in zip(found, range(limit), strict=False)]

    def lines(self, request_id: str) -> list[events.LogLine]:
        """What an invocation logged."""
        with self._lock:
            return list(self._lines.get(request_id, ()))

    def calls(self, trace_id: str) -> list[events.CallTraced]:
        """The AWS calls of a trace."""
        with self._lock:
            return list(self._calls.get(trace_id, ()))

    def queues(self) -> dict[str, events.QueueMeasured]:
        """How full each queue is, by name."""
        with self._lock:
            return dict(self._queues)

    def denials(self) -> list[Denial]:
        """The denied calls, each once, the latest first."""
        with self._lock:
            return list(reversed(self._denials.values()))
