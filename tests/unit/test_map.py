"""The map of what the program registers, as `python -m local map` prints it."""

from __future__ import annotations

import json
import subprocess
import sys
from xml.etree import ElementTree

import pytest

from components.order_functions import functions_of
from functions import contract
from local import map as maps
from local import program
from local.map import Arrow, Map, Part
from local.workspace import ROOT

WHOLE = {"imports": True, "events": True}
FUNCTION, QUEUE = "aws:lambda/function:Function", "aws:sqs/queue:Queue"


@pytest.fixture(scope="module")
def drawn() -> Map:
    return maps.read("dev", WHOLE)


SMALL = {"events": False, "queue.maxReceiveCount": 7}


@pytest.fixture(scope="module")
def small() -> Map:
    return maps.read("dev", SMALL)


def arrows(drawn: Map) -> set[tuple[str, str, str, bool]]:
    """Source, target, label and whether it is a failure's way, of each arrow."""
    names = [part.label for part in drawn.parts]
    return {
        (names[each.source], names[each.target], each.label, each.failure) for each in drawn.arrows
    }


@pytest.mark.parametrize(
    ("source", "target", "label", "failure"),
    [
        ("api", "create-order", "POST /orders (v1, v2)", False),
        ("create-order", "Orders", "PutItem", False),
        ("create-order", "order-events", "SendMessage", False),
        ("order-events", "process-order", "batches", False),
        ("order-events", "order-events-dlq", "after 3 receives", True),
        ("rate(1 minute)", "republish-pending", "", False),
        ("republish-pending", "republish-pending-failures", "failed for good", True),
        ("Orders", "publish-changes", "stream", False),
        ("publish-changes", "bus", "PutEvents", False),
        ("publish-changes", "unpublished", "given up", True),
        ("bus", "record-history", ", ".join(contract.CHANGE_EVENTS.values()), False),
        ("imports", "import-orders", "Object Created", False),
    ],
)
def test_an_arrow_follows_from_a_route_a_source_a_grant_or_a_redrive(
    drawn: Map, source: str, target: str, label: str, failure: bool
) -> None:
    assert (source, target, label, failure) in arrows(drawn)


def test_nothing_stands_alone(drawn: Map) -> None:
    reached = {each.target for each in drawn.arrows}
    lonely = [
        part.label
        for place, part in enumerate(drawn.parts)
        if part.type in (FUNCTION, QUEUE) and place not in reached
    ]
    assert not lonely
    functions = [part for part in drawn.parts if part.type == FUNCTION]
    declared = functions_of(program.settings("dev", WHOLE).system)  # type: ignore[arg-type]
    assert {part.name for part in functions} == {f"orders-{each.label}" for each in declared}


def test_only_a_granted_call_is_an_arrow(drawn: Map) -> None:
    """Rights that every function has, or Lambda itself needs, are none."""
    words = {word for _, _, label, _ in arrows(drawn) for word in label.split(", ")}
    assert not {"PutLogEvents", "ReceiveMessage", "GetRecords", "PutTraceSegments"} & words
    assert not [each for each in arrows(drawn) if each[:2] == ("get-order", "order-events")]


def test_settings_decide_what_is_on_it(small: Map) -> None:
    assert not {"bus", "history", "record-history"} & {part.label for part in small.parts}
    assert ("order-events", "order-events-dlq", "after 7 receives", True) in arrows(small)


def test_words_of_others_are_words_in_the_text_and_in_the_picture() -> None:
    strange = Map(
        [
            Part(QUEUE, "one", 'a "quoted" <script>', "Queue one"),
            Part(QUEUE, "two", "two #35;", "Queue one"),
        ],
        [Arrow(0, 1, '"]; click p0 "x', True)],
    )
    text = maps.mermaid(strange)
    assert '"a #quot;quoted#quot; #lt;script>"' in text
    assert len(text.splitlines()) == 6
    picture = maps.svg(strange)
    assert "<script" not in picture
    assert "quoted" in "".join(ElementTree.fromstring(picture).itertext())


def test_the_command_line_draws_it_without_a_run(small: Map) -> None:
    command = [sys.executable, "-m", "local", "map", "--stack", "dev", "--svg"]
    for key, value in SMALL.items():
        command += ["--config", f"{key}={json.dumps(value)}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    words = "".join(ElementTree.fromstring(done.stdout).itertext())
    for part in small.parts:
        assert part.label in words.replace("\n", ""), part
    foreign = [w for w in done.stdout.split('"') if w.startswith("http")]
    assert set(foreign) <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
