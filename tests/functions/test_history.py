"""What became of an order: recorded once from the bus's events, and shown."""

import itertools
import json
from typing import Any

import jsonschema
import pytest

from functions import contract
from functions.orders.changes import Change
from functions.orders.history_schema import ORDER_HISTORY
from tests.functions.fake_aws import ANSWER_LOST, DENIED, THROTTLED
from tests.functions.support import Functions

ORDER = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
OTHER = "0b9c1a3e-6f2d-4c57-9a41-7d5be2c8f016"
STEPS = [
    (None, "PENDING", contract.PLACED, "2026-01-31T12:00:00.000Z"),
    ("PENDING", "FAILED", contract.LAST_FAILURE, "2026-01-31T12:01:30.000Z"),
    ("FAILED", "CONFIRMED", contract.REDRIVE, "2026-01-31T13:00:00.000Z"),
]


def event(step: int, order_id: str = ORDER, **changed: Any) -> dict[str, Any]:
    """The event of a step, as EventBridge puts it into a consumer's queue."""
    previous, status, cause, at = STEPS[step - 1]
    details = {"customerName": "SECRET", "items": []} if step == 1 else None
    change = Change(order_id, step, previous, status, cause, at, STEPS[0][3], "req-1", details)
    detail = json.loads(change.detail()) | changed
    return {
        "id": "another-id-for-each-delivery",
        "source": contract.EVENT_SOURCE,
        "detail-type": change.type,
        "detail": detail,
    }


def shown(*versions: int) -> list[dict[str, Any]]:
    return [
        {
            "version": version,
            "from": STEPS[version - 1][0],
            "to": STEPS[version - 1][1],
            "at": STEPS[version - 1][3],
            "cause": STEPS[version - 1][2],
            "correlationId": "req-1",
        }
        for version in versions
    ]


@pytest.mark.parametrize("order", [*itertools.permutations([1, 2, 3])])
def test_each_change_is_recorded_once_in_whatever_order_it_comes(
    functions: Functions, order: tuple[int, ...]
) -> None:
    for version in (*order, *order):
        assert functions.record(event(version)) == []
    assert functions.record(event(1, OTHER)) == []
    assert functions.history(ORDER).body == {"id": ORDER, "changes": shown(1, 2, 3)}
    assert functions.history(OTHER).body["changes"] == shown(1)


def test_what_is_known_is_never_written_again(functions: Functions) -> None:
    functions.record(event(1))
    functions.record(event(1, occurredAt="2027-01-01T00:00:00.000Z", correlationId="req-2"))
    assert functions.history(ORDER).body["changes"] == shown(1)
    assert [line["message"] for line in functions.logs()][:2] == [
        "change recorded",
        "duplicate ignored",
    ]


def test_neither_names_nor_items_are_kept_or_logged(functions: Functions) -> None:
    functions.record(event(1))
    assert "SECRET" not in str(functions.aws.history) + str(functions.output())
    (item,) = functions.aws.history.values()
    assert item.keys() == {"orderId", "version", "to", "at", "cause", "correlationId", "expiresAt"}


@pytest.mark.parametrize(("days", "expires"), [("1", 1769947200), ("365", 1801396800), ("0", None)])
def test_a_change_expires_so_long_after_it_happened(
    functions: Functions, monkeypatch: pytest.MonkeyPatch, days: str, expires: int | None
) -> None:
    monkeypatch.setenv("HISTORY_RETENTION_DAYS", days)
    functions.record(event(1))
    (item,) = functions.aws.history.values()
    assert item.get("expiresAt") == (None if expires is None else {"N": str(expires)})


@pytest.mark.parametrize(
    "body",
    [
        "no JSON",
        "[]",
        {"detail": "text"},
        {"source": "x"},
        event(1, schemaVersion=2),
        event(1, version=-1),
        event(1, eventId="another"),
        event(1, orderId="SECRET"),
        event(2, type="OrderCreated"),
    ],
)
def test_what_is_no_change_is_rejected_and_stops_no_other(functions: Functions, body: Any) -> None:
    assert functions.record(body, event(1)) == ["0"]
    assert functions.history(ORDER).body["changes"] == shown(1)
    assert functions.logs()[0]["message"] == "event rejected"
    assert "SECRET" not in str(functions.output())


def test_an_event_that_meets_a_failure_comes_again_alone(functions: Functions) -> None:
    functions.aws.fail("PutItem", *[THROTTLED] * 3)
    assert functions.record(event(1), event(2)) == ["0"]
    assert functions.record(event(1)) == []
    assert functions.history(ORDER).body["changes"] == shown(1, 2)


def test_a_write_whose_answer_was_lost_is_recorded_once(functions: Functions) -> None:
    functions.aws.fail("PutItem", ANSWER_LOST)
    assert functions.record(event(1)) == []
    assert functions.aws.operations() == ["PutItem", "PutItem"]
    assert functions.history(ORDER).body["changes"] == shown(1)


def test_a_denied_write_is_named_and_tried_again(functions: Functions) -> None:
    functions.aws.fail("PutItem", DENIED)
    assert functions.record(event(1)) == ["0"]
    assert functions.logs()[0]["denied"]["action"] == "some:Action"


def test_no_event_is_begun_without_time(functions: Functions) -> None:
    left = iter([30_000, 30_000, 30_000, 1])
    functions.context.get_remaining_time_in_millis = lambda: next(left, 1)
    assert functions.record(event(1), event(2), event(3))[-1] == "2"
    assert functions.logs()[-1]["message"] == "not begun: the invocation's time is up"


def test_a_history_is_read_consistently_in_one_call_by_the_order_alone(
    functions: Functions,
) -> None:
    functions.record(event(1))
    functions.aws.requests.clear()
    answer = functions.history(ORDER.upper())
    assert answer.status == 200
    assert answer.headers["cache-control"] == "no-store"
    jsonschema.validate(answer.body, ORDER_HISTORY)
    ((operation, request),) = functions.aws.requests
    assert (operation, request["ConsistentRead"]) == ("Query", True)


def test_an_order_of_which_nothing_is_known_is_a_404(functions: Functions) -> None:
    answer = functions.history(ORDER)
    assert answer.status == 404
    assert answer.body["type"] == "urn:serverless-orders:problem:history-not-found"


def test_what_is_no_order_id_is_a_400_without_a_call(functions: Functions) -> None:
    answer = functions.history("1234")
    assert (answer.status, functions.aws.operations()) == (400, [])


def test_an_order_has_few_changes_so_one_answer_holds_them() -> None:
    """Were there a way back to a status, a history could grow without end, and need pages."""
    after: dict[str, set[str]] = {}
    for source, target in contract.TRANSITIONS:
        after.setdefault(source, set()).add(target)

    def longest(status: str, before: tuple[str, ...] = ()) -> int:
        assert status not in before, "there is a way back: page the history"
        return 1 + max((longest(s, (*before, status)) for s in after.get(status, ())), default=0)

    assert longest(contract.PENDING) <= 10
