"""Who reaches the emulator's port: nobody but holders of keys that the run gave out."""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import json
import os
import secrets
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
import requests
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from h2.config import H2Configuration
from h2.connection import H2Connection

from local.client import Api
from local.guard import LARGEST_FORM, Guard
from local.system import System
from local.workspace import BUILD
from tests.local.support import ORDER, until

NOBODY = 65534
REGION = "us-east-1"


class Attempt:
    """An attempt to create a queue, and whether the emulator did it."""

    def __init__(self, running: System) -> None:
        self.running = running
        self.queue = f"attempt-{secrets.token_hex(6)}"
        self.host = urlsplit(running.endpoint).netloc
        self.method, self.path = "POST", "/"
        self.body = json.dumps({"QueueName": self.queue}).encode()
        self.headers = {
            "host": self.host,
            "content-type": "application/x-amz-json-1.0",
            "x-amz-target": "AmazonSQS.CreateQueue",
        }

    @property
    def own(self) -> Credentials:
        keys = self.running.credentials
        return Credentials(keys["aws_access_key_id"], keys["aws_secret_access_key"])

    def sign(
        self,
        credentials: Credentials | None = None,
        service: str = "sqs",
        at: datetime | None = None,
        monkeypatch: pytest.MonkeyPatch | None = None,
    ) -> Attempt:
        """Sign in the header, as of `at`."""
        if at is not None and monkeypatch is not None:
            monkeypatch.setattr("botocore.auth.get_current_datetime", lambda *_: at)
        request = AWSRequest(
            self.method, f"http://{self.headers['host']}{self.path}", self.headers, self.body
        )
        SigV4Auth(credentials or self.own, service, REGION).add_auth(request)
        self.headers = dict(request.headers.items())
        return self

    def presign(self, credentials: Credentials | None = None, seconds: int = 60) -> Attempt:
        """Ask and sign in the query string."""
        self.method, self.body, self.headers = "GET", b"", {"host": self.host}
        self.path = f"/?Action=CreateQueue&QueueName={self.queue}"
        request = AWSRequest(self.method, f"http://{self.host}{self.path}", self.headers)
        SigV4QueryAuth(credentials or self.own, "sqs", REGION, seconds).add_auth(request)
        self.path = request.url.removeprefix(f"http://{self.host}")
        return self

    def send(self) -> requests.Response | http.client.HTTPResponse:
        """Send exactly this; the answer, with its body read into `.content`."""
        connection = http.client.HTTPConnection(self.host, timeout=30)
        connection.putrequest(self.method, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            connection.putheader(name, value)
        connection.putheader("content-length", str(len(self.body)))
        connection.endheaders(self.body)
        answer = connection.getresponse()
        answer.content = answer.read()  # type: ignore[attr-defined]
        connection.close()
        return answer

    def succeeded(self) -> bool:
        """Whether the queue exists now."""
        listed = self.running.client("sqs").list_queues(QueueNamePrefix=self.queue)
        return bool(listed.get("QueueUrls"))


def session_of(running: System) -> Credentials:
    """A session that may do nothing at all, of the run's own STS."""
    role = running.of_type("iam/role:Role")[0].outputs["arn"]
    issued = running.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    return Credentials(issued["AccessKeyId"], issued["SecretAccessKey"], issued["SessionToken"])


def computed_sessions(running: System) -> Iterator[Credentials]:
    """The sessions of a function as the emulator computes them unless that is repaired."""
    functions = {function.outputs["name"]: function for function in running.of_type("Function")}
    for alias in running.of_type("lambda/alias:Alias"):
        function = functions[alias.inputs["functionName"]]
        arns = ("arn", "qualifiedArn")
        for arn in (*(function.outputs[name] for name in arns), alias.outputs["arn"]):
            digest = hashlib.sha256(f"{arn}:{function.inputs['role']}".encode()).hexdigest()
            yield Credentials(
                f"ASIA{digest[:16].upper()}",
                hashlib.sha256(f"secret:{digest}".encode()).hexdigest(),
                hashlib.sha256(f"token:{digest}".encode()).hexdigest(),
            )


def _header(name: str, value: str) -> Callable[[Attempt], None]:
    def edit(attempt: Attempt) -> None:
        attempt.headers[name] = value
        attempt.sign()

    return edit


def _late(**changes: Any) -> Callable[[Attempt], None]:
    """Change something that is signed, after signing."""

    def edit(attempt: Attempt) -> None:
        attempt.sign()
        for name, value in changes.items():
            if name == "header":
                attempt.headers |= value
            else:
                setattr(attempt, name, value)

    return edit


def _session(**changes: Any) -> Callable[[Attempt], None]:
    def edit(attempt: Attempt) -> None:
        own = session_of(attempt.running)
        attempt.sign(
            Credentials(
                own.access_key,
                changes.get("secret", own.secret_key),
                changes.get("token", own.token),
            )
        )

    return edit


def _query_zero(attempt: Attempt) -> None:
    attempt.presign()
    attempt.path = attempt.path.split("X-Amz-Signature=")[0] + "X-Amz-Signature=00"


def _query_and_header(attempt: Attempt) -> None:
    # The emulator reads the key id of the one, so a signature of the other proves nothing.
    attempt.path = "/?X-Amz-Credential=test%2F20260101%2Fus-east-1%2Fsqs%2Faws4_request"
    attempt.sign()


def _other_day(attempt: Attempt) -> None:
    attempt.sign()
    key = attempt.own.access_key
    today = attempt.headers["X-Amz-Date"][:8]
    attempt.headers["Authorization"] = attempt.headers["Authorization"].replace(
        f"{key}/{today}/", f"{key}/20260101/"
    )


def _version_2(attempt: Attempt) -> None:
    attempt.headers["authorization"] = f"AWS {attempt.own.access_key}:c2lnbmF0dXJl"


REFUSED: dict[str, Callable[[Attempt], Any]] = {
    "unsigned": lambda attempt: None,
    "test/test": lambda attempt: attempt.sign(Credentials("test", "test")),
    "account id as key": lambda attempt: attempt.sign(Credentials("000000000000", "test")),
    "empty key id": lambda attempt: attempt.sign(Credentials("", "test")),
    "own key, wrong secret": lambda attempt: attempt.sign(
        Credentials(attempt.own.access_key, "wrong")
    ),
    "own key and a token": lambda attempt: attempt.sign(
        Credentials(attempt.own.access_key, attempt.own.secret_key, "token")
    ),
    "query signature 00": _query_zero,
    "query signature, wrong secret": lambda attempt: attempt.presign(
        Credentials(attempt.own.access_key, "wrong")
    ),
    "query signature of a week and a second": lambda attempt: attempt.presign(seconds=604801),
    "query and header": _query_and_header,
    "version 2": _version_2,
    "credential of another day": _other_day,
    "other body": _late(body=b'{"QueueName": "other"}'),
    "other action": _late(header={"x-amz-target": "AmazonSQS.ListQueues"}),
    "unsigned x-amz- header": _late(header={"x-amz-account-id": "1"}),
    "other path": _late(path="/000000000000/other"),
    "other query": _late(path="/?Action=CreateQueue"),
    "other method": _late(method="PUT"),
    "unsigned payload": _header("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
    "chunked payload": _header("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"),
    "session without its token": _session(token=None),
    "session with another token": _session(token="x"),
    "session, wrong secret": _session(secret="x"),
    "origin": _header("origin", "https://example.com"),
    "origin null": _header("origin", "null"),
    "own origin": lambda attempt: _header("origin", attempt.running.endpoint)(attempt),
    "foreign host": _header("host", "rebound.example.com"),
    "host without port": _header("host", "127.0.0.1"),
    "host of another port": _header("host", "localhost:1"),
    "host of all interfaces": lambda attempt: _header("host", f"0.0.0.0:{attempt.host[10:]}")(
        attempt
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_request_without_a_whole_signature_of_the_runs_own_is_refused(
    running: System, name: str
) -> None:
    attempt = Attempt(running)
    REFUSED[name](attempt)
    answer = attempt.send()
    assert 400 <= answer.status < 500, answer.content
    assert b"not authorized to perform" not in answer.content, "refused by permissions alone"
    assert not attempt.succeeded()
    assert not [h for h in answer.headers if h.lower().startswith("access-control-")]


@pytest.mark.parametrize("minutes", [-6, 6])
def test_signature_of_another_time_is_refused(
    running: System, minutes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = Attempt(running)
    at = datetime.now(UTC) + timedelta(minutes=minutes)
    with monkeypatch.context() as patch:
        attempt.sign(at=at, monkeypatch=patch)
    answer = attempt.send()
    assert answer.status == 403
    assert b"expired or is not yet current" in answer.content
    assert not attempt.succeeded()


def test_expired_query_signature_is_refused(
    running: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = Attempt(running)
    with monkeypatch.context() as patch:
        patch.setattr(
            "botocore.auth.get_current_datetime",
            lambda *_: datetime.now(UTC) - timedelta(seconds=70),
        )
        attempt.presign(seconds=60)
    assert attempt.send().status == 403
    assert not attempt.succeeded()


def _localhost(attempt: Attempt) -> None:
    attempt.headers["host"] = attempt.host.replace("127.0.0.1", "localhost")
    attempt.sign()


@pytest.mark.parametrize(
    "sign",
    [
        Attempt.sign,
        Attempt.presign,
        _localhost,
        # Headers that may change on the way are not signed.
        _late(header={"user-agent": "other", "x-amzn-trace-id": "Root=1"}),
    ],
)
def test_request_signed_by_the_runs_own_key_passes(
    running: System, sign: Callable[[Attempt], Any]
) -> None:
    attempt = Attempt(running)
    sign(attempt)
    answer = attempt.send()
    assert answer.status == 200, answer.content
    assert attempt.succeeded()
    assert not [h for h in answer.headers if h.lower().startswith("access-control-")]


def test_session_of_the_runs_sts_passes_as_its_role(running: System) -> None:
    role = running.of_type("iam/role:Role")[0].outputs
    identity = running.role_client("sts", role["arn"]).get_caller_identity()
    assert f":assumed-role/{role['name']}/" in identity["Arn"]
    attempt = Attempt(running).sign(session_of(running))
    assert b"not authorized to perform" in attempt.send().content
    assert not attempt.succeeded()


def test_session_of_a_function_cannot_be_computed(running: System, api: Api) -> None:
    assert api.create(ORDER).status == 201, "what runs has a session"
    for credentials in computed_sessions(running):
        answer = Attempt(running).sign(credentials).send()
        assert answer.status == 403
        assert b"security token included in the request is invalid" in answer.content


def test_presigned_storage_url_works_and_no_other_does(running: System) -> None:
    storage, bucket = running.client("s3"), f"attempt-{secrets.token_hex(6)}"
    storage.create_bucket(Bucket=bucket)
    where = {"Bucket": bucket, "Key": "a b/ä"}
    url = storage.generate_presigned_url("put_object", Params=where)
    assert "X-Amz-Signature=" in url
    assert requests.put(url, data=b"content", timeout=30).status_code == 200
    url = storage.generate_presigned_url("get_object", Params=where)
    assert requests.get(url, timeout=30).content == b"content"
    assert requests.put(url, data=b"other", timeout=30).status_code == 403
    assert requests.get(url.replace("a%20b", "a%20c"), timeout=30).status_code == 403
    assert storage.get_object(**where)["Body"].read() == b"content"


def test_unsigned_storage_calls_are_refused(running: System) -> None:
    names = [bucket["Name"] for bucket in running.client("s3").list_buckets()["Buckets"]]
    buckets = [name for name in names if name.startswith("local-function-code")]
    assert buckets, "the functions' code lies in one"
    for method, path in (
        ("GET", "/"),
        ("GET", f"/{buckets[0]}"),
        ("GET", f"/{buckets[0]}/function.zip"),
        ("HEAD", f"/{buckets[0]}/function.zip"),
        ("PUT", f"/{buckets[0]}/function.zip"),
        ("DELETE", f"/{buckets[0]}/function.zip"),
        ("OPTIONS", f"/{buckets[0]}/function.zip"),
        ("POST", f"/{buckets[0]}"),
    ):
        answer = requests.request(method, running.endpoint + path, timeout=30)
        assert answer.status_code == 403, f"{method} {path}"
    assert running.client("s3").head_object(Bucket=buckets[0], Key="function.zip")


@pytest.mark.parametrize(
    "path",
    ["/_ministack/health", "/_ministack/reset", "/_ministack/config", "/_aws/sqs/messages"],
)
def test_administration_is_closed_even_to_the_runs_own_key(running: System, path: str) -> None:
    attempt = Attempt(running)
    attempt.path = path
    for signed in (False, True):
        if signed:
            attempt.sign()
        assert attempt.send().status == 403
    assert running.client("sqs").list_queues()["QueueUrls"]


def test_websocket_never_reaches_the_emulator() -> None:
    reached: list[str] = []
    sent: list[dict[str, Any]] = []

    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
        reached.append(scope["type"])

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    guard = Guard(application, ["127.0.0.1:1"], lambda key: None, lambda *_: (403, {}, b""))
    asyncio.run(guard({"type": "websocket", "path": "/", "headers": []}, receive, send))
    assert [message["type"] for message in sent] == ["websocket.close"]
    assert not reached


FORM = "grant_type=client_credentials&client_id=known&client_secret=s"
FOR_TOKEN: dict[str, Any] = {
    "method": "POST",
    "path": "/oauth2/token",
    "query": "",
    "headers": {"content-type": "application/x-www-form-urlencoded"},
    "body": FORM,
}


def passed(**changes: Any) -> tuple[int, dict[str, Any] | None]:
    """The answer's status to a request for a token with these changes, of a run with a client of
    a pool; and what reached the emulator."""
    asked = {**FOR_TOKEN, **changes}
    reached: list[dict[str, Any]] = []
    sent: list[dict[str, Any]] = []

    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
        reached.append({**scope, "body": (await receive())["body"]})
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": asked["body"].encode()}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    regions = {"known": REGION}
    guard = Guard(
        application, ["127.0.0.1:1"], lambda key: None, lambda *_: (403, {}, b""), regions.get
    )
    headers = {"host": "127.0.0.1:1", **asked["headers"]}
    scope = {
        "type": "http",
        "method": asked["method"],
        "path": asked["path"],
        "raw_path": asked.get("raw_path", asked["path"]).encode(),
        "query_string": asked["query"].encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    asyncio.run(guard(scope, receive, send))
    return sent[0]["status"], reached[0] if reached else None


def test_a_machine_asks_for_its_token_without_a_signature() -> None:
    status, reached = passed()
    assert status == 200
    assert reached is not None
    assert (reached["body"], reached["region"]) == (FORM.encode(), REGION)


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "GET"},
        {"method": "PUT"},
        {"path": "/oauth2/token/"},
        {"path": "/oauth2/authorize"},
        {"path": "/"},
        {"path": "/oauth2/token", "raw_path": "/oauth2/%74oken"},
        {"query": "Action=CreateQueue&QueueName=attempt"},
        {"headers": {"host": "rebound.example.com"}},
        {"headers": {"origin": "https://example.com"}},
        {"headers": {"authorization": "Basic a25vd246cw=="}},
        {"headers": {"authorization": "AWS4-HMAC-SHA256 Credential=test"}},
        {"body": ""},
        {"body": "{}"},
        {"body": FORM.replace("known", "unknown")},
        {"body": FORM.replace("client_id=known&", "")},
        {"body": FORM.replace("&client_secret=s", "")},
        {"body": f"client_id=unknown&{FORM}"},
        {"body": f"{FORM}&grant_type=refresh_token"},
        {"body": FORM.replace("client_credentials", "refresh_token")},
        {"body": FORM.replace("client_credentials", "authorization_code")},
        {"body": f"{FORM}&x={'x' * LARGEST_FORM}"},
    ],
    ids=str,
)
def test_nothing_else_passes_as_a_request_for_a_token(changes: dict[str, Any]) -> None:
    assert passed(**changes) == (403, None)


def test_a_request_for_a_token_leads_to_no_other_service() -> None:
    lies = {"x-amz-target": "AmazonSQS.CreateQueue", "x-amz-date": "now", "cookie": "a=b"}
    _, reached = passed(headers={**FOR_TOKEN["headers"], **lies})
    assert reached is not None
    assert {name for name, _ in reached["headers"]} == {b"host", b"content-type"}


def test_without_a_pool_nobody_asks_for_a_token(running: System) -> None:
    answer = requests.post(f"{running.endpoint}/oauth2/token", data=FORM, timeout=30)
    assert answer.status_code == 403


@pytest.mark.parametrize("method", ["P\u00d6ST", "POST"])
@pytest.mark.parametrize("version", ["1.1", "2"])
@pytest.mark.parametrize("door", ["url", "endpoint"])
def test_what_a_request_holds_never_reaches_the_log(
    running: System, door: str, version: str, method: str
) -> None:
    address = urlsplit(getattr(running, door))
    marker = f"marker-{secrets.token_hex(6)}"
    body = json.dumps({"customerName": marker}).encode()
    headers = {":path": "/orders", ":scheme": "http", ":authority": address.netloc}
    if version == "2":
        lenient = H2Configuration(validate_outbound_headers=False)
        connection = H2Connection(lenient)
        connection.initiate_connection()
        named = [(b":method", method.encode("latin-1"))]
        named += [(name.encode(), value.encode()) for name, value in headers.items()]
        connection.send_headers(1, named)
        connection.send_data(1, body, end_stream=True)
        sent = connection.data_to_send()
    else:
        head = f"{method} /orders HTTP/1.1\r\nhost: {address.netloc}\r\n"
        sent = f"{head}content-length: {len(body)}\r\n\r\n".encode("latin-1") + body
    with socket.create_connection((address.hostname or "", address.port or 0), 30) as raw:
        raw.sendall(sent)
        assert raw.recv(65536)
        # One loop serves both doors, one thing after the other: it has seen all that was sent.
        assert running.client("sqs").list_queues()["QueueUrls"]
    logs = list((BUILD / "local").glob(f"run-{os.getpid()}-*/emulator.log"))
    assert logs
    assert not [log for log in logs if marker in log.read_text(errors="replace")]


def test_clients_are_told_why_in_their_services_own_form(running: System) -> None:
    keys = {"aws_access_key_id": running.credentials["aws_access_key_id"]}
    for service, call in (
        ("sqs", lambda client: client.list_queues()),
        ("dynamodb", lambda client: client.list_tables()),
        ("lambda", lambda client: client.list_functions()),
        ("iam", lambda client: client.list_roles()),
        ("s3", lambda client: client.list_buckets()),
    ):
        client = running._emulator.client(service, REGION, **keys, aws_secret_access_key="wrong")
        with pytest.raises(client.exceptions.ClientError) as refused:
            call(client)
        code = refused.value.response["Error"]["Code"]
        assert code in ("SignatureDoesNotMatch", "InvalidSignatureException"), service


def test_the_emulator_listens_on_two_loopback_ports_only(running: System) -> None:
    group = os.getpgid(running.pid)
    listening = [
        connection.laddr
        for process in psutil.process_iter()
        if os.getpgid(process.pid) == group
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    ports = {urlsplit(url).port for url in (running.url, running.endpoint)}
    assert {address.port for address in listening} == ports
    assert {address.ip for address in listening} == {"127.0.0.1"}


# What a web page may send to any address without asking (fetch's "simple requests").
SIMPLE = {
    "form": ("POST", "application/x-www-form-urlencoded", "Action=CreateQueue&QueueName={}"),
    "text": ("POST", "text/plain;charset=UTF-8", '{{"QueueName": "{}"}}'),
    "link": ("GET", None, ""),
}


@pytest.mark.parametrize("origin", [None, "null", "http://127.0.0.1:8000"])
@pytest.mark.parametrize("kind", SIMPLE)
def test_simple_request_of_a_web_page_is_refused(
    running: System, kind: str, origin: str | None
) -> None:
    attempt = Attempt(running)
    attempt.method, content_type, body = SIMPLE[kind]
    attempt.body = body.format(attempt.queue).encode()
    attempt.path = f"/?Action=CreateQueue&QueueName={attempt.queue}"
    attempt.headers = {"host": attempt.host, "sec-fetch-site": "cross-site"}
    attempt.headers |= {"content-type": content_type} if content_type else {}
    attempt.headers |= {"origin": origin} if origin else {}
    for query in ("", "&X-Amz-Credential=test/20260101/us-east-1/sqs/aws4_request"):
        attempt.path += query
        assert attempt.send().status in (400, 403)
        assert not attempt.succeeded()


PAGE = """<!doctype html><title>page</title><script>
const credential = "&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=00&X-Amz-Date=DATE"
  + "&X-Amz-Credential=" + encodeURIComponent("KEY/DAY/us-east-1/sqs/aws4_request");
const url = "ENDPOINT/?Action=CreateQueue&QueueName=QUEUE";
const tried = ["", credential].flatMap(query => [
  fetch(url + query, {mode: "no-cors"}),
  fetch(url + query, {mode: "no-cors", method: "POST", body: "Action=CreateQueue&QueueName=QUEUE"}),
  fetch(url + query, {method: "POST", body: "{}", headers: {"x-amz-target": "AmazonSQS.List"}}),
]);
Promise.allSettled(tried).then(all => fetch("/done", {method: "POST",
  body: all.map(one => one.status === "fulfilled" ? one.value.type : "failed").join(" ")}));
</script>"""


class _Page(BaseHTTPRequestHandler):
    content = b""
    done: list[str]

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(self.content)

    def do_POST(self) -> None:
        self.done.append(self.rfile.read(int(self.headers["content-length"])).decode())
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


@pytest.fixture
def page() -> Iterator[tuple[HTTPServer, type[_Page]]]:
    handler = type("Page", (_Page,), {"done": []})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server, handler
        server.shutdown()


def test_real_browser_page_achieves_nothing(
    running: System, page: tuple[HTTPServer, type[_Page]], tmp_path: Path
) -> None:
    browser = next((path for path in map(shutil.which, BROWSERS) if path), None)
    if browser is None:
        pytest.skip("no Chromium on this machine")
    server, handler = page
    attempt = Attempt(running)
    now = datetime.now(UTC)
    content = PAGE
    for name, value in {
        "ENDPOINT": running.endpoint,
        "QUEUE": attempt.queue,
        "KEY": attempt.own.access_key,
        "DATE": f"{now:%Y%m%dT%H%M%SZ}",
        "DAY": f"{now:%Y%m%d}",
    }.items():
        content = content.replace(name, value)
    handler.content = content.encode()
    started = subprocess.Popen(
        [
            *(browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
            *(f"--user-data-dir={tmp_path}", "--no-proxy-server", "--remote-debugging-port=0"),
            f"http://127.0.0.1:{server.server_port}/",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert until(lambda: handler.done), "the page did not run"
    finally:
        started.terminate()
        started.wait(30)
    assert handler.done[0].split() == ["opaque", "opaque", "failed"] * 2
    assert not attempt.succeeded()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")
def test_another_user_of_the_machine_finds_no_key_and_reaches_nothing(running: System) -> None:
    attempt = Attempt(running)
    secret = running.credentials["aws_secret_access_key"].encode()
    attempt.sign(Credentials("test", "test"))
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        found = "error"
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            seen = [str(p) for p in _readable(running.pid) if secret in p.read_bytes()]
            found = json.dumps({"seen": seen, "status": attempt.send().status})
        finally:
            os.write(writing, found.encode())
            os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading) as pipe:
        result = json.loads(pipe.read())
    assert result == {"seen": [], "status": 403}
    assert not attempt.succeeded()


def _readable(pid: int) -> Iterator[Path]:
    """The files that may hold the run's secret and that this user can read."""
    candidates = [Path(f"/proc/{p}/{name}") for p in (pid, os.getppid()) for name in ENVIRON]
    candidates += (BUILD / "local").rglob("*")
    for path in candidates:
        try:
            if path.is_file():
                path.read_bytes()
                yield path
        except OSError:
            continue


ENVIRON = ("environ", "cmdline", "fd/0")
