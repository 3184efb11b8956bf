"""Idempotency-Key: one order for one key, whatever happens on the way."""

import hashlib
import hmac
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.functions.fake_aws import ANSWER_LOST, DROPPED, SERVER_ERROR
from tests.functions.support import ORDER, VARIABLES, Functions, forget, record

OTHER = {**ORDER, "customerName": "Grace Hopper"}


def test_the_id_is_the_keys_hmac_as_a_uuid(functions: Functions) -> None:
    answer = functions.create(ORDER, idempotency_key="key-1")
    mac = hmac.new(VARIABLES["ORDER_ID_KEY"].encode(), b"\nkey-1", hashlib.sha256).hexdigest()
    parsed = uuid.UUID(answer.body["id"])
    assert (parsed.version, parsed.variant) == (8, uuid.RFC_4122)
    # RFC 9562: all but the 4 bits of the version and the 2 of the variant.
    assert parsed.hex[:12] + parsed.hex[13:16] == mac[:12] + mac[13:16]
    assert parsed.int & ~(~0 << 62) == int(mac[16:32], 16) & ~(~0 << 62)
    assert functions.create(OTHER, idempotency_key="key-2").body["id"] != answer.body["id"]


def test_the_id_of_a_key_is_another_in_every_stack(
    functions: Functions, variables: pytest.MonkeyPatch
) -> None:
    here = functions.create(ORDER, idempotency_key="order-1001").body["id"]
    variables.setenv("ORDER_ID_KEY", "that of another stack")
    forget()
    there = functions.create(ORDER, idempotency_key="order-1001").body["id"]
    assert there != here
    assert len(functions.aws.table) == 2


def test_a_repeated_request_gets_the_same_answer_marked_as_a_replay(functions: Functions) -> None:
    first = functions.create(ORDER, request_id="request-1", idempotency_key="key-1")
    second = functions.create(ORDER, request_id="request-2", idempotency_key="key-1")
    assert (first.status, second.status) == (201, 201)
    assert second.body == first.body
    assert second.headers["location"] == first.headers["location"]
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert len(functions.aws.table) == 1


def test_a_replay_of_a_pending_order_sends_its_event_again(functions: Functions) -> None:
    functions.create(ORDER, request_id="request-1", idempotency_key="key-1")
    functions.create(ORDER, request_id="request-2", idempotency_key="key-1")
    first, second = functions.aws.bodies()
    assert first == second
    created_at = [m["MessageAttributes"]["createdAt"] for m in functions.aws.messages]
    assert created_at[0] == created_at[1]


def test_a_replay_days_later_answers_the_same_and_sends_nothing(functions: Functions) -> None:
    first = functions.create(ORDER, request_id="request-1", idempotency_key="key-1")
    functions.process(record(functions.aws.bodies()[0]))
    functions.aws.messages.clear()
    later = functions.create(ORDER, request_id="request-2", idempotency_key="key-1")
    assert later.body == first.body
    assert later.headers["idempotency-replayed"] == "true"
    assert functions.aws.messages == []
    assert functions.get(first.body["id"]).body["status"] == "CONFIRMED"


def test_another_order_under_the_same_key_is_a_422(functions: Functions) -> None:
    first = functions.create(ORDER, request_id="request-1", idempotency_key="key-1")
    second = functions.create(OTHER, request_id="request-2", idempotency_key="key-1")
    assert second.status == 422
    assert second.body["type"] == "urn:serverless-orders:problem:idempotency-key-reused"
    assert functions.logs()[-1]["order_id"] == functions.logs()[0]["order_id"]
    assert functions.get(first.body["id"]).body["customerName"] == ORDER["customerName"]
    assert len(functions.aws.messages) == 1


def test_an_order_that_differs_in_any_value_is_another(functions: Functions) -> None:
    first, second = ORDER["items"]
    functions.create(ORDER, request_id="request-1", idempotency_key="key-1")
    for other in ({"qty": 3}, {"price": 12.6}, {"sku": "TEA-02"}):
        changed = {**ORDER, "items": [{**first, **other}, second]}
        answer = functions.create(changed, request_id="request-2", idempotency_key="key-1")
        assert answer.status == 422, other


@pytest.mark.parametrize(
    "same",
    [
        '{"items":[{"price":12.50,"qty":2.0,"sku":"TEA-01"},{"sku":"CUP-07","qty":1,"price":1e-1}],'
        ' "customerName": "\\u0041da Lovelace "}',
    ],
)
def test_the_fingerprint_is_of_the_order_not_of_its_spelling(
    functions: Functions, same: str
) -> None:
    first = functions.create(ORDER, request_id="request-1", idempotency_key="key-1")
    second = functions.create(same, request_id="request-2", idempotency_key="key-1")
    assert second.body == first.body


def test_the_order_of_the_items_is_part_of_the_order(functions: Functions) -> None:
    functions.create(ORDER, request_id="request-1", idempotency_key="key-1")
    turned = {**ORDER, "items": ORDER["items"][::-1]}
    assert functions.create(turned, request_id="request-2", idempotency_key="key-1").status == 422


def test_equal_keys_of_two_callers_never_meet(functions: Functions) -> None:
    def create(subject: str | None) -> str:
        claims = {"iss": "https://issuer.example", "sub": subject}
        event = {
            "headers": {"content-type": "application/json", "idempotency-key": "key-1"},
            "requestContext": {"requestId": "r"}
            | ({"authorizer": {"jwt": {"claims": claims}}} if subject else {}),
            "body": '{"customerName":"A","items":[{"sku":"S","qty":1,"price":1}]}',
        }
        identifier: str = functions.call("create_order", event).body["id"]
        return identifier

    assert len({create("ann"), create("bob"), create(None)}) == 3
    assert create("ann") == create("ann")


def test_concurrent_equal_requests_make_one_order(functions: Functions) -> None:
    functions.module("create_order")
    with ThreadPoolExecutor(8) as threads:
        answers = list(
            threads.map(
                lambda number: functions.create(
                    ORDER, request_id=f"request-{number}", idempotency_key="key-1"
                ),
                range(16),
            )
        )
    assert {answer.status for answer in answers} == {201}
    assert len({str(answer.body) for answer in answers}) == 1
    assert len(functions.aws.table) == 1
    replays = [a for a in answers if a.headers.get("idempotency-replayed") == "true"]
    assert len(replays) == 15


def test_a_crash_between_put_and_send_is_completed_by_a_retry(functions: Functions) -> None:
    functions.aws.fail("SendMessage", DROPPED, DROPPED)
    first = functions.create(ORDER, request_id="request-1", idempotency_key="key-1")
    assert first.status == 503
    assert functions.aws.messages == []
    second = functions.create(ORDER, request_id="request-2", idempotency_key="key-1")
    assert second.status == 201
    assert second.body["id"] == first.body["orderId"]
    assert [body["detail"]["id"] for body in functions.aws.bodies()] == [second.body["id"]]


@pytest.mark.parametrize("key", [{}, {"idempotency_key": "key-1"}])
def test_a_lost_answer_of_our_own_put_is_no_replay_and_no_second_order(
    functions: Functions, key: dict[str, str]
) -> None:
    functions.aws.fail("PutItem", ANSWER_LOST)
    answer = functions.create(ORDER, **key)
    assert answer.status == 201
    assert "idempotency-replayed" not in answer.headers
    assert functions.aws.operations() == ["PutItem", "PutItem", "SendMessage"]
    assert list(functions.aws.table) == [answer.body["id"]]
    assert functions.aws.bodies()[0]["detail"]["id"] == answer.body["id"]


def test_a_put_that_failed_for_good_leaves_nothing_and_may_be_repeated(
    functions: Functions,
) -> None:
    functions.aws.fail("PutItem", *[SERVER_ERROR] * 3)
    failed = functions.create(ORDER, request_id="request-1", idempotency_key="key-1")
    assert failed.status == 503
    assert functions.aws.table == {}
    assert functions.aws.messages == []
    again = functions.create(ORDER, request_id="request-2", idempotency_key="key-1")
    assert again.body["id"] == failed.body["orderId"]
    assert "idempotency-replayed" not in again.headers


@pytest.mark.parametrize("key", ["!", "+", "-", "~" * 255, '"quoted"', "\\"])
def test_every_visible_character_but_the_comma_is_allowed_in_a_key(
    functions: Functions, key: str
) -> None:
    assert functions.create(ORDER, idempotency_key=key).status == 201
