"""The audit sees every way in which an order can go wrong."""

from typing import Any

import pytest

from functions.orders.changes import Change
from tools.chaos.audit import KINDS, DeadLetter, Report, Trail, audit
from tools.chaos.faults import Fault
from tools.chaos.load import Outcome
from tools.chaos.proxy import Entry

ITEMS = [{"sku": "TEA", "qty": 1, "price": 0.1}]


def outcome(status: int = 201, order: str | None = "o-1", customer: str = "Ann") -> Outcome:
    request = {"customerName": customer, "items": ITEMS}
    return Outcome(customer, request, False, 1, (status,), order, False)


def item(status: str = "CONFIRMED", order: str = "o-1", **changes: Any) -> dict[str, Any]:
    version = 1 if status == "PENDING" else 2
    return {
        "id": order,
        "customerName": "Ann",
        "items": ITEMS,
        "status": status,
        "version": version,
        **changes,
    }


def written(
    operation: str, times: int, status: int | None = 200, fault: Fault | None = None
) -> list[Entry]:
    return [Entry(operation, ("o-1",), status, None, fault)] * times


def sent(times: int) -> list[Entry]:
    return written("SendMessage", times)


def wrong(report: Report) -> dict[str, int]:
    found = {kind: len(getattr(report, kind)) for kind in KINDS if getattr(report, kind)}
    assert report.holds == (not found)
    return found


def test_a_confirmed_order_holds() -> None:
    report = audit([outcome()], [item()], [], written("PutItem", 1) + written("UpdateItem", 1))
    assert report.holds
    assert (report.orders, report.sent, report.accepted, report.confirmed) == (1, 1, 1, 1)


def test_a_failed_order_holds_only_with_its_message_in_the_dead_letter_queue() -> None:
    assert audit([outcome()], [item("FAILED")], [DeadLetter("o-1")], []).holds
    assert wrong(audit([outcome()], [item("FAILED")], [], [])) == {"lost": 1}


@pytest.mark.parametrize("status", [500, 503, 0])
def test_a_refused_order_may_be_absent_or_completed_but_not_stuck(status: int) -> None:
    refused = outcome(status, None)
    for stored, absent in (([], 1), ([item()], 0)):
        report = audit([refused], stored, [], [])
        assert report.holds
        assert report.absent == absent
    report = audit([refused], [item("PENDING")], [], [])
    assert wrong(report) == {"stuck": 1}
    assert report.refused == 1


def test_an_accepted_order_that_is_not_stored_is_lost() -> None:
    assert wrong(audit([outcome()], [], [], [])) == {"lost": 1}


def test_an_accepted_order_that_was_altered_is_lost() -> None:
    altered = item(items=[{"sku": "TEA", "qty": 2, "price": 0.1}])
    assert wrong(audit([outcome()], [altered], [], [])) == {"lost": 1}


def test_one_client_with_two_orders_is_doubled() -> None:
    assert wrong(audit([outcome()], [item(), item(order="o-2")], [], [])) == {"doubled": 1}


@pytest.mark.parametrize("operation", ["PutItem", "UpdateItem"])
def test_a_write_that_took_effect_twice_is_doubled_whatever_the_item_says(operation: str) -> None:
    assert wrong(audit([outcome()], [item()], [], written(operation, 2))) == {"doubled": 1}
    assert audit([outcome()], [item()], [], written(operation, 1)).holds


def test_a_refused_second_write_is_not_doubled() -> None:
    journal = written("UpdateItem", 1) + written("UpdateItem", 3, status=400)
    assert audit([outcome()], [item()], [], journal).holds


def test_an_order_that_changed_too_often_is_doubled() -> None:
    assert wrong(audit([outcome()], [item(version=3)], [], [])) == {"doubled": 1}


def test_an_answer_that_no_client_should_get_is_unexpected() -> None:
    assert wrong(audit([outcome(400)], [], [], [])) == {"unexpected": 1}


def test_an_order_that_nobody_placed_is_unexpected() -> None:
    stranger = item(order="o-2", customerName="Eve")
    assert wrong(audit([outcome()], [item(), stranger], [], [])) == {"unexpected": 1}


def test_a_status_that_does_not_exist_is_unexpected() -> None:
    assert wrong(audit([outcome()], [item("SHIPPED")], [], [])) == {"unexpected": 1}


def test_a_message_that_is_still_in_the_queue_is_stuck() -> None:
    assert wrong(audit([outcome()], [item()], [], sent(1) + written("UpdateItem", 1), 1)) == {
        "stuck": 1
    }


def test_an_event_that_left_the_queue_without_an_effect_is_acknowledged() -> None:
    # The repair's event has confirmed the order, so the order itself shows nothing.
    journal = sent(2) + written("UpdateItem", 1, None, Fault.ERROR) + written("UpdateItem", 1)
    assert wrong(audit([outcome()], [item()], [], journal)) == {"acknowledged": 1}


@pytest.mark.parametrize("fault", [Fault.ERROR_AFTER, Fault.DROPPED, Fault.RESET_AFTER])
def test_an_answer_that_never_came_settles_no_event(fault: Fault) -> None:
    journal = sent(1) + written("UpdateItem", 1, 200, fault)
    assert wrong(audit([outcome()], [item()], [], journal)) == {"acknowledged": 1}


def test_every_event_that_was_answered_or_is_a_dead_letter_has_ended() -> None:
    refused = Entry("UpdateItem", ("o-1",), 400, "ConditionalCheckFailedException", None)
    late = written("UpdateItem", 1, 200, Fault.DELAYED)
    assert audit([outcome()], [item()], [], [*sent(2), refused, *late]).holds
    report = audit([outcome()], [item("FAILED")], [DeadLetter("o-1")], sent(1))
    assert report.holds


LOST = DeadLetter("o-1", (None,), deliveries=3)


@pytest.mark.parametrize(
    ("letter", "losable", "why"),
    [
        (DeadLetter("o-1", (None, None, None), 3), 9, "no fault had struck it"),
        (DeadLetter("o-1", ("CONFIRMED",) * 3, 3), 9, "the processor had found it so"),
        (LOST, 1, "not so many workers were killed"),
        (LOST, 2, None),
    ],
)
def test_a_confirmed_order_among_the_dead_letters_needs_a_killed_worker(
    letter: DeadLetter, losable: int, why: str | None
) -> None:
    journal = sent(2) + written("UpdateItem", 1)
    report = audit([outcome()], [item()], [letter], journal, losable=losable)
    if why is None:
        assert report.holds
        assert report.confirmed_in_dlq == 1
    else:
        [case] = report.misplaced
        assert why in case
        assert wrong(report) == {"misplaced": 1}


def test_a_confirmed_order_whose_own_updates_were_struck_may_be_among_the_dead_letters() -> None:
    struck = written("UpdateItem", 12, None, Fault.ERROR)
    letter = DeadLetter("o-1", (None, None, None), 3)
    report = audit([outcome()], [item()], [letter], sent(2) + struck + written("UpdateItem", 1))
    assert report.holds


def change(version: int, previous: str | None, status: str, order: str = "o-1") -> Change:
    return Change(order, version, previous, status, "", "", "", None)


def row(version: int, previous: str | None, status: str, order: str = "o-1") -> dict[str, Any]:
    before = {} if previous is None else {"from": previous}
    return {"orderId": order, "version": version, "to": status, **before}


EVENTS = [change(1, None, "PENDING"), change(2, "PENDING", "CONFIRMED")]
ROWS = [row(1, None, "PENDING"), row(2, "PENDING", "CONFIRMED")]


@pytest.mark.parametrize("events", [EVENTS, [EVENTS[0], *EVENTS], [*EVENTS, EVENTS[0]]])
def test_an_event_may_come_twice_and_the_history_in_any_order(events: list[Change]) -> None:
    report = audit([outcome()], [item()], [], [], trail=Trail(events, ROWS[::-1]))
    assert report.holds
    assert (report.published, report.recorded) == (len(events), 2)


@pytest.mark.parametrize(
    ("events", "rows", "broken"),
    [
        (EVENTS[:1], ROWS, {"unpublished": 1}),
        (EVENTS[1:], ROWS, {"unpublished": 1}),
        ([], [], {"unpublished": 1, "misrecorded": 1}),
        (EVENTS[::-1], ROWS, {"disordered": 1}),
        ([*EVENTS, change(3, "CONFIRMED", "FAILED")], ROWS, {"unpublished": 1}),
        ([EVENTS[0], change(2, "PENDING", "FAILED")], ROWS, {"unpublished": 1}),
        (EVENTS, ROWS[:1], {"misrecorded": 1}),
        (EVENTS, ROWS[1:], {"misrecorded": 1}),
        (EVENTS, [*ROWS, ROWS[1]], {"misrecorded": 1}),
        (EVENTS, [ROWS[0], row(2, None, "CONFIRMED")], {"misrecorded": 1}),
        ([*EVENTS, change(1, None, "PENDING", "o-2")], ROWS, {"unexpected": 1}),
        (EVENTS, [*ROWS, row(1, None, "PENDING", "o-2")], {"unexpected": 1}),
    ],
)
def test_bus_and_history_that_are_not_the_orders_transitions_are_seen(
    events: list[Change], rows: list[dict[str, Any]], broken: dict[str, int]
) -> None:
    assert wrong(audit([outcome()], [item()], [], [], trail=Trail(events, rows))) == broken


def test_the_table_has_every_figure_of_the_verdict() -> None:
    table = audit([outcome()], [item()], [], []).table()
    for figure in ("sent", "201", "5xx", "CONFIRMED + in DLQ", "FAILED + in DLQ", *KINDS):
        assert figure in table


GIVEN_UP = DeadLetter("o-1", (None, None, "FAILED"), 3)
REVIVED = item(version=3)
BEFORE = written("PutItem", 1) + sent(1) + written("UpdateItem", 1)


@pytest.mark.parametrize(
    ("letter", "journal"),
    [
        # The repair had read the order before it failed, and sent its event after that.
        (GIVEN_UP, BEFORE + sent(1) + written("UpdateItem", 1)),
        # A delivery that was slower than the one after it, which gave the message up.
        (DeadLetter("o-1", (None, "FAILED", "CONFIRMED"), 3), BEFORE + written("UpdateItem", 1)),
    ],
)
def test_an_order_that_failed_may_be_confirmed_by_what_was_under_way(
    letter: DeadLetter, journal: list[Entry]
) -> None:
    steps = [(1, None, "PENDING"), (2, "PENDING", "FAILED"), (3, "FAILED", "CONFIRMED")]
    history = [
        {"orderId": "o-1", "version": version, "from": before, "to": after}
        for version, before, after in steps
    ]
    report = audit([outcome()], [REVIVED], [letter], journal)
    assert report.holds
    assert (report.revived, report.confirmed_in_dlq) == (1, 0)
    told = audit([outcome()], [REVIVED], [letter], journal, trail=Trail(history=history))
    assert told.misrecorded == []


@pytest.mark.parametrize(
    ("letters", "journal"),
    [
        ([], BEFORE + sent(1) + written("UpdateItem", 1)),
        ([DeadLetter("o-1", ("CONFIRMED",), 3)], BEFORE + sent(1) + written("UpdateItem", 1)),
        ([GIVEN_UP], written("PutItem", 1) + sent(2) + written("UpdateItem", 2)),
        ([GIVEN_UP], BEFORE + sent(1) + written("UpdateItem", 2)),
    ],
    ids=["not given up", "confirmed at once", "nothing was sent after that", "three changes"],
)
def test_any_other_second_change_of_an_order_is_one_too_many(
    letters: list[DeadLetter], journal: list[Entry]
) -> None:
    assert "doubled" in wrong(audit([outcome()], [REVIVED], letters, journal))
