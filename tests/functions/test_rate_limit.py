"""The limits of callers, as every function that answers requests keeps them."""

import hashlib
import importlib
import math
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from tests.functions.fake_aws import (
    ANSWER_LOST,
    DENIED,
    DROPPED,
    SERVER_ERROR,
    THROTTLED,
    UNREADABLE,
    Fault,
)
from tests.functions.support import LIMITED, ORDER, Answer, Functions, forget, signed_in

ORDER_ID = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
QUOTA = 3

READS: dict[str, dict[str, Any]] = {
    "get_order": {"pathParameters": {"id": ORDER_ID}},
    "get_order_history": {"pathParameters": {"id": ORDER_ID}},
}


@pytest.fixture
def limited(functions: Functions, variables: pytest.MonkeyPatch) -> Functions:
    """Functions with limits of QUOTA requests a minute, in a minute that does not turn."""
    for name, value in LIMITED.items():
        variables.setenv(name, value)
    variables.setenv("CALLER_LIMIT_POLICY", "create")
    variables.setenv("CALLER_LIMIT_PER_MINUTE", str(QUOTA))
    clock(variables, 0)
    return functions


def clock(variables: pytest.MonkeyPatch, seconds: float) -> None:
    """Set the time that the limiter reads: ada's minute turns when it is 0."""
    module = importlib.import_module("functions.toolkit.rate_limit")
    # The seconds by which her minute is ahead, as the limiter derives them of her name.
    ahead = int(hashlib.sha256(b"ada").hexdigest()[:8], 16) % 60
    now = 1_700_000_000 // 60 * 60 - ahead + seconds
    variables.setattr(module, "time", SimpleNamespace(time=lambda: now))


def create(functions: Functions, caller: str = "ada") -> Answer:
    return functions.call("create_order", signed_in(caller, ORDER))


def read(functions: Functions, name: str, caller: str = "ada") -> Answer:
    return functions.call(name, signed_in(caller) | READS[name])


def counted(functions: Functions) -> int:
    """How often the table of limits was asked."""
    return sum("limits" in request.get("TableName", "") for _, request in functions.aws.requests)


def test_a_quota_is_used_up_request_by_request_and_then_the_caller_has_to_wait(
    limited: Functions, variables: pytest.MonkeyPatch
) -> None:
    clock(variables, 12.5)
    answers = [create(limited) for _ in range(QUOTA + 1)]
    assert [each.status for each in answers] == [201, 201, 201, 429]
    assert [each.headers["ratelimit"] for each in answers] == [
        f'"create";r={remaining};t=48' for remaining in (2, 1, 0, 0)
    ]
    assert {each.headers["ratelimit-policy"] for each in answers} == {'"create";q=3;w=60'}
    refused = answers[-1]
    assert refused.headers["retry-after"] == "48"
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.body["type"] == "urn:serverless-orders:problem:quota-exceeded"
    assert refused.body["violated-policies"] == ["create"]
    assert len(limited.aws.table) == QUOTA, "a refused order was stored"
    assert "retry-after" not in answers[0].headers

    clock(variables, 12.5 + 48)
    assert create(limited).headers["ratelimit"] == '"create";r=2;t=60'


def test_around_the_turn_of_a_minute_a_caller_gets_through_at_most_twice_their_quota(
    limited: Functions, variables: pytest.MonkeyPatch
) -> None:
    passed = 0
    for seconds in (59.9, 60.1, 119.8):  # less than a minute from the first to the last
        clock(variables, seconds)
        passed += sum(create(limited).status == 201 for _ in range(QUOTA + 2))
    assert passed == 2 * QUOTA


def test_a_request_is_counted_by_one_conditional_write_before_any_other_work(
    limited: Functions,
) -> None:
    create(limited)
    (first, request), *others = limited.aws.requests
    assert first == "UpdateItem"
    assert "limits" in request["TableName"]
    assert [name for name, _ in others] == ["PutItem", "SendMessage"]


def test_a_refused_request_asks_nothing_but_the_table_of_limits_and_that_once(
    limited: Functions, variables: pytest.MonkeyPatch
) -> None:
    for _ in range(QUOTA + 5):
        create(limited)
    # An instance that has seen a quota used up refuses by itself.
    assert counted(limited) == QUOTA + 1
    assert limited.aws.operations().count("PutItem") == QUOTA
    forget()
    clock(variables, 0)
    limited.aws.requests.clear()
    assert create(limited).status == 429
    assert limited.aws.operations() == ["UpdateItem"]


def test_callers_and_kinds_of_requests_have_quotas_of_their_own(
    limited: Functions, variables: pytest.MonkeyPatch
) -> None:
    for _ in range(QUOTA + 1):
        create(limited)
    assert create(limited).status == 429
    assert create(limited, "bob").status == 201
    forget()
    variables.setenv("CALLER_LIMIT_POLICY", "read")
    clock(variables, 0)
    assert read(limited, "get_order").headers["ratelimit"] == '"read";r=2;t=60'


def test_orders_lists_and_histories_are_read_of_one_quota(
    limited: Functions, variables: pytest.MonkeyPatch
) -> None:
    variables.setenv("CALLER_LIMIT_POLICY", "read")
    answers = [read(limited, name) for name in (*READS, *READS)]
    assert [each.status for each in answers] == [404, 404, 404, 429]
    assert answers[0].headers["ratelimit-policy"] == '"read";q=3;w=60'


def test_every_answer_says_where_its_caller_stands(
    limited: Functions, variables: pytest.MonkeyPatch
) -> None:
    variables.setenv("CALLER_LIMIT_POLICY", "read")
    absent = read(limited, "get_order")
    limited.aws.fail("GetItem", *[SERVER_ERROR] * 3)
    failed = read(limited, "get_order")
    assert (absent.status, absent.headers["ratelimit"]) == (404, '"read";r=2;t=60')
    assert (failed.status, failed.headers["ratelimit"]) == (503, '"read";r=1;t=60')
    assert failed.headers["retry-after"] == "1"


def test_a_quota_is_exact_however_many_requests_come_at_once_to_whichever_instance(
    limited: Functions,
) -> None:
    """Each instance has a limiter with nothing but the table in common."""
    api = importlib.import_module("functions.toolkit.api")
    contract = importlib.import_module("functions.contract")
    metrics = importlib.import_module("functions.orders.metrics").metrics
    problem = importlib.import_module("functions.toolkit.problems").Problem
    instances = [api.rate_limit(metrics, **contract.CALLER_LIMIT) for _ in range(4)]

    def passes(number: int) -> bool:
        try:
            instances[number % len(instances)].take("ada")
        except problem:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(passes, range(10 * QUOTA))) == QUOTA


@pytest.mark.parametrize(
    "fault", [DENIED, DROPPED, THROTTLED, SERVER_ERROR, UNREADABLE, Fault(delay=0.3)]
)
def test_a_request_passes_when_it_cannot_be_counted_and_a_metric_says_so(
    limited: Functions, fault: Fault, variables: pytest.MonkeyPatch
) -> None:
    module = importlib.import_module("functions.toolkit.rate_limit")
    variables.setattr(module, "TIMEOUT", 0.05)
    limited.aws.fail("UpdateItem", fault, fault)
    answer = create(limited)
    assert answer.status == 201
    assert "ratelimit" not in answer.headers
    assert limited.metrics()["RequestsNotCounted"] == [1]
    (told,) = [line for line in limited.logs() if line["message"] == "request not counted"]
    assert told["level"] == "ERROR"
    # No retry, but for a connection that was closed: that is tried once more, at once.
    assert counted(limited) == (2 if fault in (DROPPED,) else 1)


def test_a_connection_that_was_closed_in_the_meantime_is_no_failure(limited: Functions) -> None:
    limited.aws.fail("UpdateItem", DROPPED)
    assert create(limited).headers["ratelimit"] == '"create";r=2;t=60'
    limited.aws.fail("UpdateItem", ANSWER_LOST)  # counted, and then counted again
    assert create(limited).headers["ratelimit"] == '"create";r=0;t=60'
    assert "RequestsNotCounted" not in limited.metrics()


def test_refusals_are_counted_and_logged_without_a_name(limited: Functions) -> None:
    for _ in range(QUOTA + 2):
        create(limited)
    assert limited.metrics()["RequestsOverLimit"] == [1, 1]
    assert limited.logs()[-1] | {"status": 429, "policy": "create"} == limited.logs()[-1]
    assert limited.logs()[-1]["level"] == "INFO"
    assert "ada" not in str([limited.logs(), limited.aws.limits])


def test_what_is_counted_goes_by_itself(limited: Functions) -> None:
    create(limited)
    ((key, item),) = limited.aws.limits.items()
    assert re.fullmatch("[0-9a-f]{32} create [0-9]+", key)
    module = importlib.import_module("functions.toolkit.rate_limit")
    ends = module.time.time() + 60
    assert math.ceil(ends) <= int(item["expiresAt"]["N"]) <= ends + 61


def test_an_instance_forgets_the_callers_it_has_refused(
    limited: Functions, variables: pytest.MonkeyPatch
) -> None:
    variables.setattr(importlib.import_module("functions.toolkit.rate_limit"), "_REMEMBERED", 2)
    for caller in ("ada", "bob", "eve"):
        for _ in range(QUOTA + 1):
            create(limited, caller)
    limit = limited.module("create_order")._limit
    assert len(limit._used_up) == 2
    assert create(limited, "eve").status == 429  # asks the table once more
    clock(variables, 120)
    for _ in range(QUOTA + 1):
        create(limited, "eve")
    assert len(limit._used_up) == 1


def test_without_limits_nothing_of_them_is_loaded_and_no_call_is_made(
    functions: Functions,
) -> None:
    answer = functions.create(ORDER)
    functions.get(answer.body["id"])
    assert functions.aws.operations() == ["PutItem", "SendMessage", "GetItem"]
    assert not {"ratelimit", "ratelimit-policy"} & answer.headers.keys()
    loaded = {name for name in sys.modules if name.startswith("functions.toolkit")}
    assert not {"functions.toolkit.rate_limit", "functions.toolkit.caller"} & loaded
