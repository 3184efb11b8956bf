"""Bad input of every kind is the caller's error, named; nothing is stored or sent."""

import base64
import json
from typing import Any

import pytest

from tests.functions.support import ORDER, Functions

ITEM = ORDER["items"][0]


def order_with(**item: Any) -> dict[str, Any]:
    return {"customerName": "Ada", "items": [{**ITEM, **item}]}


def raw(member: str) -> str:
    return f'{{"customerName":"Ada","items":[{{"sku":"S","qty":1,"price":1,{member}}}]}}'


def price(text: str) -> str:
    return f'{{"customerName":"Ada","items":[{{"sku":"S","qty":1,"price":{text}}}]}}'


INVALID = {
    "no members": ({}, ["#/customerName", "#/items"]),
    "not an object": ([], ["#"]),
    "a bare string": ('"x"', ["#"]),
    "null": ("null", ["#"]),
    "an unknown member": ({**ORDER, "status": "CONFIRMED"}, ["#/status"]),
    "an unknown member of an item": (order_with(note="x"), ["#/items/0/note"]),
    "an unknown member to be escaped": ({**ORDER, "a/b~c é%": 1}, ["#/a~1b~0c%20%C3%A9%25"]),
    "an empty name": ({**ORDER, "customerName": ""}, ["#/customerName"]),
    "a name of whitespace": ({**ORDER, "customerName": " \t\u3000"}, ["#/customerName"]),
    "a name of a byte order mark": ({**ORDER, "customerName": "\ufeff"}, ["#/customerName"]),
    "a name too long": ({**ORDER, "customerName": "x" * 201}, ["#/customerName"]),
    "a number as name": ({**ORDER, "customerName": 5}, ["#/customerName"]),
    "a null as name": ({**ORDER, "customerName": None}, ["#/customerName"]),
    "a lone surrogate in the name": (
        '{"customerName":"\\ud800","items":[]}',
        ["#/customerName", "#/items"],
    ),
    "a lone surrogate in the sku": (
        raw('"sku":"\\udfff","x":0'),
        ["#/items/0/sku", "#/items/0/x", "#/items/0/sku"],
    ),
    "a lone surrogate in a member's name": (raw('"\\ud800":1'), ["#/items/0/%3F"]),
    "no items": ({**ORDER, "items": []}, ["#/items"]),
    "too many items": ({**ORDER, "items": [ITEM] * 101}, ["#/items"]),
    "an object for items": ({**ORDER, "items": {"0": ITEM}}, ["#/items"]),
    "a string for an item": ({**ORDER, "items": ["x"]}, ["#/items/0"]),
    "an empty item": (
        {**ORDER, "items": [{}]},
        ["#/items/0/sku", "#/items/0/qty", "#/items/0/price"],
    ),
    "an empty sku": (order_with(sku=""), ["#/items/0/sku"]),
    "a sku too long": (order_with(sku="x" * 65), ["#/items/0/sku"]),
    "a boolean for qty": (order_with(qty=True), ["#/items/0/qty"]),
    "a boolean for price": (order_with(price=False), ["#/items/0/price"]),
    "a string for qty": (order_with(qty="1"), ["#/items/0/qty"]),
    "a qty of zero": (order_with(qty=0), ["#/items/0/qty"]),
    "a negative qty": (order_with(qty=-1), ["#/items/0/qty"]),
    "a fraction for qty": (order_with(qty=1.5), ["#/items/0/qty"]),
    "a qty too large": (order_with(qty=1_000_001), ["#/items/0/qty"]),
    "a negative price": (order_with(price=-0.01), ["#/items/0/price"]),
    "a price too large": (price("1000000000.0001"), ["#/items/0/price"]),
    "a price with 5 decimals": (price("0.00001"), ["#/items/0/price"]),
    "a price with 40 digits": (price("0." + "1" * 40), ["#/items/0/price"]),
    "an integer of 5,000 digits": (price("1" * 5000), ["#/items/0/price"]),
    "an exponent of 999999999": (price("1e999999999"), ["#/items/0/price"]),
    "an exponent past every number": (price("1e99999999999999999999"), ["#/items/0/price"]),
    "a tiny exponent past every number": (price("1e-99999999999999999999"), ["#/items/0/price"]),
    "a negative one past every number": (price("-1e99999999999999999999"), ["#/items/0/price"]),
    "a repeated member": (
        '{"customerName":"A","customerName":"B","items":[]}',
        ["#/items", "#/customerName"],
    ),
    "a repeated member of an item": (raw('"qty":2'), ["#/items/0/qty"]),
    "a member thrice": (raw('"qty":2,"qty":3'), ["#/items/0/qty", "#/items/0/qty"]),
    "several at once": (
        {"customerName": 1, "items": [{"sku": "", "qty": 0, "price": -1}, ITEM, {"sku": "S"}]},
        [
            "#/customerName",
            "#/items/0/sku",
            "#/items/0/qty",
            "#/items/0/price",
            "#/items/2/qty",
            "#/items/2/price",
        ],
    ),
}


@pytest.mark.parametrize("name", INVALID)
def test_an_invalid_order_is_a_400_that_names_every_place(functions: Functions, name: str) -> None:
    body, pointers = INVALID[name]
    answer = functions.create(body)
    assert answer.status == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.body["type"] == "urn:serverless-orders:problem:invalid-order"
    assert answer.body["requestId"] == "request-1"
    assert sorted(answer.pointers()) == sorted(pointers)
    assert functions.aws.requests == []


def test_each_error_at_one_place_says_another_thing(functions: Functions) -> None:
    answer = functions.create(raw('"x":1,"x":2,"x":3'))
    texts = [(error["pointer"], error["detail"]) for error in answer.body["errors"]]
    assert texts == [
        ("#/items/0/x", "is not a known field"),
        ("#/items/0/x", "appears more than once"),
        ("#/items/0/x", "appears more than once"),
    ]


UNREADABLE = {
    "truncated": '{"customerName"',
    "trailing text": '{"customerName":"A"} x',
    "a byte order mark": "\ufeff{}",
    "NaN": price("NaN"),
    "Infinity": price("Infinity"),
    "-Infinity": price("-Infinity"),
    "a leading zero": price("01"),
    "single quotes": "{'customerName':'A'}",
    "a control character": '{"customerName":"\n"}',
    "100,000 arrays deep": "[" * 100_000,
    "100,000 objects deep": '{"a":' * 43_000,
    "whitespace": "  ",
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_body_that_is_no_json_is_a_400(functions: Functions, name: str) -> None:
    answer = functions.create(UNREADABLE[name])
    assert answer.status == 400
    assert answer.body["type"] == "urn:serverless-orders:problem:unreadable-body"
    assert functions.aws.requests == []


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_a_constant_that_json_does_not_have_is_named(functions: Functions, constant: str) -> None:
    detail = functions.create(UNREADABLE[constant]).body["detail"]
    assert f"{constant} is not a JSON number" in detail


def test_the_place_of_a_syntax_error_is_named(functions: Functions) -> None:
    detail = functions.create('{"customerName":\n x}').body["detail"]
    assert "line 2, column 2" in detail


@pytest.mark.parametrize("body", [None, ""])
def test_a_missing_body_is_a_400_whatever_its_type(functions: Functions, body: str | None) -> None:
    answer = functions.call("create_order", {"headers": {}, "body": body})
    assert answer.status == 400
    assert "no body" in answer.body["detail"]


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=latin-1",
        "application/jsonx",
    ],
)
def test_another_content_type_is_a_415(functions: Functions, content_type: str | None) -> None:
    headers = {} if content_type is None else {"content-type": content_type}
    answer = functions.call("create_order", {"headers": headers, "body": json.dumps(ORDER)})
    assert answer.status == 415
    assert functions.aws.requests == []


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON; charset=UTF-8", 'application/json;charset="utf-8"'],
)
def test_json_in_utf8_is_accepted_however_it_is_spelt(
    functions: Functions, content_type: str
) -> None:
    event = {"headers": {"Content-Type": content_type}, "body": json.dumps(ORDER)}
    assert functions.call("create_order", event).status == 201


def encoded(functions: Functions, body: str) -> Any:
    headers = {"content-type": "application/json"}
    return functions.call(
        "create_order", {"headers": headers, "body": body, "isBase64Encoded": True}
    )


def test_a_body_in_base64_is_decoded(functions: Functions) -> None:
    text = json.dumps({**ORDER, "customerName": "Zoë"}, ensure_ascii=False)
    answer = encoded(functions, base64.b64encode(text.encode()).decode())
    assert answer.status == 201
    assert functions.aws.bodies()[0]["detail"]["customerName"] == "Zoë"


@pytest.mark.parametrize(
    "body", ["!!!!", "a", "e30=e30=", base64.b64encode(b'{"customerName":"\xff"}').decode(), "é"]
)
def test_a_body_that_is_no_base64_or_no_utf8_is_a_400(functions: Functions, body: str) -> None:
    answer = encoded(functions, body)
    assert answer.status == 400
    assert answer.body["type"] == "urn:serverless-orders:problem:unreadable-body"


@pytest.mark.parametrize("name", [b"\xff", b"\xfe", b"\xc3", b"\xed\xa0\x80"])
def test_bytes_that_are_no_utf8_are_a_400_however_they_arrive(
    functions: Functions, name: bytes
) -> None:
    body = json.dumps({**ORDER, "customerName": "?"}).encode().replace(b"?", name)
    handed_over = [
        (base64.b64encode(body).decode(), True),
        (body.decode(errors="replace"), False),
        (base64.b64encode(body.decode(errors="replace").encode()).decode(), True),
    ]
    headers = {"content-type": "application/json", "idempotency-key": "key-1"}
    for text, packed in handed_over:
        event = {"headers": headers, "body": text, "isBase64Encoded": packed}
        answer = functions.call("create_order", event)
        assert answer.status == 400
        assert answer.body["type"] == "urn:serverless-orders:problem:unreadable-body"
    assert functions.aws.requests == []


def test_a_replacement_character_that_is_written_as_an_escape_is_meant(
    functions: Functions,
) -> None:
    answer = functions.create({**ORDER, "customerName": "\ufffd"})
    assert answer.status == 201
    assert functions.get(answer.body["id"]).body["customerName"] == "\ufffd"


def test_a_lone_surrogate_outside_the_json_text_is_a_400(functions: Functions) -> None:
    assert functions.create('{"customerName":"\ud800"}').status == 400


def test_a_body_too_large_is_a_413(functions: Functions) -> None:
    assert functions.create(" " * 262_145).status == 413
    assert functions.create("é" * 140_000).status == 413
    assert encoded(functions, base64.b64encode(b" " * 262_145).decode()).status == 413
    assert encoded(functions, "A" * 1_000_000).status == 413


def test_a_body_as_large_as_allowed_is_read(functions: Functions) -> None:
    text = json.dumps(ORDER).ljust(262_144)
    assert functions.create(text).status == 201
    assert encoded(functions, base64.b64encode(text.encode()).decode()).status == 201


def test_thousands_of_errors_are_answered_within_lambdas_limit(functions: Functions) -> None:
    body = "{" + ",".join(f'"{number}":0' for number in range(25_000)) + "}"
    answer = functions.create(body)
    assert answer.status == 400
    assert len(answer.body["errors"]) == 1000
    assert "1000 or more" in answer.body["detail"]


@pytest.mark.parametrize(
    "key", ["", " ", "a b", "é", "x" * 256, "a\tb", "\x7f", "key-1,key-2", "key-1, key-2", ","]
)
def test_a_malformed_idempotency_key_is_a_400(functions: Functions, key: str) -> None:
    answer = functions.create(ORDER, idempotency_key=key)
    assert answer.status == 400
    assert answer.body["type"] == "urn:serverless-orders:problem:invalid-idempotency-key"
    assert functions.aws.requests == []


@pytest.mark.parametrize("event", [{}, {"headers": None, "body": None, "requestContext": None}])
def test_an_event_without_anything_is_the_callers_error(functions: Functions, event: Any) -> None:
    answer = functions.call("create_order", event)
    assert answer.status == 400
    assert answer.body["requestId"] == "invocation-1"


@pytest.mark.parametrize(
    "order_id",
    [
        "",
        "1",
        "{7c9e6679-7425-40de-944b-e07fc1f90ae7}",
        "urn:uuid:7c9e6679-7425-40de-944b-e07fc1f90ae7",
        "7c9e6679742540de944be07fc1f90ae7",
        "7c9e6679-7425-40de-944b-e07fc1f90ae7\n",
        "7c9e6679-7425-40de-944b-e07fc1f90aeg",
        "..%2f",
        "٧c9e6679-7425-40de-944b-e07fc1f90ae7",
    ],
)
def test_an_order_id_that_is_no_uuid_is_a_400(functions: Functions, order_id: str) -> None:
    answer = functions.get(order_id)
    assert answer.status == 400
    assert answer.body["type"] == "urn:serverless-orders:problem:invalid-order-id"
    assert functions.aws.requests == []
