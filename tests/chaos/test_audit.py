"""The audit sees every way in which an order can go wrong."""

from typing import Any

import pytest

from tools.chaos.audit import Report, audit
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


def written(operation: str, times: int, status: int = 200) -> list[Entry]:
    return [Entry(operation, ("o-1",), status, None, None)] * times


def wrong(report: Report) -> dict[str, int]:
    kinds = ("stuck", "lost", "doubled", "unexpected")
    return {kind: len(getattr(report, kind)) for kind in kinds if getattr(report, kind)}


def test_a_confirmed_order_holds() -> None:
    report = audit([outcome()], [item()], [], written("PutItem", 1) + written("UpdateItem", 1))
    assert report.holds
    assert (report.orders, report.sent, report.accepted, report.confirmed) == (1, 1, 1, 1)


def test_a_failed_order_holds_only_with_its_message_in_the_dead_letter_queue() -> None:
    assert audit([outcome()], [item("FAILED")], ["o-1"], []).holds
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


def test_the_table_has_every_figure_of_the_verdict() -> None:
    table = audit([outcome()], [item()], [], []).table()
    for figure in ("sent", "201", "5xx", "CONFIRMED", "FAILED + in DLQ", "stuck", "lost"):
        assert figure in table
