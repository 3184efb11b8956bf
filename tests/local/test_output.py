"""What a run prints: it never holds anything up, and nothing from outside reaches it raw."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from local import output
from local.client import Api
from local.emulator import HOST
from local.output import Output
from local.text import shown
from local.workspace import ROOT
from tests.local.support import ORDER, SECONDS, until

RUN = (
    "from local import output; output.BUFFERED_LINES = 100; from local.__main__ import main; main()"
)
UNREAD = 300
"""More lines than a small pipe and that buffer hold together."""
UNTOLD = 800
"""More events than the emulator's pipe to the run holds."""


class Unread:
    """A `python -m local run` whose output goes where nobody reads."""

    def __init__(self, stdout: Any, **environment: str) -> None:
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            port = probe.getsockname()[1]
        self.process = subprocess.Popen(
            [sys.executable, "-c", RUN, "run", "--port", str(port)],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=stdout,
            stderr=subprocess.PIPE,
        )
        self.api = Api(f"http://{HOST}:{port}")

    def started(self) -> Api:
        def answers() -> bool:
            assert self.process.poll() is None, self.process.communicate()
            try:
                return self.api.create(ORDER).status == 201
            except OSError:
                return False

        assert until(answers)
        return self.api

    def end(self) -> str:
        """Ask it to end; what it said on standard error."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(SECONDS) == 0
        assert self.process.stderr is not None
        return self.process.stderr.read().decode()


@pytest.fixture
def start() -> Iterator[Callable[..., Unread]]:
    runs: list[Unread] = []

    def begin(stdout: Any, **environment: str) -> Unread:
        runs.append(Unread(stdout, **environment))
        return runs[-1]

    yield begin
    for run in runs:
        if run.process.poll() is None:
            run.process.kill()
        run.process.communicate()


def _ask(api: Api, number: int) -> int:
    return api.request("GET", f"/nowhere/{number}").status


def _answers(api: Api, number: int) -> int:
    """How many of these requests are answered."""
    with ThreadPoolExecutor(8) as pool:
        return sum(status == 404 for status in pool.map(partial(_ask, api), range(number)))


@pytest.mark.long
def test_system_answers_while_nobody_reads_its_output_and_while_the_run_itself_is_stopped(
    start: Callable[..., Unread],
) -> None:
    run = start(subprocess.PIPE)
    assert run.process.stdout is not None
    fcntl.fcntl(run.process.stdout, fcntl.F_SETPIPE_SZ, 4096)
    api = run.started()
    assert _answers(api, UNREAD) == UNREAD
    assert api.create(ORDER).status == 201
    run.process.send_signal(signal.SIGSTOP)  # as Ctrl-Z does
    try:
        assert _answers(api, UNTOLD) == UNTOLD
    finally:
        run.process.send_signal(signal.SIGCONT)
    assert run.end() == ""
    printed = run.process.stdout.read().decode().count("/nowhere/")
    assert printed < UNREAD, "nothing was held up, so this has shown nothing"


@pytest.mark.long
def test_full_disk_is_no_reason_to_end(start: Callable[..., Unread]) -> None:
    with Path("/dev/full").open("wb") as full:
        run = start(full)
    api = run.started()
    assert [_ask(api, number) for number in range(20)] == [404] * 20
    assert run.end() == ""


@pytest.mark.long
def test_reader_that_leaves_is_no_reason_to_end(start: Callable[..., Unread]) -> None:
    run = start(subprocess.PIPE)
    api = run.started()
    assert run.process.stdout is not None
    run.process.stdout.close()
    assert [_ask(api, number) for number in range(20)] == [404] * 20
    assert run.end() == ""


@pytest.fixture
def pipe() -> Iterator[tuple[Any, Any]]:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as reader, os.fdopen(writing, "w") as writer:
        yield reader, writer


def test_lines_missing_are_counted_where_they_are_missing(pipe: tuple[Any, Any]) -> None:
    reader, writer = pipe
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    writer.write("full" * 1024)
    writer.flush()
    printer = Output(writer)
    for number in range(3_000):
        printer.line(f"line {number}")
    texts: list[str] = []

    def read() -> None:
        texts.extend(line.decode().rstrip("\n") for line in reader)

    reading = threading.Thread(target=read)
    reading.start()
    printer.close()
    writer.close()
    reading.join(SECONDS)
    texts[0] = texts[0].removeprefix("full" * 1024)
    numbers, number = [], 0
    for text in texts:
        if told := re.search(r" (\d+) lines? (was|were) dropped here", text):
            number += int(told[1])
        else:
            assert text == f"line {number}"
            numbers.append(number)
            number += 1
    assert number == 3_000
    assert output.BUFFERED_LINES <= len(numbers) < 3_000


def test_disk_that_was_full_for_a_while_loses_no_line_that_there_was_room_for(
    pipe: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = pipe
    write, failures = os.write, [errno.ENOSPC, errno.EIO]

    def sometimes(descriptor: int, data: bytes) -> int:
        if descriptor == writer.fileno() and failures:
            raise OSError(failures.pop(), "no")
        return write(descriptor, data)

    monkeypatch.setattr(output, "RETRY_SECONDS", 0.0)
    monkeypatch.setattr(os, "write", sometimes)
    printer = Output(writer)
    printer.line("one")
    assert until(lambda: not failures)
    printer.line("two")
    printer.close()
    assert reader.readline() + reader.readline() == b"one\ntwo\n"


@pytest.mark.parametrize(
    ("raw", "escaped"),
    [
        ("\x1b]0;X\x07", r"\x1b]0;X\x07"),
        ("a\nb\r\t\x00\x7f\x9b", r"a\nb\r\t\x00\x7f\x9b"),
        ("\u202eabc\u2066\u200b\u2028\ufeff", r"\u202eabc\u2066\u200b\u2028\ufeff"),
        ("\ud800\U000e0041\ue000", r"\ud800\U000e0041\ue000"),
        ("back\\x1bslash", r"back\\x1bslash"),
        ("Ada é 漢 😀", "Ada é 漢 😀"),
    ],
)
def test_what_is_not_plainly_visible_is_shown_escaped(raw: str, escaped: str) -> None:
    assert shown(raw) == escaped


@pytest.mark.long
def test_request_can_neither_control_the_terminal_nor_forge_a_line(
    start: Callable[..., Unread], tmp_path: Path
) -> None:
    target = tmp_path / "output"
    with target.open("wb") as file:
        run = start(file)
    api = run.started()
    for attack in ("\x1b]0;X\x07", "\n  00:00:00  forged", "\r\x9b2J", "\u202e", "\u2028x"):
        api.request("GET", "/" + quote(attack))
    api.request("GET", "/%ed%a0%80%ff")
    api.request("M" * 5000, "/" + "p" * 5000)
    api.request("GET", "/last")
    assert until(lambda: "/last" in target.read_text())
    run.end()
    text = target.read_bytes().decode()
    for escaped in (r"/\x1b]0;X\x07", r"/\n  00:00:00  forged", r"/\r\x9b2J", r"/\u202e"):
        assert escaped in text
    assert all(char.isprintable() for line in text.split("\n") for char in line)
    assert not re.search(r"^ *00:00:00 +forged", text, re.M)
    (long,) = [line for line in text.split("\n") if "MMM" in line]
    assert len(long) < 160
