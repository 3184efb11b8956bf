"""Which calls are disturbed, and how: the kinds of fault, the named mixes, the seeded decision."""

import hashlib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import NamedTuple

SENDS = frozenset({"SendMessage", "SendMessageBatch"})
WRITES = frozenset({"PutItem", "UpdateItem"})
READS = frozenset({"GetItem", "Query"})
PUBLISHES = frozenset({"PutEvents"})
RECORDS = frozenset({"PutItem of a change"})  # the history's, which only outages tell apart
BATCHES = frozenset({"PutEvents", "SendMessageBatch"})
ALL = SENDS | WRITES | READS | PUBLISHES
_EFFECTS = SENDS | WRITES | PUBLISHES


class Fault(Enum):
    """One way in which a call to AWS can go wrong."""

    THROTTLED = "throttled"
    ERROR = "500, nothing done"
    ERROR_AFTER = "500 though done"
    DELAYED = "answer late"
    DROPPED = "answer never came"
    RESET = "reset before"
    RESET_AFTER = "reset though done"
    DUPLICATED = "delivered twice"
    DEATH = "worker killed"
    PARTLY = "entries refused"
    QUEUE_OUTAGE = "queue down"
    TABLE_OUTAGE = "table down"
    BUS_OUTAGE = "bus down"
    HISTORY_OUTAGE = "history down"


APPLIES: Mapping[Fault, frozenset[str]] = {
    Fault.THROTTLED: ALL,
    Fault.ERROR: ALL,
    Fault.ERROR_AFTER: _EFFECTS,
    Fault.DELAYED: ALL,
    Fault.DROPPED: ALL,
    Fault.RESET: ALL,
    Fault.RESET_AFTER: _EFFECTS,
    Fault.DUPLICATED: SENDS | PUBLISHES,
    Fault.DEATH: WRITES | PUBLISHES,
    Fault.PARTLY: BATCHES,
}
"""The operations that each fault can strike. Outages are switched by time, not drawn."""


class Outage(NamedTuple):
    """`refused` operations fail from the first call of one of `begins` on."""

    begins: frozenset[str]
    refused: frozenset[str]


OUTAGES: Mapping[Fault, Outage] = {
    Fault.QUEUE_OUTAGE: Outage(SENDS, SENDS),
    # From the processor's first update, so that there are events to process meanwhile.
    Fault.TABLE_OUTAGE: Outage(frozenset({"UpdateItem"}), WRITES | RECORDS | READS),
    Fault.BUS_OUTAGE: Outage(PUBLISHES, PUBLISHES),
    Fault.HISTORY_OUTAGE: Outage(RECORDS, RECORDS),
}
"""The outages, in the order in which they are asked."""


@dataclass(frozen=True)
class Mix:
    """A named set of faults.

    `rates` gives for each fault the probability (0–1) that it strikes a call it applies to; at
    most one fault strikes a call. `delay` is how late a delayed answer comes, in seconds.
    `outages` gives for how many seconds each lasts. Without `retries` no client asks again, so
    that what completes an order is the repair alone.
    """

    name: str
    summary: str
    rates: Mapping[Fault, float] = field(default_factory=dict)
    delay: float = 0.5
    outages: Mapping[Fault, float] = field(default_factory=dict)
    retries: bool = True

    def __post_init__(self) -> None:
        for fault, rate in self.rates.items():
            if fault not in APPLIES:
                raise ValueError(f"{fault.name} is not drawn by probability")
            if not 0 <= rate <= 1:
                raise ValueError(f"rate of {fault.name} is {rate}: expected 0 to 1")
        for fault in self.outages:
            if fault not in OUTAGES:
                raise ValueError(f"{fault.name} is not an outage")
        if sum(self.rates.values()) > 1:
            raise ValueError(f"the rates of mix {self.name} add up to more than 1")

    def scaled(self, rate: float) -> "Mix":
        """The same faults, each at `rate` (0–1)."""
        return replace(self, rates=dict.fromkeys(self.rates, rate))

    def lasting(self, seconds: float) -> "Mix":
        """The same faults, each outage for so many seconds."""
        return replace(self, outages=dict.fromkeys(self.outages, seconds))


def _each(*faults: Fault) -> dict[Fault, float]:
    return dict.fromkeys(faults, 0.05)


MIXES: Mapping[str, Mix] = {
    mix.name: mix
    for mix in (
        Mix(
            "everything",
            "every kind of fault at once",
            _each(*APPLIES),
            outages=dict.fromkeys(OUTAGES, 10),
        ),
        Mix("calm", "no faults at all"),
        Mix(
            "refusals",
            "throttling and 500s, nothing done",
            _each(Fault.THROTTLED, Fault.ERROR),
        ),
        Mix(
            "lost-answers",
            "done, but the caller never learns it",
            _each(Fault.ERROR_AFTER, Fault.DROPPED, Fault.RESET_AFTER, Fault.DELAYED),
        ),
        Mix("duplicates", "messages and events delivered twice", {Fault.DUPLICATED: 0.5}),
        Mix("worker-death", "worker processes killed in mid-batch", _each(Fault.DEATH)),
        Mix(
            "queue-outage",
            "SendMessage refused for 30 s, no client retries",
            outages={Fault.QUEUE_OUTAGE: 30},
            retries=False,
        ),
        Mix(
            "table-outage",
            "the table refused for 30 s while orders are processed",
            outages={Fault.TABLE_OUTAGE: 30},
        ),
        Mix("bus-outage", "PutEvents refused for 30 s", outages={Fault.BUS_OUTAGE: 30}),
        Mix(
            "history-outage",
            "a consumer whose writes are refused for 30 s",
            outages={Fault.HISTORY_OUTAGE: 30},
        ),
        Mix("partial-failures", "calls of which a part is refused", {Fault.PARTLY: 0.5}),
    )
}


class Plan:
    """Draws the fault of each call, the same for the same seed whatever the interleaving.

    A call is known by its operation, its subject (the order) and its number among the calls
    of that operation for that subject, never by when it came.
    """

    def __init__(self, mix: Mix, seed: int) -> None:
        self.mix = mix
        self.seed = seed
        self._calls: dict[tuple[str, str], int] = defaultdict(int)

    def draw(self, operation: str, subject: str) -> Fault | None:
        """The fault for the next call of `operation` on `subject`, or None."""
        number = self._calls[operation, subject]
        self._calls[operation, subject] += 1
        digest = hashlib.sha256(f"{self.seed}/{operation}/{subject}/{number}".encode()).digest()
        point = int.from_bytes(digest[:8]) / 2**64
        for fault, rate in self.mix.rates.items():
            if operation in APPLIES[fault]:
                if point < rate:
                    return fault
                point -= rate
        return None


_DYNAMODB = "com.amazonaws.dynamodb.v20120810"
_SQS = "com.amazonaws.sqs"
_EVENTS = "com.amazonaws.events"


def error_answer(fault: Fault, operation: str) -> tuple[int, dict[str, str], dict[str, str]]:
    """Status, body and extra headers with which AWS would refuse `operation`.

    Codes: the `Errors` sections of the DynamoDB, SQS and EventBridge API references; the
    header is SQS's awsQueryCompatible one.
    """
    if operation in SENDS:
        status, kind, query_code = {
            Fault.THROTTLED: (400, f"{_SQS}#RequestThrottled", "RequestThrottled;Sender"),
            Fault.QUEUE_OUTAGE: (503, f"{_SQS}#ServiceUnavailable", "ServiceUnavailable;Receiver"),
        }.get(fault, (500, f"{_SQS}#InternalFailure", "InternalFailure;Receiver"))
        headers = {"x-amzn-query-error": query_code}
    elif operation in PUBLISHES:
        headers = {}
        status, kind = {
            Fault.THROTTLED: (400, f"{_EVENTS}#ThrottlingException"),
            Fault.BUS_OUTAGE: (503, f"{_EVENTS}#ServiceUnavailable"),
        }.get(fault, (500, f"{_EVENTS}#InternalException"))
    else:
        headers = {}
        status, kind = {
            Fault.THROTTLED: (400, f"{_DYNAMODB}#ThrottlingException"),
            Fault.TABLE_OUTAGE: (503, f"{_DYNAMODB}#ServiceUnavailable"),
            Fault.HISTORY_OUTAGE: (503, f"{_DYNAMODB}#ServiceUnavailable"),
        }.get(fault, (500, f"{_DYNAMODB}#InternalServerError"))
    return status, {"__type": kind, "message": f"injected: {fault.value}"}, headers
