"""The repair: orders that stay PENDING get their event again, bounded, fairly, in time."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.functions.fake_aws import DENIED, SERVER_ERROR
from tests.functions.support import ORDER, Context, Functions, record


def age(functions: Functions, order_id: str, seconds: float) -> None:
    """Make an order of the table as old as that."""
    moment = datetime.now(UTC) - timedelta(seconds=seconds)
    text = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    functions.aws.table[order_id]["createdAt"] = {"S": text}


def stuck(functions: Functions, count: int, seconds: float = 600) -> list[str]:
    """Orders whose event never left, each a little younger than the one before."""
    ids = []
    for number in range(count):
        ids.append(functions.create(ORDER, request_id=f"request-{number}").body["id"])
        age(functions, ids[-1], seconds - number / 100)
    functions.aws.messages.clear()
    functions.aws.requests.clear()
    return ids


def sent(functions: Functions) -> list[str]:
    return [body["detail"]["id"] for body in functions.aws.bodies()]


def test_an_order_pending_past_the_threshold_gets_its_event_again(functions: Functions) -> None:
    (order_id,) = stuck(functions, 1)
    assert functions.republish() == {"republished": 1, "complete": True}
    assert functions.aws.bodies() == [{"type": "OrderCreated", "detail": {"id": order_id, **ORDER}}]
    attributes = functions.aws.messages[0]["MessageAttributes"]
    assert attributes["correlationId"]["StringValue"] == "request-0"
    created_at = functions.aws.table[order_id]["createdAt"]["S"]
    assert attributes["createdAt"]["StringValue"] == created_at
    assert functions.logs()[-1]["message"] == "pending orders republished"


def test_the_event_sent_again_confirms_the_order_and_ends_the_repair(functions: Functions) -> None:
    (order_id,) = stuck(functions, 1)
    functions.republish()
    functions.process(record(functions.aws.bodies()[0]))
    assert functions.get(order_id).body["status"] == "CONFIRMED"
    assert functions.republish() == {"republished": 0, "complete": True}


def test_young_confirmed_and_failed_orders_are_left_alone(functions: Functions) -> None:
    young, confirmed, failed = stuck(functions, 3)
    age(functions, young, 60)
    functions.process(record({"type": "OrderCreated", "detail": {"id": confirmed, **ORDER}}))
    functions.aws.fail("UpdateItem", *[SERVER_ERROR] * 3)
    functions.process(
        record({"type": "OrderCreated", "detail": {"id": failed, **ORDER}}, receives=3)
    )
    assert functions.get(failed).body["status"] == "FAILED"
    assert functions.republish()["republished"] == 0


def test_the_threshold_is_configured(functions: Functions, variables: pytest.MonkeyPatch) -> None:
    variables.setenv("PENDING_THRESHOLD_SECONDS", "30")
    (order_id,) = stuck(functions, 1)
    age(functions, order_id, 60)
    assert functions.republish()["republished"] == 1


def test_every_order_of_the_backlog_is_sent_once_over_pages_and_batches(
    functions: Functions,
) -> None:
    functions.aws.page_size = 3
    orders = stuck(functions, 60)
    assert functions.republish() == {"republished": 60, "complete": True}
    assert sorted(sent(functions)) == sorted(orders)
    assert functions.aws.operations().count("SendMessageBatch") == 6
    assert functions.aws.operations().count("BatchGetItem") == 1
    assert set(functions.aws.operations()) == {"Query", "BatchGetItem", "SendMessageBatch"}


def test_a_run_is_bounded_and_the_next_ones_finish(
    functions: Functions, variables: pytest.MonkeyPatch
) -> None:
    variables.setenv("REPUBLISH_LIMIT", "16")
    orders = set(stuck(functions, 60))
    for _ in range(30):
        functions.aws.messages.clear()
        run = functions.republish()
        assert run["republished"] <= 16
        for number, body in enumerate(functions.aws.bodies()):
            functions.process(record(body, f"message-{number}"))
            orders.discard(body["detail"]["id"])
        if run["complete"]:
            break
    assert orders == set()


def test_orders_that_never_succeed_do_not_block_those_behind_them(
    functions: Functions, variables: pytest.MonkeyPatch
) -> None:
    variables.setenv("REPUBLISH_LIMIT", "16")
    hopeless = stuck(functions, 60, seconds=6000)
    behind = set(stuck(functions, 8, seconds=600))
    for _ in range(200):
        functions.republish()
        behind -= set(sent(functions))
        if not behind:
            break
    assert len(sent(functions)) <= 10 * 16
    assert behind == set()
    assert set(sent(functions)) & set(hopeless)


def test_one_full_shard_does_not_starve_the_others_nor_waste_their_share(
    functions: Functions, variables: pytest.MonkeyPatch
) -> None:
    variables.setenv("REPUBLISH_LIMIT", "40")
    orders = stuck(functions, 40)
    for order_id in orders[:37]:
        functions.aws.table[order_id]["pendingShard"] = {"N": "0"}
    for shard, order_id in enumerate(orders[37:], start=1):
        functions.aws.table[order_id]["pendingShard"] = {"N": str(shard)}
    assert functions.republish()["republished"] == 40
    assert set(sent(functions)) == set(orders)


def test_large_events_are_sent_in_batches_that_sqs_takes(functions: Functions) -> None:
    item = {"sku": "\U0001f600" * 64, "qty": 1_000_000, "price": 999_999_999.9999}
    for number in range(8):
        order = {"customerName": "A", "items": [item] * 100}
        order_id = functions.create(order, request_id=f"request-{number}").body["id"]
        age(functions, order_id, 600)
    functions.aws.messages.clear()
    assert functions.republish()["republished"] == 8


def test_a_batch_stays_within_what_sqs_counts_attributes_included(functions: Functions) -> None:
    """SQS counts each attribute's name, type and value to the 262,144 bytes of a batch."""
    orders = stuck(functions, 2)
    functions.republish()
    (first, second) = functions.aws.messages

    def size(message: dict[str, Any]) -> int:
        attributes = message["MessageAttributes"].items()
        texts = [[name, *value.values()] for name, value in attributes]
        return len(message["MessageBody"]) + sum(len(text) for each in texts for text in each)

    room = 262_144 - size(first) - size(second)
    name = functions.aws.table[orders[0]]["customerName"]["S"]
    for more, batches in ((0, 1), (1, 2)):
        functions.aws.requests.clear()
        functions.aws.table[orders[0]]["customerName"] = {"S": name + "x" * (room + more)}
        functions.republish()
        assert functions.aws.operations().count("SendMessageBatch") == batches


def test_events_that_sqs_refuses_are_counted_and_tried_in_the_next_run(
    functions: Functions,
) -> None:
    orders = stuck(functions, 5)
    functions.aws.table[orders[2]]["customerName"] = {"S": "REFUSED-BY-SQS"}
    assert functions.republish()["republished"] == 4
    assert functions.logs()[-1]["refused"] == {"InternalError": 1}
    functions.aws.table[orders[2]]["customerName"] = {"S": "Ada"}
    functions.aws.messages.clear()
    functions.republish()
    assert orders[2] in sent(functions)


def test_an_item_that_is_no_order_is_counted_and_stops_nothing(functions: Functions) -> None:
    orders = stuck(functions, 3)
    broken = str(uuid.uuid4())
    functions.aws.table[broken] = {
        "id": {"S": broken},
        "createdAt": {"S": "2020-01-01T00:00:00.000Z"},
        "pendingShard": {"N": "0"},
    }
    assert functions.republish()["republished"] == 3
    assert sorted(sent(functions)) == sorted(orders)
    assert functions.logs()[-1]["unreadable"] == 1


@pytest.mark.parametrize("operation", ["Query", "BatchGetItem", "SendMessageBatch"])
@pytest.mark.parametrize("fault", [SERVER_ERROR, DENIED])
def test_an_aws_failure_is_logged_and_fails_the_run(
    functions: Functions, operation: str, fault: Any
) -> None:
    stuck(functions, 3)
    functions.aws.fail(operation, *[fault] * 3)
    with pytest.raises(RuntimeError, match=fault.code):
        functions.republish()
    assert functions.logs()[-1]["level"] == "ERROR"
    assert functions.logs()[-1]["error"] == fault.code
    assert functions.metrics()["OrdersRepublished"] == [0]
    functions.aws.recover()
    assert functions.republish()["republished"] == 3


def test_after_a_failure_the_next_run_begins_with_the_oldest_again(
    functions: Functions, variables: pytest.MonkeyPatch
) -> None:
    """What was read but could not be sent must not wait until all the others had their turn."""
    variables.setenv("REPUBLISH_LIMIT", "9")
    orders = stuck(functions, 12)
    for order_id in orders:
        functions.aws.table[order_id]["pendingShard"] = {"N": "0"}
    functions.aws.fail("SendMessageBatch", DENIED)
    with pytest.raises(RuntimeError):
        functions.republish()
    functions.republish()
    assert sent(functions) == orders[:9]


def test_a_failure_in_the_middle_keeps_what_was_sent(functions: Functions) -> None:
    orders = stuck(functions, 30)
    functions.module("republish_pending")
    calls = iter(range(100))
    answer = functions.aws.answer

    def fail_the_third_batch(operation: str, request: dict[str, Any]) -> Any:
        if operation == "SendMessageBatch" and next(calls) >= 2:
            return 500, {"__type": "InternalError", "message": ""}
        return answer(operation, request)

    functions.aws.answer = fail_the_third_batch  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="20 events were sent"):
        functions.republish()
    assert functions.metrics()["OrdersRepublished"] == [20]
    assert functions.logs()[-1]["complete"] is False
    assert set(sent(functions)) < set(orders)


@pytest.mark.parametrize("looks", [1, 3])
def test_a_run_ends_before_its_time_is_up(functions: Functions, looks: int) -> None:
    stuck(functions, 40)
    functions.context = Context(iter([30_000] * looks + [1_000] * 10).__next__)
    run = functions.republish()
    assert run["complete"] is False
    assert run["republished"] < 40


def test_the_age_of_the_oldest_pending_order_is_measured(functions: Functions) -> None:
    orders = stuck(functions, 12, seconds=600)
    age(functions, orders[7], 5000)
    functions.republish()
    assert functions.metrics()["OldestPendingAge"][-1] == pytest.approx(5000, abs=30)
    assert functions.metrics()["OrdersRepublished"] == [12]


def test_without_a_backlog_the_metrics_say_zero(functions: Functions) -> None:
    assert functions.republish() == {"republished": 0, "complete": True}
    assert functions.metrics()["OldestPendingAge"] == [0]
    assert functions.metrics()["OrdersRepublished"] == [0]
    assert set(functions.aws.operations()) == {"Query"}


def test_an_order_confirmed_while_the_index_lags_gets_no_event(functions: Functions) -> None:
    confirmed, pending = stuck(functions, 2)
    answer = functions.aws.answer

    def confirm(operation: str, request: dict[str, Any]) -> Any:
        if operation == "BatchGetItem":
            functions.aws.table[confirmed].pop("pendingShard", None)
        return answer(operation, request)

    functions.aws.answer = confirm  # type: ignore[method-assign]
    assert functions.republish()["republished"] == 1
    assert sent(functions) == [pending]
    assert functions.logs()[-1]["settled"] == 1


def test_what_a_read_leaves_out_is_asked_for_again(
    functions: Functions, variables: pytest.MonkeyPatch
) -> None:
    orders = stuck(functions, 10)
    module = functions.module("republish_pending")
    variables.setattr(module.time, "sleep", lambda _: None)
    functions.aws.batch_items = 4
    assert functions.republish()["republished"] == 10
    assert sorted(sent(functions)) == sorted(orders)
    functions.aws.batch_items = 2  # three times: six of ten
    with pytest.raises(RuntimeError, match="ThrottlingException"):
        functions.republish()


def shards_asked(functions: Functions) -> list[int]:
    """The shards that were looked at."""
    queries = [request for name, request in functions.aws.requests if name == "Query"]
    return [int(each["ExpressionAttributeValues"][":shard"]["N"]) for each in queries]


@pytest.mark.parametrize("rate", [1, 60])
def test_a_stack_that_has_fewer_shards_than_once_hides_no_order(
    functions: Functions, variables: pytest.MonkeyPatch, rate: int
) -> None:
    variables.setenv("PENDING_SHARDS", "3")
    module = functions.module("republish_pending")
    looked: set[int] = set()
    for run in range(61):
        functions.aws.requests.clear()
        variables.setattr(module.time, "time", lambda run=run: 60 * rate * run)
        functions.republish()
        asked = shards_asked(functions)
        assert {0, 1, 2} <= set(asked)
        assert len(asked) <= 3 + 5
        looked.update(asked)
    assert looked == set(range(256))


def test_a_shard_of_before_is_read_to_its_end(
    functions: Functions, variables: pytest.MonkeyPatch
) -> None:
    variables.setenv("REPUBLISH_LIMIT", "9")
    orders = stuck(functions, 30)
    for order_id in orders:
        functions.aws.table[order_id]["pendingShard"] = {"N": "200"}
    module = functions.module("republish_pending")
    for minute in range(200 % 61, 200 % 61 + 4):
        variables.setattr(module.time, "time", lambda minute=minute: 60 * minute)
        functions.republish()
        for order_id in sent(functions):
            functions.aws.table[order_id].pop("pendingShard", None)
    assert sorted(sent(functions)) == sorted(orders)


def test_new_orders_are_spread_over_as_many_shards_as_the_stack_says(
    functions: Functions, variables: pytest.MonkeyPatch
) -> None:
    variables.setenv("PENDING_SHARDS", "9")
    stuck(functions, 120)
    found = [int(item["pendingShard"]["N"]) for item in functions.aws.table.values()]
    assert {shard: found.count(shard) > 2 for shard in found} == dict.fromkeys(range(9), True)
