"""What became of every order, and whether that is allowed."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from functions import contract
from functions.orders.changes import Change
from tools.chaos.faults import SENDS
from tools.chaos.load import Outcome
from tools.chaos.proxy import Entry

TRANSITIONS_WITHOUT_REDRIVE = 1  # PENDING -> CONFIRMED or PENDING -> FAILED

KINDS = (
    "lost",
    "stuck",
    "doubled",
    "acknowledged",
    "misplaced",
    "unpublished",
    "disordered",
    "misrecorded",
    "unexpected",
)
"""The lists of a report: what can be wrong with an order, by name."""


@dataclass(frozen=True)
class DeadLetter:
    """A message in the dead-letter queue: its order, the status that the processor logged for
    each delivery it has answered (None: it could not tell), and its `deliveries` in all."""

    order: str
    answers: tuple[str | None, ...] = ()
    deliveries: int = 0

    @property
    def unanswered(self) -> int:
        """Deliveries that ended without the processor's word."""
        return max(0, self.deliveries - len(self.answers))


@dataclass(frozen=True)
class Trail:
    """What the world is told of the orders: the changes `published` on the bus, as they came, and
    the items of the `history` table as Python values (orderId, version, from, to)."""

    published: Sequence[Change] = ()
    history: Sequence[Mapping[str, Any]] = ()


_Step = tuple[int, str | None, str]
"""Version, status before and after."""

_REVIVAL: tuple[_Step, ...] = (
    (1, None, contract.PENDING),
    (2, contract.PENDING, contract.FAILED),
    (3, contract.FAILED, contract.CONFIRMED),
)
"""The changes of an order that failed and was confirmed all the same."""


@dataclass
class Report:
    """The figures of a run; each list holds what is wrong, one line a case.

    `orders` counts clients, `sent` their requests; `accepted` and `refused` are clients whose
    last answer was 201, or 5xx or silence; `absent` are those refused of whom nothing is stored.
    `confirmed_in_dlq` are confirmed by a later event, while the workers that were given the
    earlier one died. `revived` are those that FAILED and were confirmed all the same: by an event
    that the repair was about to send when the order failed, or by a delivery that outlasted the
    one that gave it up. They are changed twice, and the message that was given up stays.

    `lost` orders were accepted, or given up on, and are nowhere; `stuck` ones are not settled;
    `doubled` ones were stored or changed more than once; of `acknowledged` ones an event was
    taken out of the queue without an effect; `misplaced` ones are confirmed, and yet an event
    was put into the dead-letter queue as a failure.

    `published` and `recorded` count events on the bus, repeated ones too, and changes in the
    history. Of `unpublished` orders the events are not exactly their transitions, of `disordered`
    ones a later event came before an earlier one, and of `misrecorded` ones the history is not
    exactly their transitions.
    """

    orders: int
    sent: int
    accepted: int
    refused: int
    absent: int
    confirmed: int
    failed_in_dlq: int
    confirmed_in_dlq: int = 0
    revived: int = 0
    published: int = 0
    recorded: int = 0
    lost: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)
    misplaced: list[str] = field(default_factory=list)
    unpublished: list[str] = field(default_factory=list)
    disordered: list[str] = field(default_factory=list)
    misrecorded: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether every invariant holds."""
        return not any(getattr(self, kind) for kind in KINDS)

    def table(self) -> str:
        """The figures, one a line."""
        rows = [
            ("orders wanted", self.orders),
            ("requests sent", self.sent),
            ("201", self.accepted),
            ("5xx", self.refused),
            ("5xx, not stored", self.absent),
            (contract.CONFIRMED, self.confirmed),
            (f"{contract.FAILED} + in DLQ", self.failed_in_dlq),
            (f"{contract.CONFIRMED} + in DLQ", self.confirmed_in_dlq),
            (f"{contract.FAILED}, then {contract.CONFIRMED}", self.revived),
            ("events on the bus", self.published),
            ("in the history", self.recorded),
            *((kind, len(getattr(self, kind))) for kind in KINDS),
        ]
        return "\n".join(f"  {name:<24}{value:>8,}" for name, value in rows)


def audit(
    outcomes: Iterable[Outcome],
    stored: Iterable[Mapping[str, Any]],
    dead: Iterable[DeadLetter],
    journal: Iterable[Entry],
    waiting: int = 0,
    losable: int = 0,
    trail: Trail | None = None,
) -> Report:
    """Hold the clients' answers against the table, the dead-letter queue and the wire.

    `stored` are the table's items as Python values (id, customerName, items, status, version),
    `dead` the messages in the dead-letter queue, `journal` what the proxy saw. `waiting`
    messages were still in the order queue in the end, where nothing should have been: an order
    that is still PENDING is stuck. The workers that were killed can have taken `losable`
    deliveries with them. `trail` is None where orders have neither bus nor history.
    """
    outcomes, journal = list(outcomes), list(journal)
    letters: dict[str, list[DeadLetter]] = defaultdict(list)
    for letter in dead:
        letters[letter.order].append(letter)
    by_id = {str(item["id"]): item for item in stored}
    by_customer: dict[str, list[str]] = defaultdict(list)
    for order, item in by_id.items():
        by_customer[str(item["customerName"])].append(order)
    report = Report(
        orders=len(outcomes),
        sent=sum(outcome.sent for outcome in outcomes),
        accepted=sum(outcome.status == 201 for outcome in outcomes),
        refused=sum(_refused(outcome) for outcome in outcomes),
        absent=sum(
            _refused(outcome) and outcome.customer not in by_customer for outcome in outcomes
        ),
        confirmed=sum(item["status"] == contract.CONFIRMED for item in by_id.values()),
        failed_in_dlq=sum(
            item["status"] == contract.FAILED and bool(letters.get(order))
            for order, item in by_id.items()
        ),
    )
    revived = {order for order, item in by_id.items() if _revived(item, letters[order], journal)}
    report.revived = len(revived)
    for outcome in outcomes:
        _check_outcome(outcome, by_id, by_customer[outcome.customer], report)
    for order, item in by_id.items():
        changes = TRANSITIONS_WITHOUT_REDRIVE + (order in revived)
        _check_item(order, item, bool(letters[order]), changes, report)
    if waiting:
        report.stuck.append(f"{waiting} messages were still in the order queue")
    _check_journal(journal, revived, report)
    _check_acknowledged(journal, letters, waiting, report)
    confirmed = {order for order, item in by_id.items() if item["status"] == contract.CONFIRMED}
    in_dlq = {order for order, dead_of_it in letters.items() if dead_of_it}
    _check_misplaced((confirmed & in_dlq) - revived, letters, journal, losable, report)
    if trail is not None:
        _check_trail(by_id, trail, report)
    wanted = {outcome.customer for outcome in outcomes}
    for customer in by_customer.keys() - wanted:
        report.unexpected.append(f"an order nobody placed, for {customer}")
    return report


def _refused(outcome: Outcome) -> bool:
    return outcome.status == 0 or outcome.status >= 500


def _check_outcome(
    outcome: Outcome,
    by_id: Mapping[str, Mapping[str, Any]],
    orders: list[str],
    report: Report,
) -> None:
    who = outcome.customer
    if outcome.status == 201:
        item = by_id.get(outcome.order_id or "")
        if item is None:
            report.lost.append(f"{who}: answered 201 for {outcome.order_id}, not in the table")
        elif {name: item[name] for name in ("customerName", "items")} != outcome.request:
            report.lost.append(f"{who}: order {outcome.order_id} is not what was asked for")
        elif item.get(contract.OWNER_ATTRIBUTE) != outcome.subject:
            report.unexpected.append(f"{who}: order {outcome.order_id} is another caller's")
    elif 0 < outcome.status < 500:
        report.unexpected.append(f"{who}: answered {outcome.status}")
    if len(orders) > 1:
        report.doubled.append(f"{who}: one request became the orders {', '.join(orders)}")


def _revived(
    item: Mapping[str, Any], letters: Iterable[DeadLetter], journal: Iterable[Entry]
) -> bool:
    """Whether an order that the processor had given up on was confirmed with good reason: by an
    event that was sent after that, or by a late delivery of the message that was given up."""
    order = str(item["id"])
    if item["status"] != contract.CONFIRMED or int(item["version"]) != len(_REVIVAL):
        return False
    given_up = [letter for letter in letters if contract.FAILED in letter.answers]
    if not given_up:
        return False
    if any(contract.CONFIRMED in letter.answers for letter in given_up):
        return True
    operations = [each.operation for each in journal if each.done and order in each.orders]
    if "UpdateItem" not in operations:
        return False
    return any(each in SENDS for each in operations[operations.index("UpdateItem") :])


def _check_item(
    order: str, item: Mapping[str, Any], dead: bool, changes: int, report: Report
) -> None:
    status, version = item["status"], int(item["version"])
    if status == contract.PENDING:
        report.stuck.append(f"{order}: still {contract.PENDING}")
    elif status == contract.FAILED and not dead:
        report.lost.append(f"{order}: {contract.FAILED}, but its message is not in the DLQ")
    elif status not in (contract.CONFIRMED, contract.FAILED):
        report.unexpected.append(f"{order}: status {status!r}")
    if version > 1 + changes:
        report.doubled.append(f"{order}: changed {version - 1} times (version {version})")


def _check_journal(journal: Iterable[Entry], revived: Collection[str], report: Report) -> None:
    """Writes that DynamoDB really did, counted on the wire whatever the item says now."""
    writes = Counter(
        (entry.operation, order)
        for entry in journal
        if entry.done and entry.operation in ("PutItem", "UpdateItem")
        for order in entry.orders
    )
    for (operation, order), count in writes.items():
        allowed = TRANSITIONS_WITHOUT_REDRIVE + (operation == "UpdateItem" and order in revived)
        if count > allowed:
            report.doubled.append(f"{order}: {operation} took effect {count} times")


def _check_acknowledged(
    journal: list[Entry], letters: Mapping[str, list[DeadLetter]], waiting: int, report: Report
) -> None:
    """Every event has to end in an answer of the table that the processor has got, or in the
    dead-letter queue. The repair's own event confirms an order whose first event was lost by
    the processor, so the order itself does not show it."""
    sent = Counter(
        order
        for entry in journal
        if entry.done and entry.operation in SENDS
        for order in entry.orders
    )
    settled = Counter(
        order
        for entry in journal
        if entry.operation == "UpdateItem" and entry.told
        for order in entry.orders
    )
    if waiting:
        return  # what is still in the queue is not acknowledged, and is reported as stuck
    for order, events in sent.items():
        ended = settled[order] + len(letters.get(order, ()))
        if events > ended:
            report.acknowledged.append(
                f"{order}: {events - ended} of {events} events left the queue, though the "
                "processor had got no answer from the table"
            )


def _check_misplaced(
    orders: set[str],
    letters: Mapping[str, list[DeadLetter]],
    journal: list[Entry],
    losable: int,
    report: Report,
) -> None:
    """A confirmed order's event is in the dead-letter queue with good reason only where its
    deliveries were lost to killed workers or to faults on the wire, and a later event of the
    repair confirmed the order."""
    disturbed = {
        order
        for entry in journal
        if entry.operation == "UpdateItem" and not entry.told
        for order in entry.orders
    }
    for order in sorted(orders):
        reasons: Counter[str] = Counter()
        for letter in letters[order]:
            losable -= letter.unanswered
            # An answer alone proves little: it may have come after the visibility timeout.
            if contract.CONFIRMED in letter.answers and not letter.unanswered:
                reasons["the processor had found it so"] += 1
            elif not (letter.unanswered or order in disturbed):
                reasons["no fault had struck it"] += 1
            elif losable < 0:
                reasons["not so many workers were killed"] += 1
        if not reasons:
            report.confirmed_in_dlq += 1
        for why, events in reasons.items():
            report.misplaced.append(
                f"{order}: {contract.CONFIRMED}, but {events} of its events are in the DLQ "
                f"though {why}"
            )


def _check_trail(by_id: Mapping[str, Mapping[str, Any]], trail: Trail, report: Report) -> None:
    """Bus and history of each order against the transitions that its item tells.

    An event may come twice, since consumers know it by its id; its first arrival counts.
    """
    report.published, report.recorded = len(trail.published), len(trail.history)
    told: dict[str, list[_Step]] = defaultdict(list)
    for change in trail.published:
        step = (change.version, change.previous_status, change.status)
        if step not in told[change.order_id]:
            told[change.order_id].append(step)
    kept: dict[str, list[_Step]] = defaultdict(list)
    for row in trail.history:
        kept[str(row[contract.HISTORY_ORDER_ATTRIBUTE])].append(
            (int(row[contract.HISTORY_VERSION_ATTRIBUTE]), row.get("from"), str(row["to"]))
        )
    for order, item in by_id.items():
        steps, events, history = _steps(item), told[order], sorted(kept[order], key=_version)
        if sorted(events, key=_version) != steps:
            report.unpublished.append(f"{order}: {steps}, but the bus told {events}")
        elif events != steps:
            report.disordered.append(f"{order}: the bus told {events}")
        if history != steps:
            report.misrecorded.append(f"{order}: {steps}, but its history is {history}")
    for order in (told.keys() | kept.keys()) - by_id.keys():
        report.unexpected.append(f"{order}: changes of an order that is not stored")


def _steps(item: Mapping[str, Any]) -> list[_Step]:
    """The transitions of an order that nobody sent back from the dead-letter queue."""
    placed = _REVIVAL[0]
    version, status = int(item["version"]), str(item["status"])
    if version == len(_REVIVAL) and status == contract.CONFIRMED:
        return list(_REVIVAL)
    return [placed] if version == 1 else [placed, (version, contract.PENDING, status)]


def _version(step: _Step) -> int:
    return step[0]
