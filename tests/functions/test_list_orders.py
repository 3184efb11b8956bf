"""GET /orders: a caller's own orders, page by page."""

import json
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.functions.fake_aws import FakeAws
from tests.functions.support import SIGNED_IN, Answer, Functions, signed_in

ROUTE = "GET /orders"


@pytest.fixture
def signed(functions: Functions, variables: pytest.MonkeyPatch) -> Functions:
    for name, value in SIGNED_IN.items():
        variables.setenv(name, value)
    return functions


def place(aws: FakeAws, number: int, owner: str = "ada", status: str = "CONFIRMED") -> str:
    """Store the owner's order of that number; the second in which it was placed says it, too."""
    order_id = f"00000000-0000-4000-8000-{number:012}"
    at = {"S": f"2026-01-31T12:{number // 60:02}:{number % 60:02}.000Z"}
    aws.table[order_id] = {
        "id": {"S": order_id},
        "owner": {"S": owner},
        "customerName": {"S": f"customer of {owner}"},
        "items": {"L": []},
        "status": {"S": status},
        "createdAt": at,
        "updatedAt": at,
    }
    return order_id


def listed(functions: Functions, caller: str = "ada", route: str = ROUTE, **query: str) -> Answer:
    event = signed_in(caller, scope="orders/read") | {"routeKey": route}
    return functions.call("list_orders", event | {"queryStringParameters": query or None})


def following(answer: Answer) -> dict[str, str]:
    """The parameters of the link to the next page; none: there is none."""
    if "link" not in answer.headers:
        return {}
    link = re.fullmatch(r'<(/[^>]*)>; rel="next"', answer.headers["link"])
    assert link, answer.headers["link"]
    target = urlsplit(link[1])
    assert target.path == "/orders"
    return {name: value for name, (value,) in parse_qs(target.query).items()}


def pages(functions: Functions, **query: str) -> list[list[str]]:
    """The ids on each page, following the links."""
    found, asked = [], query
    while True:
        answer = listed(functions, **asked)
        assert answer.status == 200, answer.body
        found.append([each["id"] for each in answer.body["orders"]])
        asked = following(answer)
        if not asked:
            return found


def test_a_caller_sees_their_own_orders_alone_the_newest_first(signed: Functions) -> None:
    first, _, third = (place(signed.aws, n, owner) for n, owner in enumerate(("ada", "bob", "ada")))
    answer = listed(signed)
    assert answer.status == 200
    assert [each["id"] for each in answer.body["orders"]] == [third, first]
    assert answer.body["orders"][1] == {
        "id": first,
        "customerName": "customer of ada",
        "status": "CONFIRMED",
        "createdAt": "2026-01-31T12:00:00.000Z",
        "updatedAt": "2026-01-31T12:00:00.000Z",
    }
    assert "link" not in answer.headers
    assert listed(signed, "eve").body == {"orders": []}
    assert signed.aws.operations() == ["Query", "Query"]


def test_an_administrator_has_a_list_of_their_own_orders_too(signed: Functions) -> None:
    place(signed.aws, 1, "bob")
    event = signed_in("root", scope="orders/admin")
    assert signed.call("list_orders", event).body == {"orders": []}


@pytest.mark.parametrize("page_size", [1000, 3])
@pytest.mark.parametrize("count", [0, 4, 5, 11])
def test_links_lead_through_all_orders_each_once_on_full_pages(
    signed: Functions, count: int, page_size: int
) -> None:
    signed.aws.page_size = page_size  # DynamoDB ends a page early when it is large
    mine = [place(signed.aws, 2 * n) for n in range(count)]
    for n in range(count):
        place(signed.aws, 2 * n + 1, "bob")
    expected = mine[::-1]
    assert pages(signed, limit="5") == [
        expected[start : start + 5] for start in range(0, max(count, 1), 5)
    ]


def test_orders_of_one_moment_are_each_on_a_page(signed: Functions) -> None:
    mine = [place(signed.aws, n) for n in range(7)]
    for item in signed.aws.table.values():
        item["createdAt"] = {"S": "2026-01-31T12:00:00.000Z"}
    assert [each for page in pages(signed, limit="2") for each in page] == mine[::-1]


def test_orders_of_one_status_fill_their_pages_however_rare_they_are(signed: Functions) -> None:
    signed.aws.page_size = 10
    for number in range(60):
        place(signed.aws, number, status="FAILED" if number % 15 == 0 else "CONFIRMED")
    found = pages(signed, limit="2", status="FAILED")
    assert [len(page) for page in found] == [2, 2]
    assert {signed.aws.table[each]["status"]["S"] for page in found for each in page} == {"FAILED"}
    assert pages(signed, status="PENDING") == [[]]


def test_a_search_that_finds_nothing_for_long_ends_with_the_place_to_go_on(
    signed: Functions,
) -> None:
    signed.aws.page_size = 10
    oldest = place(signed.aws, 0, status="FAILED")
    for number in range(1, 250):
        place(signed.aws, number)
    found = pages(signed, status="FAILED")
    assert found == [[], [], [oldest]]  # 100 orders are examined for a page, of 250
    assert signed.aws.operations().count("Query") <= 26


def test_the_link_to_the_next_page_stands_beside_those_of_a_version_that_ends(
    signed: Functions, variables: pytest.MonkeyPatch
) -> None:
    ended = {"/v1/": {"link": '<https://shop.example.com/v2>; rel="sunset"'}}
    variables.setenv("API_DEPRECATIONS", json.dumps(ended))
    for number in range(2):
        place(signed.aws, number)
    link = listed(signed, route="GET /v1/orders", limit="1").headers["link"]
    assert re.fullmatch(r'</v1/orders\?[^>]*>; rel="next", <[^>]*>; rel="sunset"', link)


WRONG = {
    "limit": ["0", "101", "-1", "+5", "1.0", "", " 5", "5,5", "٣", "1" * 5000],
    "status": ["", "confirmed", "CONFIRMED,FAILED", "SHIPPED"],
    "cursor": ["", "x", "AAAA", "é", "a" * 4000],
    "page": ["2"],
}


@pytest.mark.parametrize(("name", "value"), [(k, v) for k, values in WRONG.items() for v in values])
def test_a_wrong_parameter_is_named(signed: Functions, name: str, value: str) -> None:
    answer = listed(signed, **{name: value})
    assert answer.status == 400
    assert answer.body["type"] == "urn:serverless-orders:problem:invalid-query"
    assert [each["name"] for each in answer.body["parameters"]] == [name]
    assert signed.aws.operations() == []


def test_all_wrong_parameters_are_named_at_once(signed: Functions) -> None:
    answer = listed(signed, limit="0", status="x", cursor="x", sort="id")
    named = {each["name"] for each in answer.body["parameters"]}
    assert named == {"limit", "status", "cursor", "sort"}


def cursor(functions: Functions) -> str:
    for number in range(3):
        place(functions.aws, number)
    return following(listed(functions, limit="1"))["cursor"]


def test_a_cursor_that_was_altered_anywhere_is_refused(signed: Functions) -> None:
    genuine = cursor(signed)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for position, letter in enumerate(genuine):
        other = letters[letters.index(letter) ^ 1]
        altered = genuine[:position] + other + genuine[position + 1 :]
        assert listed(signed, cursor=altered).status == 400, position
    for altered in (genuine[:-1], genuine + "A", genuine + "=", genuine + "\n", f" {genuine}"):
        assert listed(signed, cursor=altered).status == 400, altered
    assert listed(signed, cursor=genuine).status == 200


def test_a_cursor_is_good_for_its_caller_and_its_status_alone(
    signed: Functions, variables: pytest.MonkeyPatch
) -> None:
    genuine = cursor(signed)
    assert listed(signed, "bob", cursor=genuine).status == 400
    assert listed(signed, cursor=genuine, status="CONFIRMED").status == 400
    assert listed(signed, cursor=genuine, limit="2").status == 200
    variables.setattr(signed.module("list_orders"), "_cursor_key", b"another stack's")
    assert listed(signed, cursor=genuine).status == 400


def test_nobody_lists_orders_without_signing_in(signed: Functions) -> None:
    forged: dict[str, Any] = {
        "headers": {"authorization": "Bearer x", "x-amzn-oidc-identity": "ada"},
        "requestContext": {},
        "queryStringParameters": {"owner": "ada"},
    }
    assert signed.call("list_orders", forged).status == 401
    assert signed.aws.operations() == []
