"""publish_changes: an event for each change, in order, whatever the bus answers."""

import json
from typing import Any

import jsonschema
import pytest

from functions import contract
from functions.orders import change_schema, changes
from tests.functions.fake_aws import ANSWER_LOST, DENIED, SERVER_ERROR, FakeAws
from tests.functions.support import ORDER, VARIABLES, Context, Functions, created, record
from tests.unit import stacks


@pytest.fixture(autouse=True)
def pauses(functions: Functions, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were made, which take no time."""
    made: list[float] = []
    monkeypatch.setattr(functions.module("publish_changes").time, "sleep", made.append)
    return made


def changed(number: int, version: int = 1, **of_item: Any) -> dict[str, Any]:
    """The record of an order's creation, or of its confirmation."""
    item = {
        "id": {"S": f"0b9c1a3e-6f2d-4c57-9a41-{number:012}"},
        "status": {"S": "PENDING"},
        "createdAt": {"S": "2026-01-31T12:00:00.000Z"},
        "version": {"N": "1"},
        "customerName": {"S": "Ada"},
        "items": {"L": []},
    } | of_item
    images = {"NewImage": item}
    if version == 2:
        confirmed = item | {"status": {"S": "CONFIRMED"}, "version": {"N": "2"}}
        images = {"NewImage": confirmed, "OldImage": item}
    return {"dynamodb": {**images, "SequenceNumber": f"{number}.{version}"}}


UNREADABLE = {"dynamodb": {"NewImage": {"SECRET": {"S": "x"}}, "SequenceNumber": "poison"}}


def event_id(number: int, version: int = 1) -> str:
    return f"0b9c1a3e-6f2d-4c57-9a41-{number:012}:{version}"


def publish(functions: Functions, *records: Any) -> list[str]:
    """The sequence numbers that are reported as failed."""
    result = functions.invoke("publish_changes", {"Records": list(records)})
    return [failure["itemIdentifier"] for failure in result["batchItemFailures"]]


def accepted(aws: FakeAws) -> list[str]:
    return [json.loads(entry["Detail"])["eventId"] for entry in aws.events]


@pytest.mark.parametrize("customer", [VARIABLES["SYNTHETIC_CUSTOMER"], "synthetic but not ours"])
def test_a_synthetic_order_is_told_as_others_are_and_marked(
    functions: Functions, customer: str
) -> None:
    order_id = functions.create({**ORDER, "customerName": customer}).body["id"]
    functions.process(record(created(order_id)))
    assert publish(functions, *functions.aws.records()) == []
    told = [json.loads(entry["Detail"]) for entry in functions.aws.events]
    ours = customer == VARIABLES["SYNTHETIC_CUSTOMER"]
    marks = [True, True] if ours else [None, None]
    assert [each["data"].get("synthetic") for each in told] == marks
    assert [changes.read(each).synthetic for each in told] == [ours, ours]
    for each in told:
        jsonschema.validate(each, change_schema.EVENTS[each["type"]])


def test_every_change_of_an_order_is_put_on_the_bus(functions: Functions) -> None:
    order_id = functions.create(ORDER).body["id"]
    functions.process(record(created(order_id)))
    functions.aws.requests.clear()

    assert publish(functions, *functions.aws.records()) == []

    bus = functions.aws.events
    name = stacks.recording("dev").one(stacks.BUS).outputs["name"]
    assert [each["DetailType"] for each in bus] == ["OrderCreated", "OrderConfirmed"]
    assert {(e["Source"], e["EventBusName"]) for e in bus} == {(contract.EVENT_SOURCE, name)}
    assert accepted(functions.aws) == [f"{order_id}:1", f"{order_id}:2"]
    assert set(functions.aws.operations()) == {"PutEvents"}


def test_events_of_different_orders_share_calls_of_ten(functions: Functions) -> None:
    publish(functions, *(changed(number) for number in range(25)))
    sizes = [len(r["Entries"]) for name, r in functions.aws.requests if name == "PutEvents"]
    assert sizes == [10, 10, 5]
    assert accepted(functions.aws) == [event_id(number) for number in range(25)]


def test_a_call_holds_no_more_than_the_bus_takes(functions: Functions) -> None:
    long = {"S": "\N{SLICE OF PIZZA}" * 7_500}  # 90 kB as the event writes it
    assert publish(functions, *(changed(n, customerName=long) for n in range(5))) == []
    assert len(functions.aws.events) == 5
    assert functions.aws.operations().count("PutEvents") == 3


def test_an_event_waits_until_the_one_before_it_of_the_same_order_is_accepted(
    functions: Functions,
) -> None:
    functions.aws.refusals[event_id(1)] = ["ThrottlingException", "InternalFailure"]
    records = [changed(1), changed(2), changed(1, 2), changed(3)]
    assert publish(functions, *records) == []
    assert accepted(functions.aws) == [event_id(2), event_id(1), event_id(1, 2), event_id(3)]


def test_only_what_was_refused_is_put_again(functions: Functions, pauses: list[float]) -> None:
    functions.aws.refusals[event_id(2)] = ["InternalFailure"] * 3
    assert publish(functions, *(changed(number) for number in range(4))) == []
    sizes = [len(r["Entries"]) for name, r in functions.aws.requests if name == "PutEvents"]
    assert sizes == [4, 1, 1, 1]
    assert sorted(accepted(functions.aws)) == [event_id(number) for number in range(4)]
    assert pauses == [0.1, 0.2, 0.4]


@pytest.mark.parametrize("fault", [SERVER_ERROR, ANSWER_LOST])
def test_a_bus_that_does_not_answer_is_asked_again(functions: Functions, fault: Any) -> None:
    functions.aws.fail("PutEvents", *[fault] * 5)
    assert publish(functions, changed(1), changed(1, 2)) == []
    told = list(dict.fromkeys(accepted(functions.aws)))
    assert told == [event_id(1), event_id(1, 2)]


def test_when_the_time_is_up_the_stream_goes_on_where_it_stopped(functions: Functions) -> None:
    left = iter([30_000.0] * 2 + [5_000.0] * 9)
    functions.context = Context(lambda: next(left))
    functions.aws.refusals[event_id(2)] = ["InternalFailure"] * 9
    records = [changed(1), changed(2), changed(3), changed(2, 2)]
    assert publish(functions, *records) == ["2.1"]
    assert accepted(functions.aws) == [event_id(1), event_id(3)]

    functions.aws.refusals.clear()
    functions.context = Context()
    assert publish(functions, *records[1:]) == []
    assert accepted(functions.aws)[2:] == [event_id(2), event_id(3), event_id(2, 2)]


def test_what_no_attempt_can_mend_is_not_tried_again(
    functions: Functions, pauses: list[float]
) -> None:
    functions.aws.refusals[event_id(2)] = ["MalformedDetail"]
    assert publish(functions, changed(1), changed(2), changed(2, 2)) == ["2.1"]
    assert pauses == []
    assert accepted(functions.aws) == [event_id(1)]


def test_a_permission_that_lacks_fails_the_function_and_is_logged(functions: Functions) -> None:
    functions.aws.fail("PutEvents", DENIED)
    with pytest.raises(RuntimeError, match="AccessDeniedException"):
        publish(functions, changed(1))
    assert any(line.get("denied", {}).get("action") == "some:Action" for line in functions.logs())


def test_a_poison_record_is_isolated_after_what_comes_before_it_is_done(
    functions: Functions,
) -> None:
    assert publish(functions, changed(1), UNREADABLE, changed(2)) == ["poison"]
    assert accepted(functions.aws) == [event_id(1)]
    # Lambda then halves the batch that begins with it, until it stands alone.
    for batch in ([UNREADABLE, changed(2)], [UNREADABLE]):
        with pytest.raises(RuntimeError, match="not those of an order"):
            publish(functions, *batch)
    assert publish(functions, changed(2)) == []
    assert accepted(functions.aws) == [event_id(1), event_id(2)]


@pytest.mark.parametrize("odd", [None, 7, {}, {"dynamodb": None}, {"dynamodb": {}}])
def test_a_record_of_any_other_form_is_poison(functions: Functions, odd: Any) -> None:
    with pytest.raises(RuntimeError, match="no new image"):
        publish(functions, odd, changed(1))
    with pytest.raises(RuntimeError, match="no new image"):
        publish(functions, changed(1), odd)


def test_a_write_that_changes_no_status_puts_nothing(functions: Functions) -> None:
    same = changed(1, 2)
    same["dynamodb"]["OldImage"] = same["dynamodb"]["NewImage"]
    assert publish(functions, same) == []
    assert functions.aws.operations() == []


def test_logs_count_and_hold_nothing_of_an_order(functions: Functions) -> None:
    functions.aws.refusals[event_id(1)] = ["InternalFailure"]
    publish(functions, changed(1, customerName={"S": "SECRET"}), changed(2), UNREADABLE)
    [line] = [each for each in functions.logs() if each["message"] == "changes published"]
    counts = {"records": 3, "published": 2, "unchanged": 0, "repeated": 1, "done": 2}
    assert counts.items() <= line.items()
    assert line["sequence_number"] == "poison"
    assert "SECRET" not in json.dumps(functions.output())


def matches(pattern: Any, value: Any) -> bool:
    if isinstance(pattern, list):
        return value in pattern
    return isinstance(value, dict) and all(matches(p, value.get(n)) for n, p in pattern.items())


def test_the_mapping_lets_through_what_the_status_machine_knows_and_nothing_else() -> None:
    recorded = stacks.recording("dev")
    mapping = recorded.one(stacks.EVENT_SOURCE, "orders-publish-changes-stream").inputs
    patterns = [json.loads(each["pattern"]) for each in mapping["filterCriteria"]["filters"]]

    def let_through(event: str, status: str) -> bool:
        told = {"eventName": event, "dynamodb": {"NewImage": {"status": {"S": status}}}}
        return any(matches(pattern, told) for pattern in patterns)

    for _, target in contract.TRANSITIONS:
        assert let_through("MODIFY", target)
    assert let_through("INSERT", contract.PENDING)
    # A copy that somebody puts back as it was is no change of the order.
    assert not let_through("INSERT", contract.CONFIRMED)
    assert not let_through("REMOVE", contract.PENDING)


def test_a_system_without_events_has_no_publisher() -> None:
    recorded = stacks.recording("dev", events=False)
    assert "streamEnabled" not in recorded.one(stacks.TABLE).inputs
    assert recorded.of(stacks.BUS) == []
    assert len(recorded.of(stacks.EVENT_SOURCE)) == 1
    assert not [e.name for e in recorded.registrations if "publish-changes" in e.name]
