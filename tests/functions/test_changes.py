"""Changes of orders: what the table's stream says, and the event that it becomes."""

import json
from typing import Any

import jsonschema
import pytest

from functions import contract
from functions.orders import change_schema, changes
from functions.orders.changes import UnreadableError
from functions.orders.stream import Record
from tests.functions.fake_aws import THROTTLED
from tests.functions.support import ORDER, Functions, created, record

ID = "0b9c1a3e-6f2d-4c57-9a41-7d5be2c8f016"
NEW: dict[str, Any] = {
    "id": {"S": ID},
    "status": {"S": "PENDING"},
    "createdAt": {"S": "2026-01-31T12:00:00.000Z"},
    "updatedAt": {"S": "2026-01-31T12:00:00.000Z"},
    "version": {"N": "1"},
    "correlationId": {"S": "request-1"},
    "customerName": {"S": "Ada"},
    "items": {"L": []},
}
CONFIRMED = NEW | {"status": {"S": "CONFIRMED"}, "version": {"N": "2"}}


def change(new: Any, old: Any = None) -> changes.Change | None:
    images = {"NewImage": new} | ({"OldImage": old} if old else {})
    return Record({"dynamodb": images}).change()


def without(item: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name not in names}


def events(functions: Functions) -> list[dict[str, Any]]:
    """The details of all changes so far, each checked against its schema and read back."""
    found = []
    for each in functions.aws.records():
        told = Record(each).change()
        assert told is not None
        detail = json.loads(told.detail())
        jsonschema.Draft202012Validator(
            change_schema.EVENTS[told.type],
            format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER,
        ).validate(detail)
        assert changes.read(detail) == told
        assert told.detail().isascii()
        found.append(detail)
    return found


def test_a_new_order_is_an_event_with_the_order(functions: Functions) -> None:
    answer = functions.create(ORDER, request_id="request-7").body
    [event] = events(functions)
    assert event == {
        "schemaVersion": 1,
        "eventId": f"{answer['id']}:1",
        "type": "OrderCreated",
        "orderId": answer["id"],
        "version": 1,
        "occurredAt": answer["createdAt"],
        "correlationId": "request-7",
        "cause": "an accepted order",
        "data": {
            "previousStatus": None,
            "status": "PENDING",
            "createdAt": answer["createdAt"],
            **ORDER,
        },
    }


def test_what_the_processor_does_is_an_event_without_the_order(functions: Functions) -> None:
    answer = functions.create(ORDER, request_id="request-7").body
    functions.process(record(created(answer["id"])))
    event = events(functions)[1]
    shown = functions.get(answer["id"]).body
    assert event == {
        "schemaVersion": 1,
        "eventId": f"{answer['id']}:2",
        "type": "OrderConfirmed",
        "orderId": answer["id"],
        "version": 2,
        "occurredAt": shown["updatedAt"],
        "correlationId": "request-7",
        "cause": contract.DELIVERY,
        "data": {
            "previousStatus": "PENDING",
            "status": "CONFIRMED",
            "createdAt": answer["createdAt"],
        },
    }


def test_every_transition_has_its_cause_and_version(functions: Functions) -> None:
    order_id = functions.create(ORDER).body["id"]
    functions.aws.fail("UpdateItem", THROTTLED, THROTTLED, THROTTLED)
    functions.process(record(created(order_id), "given-up", receives=3))
    functions.process(record(created(order_id), redriven="now"))
    told = [(each["type"], each["version"], each["cause"]) for each in events(functions)]
    assert told == [
        ("OrderCreated", 1, "an accepted order"),
        ("OrderFailed", 2, contract.LAST_FAILURE),
        ("OrderConfirmed", 3, contract.REDRIVE),
    ]
    messages = [each["data"].get("messageId") for each in events(functions)]
    assert messages == [None, "given-up", None]


def test_an_order_of_before_versions_and_correlation_ids_is_told_too() -> None:
    old = without(NEW, "version", "correlationId", "updatedAt")
    new, changed = change(old), change(without(CONFIRMED, "correlationId"), old)
    assert new is not None
    assert changed is not None
    assert (new.event_id, new.correlation_id, new.occurred_at) == (
        f"{ID}:0",
        None,
        NEW["createdAt"]["S"],
    )
    assert (changed.correlation_id, changed.previous_status) == (None, "PENDING")


@pytest.mark.parametrize("after", [CONFIRMED | {"note": {"S": "seen"}}, CONFIRMED])
def test_a_write_that_leaves_the_status_is_no_change(after: dict[str, Any]) -> None:
    assert change(after, CONFIRMED) is None


@pytest.mark.parametrize(
    ("new", "old", "reason"),
    [
        (None, None, "no new image"),
        (NEW, "text", "no new image"),
        ({}, None, "not those of an order"),
        (without(NEW, "createdAt"), None, "not those of an order"),
        (NEW | {"status": {"N": "1"}}, None, "not those of an order"),
        (NEW | {"items": {"L": [{"M": {}}]}}, None, "not those of an order"),
        (NEW | {"version": {"N": "SECRET"}}, None, "not those of an order"),
        (CONFIRMED, without(NEW, "status"), "not those of an order"),
        (CONFIRMED, None, "nothing leads from nothing to CONFIRMED"),
        (NEW, CONFIRMED, "nothing leads from CONFIRMED to PENDING"),
        (NEW | {"status": {"S": "SECRET"}}, NEW, "nothing leads from PENDING to an unknown"),
    ],
)
def test_what_is_no_change_of_an_order_is_refused_without_its_content(
    new: Any, old: Any, reason: str
) -> None:
    with pytest.raises(UnreadableError, match=reason) as caught:
        change(new, old)
    assert "SECRET" not in str(caught.value)
    assert caught.value.__cause__ is None


DETAIL: dict[str, Any] = {
    "schemaVersion": 1,
    "eventId": f"{ID}:2",
    "type": "OrderConfirmed",
    "orderId": ID,
    "version": 2,
    "occurredAt": "2026-01-31T12:00:00.120Z",
    "correlationId": None,
    "cause": contract.DELIVERY,
    "data": {
        "previousStatus": "PENDING",
        "status": "CONFIRMED",
        "createdAt": "2026-01-31T12:00:00.000Z",
    },
}


def test_members_of_a_later_edition_are_ignored() -> None:
    later = DETAIL | {"new": 1, "data": DETAIL["data"] | {"new": [2]}}
    assert changes.read(later) == changes.read(DETAIL)


@pytest.mark.parametrize(
    ("detail", "reason"),
    [
        (None, "no detail"),
        (without(DETAIL, "data"), "no detail"),
        (DETAIL | {"schemaVersion": 2}, "schema version"),
        (DETAIL | {"version": True}, "version is no"),
        (DETAIL | {"version": -1}, "version is no"),
        (DETAIL | {"version": "2"}, "version is no"),
        (DETAIL | {"orderId": "SECRET", "eventId": "SECRET:2"}, "orderId is not an order's id"),
        (DETAIL | {"orderId": 7}, "orderId is not a text"),
        (DETAIL | {"type": "OrderFailed"}, "type is not"),
        (DETAIL | {"eventId": f"{ID}:3"}, "eventId is not"),
        (DETAIL | {"occurredAt": "yesterday"}, "occurredAt is not a time"),
        (without(DETAIL, "cause"), "cause is not a text"),
        (DETAIL | {"correlationId": 3}, "correlationId is not a text"),
        (DETAIL | {"data": without(DETAIL["data"], "status")}, "status is not a text"),
        (DETAIL | {"data": DETAIL["data"] | {"status": "SHIPPED"}}, "type is not"),
    ],
)
def test_what_is_no_event_of_ours_is_refused(detail: Any, reason: str) -> None:
    with pytest.raises(UnreadableError, match=reason) as caught:
        changes.read(detail)
    assert "SECRET" not in str(caught.value)


def test_every_status_of_the_machine_has_its_event() -> None:
    reached = {contract.PENDING} | {target for _, target in contract.TRANSITIONS}
    missing = reached - contract.CHANGE_EVENTS.keys()
    assert not missing, f"name the events of {missing} in CHANGE_EVENTS (functions/contract.py)"
    assert len(set(contract.CHANGE_EVENTS.values())) == len(contract.CHANGE_EVENTS)
