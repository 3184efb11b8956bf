"""Bursts and outages, played against a stack's queue: lag, dead letters, time to drain.

A discrete-event simulation (SimPy) of what lies between the API and the confirmed order: the
throttle's token bucket, the queue with its receives and its visibility timeout, Lambda's pollers
with their growth and their maximum, the dead-letter queue, and the repair, which sends the events
of pending orders again. What is no limit there is left out; `operations.capacity.stages` has all.
So is that Lambda takes back pollers while a function fails, of which AWS gives no figures.
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
"""

from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import simpy

from operations.capacity.stages import Stages
from operations.cost.flow import QUEUE, name_of
from operations.stacks import StackError

TICK = 0.1
"""Seconds between two looks at the arrivals."""

_ROUNDING = 1e-6
"""Seconds that ticks can be off, added up."""

HORIZON = 6 * 3600.0
"""Seconds after which a backlog counts as one that never ends."""

OUTAGES = ("processor", "queue", "table")


@dataclass(frozen=True)
class Model:
    """What a stack's settings and quotas say of the way of an order."""

    batch: int
    concurrency: float
    batch_seconds: float
    """How long a batch occupies a place: the function's time and the pollers'."""
    window: float = 0.0
    visibility: float = 30.0
    receives: int = 3
    rate: float = 250.0
    burst: float = 500.0
    threshold: float = 120.0
    repair_every: float = 60.0
    repair_limit: int = 1000
    first_batches: float = 5.0
    growth: float = 5.0
    """Further batches at once a second."""


@dataclass(frozen=True)
class Load:
    """So many orders a second are sent, for so many seconds; what is down meanwhile, from when to
    when, if anything is."""

    rate: float
    seconds: float
    down: str | None = None
    begins: float = 0.0
    lasts: float = 0.0

    @property
    def ends(self) -> float:
        """When what was to be seen is over, and draining begins."""
        return self.begins + self.lasts if self.down else self.seconds


@dataclass
class Order:
    """One order that was stored."""

    created: float
    confirmed: bool = False


@dataclass(slots=True)
class Message:
    """One event in the queue."""

    order: Order
    sent: float
    receives: int = 0


@dataclass
class Outcome:
    """What became of the load; times in seconds."""

    sent: int = 0
    accepted: int = 0
    throttled: int = 0
    """Answered with 429."""
    failed: int = 0
    """Answered with 503."""
    confirmed: int = 0
    dead_letters: int = 0
    repaired: int = 0
    """Events sent again."""
    invocations: int = 0
    deepest: int = 0
    """Most messages that waited."""
    lags: list[float] = field(default_factory=list)
    """From each message's sending to its first receive."""
    drained: float | None = None
    """From the end of the burst or the outage to the last of its orders; None: never."""

    def lag(self, share: float) -> float:
        """The lag that such a share of messages did not exceed."""
        ordered = sorted(self.lags)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def model_of(stages: Stages) -> Model:
    """The model of a stack; raises StackError for one whose queue nothing reads."""
    settings, quotas = stages.graph.settings.system, stages.quotas
    for queue in stages.graph.of(QUEUE):
        for mapping, function in stages.readers(queue):
            if name_of(function) != "process_order":
                continue
            load = stages.loads[function.number]
            return Model(
                batch=int(mapping.inputs["batchSize"]),
                concurrency=stages.concurrency(mapping),
                batch_seconds=load.seconds + stages.assumed["poll_seconds"],
                window=float(mapping.inputs.get("maximumBatchingWindowInSeconds") or 0),
                visibility=float(queue.inputs["visibilityTimeoutSeconds"]),
                receives=int(settings["queue"]["max_receive_count"]),
                rate=float(settings["throttle"]["create_rate"]),
                burst=float(settings["throttle"]["create_burst"]),
                threshold=float(settings["republish"]["pending_threshold_seconds"]),
                repair_every=60.0 * settings["republish"]["rate_minutes"],
                repair_limit=int(settings["republish"]["limit"]),
                first_batches=quotas["sqs_first_batches"].value,
                growth=quotas["sqs_growth"].value,
            )
    raise StackError(f"stack {stages.graph.stack}: nothing reads the queue of orders")


def simulate(model: Model, load: Load, backlog: int = 0) -> Outcome:
    """Play a load, with a backlog in the queue at the beginning."""
    return _Run(model, load, backlog).play()


class _Run:
    def __init__(self, model: Model, load: Load, backlog: int) -> None:
        self._model, self._load = model, load
        self._env = simpy.Environment()
        self._outcome = Outcome()
        self._waiting: deque[Message] = deque()
        self._busy = 0
        self._busy_since: float | None = None
        self._pending: dict[int, Order] = {}
        self._before_end = 0  # orders of before the end that are not confirmed
        self._through = self._env.event()
        for _ in range(backlog):
            self._send(self._store(created=-TICK))

    def play(self) -> Outcome:
        env = self._env
        self._pump()
        env.process(self._arrivals())
        env.process(self._repair())
        env.process(self._growth())
        end = self._load.ends
        env.run(until=simpy.AnyOf(env, [self._through, env.timeout(end + HORIZON)]))
        if self._through.triggered:
            self._outcome.drained = max(0.0, env.now - end)
        return self._outcome

    def _down(self, *what: str) -> bool:
        load = self._load
        return load.down in what and 0 <= self._env.now + _ROUNDING - load.begins < load.lasts

    # Orders come in

    def _arrivals(self) -> Generator[Any, Any, None]:
        load, model, came, tokens = self._load, self._model, 0.0, self._model.burst
        while load.down or self._env.now + _ROUNDING < load.seconds:
            came += load.rate * TICK
            tokens = min(model.burst, tokens + model.rate * TICK)
            for _ in range(int(came)):
                self._outcome.sent += 1
                if tokens >= 1:
                    tokens -= 1
                    self._place()
                else:
                    self._outcome.throttled += 1
            came -= int(came)
            self._pump()
            yield self._env.timeout(TICK)
        self._settle()

    def _place(self) -> None:
        if self._down("table"):
            self._outcome.failed += 1
            return
        order = self._store()
        if self._down("queue"):
            self._outcome.failed += 1  # stored, but not on its way
            return
        self._outcome.accepted += 1
        self._send(order)

    def _store(self, created: float | None = None) -> Order:
        order = Order(self._env.now if created is None else created)
        self._pending[id(order)] = order
        self._before_end += self._of_before(order)
        return order

    def _of_before(self, order: Order) -> bool:
        """Whether an order is of the burst, or of before the end of the outage."""
        return order.created + _ROUNDING < self._load.ends

    def _send(self, order: Order) -> None:
        self._waiting.append(Message(order, self._env.now))
        self._outcome.deepest = max(self._outcome.deepest, len(self._waiting))

    # Batches go out

    def _places(self) -> float:
        """Batches that Lambda's pollers have in work at once by now."""
        if self._busy_since is None:
            return min(self._model.concurrency, self._model.first_batches)
        grown = self._model.first_batches + self._model.growth * (self._env.now - self._busy_since)
        return min(self._model.concurrency, grown)

    def _growth(self) -> Generator[Any, Any, None]:
        while True:
            yield self._env.timeout(1.0)
            self._pump()

    def _pump(self) -> None:
        if self._down("queue"):
            return
        while self._waiting and self._busy < int(self._places()):
            self._busy += 1
            self._env.process(self._batch())
        if not self._waiting:
            self._busy_since = None
        elif self._busy_since is None:
            self._busy_since = self._env.now

    def _batch(self) -> Generator[Any, Any, None]:
        messages = self._receive(self._model.batch)
        if self._model.window and len(messages) < self._model.batch:
            yield self._env.timeout(self._model.window)
            messages += self._receive(self._model.batch - len(messages))
        self._outcome.invocations += bool(messages)
        yield self._env.timeout(self._model.batch_seconds if messages else 0)
        failed = self._down("processor", "table")
        for message in messages:
            if not failed:
                self._confirm(message.order)
            elif message.receives < self._model.receives:
                self._env.process(self._hidden(message))
            else:
                self._outcome.dead_letters += 1
        self._busy -= 1
        self._pump()
        self._settle()

    def _receive(self, most: int) -> list[Message]:
        messages = [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]
        for message in messages:
            if not message.receives:
                self._outcome.lags.append(self._env.now - message.sent)
            message.receives += 1
        return messages

    def _hidden(self, message: Message) -> Generator[Any, Any, None]:
        yield self._env.timeout(max(0.0, self._model.visibility - self._model.batch_seconds))
        self._waiting.append(message)
        self._outcome.deepest = max(self._outcome.deepest, len(self._waiting))
        self._pump()

    def _confirm(self, order: Order) -> None:
        if order.confirmed:
            return
        order.confirmed = True
        del self._pending[id(order)]
        self._outcome.confirmed += 1
        self._before_end -= self._of_before(order)

    def _settle(self) -> None:
        over = self._env.now + _ROUNDING >= self._load.ends
        if over and not self._before_end and not self._through.triggered:
            self._through.succeed()

    # The repair

    def _repair(self) -> Generator[Any, Any, None]:
        again: Iterator[Order] = iter(())
        while True:
            yield self._env.timeout(self._model.repair_every)
            if self._down("queue", "table"):
                continue
            stuck = list(islice(self._stuck(again), self._model.repair_limit))
            if len(stuck) < self._model.repair_limit:
                # It is through, and begins with the oldest again.
                taken = set(map(id, stuck))
                again = iter(list(self._pending.values()))
                left = self._model.repair_limit - len(stuck)
                more = (each for each in self._stuck(again) if id(each) not in taken)
                stuck += islice(more, left)
            for order in stuck:
                self._outcome.repaired += 1
                self._send(order)
            self._pump()

    def _stuck(self, orders: Iterator[Order]) -> Iterator[Order]:
        until = self._env.now - self._model.threshold
        return (each for each in orders if not each.confirmed and each.created <= until)
