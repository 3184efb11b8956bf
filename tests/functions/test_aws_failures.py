"""AWS failing under a handler: an honest answer, a useful log line, nothing given away."""

import json
from collections.abc import Callable

import pytest

from tests.functions.fake_aws import (
    DENIED,
    DROPPED,
    INVALID,
    SERVER_ERROR,
    THROTTLED,
    UNREADABLE,
    Fault,
    Server,
)
from tests.functions.support import ORDER, Answer, Functions

ORDER_ID = "7c9e6679-7425-40de-944b-e07fc1f90ae7"

TEMPORARY = {
    "throttled": THROTTLED,
    "server error": SERVER_ERROR,
    "unreadable answer": UNREADABLE,
    "connection dropped": DROPPED,
    "capacity": Fault(400, "ProvisionedThroughputExceededException", "SECRET"),
    "requests": Fault(400, "RequestLimitExceeded", "SECRET"),
    "sqs throttled": Fault(403, "RequestThrottled", "SECRET"),
    "kms throttled": Fault(400, "KMS.ThrottlingException", "SECRET"),
}
LASTING = {
    "denied": DENIED,
    "invalid": INVALID,
    "no table": Fault(400, "ResourceNotFoundException", "SECRET not found"),
    "no queue": Fault(400, "QueueDoesNotExist", "SECRET"),
    "expired": Fault(400, "ExpiredTokenException", "SECRET"),
    "unnamed": Fault(418, "", ""),
}

CALLS: dict[str, Callable[[Functions], Answer]] = {
    "PutItem": lambda functions: functions.create(ORDER),
    "SendMessage": lambda functions: functions.create(ORDER),
    "GetItem": lambda functions: functions.get(ORDER_ID),
}


@pytest.mark.parametrize("fault", TEMPORARY)
@pytest.mark.parametrize("operation", CALLS)
def test_a_temporary_failure_is_a_503_to_be_retried(
    functions: Functions, operation: str, fault: str
) -> None:
    functions.aws.fail(operation, *[TEMPORARY[fault]] * 3)
    answer = CALLS[operation](functions)
    assert answer.status == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"] == "1"
    assert answer.body["type"] == "urn:serverless-orders:problem:unavailable"
    assert answer.body["requestId"]
    assert "SECRET" not in json.dumps(answer.body) + json.dumps(functions.output())


@pytest.mark.parametrize("fault", LASTING)
@pytest.mark.parametrize("operation", CALLS)
def test_a_lasting_failure_is_a_500(functions: Functions, operation: str, fault: str) -> None:
    functions.aws.fail(operation, *[LASTING[fault]] * 3)
    answer = CALLS[operation](functions)
    assert answer.status == 500
    assert "retry-after" not in answer.headers
    assert answer.body["type"] == "urn:serverless-orders:problem:internal-error"
    assert answer.body["requestId"]
    assert "SECRET" not in json.dumps(answer.body) + json.dumps(functions.output())
    assert functions.logs()[-1]["level"] == "ERROR"
    assert functions.logs()[-1]["aws_operation"] == operation
    assert functions.logs()[-1]["aws_request_id"] == "AWS-REQUEST-ID"


@pytest.mark.parametrize("operation", CALLS)
def test_a_denied_call_is_logged_with_action_resource_and_role(
    functions: Functions, operation: str
) -> None:
    functions.aws.fail(operation, DENIED)
    answer = CALLS[operation](functions)
    assert answer.status == 500
    assert "arn:" not in json.dumps(answer.body)
    assert functions.logs()[-1]["denied"] == {
        "principal": "arn:aws:sts::123456789012:assumed-role/some-role/some-function",
        "action": "some:Action",
        "resource": "arn:aws:some:us-east-1:123456789012:thing",
    }


def test_a_denial_worded_otherwise_is_logged_as_it_is(functions: Functions) -> None:
    functions.aws.fail("GetItem", Fault(403, "AccessDenied", "Not for you."))
    functions.get(ORDER_ID)
    assert functions.logs()[-1]["denied"] == "Not for you."


@pytest.mark.parametrize("operation", ["PutItem", "SendMessage"])
@pytest.mark.parametrize("fault", [SERVER_ERROR, DENIED])
def test_a_failed_creation_names_the_order_that_may_exist(
    functions: Functions, operation: str, fault: Fault
) -> None:
    functions.aws.fail(operation, *[fault] * 3)
    answer = functions.create(ORDER, idempotency_key="key-1")
    functions.aws.recover()
    stored = functions.create(ORDER, request_id="request-2", idempotency_key="key-1")
    assert answer.body["orderId"] == stored.body["id"]
    assert functions.metrics()["OrdersCreateFailed"] == [1]


def test_a_failed_send_leaves_the_order_to_the_repair(functions: Functions) -> None:
    functions.aws.fail("SendMessage", SERVER_ERROR, SERVER_ERROR)
    answer = functions.create(ORDER)
    item = functions.aws.table[answer.body["orderId"]]
    assert item["status"] == {"S": "PENDING"}
    assert "pendingShard" in item
    assert functions.aws.messages == []


def test_a_temporary_failure_is_overcome_by_another_attempt(functions: Functions) -> None:
    functions.aws.fail("PutItem", THROTTLED, DROPPED)
    functions.aws.fail("SendMessage", SERVER_ERROR)
    assert functions.create(ORDER).status == 201
    assert len(functions.aws.table) == 1


def test_attempts_are_bounded(functions: Functions) -> None:
    functions.aws.fail("PutItem", *[SERVER_ERROR] * 20)
    functions.aws.fail("GetItem", *[DROPPED] * 20)
    functions.create(ORDER)
    functions.get(ORDER_ID)
    assert functions.aws.operations() == ["PutItem"] * 3 + ["GetItem"] * 3
    functions.aws.requests.clear()
    functions.aws.recover()
    functions.aws.fail("SendMessage", *[THROTTLED] * 20)
    functions.create(ORDER)
    assert functions.aws.operations() == ["PutItem"] + ["SendMessage"] * 2


@pytest.mark.long
def test_an_answer_that_does_not_come_is_cut_off(functions: Functions) -> None:
    functions.aws.fail("GetItem", *[Fault(500, "Late", delay=2.5)] * 3)
    answer = functions.get(ORDER_ID)
    assert answer.status == 503
    assert functions.logs()[-1]["error"] == "ReadTimeoutError"


def test_an_unreachable_service_is_a_503(
    functions: Functions, variables: pytest.MonkeyPatch
) -> None:
    variables.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert functions.get(ORDER_ID).status == 503
    assert functions.logs()[-1]["error"] == "EndpointConnectionError"


def test_an_endpoint_without_tls_is_not_spoken_to_as_if_it_had(
    functions: Functions, variables: pytest.MonkeyPatch, server: Server
) -> None:
    variables.setenv("AWS_ENDPOINT_URL", server.url.replace("http:", "https:"))
    assert functions.get(ORDER_ID).status == 503
    assert functions.logs()[-1]["error"] == "SSLError"


def test_missing_credentials_are_a_500(functions: Functions, variables: pytest.MonkeyPatch) -> None:
    variables.delenv("AWS_ACCESS_KEY_ID")
    variables.delenv("AWS_SECRET_ACCESS_KEY")
    variables.setenv("AWS_EC2_METADATA_DISABLED", "true")
    variables.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    variables.setenv("AWS_CONFIG_FILE", "/dev/null")
    assert functions.get(ORDER_ID).status == 500
    assert functions.logs()[-1]["error"] == "NoCredentialsError"


def test_put_and_send_end_within_the_functions_time_at_their_longest(functions: Functions) -> None:
    functions.module("create_order")
    store, events = functions.module("orders.store"), functions.module("orders.events")
    assert store.LONGEST_CALL + events.LONGEST_CALL < 30
    for client, attempts in (
        (store.Store.connect()._client, 3),
        (events.Events.connect()._client, 2),
    ):
        config = client.meta.config
        assert config.retries == {"mode": "adaptive", "total_max_attempts": attempts}
        assert (config.connect_timeout, config.read_timeout) == (1.0, 2.0)
        assert config.tcp_keepalive is True
