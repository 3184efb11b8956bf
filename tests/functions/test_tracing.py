"""X-Ray subsegments of the AWS calls, as the daemon gets them, and the trace's way to the queue."""

import json
import re
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.functions.fake_aws import DENIED, DROPPED, SERVER_ERROR, THROTTLED, Fault
from tests.functions.support import ORDER, Functions, created, record

ROOT = "1-5759e988-bd862e3fe1be46a994272793"
PARENT = "53995c3f42cd8ad8"
HEADER = f"Root={ROOT};Parent={PARENT};Sampled=1;Lineage=1:a87bd80c:0"


class Daemon:
    """The X-Ray daemon's UDP door."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"

    def documents(self) -> list[dict[str, Any]]:
        """All that has arrived; loopback delivers at once."""
        self._socket.setblocking(False)
        documents = []
        while True:
            try:
                packet = self._socket.recv(65_536)
            except BlockingIOError:
                return documents
            header, _, document = packet.partition(b"\n")
            assert json.loads(header) == {"format": "json", "version": 1}
            documents.append(json.loads(document))

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def daemon(variables: pytest.MonkeyPatch) -> Iterator[Daemon]:
    daemon = Daemon()
    variables.setenv("AWS_XRAY_DAEMON_ADDRESS", daemon.address)
    variables.setenv("_X_AMZN_TRACE_ID", HEADER)
    yield daemon
    daemon.close()


def test_each_aws_call_is_a_subsegment_of_the_invocation(
    functions: Functions, daemon: Daemon
) -> None:
    functions.create(ORDER)
    put, send = daemon.documents()
    for document in (put, send):
        assert document["trace_id"] == ROOT
        assert document["parent_id"] == PARENT
        assert document["type"] == "subsegment"
        assert document["namespace"] == "aws"
        assert re.fullmatch("[0-9a-f]{16}", document["id"])
        assert document["start_time"] <= document["end_time"]
        assert "fault" not in document
        assert "error" not in document
    assert (put["name"], put["aws"]) == (
        "DynamoDB",
        {"operation": "PutItem", "region": "us-east-1", "table_name": "Orders"},
    )
    assert (send["name"], send["aws"]["operation"]) == ("SQS", "SendMessage")
    assert put["id"] != send["id"]


def test_the_message_carries_the_trace_on_under_the_send(
    functions: Functions, daemon: Daemon
) -> None:
    functions.create(ORDER)
    _, send = daemon.documents()
    header = functions.aws.messages[0]["MessageSystemAttributes"]["AWSTraceHeader"]
    assert header == {
        "DataType": "String",
        "StringValue": f"Root={ROOT};Parent={send['id']};Sampled=1",
    }


def test_a_subsegment_holds_nothing_of_a_customer(functions: Functions, daemon: Daemon) -> None:
    functions.aws.fail("PutItem", SERVER_ERROR)
    answer = functions.create({**ORDER, "customerName": "PRIVATE"})
    functions.aws.fail("SendMessage", SERVER_ERROR, SERVER_ERROR)
    functions.create({**ORDER, "customerName": "PRIVATE"})
    functions.get(answer.body["id"])
    functions.process(record(created(answer.body["id"])))
    written = json.dumps(daemon.documents())
    assert "PRIVATE" not in written
    assert "SECRET" not in written
    assert "TEA-01" not in written


FAILURE = {"fault", "error", "throttle", "http"}


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (SERVER_ERROR, {"fault": True, "http": {"response": {"status": 500}}}),
        (DENIED, {"error": True, "throttle": False, "http": {"response": {"status": 400}}}),
        (THROTTLED, {"error": True, "throttle": True, "http": {"response": {"status": 400}}}),
        (
            Fault(429, "TooManyRequestsException"),
            {"error": True, "throttle": True, "http": {"response": {"status": 429}}},
        ),
        (DROPPED, {"fault": True}),
    ],
)
def test_a_failed_call_is_marked(
    functions: Functions, daemon: Daemon, fault: Any, expected: dict[str, Any]
) -> None:
    functions.aws.fail("GetItem", *[fault] * 3)
    functions.get("7c9e6679-7425-40de-944b-e07fc1f90ae7")
    (document,) = daemon.documents()
    assert {key: document[key] for key in FAILURE & document.keys()} == expected
    (exception,) = document["cause"]["exceptions"]
    assert exception.keys() == {"id", "type"}
    assert re.fullmatch("[0-9a-f]{16}", exception["id"])
    assert exception["type"].endswith(("Error", "Exception"))


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        f"Root={ROOT};Parent={PARENT};Sampled=0",
        f"Root={ROOT};Sampled=1",
        f"Parent={PARENT};Sampled=1",
        "Sampled=1",
        ";;=;Sampled=1",
    ],
)
def test_nothing_is_sent_unless_the_invocation_is_sampled(
    functions: Functions, daemon: Daemon, variables: pytest.MonkeyPatch, header: str | None
) -> None:
    if header is None:
        variables.delenv("_X_AMZN_TRACE_ID")
    else:
        variables.setenv("_X_AMZN_TRACE_ID", header)
    assert functions.create(ORDER).status == 201
    assert daemon.documents() == []
    assert "MessageSystemAttributes" not in functions.aws.messages[0]


@pytest.mark.parametrize(
    "address", ["", "nowhere", "host:port", "127.0.0.1:99999", "no.such.host.invalid:2000", ":"]
)
def test_a_daemon_out_of_reach_never_fails_a_request(
    functions: Functions, daemon: Daemon, variables: pytest.MonkeyPatch, address: str
) -> None:
    variables.setenv("AWS_XRAY_DAEMON_ADDRESS", address)
    assert functions.create(ORDER).status == 201


def test_the_daemons_address_may_name_both_protocols(
    functions: Functions, daemon: Daemon, variables: pytest.MonkeyPatch
) -> None:
    variables.setenv("AWS_XRAY_DAEMON_ADDRESS", f"tcp:127.0.0.1:1 udp:{daemon.address}")
    functions.create(ORDER)
    assert len(daemon.documents()) == 2


def test_a_batch_is_traced_message_by_message(functions: Functions, daemon: Daemon) -> None:
    orders = [functions.create(ORDER).body["id"] for _ in range(3)]
    daemon.documents()
    functions.process(*[record(created(order_id), order_id) for order_id in orders])
    operations = [document["aws"]["operation"] for document in daemon.documents()]
    assert operations == ["UpdateItem"] * 3


def test_the_repair_is_traced_call_by_call(functions: Functions, daemon: Daemon) -> None:
    order_id = functions.create(ORDER).body["id"]
    functions.aws.table[order_id]["createdAt"] = {"S": "2023-11-14T22:13:20.000Z"}
    _, first_send = daemon.documents()
    assert functions.republish()["republished"] == 1
    *queries, read, send = daemon.documents()
    assert {(each["name"], each["aws"]["operation"]) for each in queries} == {("DynamoDB", "Query")}
    assert (read["name"], read["aws"]["operation"]) == ("DynamoDB", "BatchGetItem")
    assert send["name"] == "SQS"
    assert send["aws"] == {**first_send["aws"], "operation": "SendMessageBatch"}
