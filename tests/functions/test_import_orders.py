"""import_orders: every line of a file becomes an order once, or a problem in the report."""

import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

from tests.functions.fake_aws import DENIED, SERVER_ERROR, THROTTLED, FakeAws
from tests.functions.support import ORDER, Context, Functions, forget

GOOD = json.dumps(ORDER).encode()
BOM = b"\xef\xbb\xbf"
KINDS = {"unreadable-line": 400, "line-too-long": 413, "invalid-order": 400, "unknown-file": 415}


def told(key: str, size: int, version: str = "v1", event: str = "event-1") -> dict[str, Any]:
    """What EventBridge says of an object."""
    named = {"key": key, "size": size, "version-id": version}
    return {"id": event, "detail-type": "Object Created", "detail": {"object": named}}


def put(aws: FakeAws, content: bytes, name: str = "a.ndjson", version: str = "v1") -> Any:
    """The event of a file that comes in."""
    aws.bucket.versions[f"incoming/{name}", version] = content
    return told(f"incoming/{name}", len(content), version)


def report(functions: Functions, content: bytes, name: str = "a.ndjson") -> list[dict[str, Any]]:
    """The report of a file that one run is done with."""
    result = functions.invoke("import_orders", put(functions.aws, content, name))
    assert result["complete"]
    return functions.aws.bucket.lines(f"results/{name}")


def kinds(lines: list[dict[str, Any]]) -> list[str]:
    """What became of each line: the kind of its problem, or `order`."""
    return [each.get("type", "order").rpartition(":")[2] for each in lines]


def orders(aws: FakeAws) -> list[str]:
    return sorted(item["customerName"]["S"] for item in aws.table.values())


def announced(functions: Functions) -> tuple[list[Any], list[Any]]:
    """Bodies and attributes of the messages that were sent."""
    sent = functions.aws.messages
    return functions.aws.bodies(), [each["MessageAttributes"] for each in sent]


def named(number: int) -> bytes:
    return json.dumps({**ORDER, "customerName": f"c{number:04}"}).encode()


def follow(functions: Functions, event: Any, limit: int = 99) -> int:
    """Run what the function hands to itself until nothing is left; the runs."""
    invoked = functions.aws.bucket.invoked
    functions.invoke("import_orders", event)
    runs = 1
    while invoked and runs < limit:
        functions.invoke("import_orders", invoked.pop(0))
        runs += 1
    return runs


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("mark", [b"", BOM])
@pytest.mark.parametrize("last", [True, False])
def test_every_line_is_an_order_or_a_problem_that_says_why(
    functions: Functions, end: bytes, mark: bytes, last: bool
) -> None:
    lines = [GOOD, b"{bad", b"", b'{"customerName": "\xff"}', b'{"customerName": "Ada"}', GOOD]
    content = mark + end.join(lines) + (end if last else b"")

    found = report(functions, content)

    assert [each["line"] for each in found] == [1, 2, 3, 4, 5, 6]
    bad = ["unreadable-line"] * 3
    assert kinds(found) == ["order", *bad, "invalid-order", "order"]
    assert [e["pointer"] for e in found[4]["errors"]] == ["#/items"]
    for each in found[1:5]:
        assert each["status"] == KINDS[each["type"].rpartition(":")[2]]
        assert each["title"]
        assert each["detail"]
    ids = {each["orderId"] for each in found if "orderId" in each}
    assert functions.aws.bucket.metadata["results/a.ndjson"] == {"version-id": "v1"}
    assert ids == set(functions.aws.table)
    assert {body["detail"]["id"] for body in functions.aws.bodies()} == ids
    metrics = functions.metrics()
    assert (metrics["LinesImported"], metrics["LinesRejected"]) == ([2], [4])
    assert "Ada" not in str(functions.output())


@pytest.mark.parametrize(
    ("length", "kind"), [(262_144, "invalid-order"), (262_145, "line-too-long")]
)
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_line_is_as_long_as_a_request_at_most(
    functions: Functions, length: int, kind: str, end: bytes
) -> None:
    long = b'{"customerName": "%s"}' % (b"x" * (length - 20))
    assert len(long) == length
    assert kinds(report(functions, long + end + GOOD)) == [kind, "order"]


def test_an_endless_line_is_one_problem_and_the_next_line_is_read(functions: Functions) -> None:
    found = report(functions, GOOD + b"\n" + b"x" * 1_000_000 + b"\n" + GOOD + b"\n")
    assert kinds(found) == ["order", "line-too-long", "order"]


@pytest.mark.parametrize("mark", [b"", BOM])
def test_csv_has_an_item_in_columns_or_items_as_json(functions: Functions, mark: bytes) -> None:
    rows = b"customerName,sku,qty,price,sku2,qty2,price2\r\nAda,TEA-01,2,12.5,CUP-07,1,0.1\r\n"
    rows += b'"Ada, L. ""x""",TEA-01,1,3,,,\r\nAda,TEA-01,two,1,,,\r\nAda,TEA-01\r\n'
    found = report(functions, mark + rows, "a.csv")
    assert [each["line"] for each in found] == [2, 3, 4, 5]
    assert kinds(found) == ["order", "order", "invalid-order", "unreadable-line"]
    assert [each["pointer"] for each in found[2]["errors"]] == ["#/items/0/qty"]
    first, second = (functions.aws.table[each["orderId"]] for each in found[:2])
    assert [item["M"]["price"]["N"] for item in first["items"]["L"]] == ["12.5", "0.1"]
    assert second["customerName"]["S"] == 'Ada, L. "x"'

    found = report(
        functions, b'items,customerName\n"[{""sku"":""A"",""qty"":1,""price"":2}]",Ada\n', "b.csv"
    )
    assert kinds(found) == ["order"]


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (b"sku,qty,price", "'customerName' is missing"),
        (b"customerName,sku,qty", "'price' is missing"),
        (b"customerName,sku,qty,price,colour", "'colour' is not known"),
        (b"customerName,customerName,items", "appears twice"),
        (b"customerName,items,sku,qty,price", "columns of their own"),
    ],
)
def test_a_header_that_lacks_columns_is_the_files_one_problem(
    functions: Functions, header: bytes, said: str
) -> None:
    (found,) = report(functions, header + b"\nAda,TEA-01,1,1\n", "a.csv")
    assert kinds([found]) == ["unreadable-line"]
    assert said in found["detail"]
    assert functions.aws.table == {}


def test_a_file_of_another_kind_is_reported_and_not_read(functions: Functions) -> None:
    assert kinds(report(functions, b"PK", "a.xlsx")) == ["unknown-file"]
    assert "GetObject" not in functions.aws.operations()


def test_an_empty_file_has_an_empty_report(functions: Functions) -> None:
    assert report(functions, b"") == []


def test_a_repeated_delivery_doubles_nothing(functions: Functions) -> None:
    event = put(functions.aws, b"\n".join(named(n) for n in range(150)))
    functions.invoke("import_orders", event)
    first = functions.aws.bucket.lines("results/a.ndjson")
    items = dict(functions.aws.table)
    confirmed = next(iter(items))
    items[confirmed] = functions.aws.table[confirmed] = {
        **items[confirmed],
        "status": {"S": "CONFIRMED"},
    }
    functions.aws.messages.clear()
    functions.invoke("import_orders", {**event, "id": "event-2"})
    assert functions.aws.table == items
    assert len(items) == 150
    # The first run may have died before it announced them; the times are those of the orders.
    again = {body["detail"]["id"]: sent for body, sent in zip(*announced(functions), strict=True)}
    assert again.keys() == items.keys() - {confirmed}
    for order_id, attributes in again.items():
        assert attributes["createdAt"]["StringValue"] == items[order_id]["createdAt"]["S"]
        assert attributes["correlationId"]["StringValue"] == "event-2"
    assert functions.aws.bucket.lines("results/a.ndjson") == first


def test_the_same_line_of_another_version_key_or_place_is_another_order(
    functions: Functions,
) -> None:
    report(functions, GOOD + b"\n" + GOOD)
    report(functions, GOOD, "b.ndjson")
    functions.invoke("import_orders", put(functions.aws, GOOD, version="v2"))
    assert len(functions.aws.table) == 4


@pytest.mark.parametrize("variable", ["IMPORTS_BUCKET_NAME", "ORDER_ID_KEY"])
def test_the_same_line_in_another_bucket_or_stack_is_another_order(
    functions: Functions, variables: pytest.MonkeyPatch, variable: str
) -> None:
    report(functions, GOOD)
    variables.setenv(variable, "another")
    forget()
    report(functions, GOOD)
    assert len(functions.aws.table) == 2


def test_orders_are_announced_in_calls_that_sqs_takes(functions: Functions) -> None:
    items = [{"sku": "\U0001f375" * 60, "qty": 1, "price": number} for number in range(1, 101)]
    large = json.dumps({"customerName": "Ada", "items": items}).encode()
    assert 4 * len(large) > 262_144
    report(functions, b"\n".join([large] * 9))
    assert len(functions.aws.messages) == 9


def test_the_version_that_was_told_of_is_read_whatever_came_after(functions: Functions) -> None:
    first = put(functions.aws, named(1))
    put(functions.aws, named(2), version="v2")
    functions.invoke("import_orders", first)
    assert orders(functions.aws) == ["c0001"]


def test_when_the_time_is_up_the_rest_is_carried_on(functions: Functions) -> None:
    """Each run finds its time over after one group of lines."""
    count = 450
    lines = [named(n) if n % 10 else b"{bad" for n in range(count)]
    event = put(functions.aws, BOM + b"\r\n".join(lines))
    left = [30_000.0]
    functions.context = Context(lambda: left.pop() if left else 0.0)

    functions.invoke("import_orders", event)
    place = functions.aws.bucket.invoked[0]["continued"]["place"]
    assert (place["line"], place["imported"], place["rejected"]) == (100, 90, 10)
    assert "results/a.ndjson" not in functions.aws.bucket.written
    runs = 1
    while functions.aws.bucket.invoked:
        left.append(30_000.0)
        functions.invoke("import_orders", functions.aws.bucket.invoked.pop(0))
        runs += 1

    assert runs == 5
    # Itself, as it was deployed, and without waiting for it.
    called = functions.aws.bucket.invocations
    assert called == [(Context.invoked_function_arn, "Event")] * 4
    found = functions.aws.bucket.lines("results/a.ndjson")
    assert [each["line"] for each in found] == list(range(1, count + 1))
    assert len(functions.aws.table) == len(functions.aws.messages) == 405
    assert orders(functions.aws) == sorted(f"c{n:04}" for n in range(count) if n % 10)
    done = json.loads(functions.aws.bucket.written["unfinished/a.ndjson.json"])
    assert done["done"]
    assert done["versionId"] == "v1"
    assert (done["imported"], done["rejected"]) == (405, 45)
    assert sum(functions.metrics()["LinesImported"]) == 405


def test_a_file_that_two_deliveries_carry_on_is_reported_once(functions: Functions) -> None:
    """Each has its own place and its own part of the report."""
    event = put(functions.aws, b"\n".join(named(n) for n in range(350)))
    invoked = functions.aws.bucket.invoked
    for run, left in (("first", [30_000.0]), ("second", [30_000.0] * 2)):
        functions.context = Context(lambda left=left: left.pop() if left else 0.0)  # type: ignore[misc]
        functions.context.aws_request_id = run
        functions.invoke("import_orders", event)
    assert [each["continued"]["place"]["line"] for each in invoked] == [100, 200]
    functions.context = Context()
    for each in invoked[::-1]:
        functions.invoke("import_orders", each)
        found = functions.aws.bucket.lines("results/a.ndjson")
        assert [entry["line"] for entry in found] == list(range(1, 351))
    assert len(functions.aws.table) == 350


def test_a_run_that_cannot_be_carried_on_fails_and_counts_nothing(functions: Functions) -> None:
    event = put(functions.aws, b"\n".join(named(n) for n in range(150)))
    left = [30_000.0]
    functions.context = Context(lambda: left.pop() if left else 0.0)
    functions.aws.fail("Invoke", *[DENIED] * 9)
    with pytest.raises(functions.module("import_orders").ImportFailedError):
        functions.invoke("import_orders", event)
    assert functions.metrics().get("LinesImported") is None
    assert "unfinished/a.ndjson.json" not in functions.aws.bucket.written


def test_a_csv_file_is_carried_on_with_its_columns(functions: Functions) -> None:
    rows = [b"customerName,sku,qty,price", *(b"c%04d,A,1,2" % n for n in range(150))]
    event = put(functions.aws, b"\n".join(rows), "a.csv")
    # A time that is over at once grants one group of lines to each run.
    runs = [30_000.0]
    functions.context = Context(lambda: runs.pop() if runs else 0.0)
    assert follow(functions, event) == 2
    assert len(functions.aws.table) == 150


@pytest.mark.parametrize("operation", ["PutItem", "SendMessageBatch", "GetObject", "PutObject"])
def test_a_run_that_aws_cuts_short_is_repeated_or_carried_on_without_doubling(
    functions: Functions, operation: str
) -> None:
    module = functions.module("import_orders")
    event = put(functions.aws, b"\n".join(named(n) for n in range(250)))
    functions.aws.fail(operation, *[SERVER_ERROR] * 40)
    try:
        runs = follow(functions, event, limit=3)
        functions.aws.recover()
        assert runs
    except module.ImportFailedError:
        functions.aws.recover()
    follow(functions, event)
    assert len(functions.aws.table) == 250
    found = functions.aws.bucket.lines("results/a.ndjson")
    assert len({each["orderId"] for each in found}) == 250
    assert "SECRET" not in str(functions.output())


def test_a_run_that_comes_to_nothing_fails_so_that_lambda_tries_again(
    functions: Functions,
) -> None:
    functions.aws.fail("GetObject", *[DENIED] * 9)
    with pytest.raises(functions.module("import_orders").ImportFailedError):
        functions.invoke("import_orders", put(functions.aws, GOOD))
    assert functions.aws.bucket.invoked == []
    assert functions.logs()[-1]["level"] == "ERROR"


def test_throttled_sends_are_tried_again(functions: Functions) -> None:
    functions.aws.fail("SendMessageBatch", THROTTLED)
    report(functions, b"\n".join(named(n) for n in range(30)))
    assert len(functions.aws.messages) == 30
    batches = functions.aws.operations().count("SendMessageBatch")
    assert batches == 4  # three of ten, and the one that was throttled


def test_what_sqs_refuses_is_left_to_the_repair(functions: Functions) -> None:
    refused = json.dumps({**ORDER, "customerName": "REFUSED-BY-SQS"}).encode()
    found = report(functions, refused + b"\n" + GOOD)
    assert kinds(found) == ["order", "order"]
    assert len(functions.aws.messages) == 1
    statuses = {item["status"]["S"] for item in functions.aws.table.values()}
    assert statuses == {"PENDING"}
    assert functions.logs()[-1]["refused_events"] == {"InternalError": 1}


# 100 MiB of lines of 4 KiB, which hold no order: what is measured is not the stand-in's table.
LINE = b"{" + b"x" * 4094 + b"\n"
SIZE = 100 * 1024 * 1024


def large(first: int, last: int) -> bytes:
    last = min(last, SIZE)
    begin = first % len(LINE)
    return (LINE * ((last - first) // len(LINE) + 2))[begin : begin + last - first]


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.long
def test_a_file_of_100_mb_takes_the_memory_of_its_parts(functions: Functions, traced: None) -> None:
    functions.module("import_orders")
    aws = functions.aws
    aws.bucket.made["incoming/a.ndjson", "v1"] = large
    tracemalloc.reset_peak()
    before, _ = tracemalloc.get_traced_memory()
    functions.invoke("import_orders", told("incoming/a.ndjson", SIZE))
    _, peak = tracemalloc.get_traced_memory()
    count = SIZE // len(LINE)
    written = aws.bucket.written["results/a.ndjson"]
    assert written.count(b"\n") == count
    assert "UploadPart" in aws.operations()
    assert aws.bucket.metadata["results/a.ndjson"] == {"version-id": "v1"}
    # The report lies in the stand-in twice, and a part of it is on its way.
    assert peak - before < 2 * len(written) + 20 * 1024 * 1024 < SIZE
