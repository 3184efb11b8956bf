"""The fault proxy, between a real AWS client and a recording upstream, over real sockets."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from functions import contract
from tests.upstream import Upstream
from tools.chaos.faults import Fault, Mix, Plan
from tools.chaos.proxy import FaultProxy
from tools.chaos.workers import WorkerKiller

KEY = {"id": {"S": "o-1"}}
ORDER = {"id": {"S": "o-1"}, "customerName": {"S": "Ann"}}
EVENT = json.dumps({"type": "OrderCreated", "detail": {"id": "o-1", "customerName": "Ann"}})

CHANGE = {"orderId": {"S": "o-1"}, "version": {"N": "2"}, "to": {"S": "CONFIRMED"}}
PUBLISHED = {"Detail": json.dumps({"eventId": "o-1:2", "orderId": "o-1"})}


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as server:
        yield server
        server.shutdown()


@contextmanager
def proxied(
    upstream: Upstream,
    fault: Fault | None = None,
    kill: Callable[[int], bool] | None = None,
    delay: float = 0.01,
) -> Iterator[FaultProxy]:
    rates = {fault: 1.0} if fault else {}
    with FaultProxy(Plan(Mix("test", "", rates, delay), 0), kill) as proxy:
        proxy.connect(f"http://127.0.0.1:{upstream.server_port}")
        yield proxy


def client(service: str, proxy: FaultProxy, read_timeout: float = 5) -> Any:
    return botocore.session.get_session().create_client(
        service,
        region_name="us-east-1",
        endpoint_url=proxy.url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}, read_timeout=read_timeout),
    )


def put(proxy: FaultProxy, read_timeout: float = 5) -> Any:
    return client("dynamodb", proxy, read_timeout).put_item(TableName="Orders", Item=ORDER)


def send(proxy: FaultProxy) -> Any:
    url = "http://127.0.0.1/000000000000/order-events"
    return client("sqs", proxy).send_message(QueueUrl=url, MessageBody=EVENT)


def test_a_callers_request_that_is_counted_is_no_call_about_an_order(upstream: Upstream) -> None:
    with proxied(upstream) as proxy:
        for names in ({"#taken": contract.LIMITS_TAKEN_ATTRIBUTE}, {"#status": "status"}):
            client("dynamodb", proxy).update_item(
                TableName="any", Key=KEY, ExpressionAttributeNames=names
            )
    assert [entry.orders for entry in proxy.journal] == [(), ("o-1",)]


def test_an_undisturbed_call_passes_unchanged_in_both_directions(upstream: Upstream) -> None:
    upstream.answer = (200, {"Item": ORDER})
    with proxied(upstream) as proxy:
        answer = client("dynamodb", proxy).get_item(TableName="Orders", Key={"id": {"S": "o-1"}})
    assert answer["Item"] == ORDER
    [(path, headers, body)] = upstream.asked
    assert path == "/"
    assert headers["host"] == f"127.0.0.1:{proxy.port}"  # the signature covers it
    assert headers["authorization"].startswith("AWS4-HMAC-SHA256")
    assert json.loads(body) == {"TableName": "Orders", "Key": {"id": {"S": "o-1"}}}


def test_an_error_of_the_emulator_reaches_the_caller_and_the_journal(upstream: Upstream) -> None:
    kind = "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"
    upstream.answer = (400, {"__type": kind, "message": "no"})
    with proxied(upstream) as proxy, pytest.raises(ClientError, match="ConditionalCheckFailed"):
        put(proxy)
    [entry] = proxy.journal
    assert (entry.operation, entry.orders, entry.status, entry.error, entry.done) == (
        "PutItem",
        ("o-1",),
        400,
        "ConditionalCheckFailedException",
        False,
    )


@pytest.mark.parametrize(
    ("fault", "code", "reached"),
    [
        (Fault.THROTTLED, "ThrottlingException", False),
        (Fault.ERROR, "InternalServerError", False),
        (Fault.ERROR_AFTER, "InternalServerError", True),
    ],
)
def test_an_injected_dynamodb_error_is_the_one_aws_gives(
    upstream: Upstream, fault: Fault, code: str, reached: bool
) -> None:
    with proxied(upstream, fault) as proxy, pytest.raises(ClientError) as caught:
        put(proxy)
    assert caught.value.response["Error"]["Code"] == code
    assert bool(upstream.asked) is reached
    assert [(entry.fault, entry.done) for entry in proxy.journal] == [(fault, reached)]


@pytest.mark.parametrize(
    ("fault", "code"),
    [(Fault.THROTTLED, "RequestThrottled"), (Fault.ERROR, "InternalFailure")],
)
def test_an_injected_sqs_error_is_the_one_aws_gives(
    upstream: Upstream, fault: Fault, code: str
) -> None:
    with proxied(upstream, fault) as proxy, pytest.raises(ClientError) as caught:
        send(proxy)
    assert caught.value.response["Error"]["Code"] == code
    assert upstream.asked == []


@pytest.mark.parametrize(("fault", "reached"), [(Fault.RESET, False), (Fault.RESET_AFTER, True)])
def test_a_reset_cuts_the_connection_before_or_after_the_write(
    upstream: Upstream, fault: Fault, reached: bool
) -> None:
    with proxied(upstream, fault) as proxy, pytest.raises(ConnectionClosedError):
        put(proxy)
    assert bool(upstream.asked) is reached
    assert [entry.done for entry in proxy.journal] == [reached]


@pytest.mark.parametrize(("fault", "delay"), [(Fault.DROPPED, 0), (Fault.DELAYED, 30)])
def test_a_dropped_or_late_answer_leaves_the_write_done_and_the_caller_waiting(
    upstream: Upstream, fault: Fault, delay: float
) -> None:
    with proxied(upstream, fault, delay=delay) as proxy, pytest.raises(ReadTimeoutError):
        put(proxy, read_timeout=0.3)
    assert upstream.operations == ["PutItem"]
    assert [(entry.fault, entry.done) for entry in proxy.journal] == [(fault, True)]


@pytest.mark.parametrize(
    ("fault", "code"),
    [(Fault.THROTTLED, "ThrottlingException"), (Fault.ERROR, "InternalException")],
)
def test_an_injected_error_of_the_bus_is_the_one_aws_gives(
    upstream: Upstream, fault: Fault, code: str
) -> None:
    with proxied(upstream, fault) as proxy, pytest.raises(ClientError) as caught:
        client("events", proxy).put_events(Entries=[PUBLISHED])
    assert caught.value.response["Error"]["Code"] == code
    assert upstream.asked == []


def test_a_bus_that_is_down_refuses_events_and_nothing_else(upstream: Upstream) -> None:
    with proxied(upstream) as proxy:
        proxy.take_down({Fault.BUS_OUTAGE: 600})
        with pytest.raises(ClientError) as caught:
            client("events", proxy).put_events(Entries=[PUBLISHED])
        put(proxy)
        send(proxy)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    assert upstream.operations == ["PutItem", "SendMessage"]


def test_a_late_answer_is_the_true_one(upstream: Upstream) -> None:
    upstream.answer = (200, {"Item": ORDER})
    with proxied(upstream, Fault.DELAYED) as proxy:
        answer = client("dynamodb", proxy).get_item(TableName="Orders", Key={"id": {"S": "o-1"}})
    assert answer["Item"] == ORDER


def test_a_duplicated_send_arrives_twice_and_is_answered_once(upstream: Upstream) -> None:
    upstream.answer = (200, {"MessageId": "m-1"})
    with proxied(upstream, Fault.DUPLICATED) as proxy:
        assert send(proxy)["MessageId"] == "m-1"
    assert upstream.operations == ["SendMessage", "SendMessage"]
    assert [(entry.orders, entry.done) for entry in proxy.journal] == [(("o-1",), True)] * 2


def test_a_queue_that_is_down_refuses_sends_and_nothing_else(upstream: Upstream) -> None:
    with proxied(upstream) as proxy:
        proxy.take_down({Fault.QUEUE_OUTAGE: 600})
        put(proxy)
        assert not proxy.refusing
        with pytest.raises(ClientError) as caught:
            send(proxy)
        put(proxy)
        assert proxy.refusing
        proxy.take_down({})
        send(proxy)
    assert caught.value.response["Error"]["Code"] == "ServiceUnavailable"
    assert upstream.operations == ["PutItem", "PutItem", "SendMessage"]


def test_a_table_that_is_down_refuses_all_its_calls_from_the_first_update_on(
    upstream: Upstream,
) -> None:
    with proxied(upstream) as proxy:
        proxy.take_down({Fault.TABLE_OUTAGE: 600})
        put(proxy)
        calls: list[Callable[[], Any]] = [
            lambda: client("dynamodb", proxy).update_item(TableName="Orders", Key=KEY),
            lambda: client("dynamodb", proxy).get_item(TableName="Orders", Key=KEY),
            lambda: put(proxy),
        ]
        for call in calls:
            with pytest.raises(ClientError) as caught:
                call()
            assert caught.value.response["Error"]["Code"] == "ServiceUnavailable"
            assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
        send(proxy)
        proxy.take_down({})
        put(proxy)
    assert upstream.operations == ["PutItem", "SendMessage", "PutItem"]


def test_a_killed_worker_is_dead_although_its_write_was_done(upstream: Upstream) -> None:
    script = (
        "import sys, urllib.request as u; "
        "u.urlopen(u.Request(sys.argv[1], b'{}', {'X-Amz-Target': 'DynamoDB.UpdateItem'})); "
        "print('survived')"
    )
    killer = WorkerKiller(os.getpid())
    with proxied(upstream, Fault.DEATH, killer.kill_caller) as proxy:
        done = subprocess.run(
            [sys.executable, "-c", script, proxy.url], capture_output=True, check=False
        )
    assert done.returncode == -9
    assert done.stdout == b""
    assert upstream.operations == ["UpdateItem"]
    assert killer.killed == 1


def test_the_killer_touches_no_process_but_the_emulators_own(upstream: Upstream) -> None:
    bystander = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        killer = WorkerKiller(bystander.pid)
        with proxied(upstream, Fault.DEATH, killer.kill_caller) as proxy:
            with pytest.raises(ConnectionClosedError):
                put(proxy)
            assert killer.killed == 0
            assert bystander.poll() is None
    finally:
        bystander.communicate(b"\n")


def test_faults_follow_the_customer_of_an_order_since_ids_are_random(upstream: Upstream) -> None:
    subjects: list[str] = []

    class Spy(Plan):
        def draw(self, operation: str, subject: str) -> Fault | None:
            subjects.append(subject)
            return None

    with FaultProxy(Spy(Mix("spy", ""), 0)) as proxy:
        proxy.connect(f"http://127.0.0.1:{upstream.server_port}")
        put(proxy)
        client("dynamodb", proxy).get_item(TableName="Orders", Key={"id": {"S": "o-1"}})
        send(proxy)
        client("dynamodb", proxy).put_item(TableName="History", Item=CHANGE)
        client("events", proxy).put_events(Entries=[PUBLISHED])
    assert subjects == ["Ann", "Ann", "Ann", "Ann:2", "Ann:2"]
    # A change of an order is not taken for a write of the order.
    assert [entry.orders for entry in proxy.journal][3:] == [("o-1:2",), ("o-1:2",)]


def test_an_address_without_a_port_is_refused() -> None:
    with pytest.raises(ValueError, match="expected http://host:port"):
        FaultProxy(Plan(Mix("m", ""), 0)).connect("emulator")


@pytest.mark.parametrize("operation", ["PutEvents", "SendMessageBatch"])
def test_of_a_call_of_several_entries_some_are_refused_and_the_others_done(
    upstream: Upstream, operation: str
) -> None:
    asked: list[list[Any]] = []

    def ask(asked_for: str, parameters: dict[str, Any]) -> dict[str, Any]:
        assert asked_for == operation
        asked.append(parameters["Entries"])
        if operation == "PutEvents":
            return {"Entries": [{"EventId": each["Detail"]} for each in parameters["Entries"]]}
        sent = [
            {"Id": each["Id"], "MessageId": "m", "MD5OfMessageBody": "x"}
            for each in parameters["Entries"]
        ]
        return {"Successful": sent}

    with proxied(upstream, Fault.PARTLY) as proxy:
        proxy.ask = ask
        if operation == "PutEvents":
            entries: list[dict[str, Any]] = [
                {"Source": "x", "DetailType": "x", "Detail": json.dumps({"eventId": f"o-{n}:1"})}
                for n in range(3)
            ]
            answer = client("events", proxy).put_events(Entries=entries)
            assert [each.get("ErrorCode") for each in answer["Entries"]] == [
                "InternalFailure",
                None,
                "InternalFailure",
            ]
            assert answer["FailedEntryCount"] == 2
        else:
            entries = [{"Id": f"{n}", "MessageBody": EVENT} for n in range(3)]
            sqs = client("sqs", proxy)
            answer = sqs.send_message_batch(QueueUrl=f"{proxy.url}/1/q", Entries=entries)
            assert [each["Id"] for each in answer["Failed"]] == ["0", "2"]
            assert [each["Id"] for each in answer["Successful"]] == ["1"]
        assert asked == [[entries[1]]]
        assert [(len(each.orders), each.done) for each in proxy.journal] == [(2, False), (1, True)]
        assert upstream.asked == []
