"""The queue's consumer: status changes, partial batches, the last receive, redrives."""

import copy
import time
from datetime import datetime
from typing import Any

import pytest

from tests.functions.fake_aws import (
    ANSWER_LOST,
    DENIED,
    DROPPED,
    INVALID,
    SERVER_ERROR,
    THROTTLED,
    Fault,
)
from tests.functions.support import ORDER, Context, Functions, created, record

UNKNOWN = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
FAILS_FOR_GOOD = [SERVER_ERROR] * 3


def place(functions: Functions) -> str:
    identifier: str = functions.create(ORDER).body["id"]
    functions.aws.requests.clear()
    return identifier


def status(functions: Functions, order_id: str) -> str:
    return str(functions.aws.table[order_id]["status"]["S"])


def test_a_pending_order_is_confirmed_by_one_conditional_update(functions: Functions) -> None:
    order_id = place(functions)
    before = copy.deepcopy(functions.aws.table[order_id])
    assert functions.process(record(created(order_id))) == []
    item = functions.aws.table[order_id]
    assert item["status"] == {"S": "CONFIRMED"}
    assert item["version"] == {"N": "2"}
    assert item["updatedAt"]["S"] >= before["updatedAt"]["S"]
    assert "pendingShard" not in item
    changed = ("status", "version", "updatedAt", "pendingShard")
    for name in before.keys() - set(changed):
        assert item[name] == before[name]
    assert functions.aws.operations() == ["UpdateItem"]
    assert functions.aws.requests[0][1]["ConditionExpression"] == "#status IN (:source0)"


def test_a_repeated_delivery_changes_nothing(functions: Functions) -> None:
    order_id = place(functions)
    functions.process(record(created(order_id)))
    before = copy.deepcopy(functions.aws.table[order_id])
    assert (
        functions.process(record(created(order_id)), record(created(order_id), "message-2")) == []
    )
    assert functions.aws.table[order_id] == before
    assert functions.metrics()["OrdersConfirmed"] == [1]


def test_an_order_of_the_specification_alone_is_confirmed(functions: Functions) -> None:
    order_id = place(functions)
    functions.aws.table[order_id] = {
        "id": {"S": order_id},
        "status": {"S": "PENDING"},
        "createdAt": {"S": "2026-01-31T12:00:00Z"},
    }
    assert functions.process(record(created(order_id))) == []
    assert functions.aws.table[order_id]["version"] == {"N": "1"}


POISON: dict[str, Any] = {
    "no JSON": "{",
    "an empty body": "",
    "an array": "[]",
    "null": "null",
    "100,000 deep": "[" * 100_000,
    "another type": {"type": "OrderDeleted", "detail": {"id": UNKNOWN}},
    "no type": {"detail": created(UNKNOWN)["detail"]},
    "no detail": {"type": "OrderCreated"},
    "a detail that is no object": {"type": "OrderCreated", "detail": [UNKNOWN]},
    "an incomplete detail": {"type": "OrderCreated", "detail": {"id": UNKNOWN}},
    "an id that is no UUID": created("1"),
    "an id that is no text": created(1),  # type: ignore[arg-type]
    "an id with a lone surrogate": '{"type":"OrderCreated","detail":{"id":"\\ud800"}}',
}


@pytest.mark.parametrize("receives", [1, 3])
@pytest.mark.parametrize("name", POISON)
def test_a_poison_message_is_reported_and_touches_nothing(
    functions: Functions, name: str, receives: int
) -> None:
    assert functions.process(record(POISON[name], receives=receives)) == ["message-1"]
    assert functions.aws.requests == []
    assert functions.metrics()["MessagesRejected"] == [1]
    assert functions.logs()[-1]["reason"]


@pytest.mark.parametrize("receives", [1, 3])
def test_a_message_for_an_unknown_order_is_reported_and_creates_nothing(
    functions: Functions, receives: int
) -> None:
    assert functions.process(record(created(UNKNOWN), receives=receives)) == ["message-1"]
    assert functions.aws.table == {}
    assert functions.metrics()["MessagesRejected"] == [1]


def test_one_bad_message_never_blocks_the_others(functions: Functions) -> None:
    orders = [place(functions) for _ in range(8)]
    records: list[Any] = [
        record(created(order_id), f"good-{number}") for number, order_id in enumerate(orders)
    ]
    records.insert(3, record("{", "bad-1"))
    records.insert(6, {"messageId": "bad-2"})
    records.append({"messageId": "bad-3", "body": 5, "attributes": None, "messageAttributes": []})
    assert functions.process(*records) == ["bad-1", "bad-2", "bad-3"]
    assert {status(functions, order_id) for order_id in orders} == {"CONFIRMED"}


def test_what_nobody_expected_is_told_by_its_type_and_place_alone(
    functions: Functions, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = record(created(place(functions)))
    odd = copy.deepcopy(message)
    odd["attributes"]["SentTimestamp"] = "9" * 400  # more than a float holds
    assert functions.process(odd) == ["message-1"]

    def fail(*_: Any) -> None:
        raise LookupError(ORDER["customerName"])

    monkeypatch.setattr("botocore.httpsession.URLLib3Session.send", fail)
    assert functions.process(message) == ["message-1"]
    overflow, lookup = functions.logs()[-2:]
    assert (overflow["message"], overflow["error"]) == ("message failed", "OverflowError")
    assert "_milliseconds_since (" in overflow["raised_at"][-1]
    assert (lookup["message"], lookup["error"]) == (
        "order not processed, to be tried again",
        "LookupError",
    )
    assert "fail (" in lookup["raised_at"][-1]
    assert str(ORDER["customerName"]) not in str(functions.logs())


@pytest.mark.parametrize("surprise", [None, 5, "x", [], {}, {"messageId": ""}])
def test_a_record_without_an_id_fails_the_batch_after_the_others_are_done(
    functions: Functions, surprise: Any
) -> None:
    order_id = place(functions)
    with pytest.raises(RuntimeError, match="1 of 2 records have no messageId"):
        functions.process(surprise, record(created(order_id)))
    assert status(functions, order_id) == "CONFIRMED"
    assert functions.metrics()["OrdersConfirmed"] == [1]


@pytest.mark.parametrize(
    "fault", [SERVER_ERROR, THROTTLED, DROPPED, DENIED, INVALID], ids=lambda fault: fault.code
)
def test_when_every_call_fails_every_message_is_reported(
    functions: Functions, fault: Fault
) -> None:
    orders = [place(functions) for _ in range(3)]
    functions.aws.fail("UpdateItem", *[fault] * 9)
    records = [record(created(order_id), order_id) for order_id in orders]
    assert functions.process(*records) == orders
    assert {status(functions, order_id) for order_id in orders} == {"PENDING"}
    assert "OrdersFailed" not in functions.metrics()


def test_a_failure_on_the_last_receive_marks_the_order_and_reports_the_message(
    functions: Functions,
) -> None:
    order_id = place(functions)
    functions.aws.fail("UpdateItem", *FAILS_FOR_GOOD)
    assert functions.process(record(created(order_id), receives=3)) == ["message-1"]
    item = functions.aws.table[order_id]
    assert item["status"] == {"S": "FAILED"}
    assert item["version"] == {"N": "2"}
    assert "pendingShard" not in item
    assert functions.metrics()["OrdersFailed"] == [1]
    told = functions.logs()[-1]
    assert (told["message"], told["status"]) == ("order failed", "FAILED")


def test_an_order_that_cannot_be_marked_either_is_told_with_both_failures(
    functions: Functions,
) -> None:
    order_id = place(functions)
    functions.aws.fail("UpdateItem", *FAILS_FOR_GOOD, INVALID)
    assert functions.process(record(created(order_id), receives=3)) == ["message-1"]
    assert status(functions, order_id) == "PENDING"
    told = functions.logs()[-1]
    assert told["message"] == "order not processed, not marked"
    assert (told["error"], told["marking"]["error"]) == (SERVER_ERROR.code, INVALID.code)


def test_the_last_receive_is_the_queues_own_number(
    functions: Functions, variables: pytest.MonkeyPatch
) -> None:
    variables.setenv("MAX_RECEIVE_COUNT", "5")
    order_id = place(functions)
    functions.aws.fail("UpdateItem", *FAILS_FOR_GOOD)
    functions.process(record(created(order_id), receives=4))
    assert status(functions, order_id) == "PENDING"
    functions.aws.fail("UpdateItem", *FAILS_FOR_GOOD)
    functions.process(record(created(order_id), receives=5))
    assert status(functions, order_id) == "FAILED"


@pytest.mark.parametrize("count", [None, "", "three", "-1", "٣٣"])
def test_an_odd_receive_count_is_not_taken_for_the_last(
    functions: Functions, count: str | None
) -> None:
    order_id = place(functions)
    message = record(created(order_id))
    message["attributes"] = {} if count is None else {"ApproximateReceiveCount": count}
    functions.aws.fail("UpdateItem", *FAILS_FOR_GOOD)
    assert functions.process(message) == ["message-1"]
    assert status(functions, order_id) == "PENDING"


def test_when_marking_fails_too_the_order_stays_for_the_repair(functions: Functions) -> None:
    order_id = place(functions)
    functions.aws.fail("UpdateItem", *FAILS_FOR_GOOD * 2)
    assert functions.process(record(created(order_id), receives=3)) == ["message-1"]
    assert status(functions, order_id) == "PENDING"
    assert "pendingShard" in functions.aws.table[order_id]
    assert functions.logs()[-1]["marking"]["error"] == "InternalServerError"


def test_an_update_that_came_through_without_its_answer_is_no_failure(
    functions: Functions,
) -> None:
    order_id = place(functions)
    functions.aws.fail("UpdateItem", DROPPED, DROPPED, ANSWER_LOST)
    assert functions.process(record(created(order_id), receives=3)) == []
    assert status(functions, order_id) == "CONFIRMED"


def test_a_retry_that_meets_its_own_update_counts_the_order_once(functions: Functions) -> None:
    order_id = place(functions)
    functions.aws.fail("UpdateItem", ANSWER_LOST)
    assert functions.process(record(created(order_id))) == []
    assert functions.aws.table[order_id]["version"] == {"N": "2"}
    assert functions.metrics()["OrdersConfirmed"] == [1]


def fail(functions: Functions) -> str:
    order_id = place(functions)
    functions.aws.fail("UpdateItem", *FAILS_FOR_GOOD)
    functions.process(record(created(order_id), receives=3))
    assert status(functions, order_id) == "FAILED"
    return order_id


def test_a_failed_order_is_not_confirmed_by_a_late_duplicate(functions: Functions) -> None:
    order_id = fail(functions)
    assert functions.process(record(created(order_id), "message-2")) == []
    assert status(functions, order_id) == "FAILED"


@pytest.mark.parametrize("way", ["marked by sqs", "moved by sqs", "ours"])
def test_a_redrive_confirms_a_failed_order(functions: Functions, way: str) -> None:
    order_id = fail(functions)
    ours = {"redriven": "true"} if way == "ours" else {}
    message = record(created(order_id), "message-2", **ours)  # moved, it has a new id
    if way == "moved by sqs":
        message["attributes"]["SentTimestamp"] = str(int(time.time() * 1000) + 1000)
    if way == "marked by sqs":
        queue = "arn:aws:sqs:us-east-1:123456789012:order-events"
        message["attributes"]["DeadLetterQueueSourceArn"] = queue
    assert functions.process(message) == []
    assert status(functions, order_id) == "CONFIRMED"
    assert functions.aws.table[order_id]["version"] == {"N": "3"}


def test_a_message_sent_as_the_order_failed_is_no_redrive(functions: Functions) -> None:
    """It was on its way already: the one of a redrive is sent later."""
    order_id = fail(functions)
    failed = datetime.fromisoformat(functions.aws.table[order_id]["updatedAt"]["S"])
    message = record(created(order_id), "message-2")
    message["attributes"]["SentTimestamp"] = str(round(failed.timestamp() * 1000))
    assert functions.process(message) == []
    assert status(functions, order_id) == "FAILED"


@pytest.mark.parametrize("receives", [3, 4])
def test_the_message_that_was_given_up_confirms_its_order_when_it_is_delivered_again(
    functions: Functions, receives: int
) -> None:
    """The queue's maxReceiveCount is raised before the function learns of it."""
    order_id = fail(functions)
    assert functions.process(record(created(order_id), "message-2", receives=receives)) == []
    assert status(functions, order_id) == "FAILED"
    assert functions.process(record(created(order_id), "message-1", receives=receives)) == []
    assert status(functions, order_id) == "CONFIRMED"
    assert functions.metrics()["OrdersConfirmed"] == [1]


@pytest.mark.parametrize("way", ["marked", "moved by sqs"])
def test_a_redriven_order_says_nothing_of_the_time_that_processing_takes(
    functions: Functions, way: str
) -> None:
    order_id = fail(functions)
    attributes = {"createdAt": "2023-11-14T22:13:20.000Z"}
    marked = {"redriven": "x"} if way == "marked" else {}
    message = record(created(order_id), "message-2", **attributes, **marked)
    if way == "moved by sqs":
        message["attributes"]["SentTimestamp"] = str(int(time.time() * 1000) + 1000)
    functions.process(message)
    assert status(functions, order_id) == "CONFIRMED"
    assert functions.metrics()["OrdersConfirmed"] == [1]
    assert "OrderProcessingTime" not in functions.metrics()


def test_a_redrive_confirms_an_order_that_could_not_be_marked(functions: Functions) -> None:
    order_id = place(functions)
    assert functions.process(record(created(order_id), redriven="true")) == []
    assert status(functions, order_id) == "CONFIRMED"


def test_a_redrive_that_fails_again_ends_in_the_dead_letter_queue_again(
    functions: Functions,
) -> None:
    order_id = fail(functions)
    functions.aws.fail("UpdateItem", *FAILS_FOR_GOOD)
    message = record(created(order_id), receives=3, redriven="true")
    assert functions.process(message) == ["message-1"]
    assert status(functions, order_id) == "FAILED"
    assert functions.metrics()["OrdersFailed"] == [1]


def test_messages_that_time_does_not_suffice_for_are_left_to_the_next_delivery(
    functions: Functions,
) -> None:
    orders = [place(functions) for _ in range(2)]
    functions.context = Context(iter([30_000, 1_000, 1_000, 1_000]).__next__)
    records = [record(created(order_id), order_id, receives=3) for order_id in orders]
    assert functions.process(*records) == orders
    assert functions.aws.operations() == []
    assert {status(functions, order_id) for order_id in orders} == {"PENDING"}


def test_a_slow_update_is_reported_and_its_neighbours_are_answered_in_time(
    functions: Functions,
) -> None:
    orders = [place(functions) for _ in range(4)]
    functions.aws.fail("UpdateItem", Fault(applied=True, delay=1.5))
    functions.context = Context(lambda: 1_300)
    failed = functions.process(*[record(created(order_id), order_id) for order_id in orders])
    assert len(failed) == 1
    assert functions.logs()[-1]["function_request_id"] == "invocation-1"
    assert {status(functions, order_id) for order_id in orders} == {"CONFIRMED"}


@pytest.mark.parametrize(("left", "reported"), [(15_000, []), (14_999, ["message-1"])])
def test_a_message_is_begun_as_long_as_the_reserve_is_left_and_no_longer(
    functions: Functions, left: int, reported: list[str]
) -> None:
    """Half of a limit of 30 s is more than the reserve's cap: 15 s is the last moment."""
    order_id = place(functions)
    functions.context = Context(iter([30_000, left, left]).__next__)
    assert functions.process(record(created(order_id))) == reported


def test_an_order_is_not_marked_when_time_is_up(functions: Functions) -> None:
    order_id = place(functions)
    functions.aws.fail("UpdateItem", *FAILS_FOR_GOOD)
    functions.context = Context(iter([30_000, 30_000, 1_000]).__next__)
    assert functions.process(record(created(order_id), receives=3)) == ["message-1"]
    assert status(functions, order_id) == "PENDING"
    assert functions.aws.operations() == ["UpdateItem"] * 3
    assert functions.logs()[-1]["message"] == "order not processed, not marked: time is up"


def test_an_event_that_is_no_batch_is_an_error(functions: Functions) -> None:
    with pytest.raises(KeyError, match="Records"):
        functions.invoke("process_order", {})


def test_an_empty_batch_is_nothing_to_do(functions: Functions) -> None:
    assert functions.process() == []


def test_times_are_measured_from_creation_and_from_sending(functions: Functions) -> None:
    order_id = place(functions)
    message = record(created(order_id), createdAt="2023-11-14T22:13:20.000Z")
    functions.process(message)
    metrics = functions.metrics()
    assert metrics["OrderProcessingTime"][0] == pytest.approx(metrics["QueueLag"][0], abs=1000)
    assert metrics["QueueLag"][0] > 0


@pytest.mark.parametrize("created_at", ["", "yesterday", "2023-11-14", "x" * 100])
def test_an_odd_creation_time_does_not_stop_the_order(
    functions: Functions, created_at: str
) -> None:
    order_id = place(functions)
    assert functions.process(record(created(order_id), createdAt=created_at)) == []
    assert status(functions, order_id) == "CONFIRMED"
