"""The number of orders and the size of their table, as metrics."""

import pytest

from tests.functions.fake_aws import DENIED
from tests.functions.support import ORDER, Functions


def test_what_dynamodb_counted_is_a_metric(functions: Functions) -> None:
    for number in range(3):
        functions.create(ORDER, request_id=f"request-{number}")
    functions.aws.requests.clear()
    measured = functions.invoke("measure_table", {})
    assert measured["items"] == 3
    assert measured["bytes"] > 300
    assert functions.metrics()["OrdersStored"] == [3]
    assert functions.metrics()["OrdersTableSize"] == [measured["bytes"]]
    assert functions.aws.requests == [("DescribeTable", {"TableName": "Orders"})]


def test_what_dynamodb_did_not_say_is_no_metric(functions: Functions) -> None:
    functions.aws.fail("DescribeTable", DENIED)
    with pytest.raises(RuntimeError, match="AccessDeniedException"):
        functions.invoke("measure_table", {})
    assert functions.logs()[-1]["level"] == "ERROR"
    assert "OrdersStored" not in functions.metrics()
