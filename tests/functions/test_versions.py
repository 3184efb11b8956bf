"""The versions of the API: one order, seen and placed through each of them."""

import json
import sys
from decimal import Decimal
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components import order_functions
from functions import contract
from functions.orders import money
from functions.orders.order import Found
from functions.orders.representations import v1, v2
from functions.toolkit import json_text
from tests.functions.support import ORDER, Functions, forget, route

EURO = {"currency": "EUR"}
ORDER_2 = {
    "customer": {"name": "Ada Lovelace"},
    "items": [
        {"sku": "TEA-01", "qty": 2, "unitPrice": {"amount": 1250, **EURO}},
        {"sku": "CUP-07", "qty": 1, "unitPrice": {"amount": 10, **EURO}},
    ],
}
TOTALS = ({"amount": 2500, **EURO}, {"amount": 10, **EURO})
"""ORDER as version 2 has it, and the totals of its items."""

PLACES = {"EUR": 2, "JPY": 0, "KWD": 3}


@pytest.mark.parametrize("written", ["", "v1", "v2"])
def test_an_order_of_any_version_is_seen_through_all(functions: Functions, written: str) -> None:
    created = functions.create(ORDER_2 if written == "v2" else ORDER, version=written).body
    common = {
        "id": created["id"],
        "status": "PENDING",
        "createdAt": created["createdAt"],
        "updatedAt": created["createdAt"],
    }
    first = {**ORDER, **common}
    assert functions.get(created["id"]).body == functions.get(created["id"], "v1").body == first
    assert functions.get(created["id"], "v2").body == {
        "customer": ORDER_2["customer"],
        "items": [
            {**item, "total": total} for item, total in zip(ORDER_2["items"], TOTALS, strict=True)
        ],
        "total": {"amount": 2510, **EURO},
        **common,
    }


@pytest.mark.parametrize(
    ("version", "path", "more"),
    [("", "", {}), ("v1", "/v1", {}), ("v2", "/v2", {"total": {"amount": 2510, **EURO}})],
)
def test_a_caller_stays_in_the_version_that_it_placed_the_order_in(
    functions: Functions, version: str, path: str, more: dict[str, Any]
) -> None:
    answer = functions.create(ORDER_2 if version == "v2" else ORDER, version=version)
    assert answer.status == 201
    assert answer.headers["location"] == f"{path}/orders/{answer.body['id']}"
    assert answer.body.keys() == {"id", "status", "createdAt", *more}
    assert answer.body.items() >= {"status": "PENDING", **more}.items()


def test_a_version_that_there_is_not_is_the_first(functions: Functions) -> None:
    answer = functions.create(ORDER, version="v99")
    assert answer.headers["location"] == f"/orders/{answer.body['id']}"


def test_events_items_and_fingerprints_are_of_no_version(functions: Functions) -> None:
    first, second = (
        functions.create(body, version=version).body["id"]
        for body, version in ((ORDER, "v1"), (ORDER_2, "v2"))
    )
    bodies = [{**body["detail"], "id": ""} for body in functions.aws.bodies()]
    assert bodies[0] == bodies[1] == {**ORDER, "id": ""}
    ours = ("customerName", "items", "status", "fingerprint", "version")
    items = [{name: functions.aws.table[each][name] for name in ours} for each in (first, second)]
    assert items[0] == items[1]


@pytest.mark.parametrize(("earlier", "later"), [("", "v2"), ("v2", "v1")])
def test_a_key_is_of_one_order_in_all_versions(
    functions: Functions, earlier: str, later: str
) -> None:
    def placed(version: str, request_id: str, name: str = "Ada Lovelace") -> Any:
        body: Any = {**ORDER, "customerName": name}
        if version == "v2":
            body = {**ORDER_2, "customer": {"name": name}}
        return functions.create(body, request_id, version, idempotency_key="key-1")

    first, second = placed(earlier, "request-1"), placed(later, "request-2")
    assert second.body["id"] == first.body["id"]
    assert second.body["createdAt"] == first.body["createdAt"]
    assert second.headers["idempotency-replayed"] == "true"
    assert placed(later, "request-3", "Grace Hopper").status == 422


def test_errors_name_the_fields_of_the_version(functions: Functions) -> None:
    wrong = {
        "customer": {"name": " ", "email": "a@b"},
        "items": [
            {"sku": "S", "qty": 0, "unitPrice": {"amount": 1.5, "currency": "USD"}},
            {"sku": "S", "qty": 1, "price": 1},
            {"sku": "S", "qty": 1, "unitPrice": {"amount": -1, "currency": 1}},
            {"sku": "S", "qty": 1, "unitPrice": {"amount": 10**12, **EURO, "exact": "1"}},
        ],
    }
    answer = functions.create(wrong, version="v2")
    assert answer.status == 400
    assert answer.body["type"] == "urn:serverless-orders:problem:invalid-order"
    assert {each["pointer"]: each["detail"] for each in answer.body["errors"]} == {
        "#/customer/name": "must have 1 to 200 characters besides the whitespace around them",
        "#/customer/email": "is not a known field",
        "#/items/0/qty": "must be at least 1",
        "#/items/0/unitPrice/amount": "must be an integer, not a number with decimals",
        "#/items/0/unitPrice/currency": "must be EUR, the currency of this system",
        "#/items/1/price": "is not a known field",
        "#/items/1/unitPrice": "is required",
        "#/items/2/unitPrice/amount": "must be at least 0",
        "#/items/2/unitPrice/currency": "must be a string, not a number",
        "#/items/3/unitPrice/amount": "must be at most 100000000000",
        "#/items/3/unitPrice/exact": "is not a known field",
    }
    crossed = functions.create(ORDER, version="v2").pointers()
    assert crossed[:3] == ["#/customer", "#/customerName", "#/items/0/unitPrice"]
    assert functions.create(ORDER_2, version="v1").pointers()[0] == "#/customerName"
    assert functions.aws.table == {}


@pytest.mark.parametrize(
    ("price", "qty", "unit", "total"),
    [
        # Finer than a cent: rounded half up, and what it is exactly stands beside it.
        (0.001, 1, (0, "0.001"), (0, "0.001")),
        (0.005, 1, (1, "0.005"), (1, "0.005")),
        (0.0001, 10_000, (0, "0.0001"), (100, None)),  # the exact price counts, not the rounded
        (
            999_999_999.9999,
            1_000_000,
            (100_000_000_000, "999999999.9999"),
            (99999999999990000, None),
        ),
        (12.5, 3, (1250, None), (3750, None)),
    ],
)
def test_a_price_finer_than_the_currency_is_rounded_and_told_exactly(
    functions: Functions,
    price: float,
    qty: int,
    unit: tuple[int, str | None],
    total: tuple[int, str | None],
) -> None:
    item = {"sku": "S", "qty": qty, "price": price}
    placed = functions.create({"customerName": "Ada", "items": [item, item]}, version="v1")
    shown = functions.get(placed.body["id"], "v2").body
    for name, (amount, exact) in (("unitPrice", unit), ("total", total)):
        expected = {"amount": amount, **EURO, **({"exact": exact} if exact else {})}
        assert [each[name] for each in shown["items"]] == [expected] * 2
    assert shown["total"] == {"amount": 2 * total[0], **EURO}


def test_what_else_wrote_into_the_table_is_shown_by_every_version(functions: Functions) -> None:
    order_id = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
    item = {"sku": {"S": "S"}, "qty": {"N": "2.5"}, "price": {"N": "-0.333333333333"}}
    functions.aws.table[order_id] = {
        "id": {"S": order_id},
        "customerName": {"S": ""},
        "items": {"L": [{"M": item}]},
        "status": {"S": "CONFIRMED"},
        "createdAt": {"S": "2026-01-31T12:00:00Z"},
    }
    shown = functions.get(order_id, "v2").body
    assert shown["items"][0]["unitPrice"] == {"amount": -33, **EURO, "exact": "-0.333333333333"}
    assert shown["total"] == {"amount": -83, **EURO}
    assert "updatedAt" not in shown


@pytest.mark.parametrize(
    ("currency", "amount", "price"),
    [("JPY", 12, 12), ("KWD", 12_345, 12.345), ("EUR", 1999, 19.99)],
)
def test_the_smallest_unit_is_that_of_the_stacks_currency(
    functions: Functions,
    variables: pytest.MonkeyPatch,
    currency: str,
    amount: int,
    price: float,
) -> None:
    variables.setenv("CURRENCY", currency)
    forget()
    money_ = {"amount": amount, "currency": currency}
    item = {"sku": "S", "qty": 1, "unitPrice": money_}
    placed = functions.create({"customer": {"name": "Ada"}, "items": [item]}, version="v2")
    assert placed.body["total"] == money_
    assert functions.get(placed.body["id"]).body["items"][0]["price"] == price
    assert functions.get(placed.body["id"], "v2").body["items"][0]["unitPrice"] == money_


def test_a_function_loads_the_second_version_when_it_is_asked_for(functions: Functions) -> None:
    forget()
    created = functions.create(ORDER).body
    functions.get(created["id"])
    functions.get(created["id"], "v1")
    assert not [name for name in sys.modules if name.endswith(("representations.v2", ".money"))]
    functions.get(created["id"], "v2")
    assert "functions.orders.representations.v2" in sys.modules


# Through one version and back


prices = st.decimals(0, 10**9, places=4).map(float)
names = st.text("ab ", min_size=1, max_size=9).filter(str.strip)


def orders_1(price: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    item = st.fixed_dictionaries(
        {"sku": st.text("xyz", min_size=1), "qty": st.integers(1, 10**6), "price": price}
    )
    return st.fixed_dictionaries(
        {"customerName": names, "items": st.lists(item, min_size=1, max_size=3)}
    )


def found(details: Any) -> Found:
    return Found("0b9c1a3e-6f2d-4c57-9a41-7d5be2c8f016", details, "PENDING", "t", None)


def request_2(shown: Any) -> Any:
    """The request of version 2 that places the order that it shows."""
    items = [{name: each[name] for name in ("sku", "qty", "unitPrice")} for each in shown["items"]]
    return {"customer": shown["customer"], "items": items}


def parsed(value: Any) -> Any:
    return json_text.parse(json.dumps(value))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(orders_1(st.decimals(0, 10**9, places=2).map(float)))
def test_an_order_in_whole_units_goes_through_version_2_and_back_unchanged(body: Any) -> None:
    details = v1.reader()(parsed(body))
    again = v2.reader()(parsed(request_2(v2.order(found(details)))))
    assert again == details
    assert json.dumps(again) == json.dumps(details)  # the fingerprint is of the text
    shown = {name: v1.order(found(again))[name] for name in ("customerName", "items")}
    assert v1.reader()(parsed(shown)) == details


@settings(max_examples=100, deadline=None)
@given(orders_1(prices), st.sampled_from(sorted(PLACES)))
def test_any_price_of_version_1_is_told_exactly_and_its_totals_add_up(
    body: Any, currency: str
) -> None:
    places = PLACES[currency]
    for item in v1.reader()(parsed(body))["items"]:
        price, qty = Decimal(str(item["price"])), item["qty"]
        for pieces in (1, qty):
            units, exact = money.amount(item["price"], places, pieces)
            told = Decimal(exact) if exact else Decimal(units).scaleb(-places)
            assert told == price * pieces
            assert abs(Decimal(units).scaleb(-places) - told) * 2 <= Decimal(1).scaleb(-places)
    shown = v2.order(found(v1.reader()(parsed(body))))
    assert shown["total"]["amount"] == sum(each["total"]["amount"] for each in shown["items"])
    jsonschema.validate(shown["items"], v2.ORDER["properties"]["items"])


def test_every_currency_has_its_decimals_once() -> None:
    listed = " ".join(contract.CURRENCIES.values()).split()
    assert len(listed) == len(set(listed)) > 150
    with pytest.raises(LookupError, match="XXX"):
        money.decimals("XXX")


# Deprecated versions

FIELDS = {
    "deprecation": "@1798761600",
    "sunset": "Fri, 31 Dec 2027 00:00:00 GMT",
    "link": '<https://shop.example.com>; rel="deprecation"',
}
ROUTED = [
    (each.name, *each.route) for each in order_functions.FUNCTIONS if each.route and each.versioned
]


@pytest.mark.parametrize(("name", "method", "path"), ROUTED, ids=[name for name, *_ in ROUTED])
def test_every_answer_of_a_deprecated_version_says_so_and_no_other(
    functions: Functions, variables: pytest.MonkeyPatch, name: str, method: str, path: str
) -> None:
    def told(version: str) -> dict[str, str]:
        # Refused for whatever reason: what is deprecated is so in errors, too.
        event = {"routeKey": route(method, path, version), "requestContext": {}}
        headers: dict[str, str] = functions.invoke(name, event)["headers"]
        return {key: headers[key] for key in FIELDS if key in headers}

    assert told("") == told("v1") == told("v2") == {}
    variables.setenv("API_DEPRECATIONS", json.dumps({"/v1/": FIELDS, "/orders": FIELDS}))
    forget()
    assert told("") == told("v1") == FIELDS
    assert told("v2") == {}


def test_a_success_says_so_too_and_a_link_that_is_there_stays(
    functions: Functions, variables: pytest.MonkeyPatch
) -> None:
    variables.setenv("API_DEPRECATIONS", json.dumps({"/v2/": FIELDS}))
    forget()
    created = functions.create(ORDER_2, version="v2")
    assert created.headers.items() >= FIELDS.items()
    assert functions.get(created.body["id"], "v2").headers.items() >= FIELDS.items()
    assert "deprecation" not in functions.create(ORDER).headers
    api = functions.module("toolkit.api")
    decorated = api.announcing("API_DEPRECATIONS")(lambda *_: {"headers": {"link": "</a>"}})
    event = {"routeKey": "GET /v2/orders"}
    assert decorated(event, None)["headers"]["link"] == f"</a>, {FIELDS['link']}"
    variables.delenv("API_DEPRECATIONS")
    handler = object()
    assert api.announcing("API_DEPRECATIONS")(handler) is handler
