"""What became of every order, and whether that is allowed."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from functions import contract
from tools.chaos.load import Outcome
from tools.chaos.proxy import Entry

TRANSITIONS_WITHOUT_REDRIVE = 1  # PENDING -> CONFIRMED or PENDING -> FAILED


@dataclass
class Report:
    """The figures of a run; each list holds what is wrong, one line a case.

    `orders` counts clients, `sent` their requests; `accepted` and `refused` are clients whose
    last answer was 201, or 5xx or silence; `absent` are those refused of whom nothing is stored.
    """

    orders: int
    sent: int
    accepted: int
    refused: int
    absent: int
    confirmed: int
    failed_in_dlq: int
    stuck: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether every invariant holds."""
        return not (self.stuck or self.lost or self.doubled or self.unexpected)

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
            ("stuck", len(self.stuck)),
            ("lost", len(self.lost)),
            ("doubled", len(self.doubled)),
        ]
        if self.unexpected:
            rows.append(("unexpected", len(self.unexpected)))
        return "\n".join(f"  {name:<16}{value:>8,}" for name, value in rows)


def audit(
    outcomes: Iterable[Outcome],
    stored: Iterable[Mapping[str, Any]],
    dead: Iterable[str],
    journal: Iterable[Entry],
) -> Report:
    """Hold the clients' answers against the table, the dead-letter queue and the wire.

    `stored` are the table's items as Python values (id, customerName, items, status, version),
    `dead` the order ids of the messages in the dead-letter queue, `journal` what the proxy
    saw. Every order is taken to have been settled: one that is still PENDING is stuck.
    """
    outcomes, dead = list(outcomes), set(dead)
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
            item["status"] == contract.FAILED and order in dead for order, item in by_id.items()
        ),
    )
    for outcome in outcomes:
        _check_outcome(outcome, by_id, by_customer[outcome.customer], report)
    for order, item in by_id.items():
        _check_item(order, item, dead, report)
    _check_journal(journal, report)
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
    elif 0 < outcome.status < 500:
        report.unexpected.append(f"{who}: answered {outcome.status}")
    if len(orders) > 1:
        report.doubled.append(f"{who}: one request became the orders {', '.join(orders)}")


def _check_item(order: str, item: Mapping[str, Any], dead: set[str], report: Report) -> None:
    status, version = item["status"], int(item["version"])
    if status == contract.PENDING:
        report.stuck.append(f"{order}: still {contract.PENDING}")
    elif status == contract.FAILED and order not in dead:
        report.lost.append(f"{order}: {contract.FAILED}, but its message is not in the DLQ")
    elif status not in (contract.CONFIRMED, contract.FAILED):
        report.unexpected.append(f"{order}: status {status!r}")
    if version > 1 + TRANSITIONS_WITHOUT_REDRIVE:
        report.doubled.append(f"{order}: changed {version - 1} times (version {version})")


def _check_journal(journal: Iterable[Entry], report: Report) -> None:
    """Writes that DynamoDB really did, counted on the wire whatever the item says now."""
    writes = Counter(
        (entry.operation, order)
        for entry in journal
        if entry.done and entry.operation in ("PutItem", "UpdateItem")
        for order in entry.orders
    )
    for (operation, order), count in writes.items():
        if count > TRANSITIONS_WITHOUT_REDRIVE:
            report.doubled.append(f"{order}: {operation} took effect {count} times")
