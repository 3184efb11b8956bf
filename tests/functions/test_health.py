"""GET /health: honest about what orders need, and cheap for whoever asks often."""

import pytest

from tests.functions.fake_aws import DENIED, DROPPED, SERVER_ERROR, Fault
from tests.functions.support import Answer, Functions


def ask(functions: Functions) -> Answer:
    return functions.call("health", {"routeKey": "GET /health", "requestContext": {}})


def test_a_region_whose_table_and_queue_answer_is_well(functions: Functions) -> None:
    answer = ask(functions)
    assert answer.status == 200
    assert answer.body == {"status": "ok", "region": "us-east-1"}
    [(_, read), (_, asked)] = functions.aws.requests
    assert read == {"TableName": "Orders", "Key": {"id": {"S": "health"}}, "ConsistentRead": True}
    assert asked["AttributeNames"] == ["QueueArn"]


@pytest.mark.parametrize("fault", [SERVER_ERROR, DROPPED, DENIED], ids=["500", "none", "denied"])
@pytest.mark.parametrize(
    ("operation", "name"), [("GetItem", "table"), ("GetQueueAttributes", "queue")]
)
def test_what_does_not_answer_is_named_after_one_attempt(
    functions: Functions, operation: str, name: str, fault: Fault
) -> None:
    functions.aws.fail(operation, fault)
    answer = ask(functions)
    assert answer.status == 503
    assert answer.body["failing"] == [name]
    assert answer.body["region"] == "us-east-1"
    assert "SECRET" not in str(functions.logs())
    assert functions.aws.operations() == ["GetItem", "GetQueueAttributes"]


def test_what_takes_longer_than_a_health_check_waits_is_not_waited_for(
    functions: Functions, variables: pytest.MonkeyPatch
) -> None:
    patience = functions.module("orders.health").PATIENCE
    # Two calls, each with a connection to make and an answer to wait for.
    assert 4 * patience < 2
    functions.aws.fail("GetItem", Fault(delay=2 * patience, applied=True))
    assert ask(functions).body["failing"] == ["table"]


def test_what_was_found_holds_for_seconds_and_no_longer(functions: Functions) -> None:
    functions.aws.fail("GetItem", SERVER_ERROR)
    module = functions.module("health")
    assert [ask(functions).status for _ in range(20)] == [503] * 20
    assert len(functions.aws.requests) == 2
    module._until -= module.KEPT
    assert ask(functions).status == 200
    assert len(functions.aws.requests) == 4
