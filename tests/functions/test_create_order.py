"""POST /orders: what is stored, what is sent, what the caller gets."""

import re
import uuid

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.functions.support import ORDER, Functions

TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def test_a_valid_order_is_answered_201_with_its_id_and_place(functions: Functions) -> None:
    answer = functions.create(ORDER)
    assert answer.status == 201
    assert answer.headers["content-type"] == "application/json"
    assert answer.body.keys() == {"id", "status", "createdAt"}
    assert uuid.UUID(answer.body["id"]).version == 4
    assert answer.body["status"] == "PENDING"
    assert TIMESTAMP.fullmatch(answer.body["createdAt"])
    assert answer.headers["location"] == f"/orders/{answer.body['id']}"
    assert "idempotency-replayed" not in answer.headers


def test_one_order_costs_one_put_and_one_send(functions: Functions) -> None:
    functions.create(ORDER)
    assert functions.aws.operations() == ["PutItem", "SendMessage"]


def test_the_item_has_the_specified_attributes_and_types(functions: Functions) -> None:
    answer = functions.create(ORDER)
    item = functions.aws.table[answer.body["id"]]
    assert item["customerName"] == {"S": "Ada Lovelace"}
    assert item["items"] == {
        "L": [
            {"M": {"sku": {"S": "TEA-01"}, "qty": {"N": "2"}, "price": {"N": "12.5"}}},
            {"M": {"sku": {"S": "CUP-07"}, "qty": {"N": "1"}, "price": {"N": "0.1"}}},
        ]
    }
    assert item["status"] == {"S": "PENDING"}
    assert item["createdAt"] == item["updatedAt"] == {"S": answer.body["createdAt"]}
    assert item["version"] == {"N": "1"}
    assert item["correlationId"] == {"S": "request-1"}
    assert item["pendingShard"] in [{"N": str(shard)} for shard in range(4)]


def test_a_created_order_is_counted(functions: Functions) -> None:
    functions.create(ORDER)
    assert functions.metrics()["OrdersCreated"] == [1]


def test_the_put_is_conditional(functions: Functions) -> None:
    functions.create(ORDER)
    _, put = functions.aws.requests[0]
    assert put["TableName"] == "Orders"
    assert put["ConditionExpression"] == "attribute_not_exists(id)"


def test_the_event_is_what_is_specified(functions: Functions) -> None:
    answer = functions.create(ORDER)
    assert functions.aws.bodies() == [
        {"type": "OrderCreated", "detail": {"id": answer.body["id"], **ORDER}}
    ]
    event_schema = functions.module("orders.schema").ORDER_CREATED_EVENT
    jsonschema.Draft202012Validator(event_schema).validate(functions.aws.bodies()[0])


def test_the_correlation_id_and_the_time_travel_beside_the_event(functions: Functions) -> None:
    answer = functions.create(ORDER, request_id="request-42")
    attributes = functions.aws.messages[0]["MessageAttributes"]
    assert {name: value["StringValue"] for name, value in attributes.items()} == {
        "correlationId": "request-42",
        "createdAt": answer.body["createdAt"],
    }


def test_whitespace_around_the_name_is_removed(functions: Functions) -> None:
    answer = functions.create({**ORDER, "customerName": "\u2003 \tAda\u00a0 \n"})
    assert functions.aws.table[answer.body["id"]]["customerName"] == {"S": "Ada"}
    assert functions.aws.bodies()[0]["detail"]["customerName"] == "Ada"


@pytest.mark.parametrize("length", [1, 200])
def test_a_name_counts_without_the_whitespace_around_it(functions: Functions, length: int) -> None:
    assert functions.create({**ORDER, "customerName": f" {'é' * length} "}).status == 201


def test_integers_written_with_a_fraction_or_exponent_are_integers(functions: Functions) -> None:
    body = '{"customerName":"A","items":[{"sku":"S","qty":2.0,"price":1e2},'
    body += '{"sku":"T","qty":1E3,"price":-0.0},'
    body += '{"sku":"U","qty":10.00e-1,"price":0e-99999999999999999999}]}'
    answer = functions.create(body)
    members = [i["M"] for i in functions.aws.table[answer.body["id"]]["items"]["L"]]
    assert [(m["qty"]["N"], m["price"]["N"]) for m in members] == [
        ("2", "100"),
        ("1000", "0"),
        ("1", "0"),
    ]
    sent = functions.aws.messages[0]["MessageBody"]
    assert '"qty":2,"price":100}' in sent
    assert '"qty":1000,"price":0}' in sent


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.integers(0, 10_000_000_000_000))
def test_a_price_comes_back_exactly(functions: Functions, ten_thousandths: int) -> None:
    price = f"{ten_thousandths // 10_000}.{ten_thousandths % 10_000:04}"
    body = f'{{"customerName":"A","items":[{{"sku":"S","qty":1,"price":{price}}}]}}'
    order_id = functions.create(body).body["id"]
    shown = functions.get(order_id).body["items"][0]["price"]
    assert round(shown * 10_000) == ten_thousandths
    canonical = price.rstrip("0").rstrip(".")
    assert format(shown, ".4f").rstrip("0").rstrip(".") == canonical
    assert functions.aws.table[order_id]["items"]["L"][0]["M"]["price"]["N"] == canonical


def test_every_character_passes_through_the_queue(functions: Functions) -> None:
    name = "\u0000\ufffe\U0001f600 é"
    functions.create({**ORDER, "customerName": name})
    sent = functions.aws.messages[0]["MessageBody"]
    assert sent.isascii()
    assert sent.isprintable()
    assert functions.aws.bodies()[0]["detail"]["customerName"] == name


def test_the_largest_order_is_accepted(functions: Functions) -> None:
    item = {"sku": "\U0001f600" * 64, "qty": 1_000_000, "price": 999_999_999.9999}
    answer = functions.create({"customerName": "\U0001f600" * 200, "items": [item] * 100})
    assert answer.status == 201
    assert functions.get(answer.body["id"]).body["items"] == [item] * 100


def test_without_a_key_equal_orders_are_two_orders(functions: Functions) -> None:
    assert functions.create(ORDER).body["id"] != functions.create(ORDER).body["id"]
    assert len(functions.aws.table) == 2


def test_a_taken_random_id_is_never_overwritten(
    functions: Functions, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = functions.create({**ORDER, "customerName": "First"}, request_id="request-1")
    taken, free = uuid.UUID(first.body["id"]), uuid.uuid4()
    other = uuid.uuid4()  # botocore takes one for each call
    ids = iter([taken, other, taken, other, free])
    monkeypatch.setattr(uuid, "uuid4", lambda: next(ids, other))
    second = functions.create({**ORDER, "customerName": "Second"}, request_id="request-2")
    assert second.body["id"] == str(free)
    assert functions.aws.table[str(taken)]["customerName"] == {"S": "First"}
    monkeypatch.setattr(uuid, "uuid4", lambda: taken)
    third = functions.create({**ORDER, "customerName": "Third"}, request_id="request-3")
    assert third.status == 500
    assert functions.aws.table[str(taken)]["customerName"] == {"S": "First"}


def test_orders_spread_over_all_shards_of_the_pending_index(functions: Functions) -> None:
    for _ in range(60):
        functions.create(ORDER)
    assert {item["pendingShard"]["N"] for item in functions.aws.table.values()} == set("0123")
