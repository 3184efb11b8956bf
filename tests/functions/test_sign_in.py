"""Sign-in: who calls is what the authorizer says, and sees what is theirs."""

import json
from typing import Any

import pytest

from functions import contract
from tests.functions.support import ORDER, Functions, forget, record
from tests.functions.test_changes import events

ADA, EVE = "7c1b2e5a-ada", "0d9f3c7b-eve"


@pytest.fixture(autouse=True)
def signed_in(variables: pytest.MonkeyPatch) -> None:
    variables.setenv(contract.SIGN_IN_VARIABLE, "true")
    forget()


def token(subject: str, *scopes: str) -> dict[str, Any]:
    """What API Gateway says of a token that it has checked."""
    claims = {"iss": "https://login.example.com", "sub": subject, "scope": " ".join(scopes)}
    return {"jwt": {"claims": claims, "scopes": None}}


def request(
    authorizer: dict[str, Any] | None, order_id: str = "", **headers: str
) -> dict[str, Any]:
    return {
        "headers": {"content-type": "application/json", **headers},
        "pathParameters": {"id": order_id},
        "requestContext": {"requestId": "request-1"}
        | ({} if authorizer is None else {"authorizer": authorizer}),
        "body": json.dumps(ORDER),
    }


def placed(functions: Functions, subject: str, **headers: str) -> str:
    answer = functions.call("create_order", request(token(subject, "orders/write"), **headers))
    assert answer.status == 201
    order_id: str = answer.body["id"]
    return order_id


def recorded(functions: Functions) -> None:
    """Have all changes so far published and recorded."""
    told = [{"detail": each, "source": contract.EVENT_SOURCE} for each in events(functions)]
    assert functions.record(*told) == []


@pytest.mark.parametrize("name", ["get_order", "get_order_history"])
def test_an_order_is_shown_to_its_owner_and_to_nobody_else(functions: Functions, name: str) -> None:
    order_id, unknown = placed(functions, ADA), "7c9e6679-7425-40de-944b-e07fc1f90ae7"
    recorded(functions)

    def asked(subject: str, scope: str, for_order: str = order_id) -> Any:
        return functions.call(name, request(token(subject, scope), for_order))

    assert asked(ADA, "orders/read").body["id"] == order_id
    assert asked(EVE, "openid orders/admin").body == asked(ADA, "orders/read").body
    hidden, absent = asked(EVE, "orders/read"), asked(EVE, "orders/read", unknown)
    assert (
        (hidden.status, hidden.headers) == (absent.status, absent.headers) == (404, absent.headers)
    )
    assert json.dumps(hidden.body).replace(order_id, unknown) == json.dumps(absent.body)
    # No scope but that of administrators is one.
    assert asked(EVE, "orders/administration orders/write").status == 404


def test_an_order_carries_its_owner_and_so_does_all_that_is_told_of_it(
    functions: Functions,
) -> None:
    order_id = placed(functions, ADA)
    assert functions.aws.table[order_id]["owner"] == {"S": ADA}
    functions.process(record(functions.aws.bodies()[0]))
    assert [each["data"]["owner"] for each in events(functions)] == [ADA, ADA]
    recorded(functions)
    assert {item["owner"]["S"] for item in functions.aws.history.values()} == {ADA}
    shown = functions.call("get_order", request(token(ADA, "orders/read"), order_id)).body
    assert shown["owner"] == ADA
    # The queue's message is the specification's.
    assert "owner" not in functions.aws.bodies()[0]
    assert ADA not in str(functions.output())


def test_changes_recorded_before_there_were_owners_belong_to_the_orders_owner(
    functions: Functions,
) -> None:
    order_id = placed(functions, ADA)
    functions.process(record(functions.aws.bodies()[0]))
    recorded(functions)
    first = min(functions.aws.history.values(), key=lambda item: item["version"]["N"])
    del first["owner"]
    shown = functions.call("get_order_history", request(token(ADA, "orders/read"), order_id))
    assert len(shown.body["changes"]) == 2


@pytest.mark.parametrize("name", ["get_order", "get_order_history"])
def test_what_nobody_owns_is_for_administrators(
    functions: Functions, variables: pytest.MonkeyPatch, name: str
) -> None:
    variables.delenv(contract.SIGN_IN_VARIABLE)
    forget()
    order_id = functions.create(ORDER).body["id"]
    recorded(functions)
    assert functions.call(name, request(None, order_id)).status == 200
    variables.setenv(contract.SIGN_IN_VARIABLE, "true")
    forget()
    assert functions.call(name, request(token(ADA, "orders/read"), order_id)).status == 404
    assert functions.call(name, request(token(ADA, "orders/admin"), order_id)).status == 200


def test_the_same_key_of_two_callers_is_two_orders(functions: Functions) -> None:
    key = {"idempotency-key": "key-1"}
    ada, eve = placed(functions, ADA, **key), placed(functions, EVE, **key)
    assert ada != eve
    assert (placed(functions, ADA, **key), placed(functions, EVE, **key)) == (ada, eve)
    assert len(functions.aws.table) == 2


FORGED = {
    "authorization": "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiI3YzFiMmU1YS1hZGEifQ.",
    "x-amzn-oidc-identity": ADA,
    "x-amzn-requestcontext": json.dumps({"authorizer": token(ADA, "orders/admin")}),
    "x-owner": ADA,
    "x-user": ADA,
    "sub": ADA,
    "owner": ADA,
    "scope": "orders/admin",
}


def test_no_header_says_who_calls(functions: Functions) -> None:
    order_id = placed(functions, ADA)
    as_eve = functions.call("get_order", request(token(EVE, "orders/read"), order_id, **FORGED))
    assert as_eve.status == 404
    theirs = placed(functions, EVE, **FORGED)
    assert functions.aws.table[theirs]["owner"] == {"S": EVE}


@pytest.mark.parametrize(
    "authorizer", [None, {}, {"lambda": {"sub": ADA}}, {"iam": {"userId": ADA}}]
)
@pytest.mark.parametrize("name", ["create_order", "get_order", "get_order_history"])
def test_a_request_that_has_passed_no_authorizer_is_refused(
    functions: Functions, name: str, authorizer: dict[str, Any] | None
) -> None:
    order_id = placed(functions, ADA)
    answer = functions.call(name, request(authorizer, order_id, **FORGED))
    assert answer.status == 401
    assert answer.body["type"] == "urn:serverless-orders:problem:unauthenticated"
    assert len(functions.aws.table) == 1


@pytest.mark.parametrize("subject", ["", None, 7, "a\nb", "\x00", "x" * 256])
def test_a_token_that_names_nobody_owns_nothing(functions: Functions, subject: Any) -> None:
    answer = functions.call("create_order", request(token(subject, "orders/write")))
    assert (answer.status, answer.body["title"]) == (403, "The access token names nobody")
    assert functions.aws.table == {}


@pytest.mark.parametrize(
    ("claims", "scopes"),
    [
        ({"scope": "orders/read orders/admin"}, {"orders/read", "orders/admin"}),
        ({"scp": "[orders/read orders/admin]"}, {"orders/read", "orders/admin"}),
        ({"scope": ""}, set()),
        ({"scope": None, "client_id": "machine"}, set()),
    ],
)
def test_scopes_are_those_of_the_claim(claims: dict[str, Any], scopes: set[str]) -> None:
    from functions.toolkit.caller import Caller, caller

    event = {"requestContext": {"authorizer": {"jwt": {"claims": {"sub": ADA, **claims}}}}}
    assert caller(event) == Caller(ADA, frozenset(scopes))


def test_without_sign_in_nothing_of_it_is_loaded(
    functions: Functions, variables: pytest.MonkeyPatch
) -> None:
    variables.delenv(contract.SIGN_IN_VARIABLE)
    forget()
    import sys

    order_id = functions.create(ORDER).body["id"]
    assert functions.get(order_id).status == 200
    assert "functions.toolkit.caller" not in sys.modules
    assert "owner" not in functions.aws.table[order_id]
