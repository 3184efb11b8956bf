"""Saved changes reach a run, here that of a copy of the checkout, whose files change."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local import aws, events
from local.client import Answer, Api
from local.workspace import ROOT
from tests.local.support import ORDER, until
from tools.benchmarks.saved import MARKED, copy_checkout

pytestmark = pytest.mark.long

UNKNOWN = "11111111-1111-4111-8111-111111111111"

PING = '''"""Answers that it is there."""


def handler(event, context):
    return {"statusCode": 200, "headers": {}, "body": "pong"}
'''


class Copy:
    """A checkout of its own, the run of it, and what the run tells."""

    def __init__(self, folder: Path, output: Path) -> None:
        self.folder, self._output = folder, output
        self._read = 0
        self._terminal, terminal = os.openpty()
        with output.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "local", "run", "--show", "json", "--port", "0"],
                cwd=folder,
                env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
                stdin=terminal,
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        self.api = Api(self.next(events.SystemStarted).url)
        assert until(lambda: self.whereabouts() is not None)

    def type(self, line: str) -> None:
        """As a person at the run's terminal."""
        os.write(self._terminal, line.encode() + b"\n")

    def next(self, kind: type[events.Kind]) -> events.Kind:
        """The next event of a type; those before it are passed over."""
        found = until(lambda: self._next(kind))
        assert isinstance(found, kind), (
            f"no {kind.__name__} in:\n{self._output.read_text()[-3000:]}"
        )
        return found

    def _next(self, kind: type[events.Kind]) -> events.Kind | str | None:
        for line in self.lines():
            event = events.decode(line)
            if isinstance(event, kind):
                return event
        return None if self.process.poll() is None else "it has ended"

    def lines(self) -> Iterator[bytes]:
        """What was told since the last time."""
        with self._output.open("rb") as file:
            file.seek(self._read)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._read += len(line)
                yield line

    def whereabouts(self) -> dict[str, Any] | None:
        """Where its AWS endpoint is, as other processes find it."""
        file = self.folder / ".build" / "local" / f"state-local-{self.process.pid}.json"
        found: dict[str, Any] | None = json.loads(file.read_text()) if file.exists() else None
        return found

    def client(self, service: str) -> Any:
        where = self.whereabouts()
        assert where is not None
        return aws.client(service, where["endpoint"], where["region"], where["credentials"])

    def function(self, name: str) -> dict[str, Any]:
        """The configuration of what the function's alias points to."""
        where = self.whereabouts()
        assert where is not None
        function = where["outputs"]["functionNames"][name]
        found: dict[str, Any] = self.client("lambda").get_function_configuration(
            FunctionName=function, Qualifier="live"
        )
        return found

    def text(self, name: str) -> str:
        return (self.folder / name).read_text()

    def save(self, name: str, text: str) -> None:
        """As an editor does: a file beside it, and then the other name."""
        (self.folder / f"{name}.tmp").write_text(text)
        (self.folder / f"{name}.tmp").replace(self.folder / name)

    def mark(self, name: str, mark: str, body: str = "pass") -> None:
        """Let a function's answers carry the mark."""
        original = (ROOT / "functions" / f"{name}.py").read_text()
        self.save(f"functions/{name}.py", original + MARKED.format(mark=mark, body=body))

    def marked(self) -> str | None:
        """The mark of an answer of get_order."""
        return self.api.get(UNKNOWN).headers.get("x-mark")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copy]:
    place = tmp_path_factory.mktemp("reloading")
    folder = place / "checkout"
    copy_checkout(folder)
    started = Copy(folder, place / "output")
    yield started
    started.process.terminate()
    started.process.wait()


def test_a_saved_function_is_live_with_its_next_invocation_and_nothing_is_lost(copy: Copy) -> None:
    order = copy.api.create(ORDER).body["id"]
    others = copy.function("create_order")["Version"]
    copy.mark("get_order", "saved")
    told = copy.next(events.CodeReloaded)
    assert (told.functions, told.files) == ("orders-get-order", "functions/get_order.py")
    assert copy.marked() == "saved"
    assert copy.api.get(order).body["customerName"] == ORDER["customerName"]
    assert copy.function("create_order")["Version"] == others


def test_a_syntax_error_is_shown_with_its_line_and_the_old_code_stays(copy: Copy) -> None:
    toolkit = copy.text("functions/toolkit/api.py")
    copy.mark("get_order", "before")
    copy.next(events.CodeReloaded)
    copy.save("functions/toolkit/api.py", toolkit + "\nbroken = (\n")
    reason = copy.next(events.ChangeRefused).reason
    line = len(toolkit.splitlines()) + 2
    assert reason == f"functions/toolkit/api.py, line {line}: SyntaxError: '(' was never closed"
    assert copy.marked() == "before"
    # What all functions may import reloads all of them.
    copy.save("functions/toolkit/api.py", toolkit + "\nmended = ()\n")
    told = copy.next(events.CodeReloaded)
    assert told.functions.count("orders-") == len(
        copy.client("lambda").list_functions()["Functions"]
    )
    assert copy.marked() == "before"


def test_many_saves_at_once_and_what_editors_write_beside_them(copy: Copy) -> None:
    for name in (".get_order.py.swp", "4913", "get_order.py~", "#get_order.py#", ".#get_order.py"):
        (copy.folder / "functions" / name).write_text("not python (")
    for number in range(20):
        copy.mark("get_order", f"number {number}")
        (copy.folder / "functions" / "get_order.py").touch()
    assert until(lambda: copy.marked() == "number 19")
    (copy.folder / "functions" / "get_order.py").touch()  # saved, and still the same
    copy.mark("create_order", "other")
    told = [events.decode(line) for line in copy.lines()]
    told.append(copy.next(events.CodeReloaded))
    files = [each.files for each in told if isinstance(each, events.CodeReloaded)]
    assert files[-1] == "functions/create_order.py"
    assert set(files) <= {"functions/get_order.py", "functions/create_order.py"}
    assert not any(isinstance(each, events.ChangeRefused) for each in told)


def test_an_invocation_ends_in_the_code_that_it_began_in(copy: Copy, tmp_path: Path) -> None:
    began, gate = tmp_path / "began", tmp_path / "gate"
    copy.mark(
        "get_order",
        "old",
        "import pathlib, time\n"
        f"    pathlib.Path({str(began)!r}).touch()\n"
        f"    while not pathlib.Path({str(gate)!r}).exists():\n"
        "        time.sleep(0.01)",
    )
    copy.next(events.CodeReloaded)
    answers: list[Answer] = []
    request = threading.Thread(target=lambda: answers.append(copy.api.get(UNKNOWN)))
    request.start()
    try:
        assert until(began.exists)
        copy.mark("get_order", "new")
        copy.next(events.CodeReloaded)
        assert copy.marked() == "new"
    finally:
        gate.touch()
        request.join()
    assert (answers[0].status, answers[0].headers["x-mark"]) == (404, "old")
    # Nothing of the former code is kept: a day's saves would fill the memory.
    now = copy.function("get_order")
    versions = copy.client("lambda").list_versions_by_function(FunctionName=now["FunctionName"])
    assert [each["Version"] for each in versions["Versions"]] == ["$LATEST", now["Version"]]


def test_a_setting_and_a_function_are_added_in_place(copy: Copy) -> None:
    order = copy.api.create(ORDER).body["id"]
    declared = copy.text("components/order_functions.py")
    route = 'route=("GET", "/ping")'
    entry = f'OrderFunction(name="ping", {route}, environment=lambda _: {{}}, grants=())'
    copy.save(
        "components/order_functions.py",
        declared.replace("FUNCTIONS = (", f"FUNCTIONS = (\n    {entry},", 1),
    )
    assert "functions/ping.py does not exist" in copy.next(events.ChangeRefused).reason
    stack = copy.text("Pulumi.local.yaml")
    copy.save("Pulumi.local.yaml", stack + "  serverless-orders:memorySize: 512\n")
    copy.save("functions/ping.py", PING)
    until(lambda: copy.api.request("GET", "/ping").status == 200)
    assert copy.api.request("GET", "/ping").body == "pong"
    changes = copy.next(events.SystemChanged).changes
    assert "created Function orders-ping" in changes
    assert "Table" not in changes
    assert until(lambda: copy.function("get_order")["MemorySize"] == 512)
    copy.save("components/order_functions.py", declared)
    while "removed Function orders-ping" not in changes:
        changes = copy.next(events.SystemChanged).changes
    assert copy.api.request("GET", "/ping").status == 404
    assert copy.api.get(order).body["id"] == order


def test_what_cannot_be_changed_needs_a_restart_which_keeps_the_port(copy: Copy) -> None:
    order = copy.api.create(ORDER).body["id"]
    program = copy.text("__main__.py")
    copy.save("__main__.py", program + "\nraise LookupError('nothing to find')\n")
    line = len(program.splitlines()) + 2
    refused = copy.next(events.ChangeRefused).reason
    assert refused == f"__main__.py, line {line}: LookupError: nothing to find"
    copy.save("__main__.py", program)
    tables = copy.text("components/table.py")
    copy.save("components/table.py", tables + "\nimport nowhere\n")
    line = len(tables.splitlines()) + 2
    refused = copy.next(events.ChangeRefused).reason
    missing = "ModuleNotFoundError: No module named 'nowhere'"
    assert refused == f"components/table.py, line {line}: {missing}"
    copy.save("components/table.py", tables)
    stack = copy.text("Pulumi.local.yaml")
    copy.save("Pulumi.local.yaml", stack.replace("environment: local", "environment: other"))
    assert "tags cannot be changed while it runs" in copy.next(events.RestartNeeded).reason
    assert copy.api.get(order).status == 200
    copy.type("r")
    copy.next(events.SystemStarted)
    assert copy.api.get(order).status == 404
    name = copy.whereabouts()["outputs"]["ordersTableName"]  # type: ignore[index]
    tags = copy.client("dynamodb").list_tags_of_resource(
        ResourceArn=copy.client("dynamodb").describe_table(TableName=name)["Table"]["TableArn"]
    )["Tags"]
    assert {"Key": "environment", "Value": "other"} in tags
    order = copy.api.create(ORDER).body["id"]
    assert until(lambda: "control" in (copy.whereabouts() or {}))  # the start is over
    command = [sys.executable, "-m", "local", "restart"]
    subprocess.run(command, cwd=copy.folder, check=True)
    copy.next(events.SystemStarted)
    assert copy.api.get(order).status == 404
