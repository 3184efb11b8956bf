"""GET /orders/{id}."""

import re

import pytest

from tests.functions.support import ORDER, Functions

ABSENT = "7c9e6679-7425-40de-944b-e07fc1f90ae7"


def test_an_order_comes_back_as_it_was_sent(functions: Functions) -> None:
    created = functions.create(ORDER).body
    answer = functions.get(created["id"])
    assert answer.status == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.body == {
        **ORDER,
        "id": created["id"],
        "status": "PENDING",
        "createdAt": created["createdAt"],
        "updatedAt": created["createdAt"],
    }


def test_an_order_is_read_consistently_in_one_call(functions: Functions) -> None:
    created = functions.create(ORDER).body
    functions.aws.requests.clear()
    functions.get(created["id"])
    assert functions.aws.operations() == ["GetItem"]
    assert functions.aws.requests[0][1]["ConsistentRead"] is True


def test_an_id_in_capitals_names_the_same_order(functions: Functions) -> None:
    created = functions.create(ORDER).body
    assert functions.get(created["id"].upper()).body["id"] == created["id"]


def test_an_absent_order_is_a_404(functions: Functions) -> None:
    answer = functions.get(ABSENT)
    assert answer.status == 404
    assert answer.body["type"] == "urn:serverless-orders:problem:order-not-found"
    assert answer.body["status"] == 404


def test_an_item_of_the_specification_alone_is_shown(functions: Functions) -> None:
    functions.aws.table[ABSENT] = {
        "id": {"S": ABSENT},
        "customerName": {"S": "Ada"},
        "items": {"L": []},
        "status": {"S": "CONFIRMED"},
        "createdAt": {"S": "2026-01-31T12:00:00Z"},
    }
    assert functions.get(ABSENT).body == {
        "id": ABSENT,
        "customerName": "Ada",
        "items": [],
        "status": "CONFIRMED",
        "createdAt": "2026-01-31T12:00:00Z",
    }


@pytest.mark.parametrize("item", [{}, {"customerName": {"S": "SECRET"}, "items": {"S": "SECRET"}}])
def test_a_damaged_item_is_a_500_that_shows_nothing_of_it(
    functions: Functions, item: dict[str, dict[str, str]]
) -> None:
    functions.aws.table[ABSENT] = {"id": {"S": ABSENT}, **item}
    answer = functions.get(ABSENT)
    assert answer.status == 500
    assert answer.body["requestId"] == "invocation-1"
    assert "SECRET" not in str(answer.body) + str(functions.logs())
    assert functions.logs()[-1]["error"] in ("KeyError", "TypeError")
    raised_at = functions.logs()[-1]["raised_at"]
    assert 0 < len(raised_at) <= 5
    assert re.fullmatch(r"\w+ \(.*/functions/.*\.py:\d+\)", raised_at[-1])
