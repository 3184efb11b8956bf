"""`python -m operations import` at the boundary: what it asks of S3, says, and ends with."""

import json
import os
import threading
from collections.abc import Iterator
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from functions import contract
from local import state
from operations import import_command, imports, stacks
from operations.__main__ import main
from operations.import_command import REJECTED

BUCKET = "imports-bucket"
FILE = '{"customerName": "Ada"}\n' * 2
PROBLEM = {
    "line": 2,
    "title": "The order is invalid",
    "detail": "Errors found: 1\u202e\x1b[2J",
    "errors": [{"pointer": "#/items/0/\x1b]0;qty", "detail": "must be at least 1"}],
}
ORDER = {"line": 1, "orderId": "order-1"}


class FakeS3(ThreadingHTTPServer):
    """A bucket with versions whose importer is played by `plan`: what it writes before each time
    that a report is asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        self.objects: dict[str, tuple[str, bytes, dict[str, str]]] = {}  # version, body, metadata
        self.puts: list[str] = []
        self.plan: list[tuple[str, object, str]] = []  # kind, content, version
        self.refuse: str | None = None
        super().__init__(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def play(self) -> None:
        if not self.plan:
            return
        kind, content, version = self.plan.pop(0)
        name = self.puts[-1].removeprefix(contract.INCOMING)
        if kind == "progress":
            body = json.dumps({"versionId": version, **content}).encode()  # type: ignore[dict-item]
            self.objects[f"{contract.UNFINISHED}{name}.json"] = ("p", body, {})
        else:
            lines = "".join(json.dumps(entry) + "\n" for entry in content)  # type: ignore[attr-defined]
            metadata = {"x-amz-meta-version-id": version}
            self.objects[contract.RESULTS + name] = ("r", lines.encode(), metadata)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeS3

    def do_PUT(self) -> None:
        key, body = self._key(), self._body(self.headers)
        if key in self.server.objects and self.headers.get("if-none-match") == "*":
            return self._answer(412, _error("PreconditionFailed"))
        self.server.puts.append(key)
        version = f"v{len(self.server.puts)}"
        self.server.objects[key] = (version, body, {})
        return self._answer(200, b"", {"x-amz-version-id": version})

    def do_HEAD(self) -> None:
        version, body, _ = self.server.objects[self._key()]
        self._answer(200, b"", {"x-amz-version-id": version}, len(body))

    def do_GET(self) -> None:
        key = self._key()
        if self.server.refuse:
            return self._answer(403, _error(self.server.refuse))
        if key.startswith(contract.RESULTS):
            self.server.play()
        if key not in self.server.objects:
            return self._answer(404, _error("NoSuchKey"))
        _, body, metadata = self.server.objects[key]
        return self._answer(200, body, metadata)

    def _key(self) -> str:
        bucket, _, key = unquote(urlsplit(self.path).path).lstrip("/").partition("/")
        assert bucket == BUCKET
        return key

    def _body(self, headers: Message) -> bytes:
        return self.rfile.read(int(headers["content-length"]))

    def _answer(
        self,
        status: int,
        body: bytes,
        headers: dict[str, str] | None = None,
        length: int | None = None,
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


def _error(code: str) -> bytes:
    return f"<Error><Code>{code}</Code><Message>told so</Message></Error>".encode()


@pytest.fixture(autouse=True)
def s3(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeS3]:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(state, "BUILD", tmp_path)
    monkeypatch.setattr(imports, "POLL_SECONDS", 0.0)
    # What never comes fails a test soon.
    monkeypatch.setattr(import_command, "PATIENCE_SECONDS", 5.0)
    with FakeS3() as server:
        where = {
            "endpoint": f"http://127.0.0.1:{server.server_port}",
            "region": "eu-west-1",
            "credentials": {"aws_access_key_id": "test", "aws_secret_access_key": "test"},
        }
        state.write("local", {**where, "outputs": {"importsBucketName": BUCKET}})
        yield server
        server.shutdown()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "my orders.ndjson"
    path.write_text(FILE)
    return path


def imported(*entries: object, version: str = "v1") -> tuple[str, object, str]:
    return "report", entries, version


def test_a_file_is_sent_whole_and_its_end_waited_for(
    s3: FakeS3, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reached = {"bytes": 24, "size": 48, "imported": 1, "rejected": 0, "done": False}
    s3.plan = [("progress", reached, "v1"), imported(ORDER, {**ORDER, "line": 2})]
    assert main(["import", str(file)]) == 0
    out, err = capsys.readouterr()
    assert out == "orders imported: 2, lines rejected: 0\n"
    assert "imported" in err
    assert "100%" in err
    [key] = s3.puts
    assert key.startswith("incoming/my_orders-")
    assert key.endswith(".ndjson")
    assert s3.objects[key][1] == FILE.encode()


def test_how_far_another_version_is_does_not_count(s3: FakeS3, file: Path) -> None:
    reached = {"size": 48, "rejected": 0, "done": False}
    s3.plan = [
        ("progress", {**reached, "bytes": 40, "imported": 7}, "v0"),
        ("progress", {**reached, "bytes": 24, "imported": 1}, "v1"),
        imported(ORDER),
    ]
    bucket = stacks.imports(stacks.LOCAL)
    with file.open("rb") as content:
        upload = bucket.upload(content, imports.name_of(file))
    told: list[imports.Progress] = []
    assert list(bucket.follow(upload, told.append, patience=5)) == [ORDER]
    assert told == [imports.Progress(24, 1, 0)]


def test_rejected_lines_are_told_escaped_and_by_the_exit_code(
    s3: FakeS3, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    s3.plan = [imported(ORDER, PROBLEM)]
    assert main(["import", str(file)]) == REJECTED
    assert capsys.readouterr().out.splitlines() == [
        r"line 2: The order is invalid: Errors found: 1\u202e\x1b[2J",
        r"    #/items/0/\x1b]0;qty: must be at least 1",
        "orders imported: 1, lines rejected: 1",
    ]


def test_the_report_is_json_lines_for_programs(
    s3: FakeS3, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    s3.plan = [imported(ORDER, PROBLEM)]
    assert main(["import", str(file), "--json"]) == REJECTED
    out, err = capsys.readouterr()
    assert [json.loads(line) for line in out.splitlines()] == [ORDER, PROBLEM]
    assert "\x1b" not in out
    assert "lines rejected: 1" in err


def test_the_same_file_is_imported_once_unless_it_is_said(
    s3: FakeS3, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    s3.plan = [imported(ORDER)]
    assert main(["import", str(file)]) == 0
    renamed = file.rename(file.with_name("my orders.NDJSON"))
    assert main(["import", str(renamed)]) == 0
    assert "uploaded before" in capsys.readouterr().err
    assert len(s3.puts) == 1
    # What is there of the first version is not taken for the second one's.
    s3.plan = [imported(ORDER), imported(ORDER, PROBLEM, version="v2")]
    assert main(["import", str(renamed), "--again"]) == REJECTED
    renamed.write_text(FILE + FILE)
    s3.plan = [imported(ORDER, version="v3")]
    assert main(["import", str(renamed)]) == 0
    first, second, third = s3.puts
    assert first == second != third


def test_a_file_that_nobody_reads_is_a_failure_that_names_the_way_out(
    s3: FakeS3, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["import", str(file), "--patience", "0"]) == 1
    err = capsys.readouterr().err
    assert f"nothing was heard of {s3.puts[0]} for 0 s" in err
    assert "failure queue" in err


def test_a_refused_call_is_a_failure(
    s3: FakeS3, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    s3.refuse = "AccessDenied"
    assert main(["import", str(file)]) == 1
    assert "AWS refused" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["orders.txt", "missing.csv", "folder.csv", "empty.csv"])
def test_what_cannot_be_imported_is_not_sent(
    s3: FakeS3, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "orders.txt").write_text(FILE)
    (tmp_path / "empty.csv").touch()
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(SystemExit, match="2"):
        main(["import", str(tmp_path / name)])
    assert name in capsys.readouterr().err
    assert s3.puts == []


def test_a_stacks_bucket_comes_from_its_outputs(
    s3: FakeS3, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs = {
        "orderEventsDlqUrl": "https://sqs.eu-west-1.amazonaws.com/123456789012/order-events-dlq",
        "orderEventsQueueUrl": "https://sqs.eu-west-1.amazonaws.com/123456789012/order-events",
        "ordersTableName": "Orders",
        "importsBucketName": BUCKET,
    }
    program = tmp_path / "pulumi"
    program.write_text(f"#!/bin/sh\necho '{json.dumps(outputs)}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{s3.server_port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    s3.plan = [imported(ORDER)]
    assert main(["import", str(file), "--stack", "dev"]) == 0
    assert s3.objects[s3.puts[0]][1] == FILE.encode()


def test_a_stack_that_imports_nothing_is_said(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state.write("local", {**state.read("local"), "outputs": {}})
    assert main(["import", str(file)]) == 1
    assert "importsBucketName: it has no imports (setting imports)" in capsys.readouterr().err
