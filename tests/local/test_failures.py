"""Nothing fails unseen: what a run tells of failing functions, and what the screen makes of it."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from local import events
from local.output import Output
from local.screen import Screen
from local.system import System
from tests.local.support import until

RAISES = """
import json


def handler(event, context):
    return helper(event)


def helper(event):
    return json.loads("no json")
"""
ANSWERS = """
import json


def handler(event, context):
    raised_at = [f"place ({__file__}:7)", "elsewhere (/usr/lib/python3/json.py:1)"]
    print(json.dumps({"level": "ERROR", "error": "KeyError", "raised_at": raised_at}))
    print(json.dumps({"level": "INFO", "error": "KeyError", "raised_at": raised_at}))
"""
UNIMPORTABLE = "import time\nimport nowhere_to_be_found\n"
REQUEST = {"requestContext": {"requestId": "r-1", "http": {"method": "GET", "path": "/x"}}}
BATCH = {"Records": [{"messageId": "m-1", "eventSource": "aws:sqs"}, {"messageId": "m-2"}]}


def invoke(running: System, name: str, code: str, event: Any) -> dict[str, Any]:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("index.py", code)
    functions = running.client("lambda")
    functions.create_function(
        FunctionName=name,
        Role=running.of_type("iam/role:Role")[0].outputs["arn"],
        Runtime="python3.13",
        Handler="index.handler",
        Code={"ZipFile": content.getvalue()},
    )
    functions.get_waiter("function_active_v2").wait(FunctionName=name)
    answer = functions.invoke(FunctionName=name, Payload=json.dumps(event))
    return dict(json.loads(answer["Payload"].read()) or {})


def failures(running: System, kind: type[events.Kind], function: str) -> list[events.Kind]:
    return until(
        lambda: [e for e in running.events(kind) if getattr(e, "function", None) == function]
    )


def test_an_exception_is_told_with_its_own_code_and_what_met_it(running: System) -> None:
    invoke(running, "raises", RAISES, REQUEST)
    (failed,) = failures(running, events.FunctionFailed, "raises")
    assert failed.message.startswith("json.decoder.JSONDecodeError: Expecting value")
    assert failed.error == "JSONDecodeError"
    assert failed.trace == "index.py:6 in handler\nindex.py:10 in helper"
    assert failed.met == "GET /x (request r-1)"


def test_a_module_that_cannot_be_imported_is_told_and_is_in_the_log(running: System) -> None:
    invoke(running, "unimportable", UNIMPORTABLE, BATCH)
    (failed,) = failures(running, events.FunctionFailed, "unimportable")
    assert failed.message == "ModuleNotFoundError: No module named 'nowhere_to_be_found'"
    assert failed.trace == "index.py:2 in <module>"
    assert failed.met == "aws:sqs m-1 and 1 more"
    logs = running.client("logs")
    lines = logs.filter_log_events(logGroupName="/aws/lambda/unimportable")["events"]
    assert any("nowhere_to_be_found" in line["message"] for line in lines)


def test_an_exception_that_a_function_answers_itself_is_told_from_its_log(running: System) -> None:
    invoke(running, "answers", ANSWERS, {"source": "aws.scheduler"})
    (logged,) = failures(running, events.FailureLogged, "answers")
    assert (logged.message, logged.trace) == ("KeyError", "index.py:7 in place")
    assert logged.met == "an event of aws.scheduler"


@pytest.fixture
def told(tmp_path: Path) -> Any:
    def lines(*happened: events.Event, level: str = "normal") -> list[str]:
        path = tmp_path / "screen"
        with path.open("w") as file:
            stream = events.Stream()
            screen = Screen(stream, Output(file), level)
            for event in happened:
                stream.publish(event)
            screen.close()
        return path.read_text().splitlines()

    return lines


def failed(**fields: Any) -> events.FunctionFailed:
    given = {
        "function": "f",
        "request_id": "i",
        "milliseconds": 1.0,
        "error": "Runtime.HandlerError",
        "message": "KeyError: 'a'",
        "trace": "functions/a.py:1 in handler\nfunctions/b.py:2 in inner",
        "met": "GET /x",
    }
    return events.FunctionFailed(**given | fields)


HAPPENED = [
    events.RequestAnswered(
        request_id="r",
        method="GET",
        path="/x",
        route_key=None,
        status=404,
        milliseconds=1.0,
        reason="Not Found",
    ),
    events.LogLine(function="f", text="a line"),
    failed(),
]


def test_a_failure_is_shown_whole_once_and_then_counted(told: Any) -> None:
    other = failed(message="TypeError: b")
    lines = told(*[failed(request_id=str(number)) for number in range(5)], other)
    texts = [line[12:] for line in lines]
    assert texts == [
        "FAILED  f: KeyError: 'a'",
        "    functions/a.py:1 in handler",
        "    functions/b.py:2 in inner",
        "    on GET /x, request id 0",
        "FAILED  f: KeyError at functions/b.py:2 in inner, 2 times by now",
        "FAILED  f: KeyError at functions/b.py:2 in inner, 4 times by now",
        "FAILED  f: TypeError: b",
        *("    functions/a.py:1 in handler", "    functions/b.py:2 in inner"),
        "    on GET /x, request id i",
    ]


def test_what_was_given_up_and_what_would_have_to_be_granted_is_shown(told: Any) -> None:
    denied = events.CallDenied(
        action="dynamodb:PutItem", resource="arn:t", principal="arn:aws:sts::1:assumed-role/r/s"
    )
    given_up = events.EventGivenUp(function="f", destination="arn:aws:sqs:us-east-1:1:failures")
    text = "\n".join(told(denied, given_up))
    assert "DENIED  dynamodb:PutItem on arn:t for role r" in text
    assert "to allow it, grant the function dynamodb:PutItem on this resource" in text
    assert "f -> failures" in text


def test_lines_name_the_orders_that_they_are_about(told: Any) -> None:
    batch = events.BatchProcessed(
        queue="q", function="f", messages=5, failures=0, orders="o-1, o-2, o-3, o-4, o-5"
    )
    created = events.RequestAnswered(
        request_id="r",
        method="POST",
        path="/orders",
        route_key="POST /orders",
        status=201,
        milliseconds=3,
        reason=None,
        location="/orders/o-1",
    )
    first, second = told(batch, created)
    assert first.endswith("5 messages  o-1, o-2, o-3 and 2 more")
    assert second.endswith("201  3 ms  -> /orders/o-1")


@pytest.mark.parametrize(
    ("level", "shown"),
    [
        ("quiet", ["FAILED"]),
        ("normal", ["GET", "FAILED"]),
        ("verbose", ["GET", "f: a line", "FAILED"]),
    ],
)
def test_levels_show_failures_alone_or_log_lines_as_well(
    told: Any, level: str, shown: list[str]
) -> None:
    lines = told(*HAPPENED, level=level)
    assert [any(line[12:].startswith(each) for line in lines) for each in shown] == [True] * len(
        shown
    )
    assert len([line for line in lines if line[2] != " "]) == len(shown)


def test_as_json_every_event_is_a_line_and_nothing_else_is(told: Any) -> None:
    assert [events.decode(line.encode()) for line in told(*HAPPENED, level="json")] == HAPPENED
