"""`python -m operations dlq` on a running local system."""

import json
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from functions import contract
from functions.orders.changes import Change
from local import state
from local.client import Api
from operations.__main__ import main
from tests.local.support import until
from tools.chaos.faults import MIXES, Fault, Plan
from tools.chaos.proxy import FaultProxy
from tools.chaos.run import Arena, arena

pytestmark = pytest.mark.long

NAME = "Grace Hopper"
SKU = "NANO-1"
CONFIGURATION = {"queue.visibilityTimeoutSeconds": 5, "timeoutSeconds": 5}


@pytest.fixture(scope="module")
def stage() -> Iterator[Arena]:
    with arena(CONFIGURATION) as running:
        yield running


class Queue:
    """A dead-letter queue of the system, by default that of orders, filled by hand."""

    def __init__(self, stage: Arena, url: str = "") -> None:
        self.local = stage.local
        self.sqs = self.local.client("sqs")
        self.url = url or self.local.outputs["orderEventsDlqUrl"]

    def put(self, body: str, correlation: str = "request-1") -> str:
        """A message as SQS moves it here; its id."""
        attribute = {"DataType": "String", "StringValue": correlation}
        return self.sqs.send_message(
            QueueUrl=self.url,
            MessageBody=body,
            MessageAttributes={contract.CORRELATION_ID_ATTRIBUTE: attribute},
        )["MessageId"]

    def failed_order(self, status: str = contract.FAILED) -> tuple[str, str]:
        """(order id, message id) of an order whose processing was given up."""
        order = str(uuid.uuid4())
        self.local.client("dynamodb").put_item(
            TableName=self.local.outputs["ordersTableName"],
            Item={
                "id": {"S": order},
                "customerName": {"S": NAME},
                "items": {"L": []},
                "status": {"S": status},
                "createdAt": {"S": "2026-01-01T00:00:00.000Z"},
                "updatedAt": {"S": "2026-01-01T00:00:00.000Z"},
                "version": {"N": "2"},
            },
        )
        return order, self.put(event(order))

    def status(self, order: str) -> str:
        item = self.local.client("dynamodb").get_item(
            TableName=self.local.outputs["ordersTableName"], Key={"id": {"S": order}}
        )["Item"]
        return str(item["status"]["S"])

    def depth(self) -> int:
        """Messages that can be received now."""
        answer = self.sqs.get_queue_attributes(
            QueueUrl=self.url, AttributeNames=["ApproximateNumberOfMessages"]
        )
        return int(answer["Attributes"]["ApproximateNumberOfMessages"])


@pytest.fixture
def dlq(stage: Arena, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Queue]:
    monkeypatch.setattr(state, "BUILD", tmp_path)
    state.write(
        "local",
        {
            "endpoint": stage.local.endpoint,
            "credentials": stage.local.credentials,
            "region": stage.local.region,
            "outputs": stage.local.outputs,
        },
    )
    queue = Queue(stage)
    yield queue
    queue.sqs.purge_queue(QueueUrl=queue.url)


def event(order: str) -> str:
    items = [{"sku": SKU, "qty": 1, "price": 0.1}]
    detail = {"id": order, "customerName": NAME, "items": items}
    return json.dumps({"type": contract.ORDER_CREATED, "detail": detail})


def command(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main(["dlq", *arguments, "--stack", "local"])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_an_empty_queue_is_said_to_be_empty(dlq: Queue, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(capsys, "list") == (0, "The dead-letter queue is empty.\n", "")
    code, out, _ = command(capsys, "list", "--json")
    assert (code, json.loads(out)) == (0, [])


def test_list_tells_each_message_its_order_and_why_it_is_there(
    dlq: Queue, capsys: pytest.CaptureFixture[str]
) -> None:
    unknown = str(uuid.uuid4())
    expected = {}
    for status, reason in (
        (contract.FAILED, "failed: "),
        (contract.CONFIRMED, "confirmed meanwhile: "),
        (contract.PENDING, "undelivered: "),
    ):
        order, message = dlq.failed_order(status)
        expected[message] = (order, reason)
    expected[dlq.put("{")] = ("-", "unreadable: the body is not JSON")
    expected[dlq.put(event(unknown))] = (unknown, "unknown order: ")
    expected[dlq.put('{"type": "OrderCancelled"}')] = ("-", "not an OrderCreated event")
    code, out, _ = command(capsys, "list")
    head, *rows = out.splitlines()
    assert code == 0
    assert head.split() == ["MESSAGE", "ORDER", "AGE", "RECEIVES", "REASON"]
    found = {}
    for row in rows:
        message, order, age, receives, reason = re.split(r"  +", row)
        assert re.fullmatch(r"\d+ s", age)
        assert receives.isdigit()
        found[message] = (order, reason)
    assert found.keys() == expected.keys()
    for message, (order, reason) in expected.items():
        assert found[message][0] == order
        assert found[message][1].startswith(reason)


def test_list_shows_more_than_one_batch_oldest_first(
    dlq: Queue, capsys: pytest.CaptureFixture[str]
) -> None:
    messages = [dlq.put(event(str(uuid.uuid4()))) for _ in range(23)]
    _, out, _ = command(capsys, "list", "--json")
    assert [entry["messageId"] for entry in json.loads(out)] == messages


def test_reading_hides_no_message_from_the_next_reader(
    dlq: Queue, capsys: pytest.CaptureFixture[str]
) -> None:
    _, message = dlq.failed_order()
    dlq.put("{")
    assert command(capsys, "list")[0] == 0
    assert dlq.depth() == 2
    assert command(capsys, "show", message)[0] == 0
    assert dlq.depth() == 2


def test_no_customer_data_is_printed_unless_asked_for(
    dlq: Queue, capsys: pytest.CaptureFixture[str]
) -> None:
    order, message = dlq.failed_order()
    odd = dlq.put(json.dumps({"type": NAME, NAME: SKU, "detail": {"id": NAME, SKU: NAME}}))
    broken = dlq.put(f"{NAME} {SKU}")
    printed = [command(capsys, "list"), command(capsys, "list", "--json")]
    printed += [command(capsys, "show", it) for it in (message, odd, broken)]
    for code, out, err in printed:
        assert code == 0
        assert NAME not in out + err
        assert SKU not in out + err
    shown = json.loads(printed[2][1])
    assert (shown["orderId"], shown["correlationId"]) == (order, "request-1")
    assert shown["body"]["type"] == contract.ORDER_CREATED
    assert json.loads(printed[4][1])["body"].startswith(f"{len(NAME) + 1 + len(SKU)} characters")
    _, out, _ = command(capsys, "show", message, "--reveal")
    assert json.loads(json.loads(out)["body"])["detail"]["customerName"] == NAME


def test_nothing_from_outside_reaches_the_terminal_raw(
    dlq: Queue, capsys: pytest.CaptureFixture[str]
) -> None:
    _, message = dlq.failed_order("\x1b]0;X\x07\u202e")
    dlq.put('{"type": "\\u001b[2J\u202e\x7f"}', correlation="a\x7f\u009b2J\n\u202eb")
    said = [
        command(capsys, *arguments)
        for arguments in (
            ("list",),
            ("list", "--json"),
            ("show", message, "--reveal"),
            ("show", "\x1b]0;X\x07\n00:00:00 forged\u202e"),
            ("redrive", "\x1b]0;X\x07"),
        )
    ]
    assert [code for code, _, _ in said] == [0, 0, 0, 1, 1]
    lines = [line for _, out, err in said for line in (out + err).split("\n")]
    assert [line for line in lines if not line.isprintable()] == []
    assert not [line for line in lines if line.startswith("00:00:00")]


@pytest.mark.parametrize("action", ["show", "redrive"])
def test_a_message_that_is_not_there_is_named(
    dlq: Queue, capsys: pytest.CaptureFixture[str], action: str
) -> None:
    dlq.put("{")
    code, out, err = command(capsys, action, "no-such-message")
    assert (code, out) == (1, "")
    assert "no message no-such-message" in err
    assert dlq.depth() == 1


def test_redriving_one_message_completes_its_order_and_touches_no_other(
    dlq: Queue, capsys: pytest.CaptureFixture[str]
) -> None:
    order, message = dlq.failed_order()
    other, _ = dlq.failed_order()
    code, out, _ = command(capsys, "redrive", message)
    assert (code, out) == (0, f"{message} is back in the order queue.\n")
    assert until(lambda: dlq.status(order) == contract.CONFIRMED)
    assert dlq.status(other) == contract.FAILED
    assert dlq.depth() == 1
    function = dlq.local.outputs["functionNames"]["process_order"]
    lines = until(lambda: [line for line in dlq.local.logs(function) if order in line])
    assert json.loads(lines[0])["correlation_id"] == "request-1"


def test_redriving_all_completes_every_order_and_tells_the_progress(
    dlq: Queue, capsys: pytest.CaptureFixture[str]
) -> None:
    orders = [dlq.failed_order()[0] for _ in range(12)]
    code, out, err = command(capsys, "redrive", "--all")
    assert (code, out) == (0, "12 messages are back in the order queue.\n")
    assert "\r1 of about 12 moved" in err
    assert "\r12 of about 12 moved" in err
    assert until(lambda: {dlq.status(order) for order in orders} == {contract.CONFIRMED})
    assert dlq.depth() == 0


CONSUMER = "record-history-events"


@pytest.fixture(params=["dlq", "undelivered"])
def letters(
    request: pytest.FixtureRequest, dlq: Queue, stage: Arena
) -> Iterator[tuple[Queue, list[str]]]:
    """A consumer's dead letters of both kinds, and the arguments that ask for them."""
    [url] = [
        each
        for each in dlq.sqs.list_queues()["QueueUrls"]
        if "record-history" in each and f"-{request.param}-" in each
    ]
    queue = Queue(stage, url)
    arguments = ["--queue", CONSUMER]
    yield queue, arguments if request.param == "dlq" else [*arguments, "--undelivered"]
    queue.sqs.purge_queue(QueueUrl=url)


def change(order: str) -> str:
    """An event as EventBridge puts it into a consumer's queue."""
    placed = Change(
        order,
        1,
        None,
        contract.PENDING,
        contract.PLACED,
        "2026-01-01T00:00:00.000Z",
        "2026-01-01T00:00:00.000Z",
        "request-1",
        {"customerName": NAME, "items": [{"sku": SKU, "qty": 1, "price": 0.1}]},  # type: ignore[typeddict-item]
    )
    envelope = {"source": contract.EVENT_SOURCE, "detail-type": placed.type}
    return json.dumps({**envelope, "detail": json.loads(placed.detail())})


@pytest.mark.parametrize("which", ["one", "all"])
def test_an_event_that_a_consumer_lost_is_shown_and_consumed_after_all(
    dlq: Queue,
    letters: tuple[Queue, list[str]],
    capsys: pytest.CaptureFixture[str],
    which: str,
) -> None:
    queue, arguments = letters
    order = str(uuid.uuid4())
    message = queue.put(change(order))
    other = dlq.put("{")
    _, out, _ = command(capsys, "list", "--json", *arguments)
    [listed] = json.loads(out)
    assert (listed["messageId"], listed["orderId"]) == (message, order)
    assert listed["correlationId"] == "request-1"
    assert listed["reason"].startswith(f"OrderCreated {order}:1: ")

    _, out, _ = command(capsys, "show", message, *arguments)
    assert json.loads(out)["body"]["detail"]["eventId"] == f"{order}:1"
    assert NAME not in out
    assert SKU not in out
    assert NAME in command(capsys, "show", message, "--reveal", *arguments)[1]

    assert queue.depth() == 1
    wanted = message if which == "one" else "--all"
    code, out, _ = command(capsys, "redrive", wanted, *arguments)
    assert code == 0
    assert "back in the queue of orders-record-history" in out
    path = contract.HISTORY_PATH.format(id=order)
    assert until(lambda: Api(queue.local.url).request("GET", path).status == 200)
    assert queue.depth() == 0
    [left] = json.loads(command(capsys, "list", "--json", "--queue", "order-events")[1])
    assert left["messageId"] == other


@pytest.mark.parametrize("body", [f"{NAME} {SKU}", f'["{NAME}"]', f'{{"detail": {{"{NAME}": 1}}}}'])
def test_what_is_no_event_of_an_order_is_said_and_masked(
    letters: tuple[Queue, list[str]], capsys: pytest.CaptureFixture[str], body: str
) -> None:
    queue, arguments = letters
    message = queue.put(body)
    said = [command(capsys, *words, *arguments)[1] for words in (("list",), ("show", message))]
    assert "not an event of an order" in said[0]
    assert NAME not in "".join(said)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--queue", "nobody"], "0 consumers are called nobody; name one of these: "),
        (["--queue", "plain"], "it is not an EventConsumer"),
    ],
)
def test_a_queue_that_is_not_there_is_named(
    dlq: Queue, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    bus, events = dlq.local.outputs["orderEventsBusName"], dlq.local.client("events")
    events.put_rule(Name="plain", EventBusName=bus, EventPattern='{"source": ["x"]}')
    group = {"Id": "x", "Arn": "arn:aws:logs:us-east-1:000000000000:log-group:x"}
    events.put_targets(Rule="plain", EventBusName=bus, Targets=[group])
    code, _, err = command(capsys, "list", *arguments)
    events.remove_targets(Rule="plain", EventBusName=bus, Ids=["x"])
    events.delete_rule(Name="plain", EventBusName=bus)
    assert code == 1
    assert said in err


class Breaks(Plan):
    """Disturbs every call of one operation."""

    def __init__(self, operation: str, fault: Fault) -> None:
        self.operation, self.fault = operation, fault

    def draw(self, operation: str, subject: str) -> Fault | None:
        return self.fault if operation == self.operation else None


class EndsAfter(Plan):
    """Lets a number of calls through, and no more."""

    def __init__(self, calls: int) -> None:
        self.left = calls

    def draw(self, operation: str, subject: str) -> Fault | None:
        self.left -= 1
        return Fault.RESET if self.left < 0 else None


@pytest.fixture
def wire(dlq: Queue, stage: Arena) -> Iterator[FaultProxy]:
    """The tool's own way to the emulator; the functions' way leads through it, too."""
    stage.proxy.journal.clear()
    state.write("local", {**state.read("local"), "endpoint": stage.proxy.url})
    yield stage.proxy
    stage.proxy.plan = Plan(MIXES["calm"], 0)


@pytest.mark.parametrize("which", ["one", "all"])
def test_nothing_is_deleted_when_its_copy_was_not_accepted(
    dlq: Queue, wire: FaultProxy, capsys: pytest.CaptureFixture[str], which: str
) -> None:
    _, message = dlq.failed_order()
    wire.plan = Breaks("SendMessage", Fault.ERROR)
    code, _, err = command(capsys, "redrive", message if which == "one" else "--all")
    assert code == 1
    assert "not moved, still in the dead-letter queue" in err
    assert "DeleteMessage" not in {entry.operation for entry in wire.journal}
    assert dlq.depth() == 1


def test_the_copy_is_made_before_the_message_is_deleted(
    dlq: Queue, wire: FaultProxy, capsys: pytest.CaptureFixture[str]
) -> None:
    _, message = dlq.failed_order()
    assert command(capsys, "redrive", message)[0] == 0
    done = [entry.operation for entry in wire.journal if entry.done]
    assert done.index("SendMessage") < done.index("DeleteMessage")


def test_a_message_that_cannot_be_deleted_is_said_to_be_copied(
    dlq: Queue, wire: FaultProxy, capsys: pytest.CaptureFixture[str]
) -> None:
    order, message = dlq.failed_order()
    wire.plan = Breaks("DeleteMessage", Fault.ERROR)
    code, _, err = command(capsys, "redrive", message)
    assert code == 1
    assert "copied to the order queue but not deleted" in err
    assert until(lambda: dlq.status(order) == contract.CONFIRMED)
    assert dlq.depth() == 1
    wire.plan = Plan(MIXES["calm"], 0)
    assert command(capsys, "redrive", message)[0] == 0, "a second redrive was not harmless"
    assert dlq.depth() == 0


def test_an_aws_that_does_not_answer_is_an_error_without_a_trace(
    dlq: Queue, wire: FaultProxy, capsys: pytest.CaptureFixture[str]
) -> None:
    wire.plan = Breaks("ReceiveMessage", Fault.RESET)
    code, out, err = command(capsys, "list")
    assert (code, out) == (1, "")
    assert err.startswith("operations: AWS refused: ")


def test_a_message_that_fails_again_is_not_redriven_twice_in_one_run(
    dlq: Queue, wire: FaultProxy, capsys: pytest.CaptureFixture[str]
) -> None:
    # The order queue is the dead-letter queue itself: what is redriven is back at once.
    run = state.read("local")
    outputs = {**run["outputs"], "orderEventsQueueUrl": dlq.url}
    state.write("local", {**run, "outputs": outputs})
    wire.plan = EndsAfter(100)  # a run that goes on for ever is an error, not a wait
    messages = {dlq.put("{"), dlq.put("}")}
    code, out, _ = command(capsys, "redrive", "--all")
    assert (code, out) == (0, "2 messages are back in the order queue.\n")
    _, out, _ = command(capsys, "list", "--json")
    again = json.loads(out)
    assert len(again) == 2
    assert not messages & {entry["messageId"] for entry in again}
    assert all(entry["redrivenAt"] for entry in again)
