"""The sign of life: placed as a customer places an order, counted as none, and tidied away."""

import importlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs

import pytest

from tests.functions.fake_aws import DENIED, SERVER_ERROR
from tests.functions.support import ORDER, VARIABLES, Context, Functions, forget, record

CUSTOMER = VARIABLES["SYNTHETIC_CUSTOMER"]
SYNTHETIC = {"customerName": CUSTOMER, "items": [{"sku": "SYNTHETIC", "qty": 1, "price": 0}]}


class Api(ThreadingHTTPServer):
    """The API before the functions; each look at an order lets `process` run first."""

    daemon_threads = True

    def __init__(self, functions: Functions) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.functions = functions
        self.asked: list[str] = []
        self.refuses: tuple[int, bytes] | None = None
        self.processing = True
        self.good: str | None = None  # the token without which requests are refused
        self.tokens: list[dict[str, list[str]]] = []  # the forms by which tokens were asked for
        self.no_token: tuple[int, bytes] | None = None

    def token(self, form: str) -> tuple[int, bytes]:
        """The answer of a pool's token endpoint; each token is the only good one."""
        self.tokens.append(parse_qs(form))
        if self.no_token:
            return self.no_token
        self.good = f"token-{len(self.tokens)}"
        told = {"access_token": self.good, "token_type": "Bearer", "expires_in": 3600}
        return 200, json.dumps(told).encode()

    def answer(self, method: str, path: str, body: str, headers: dict[str, str]) -> dict[str, Any]:
        """The function's answer, as Lambda returns it."""
        self.asked.append(f"{method} {path.rpartition('/')[0] or path}")
        context = {"requestId": f"request-{len(self.asked)}"}
        event: dict[str, Any] = {"headers": headers, "body": body, "requestContext": context}
        if method == "POST":
            return dict(self.functions.invoke("create_order", event))
        if self.processing:
            deliver(self.functions)
        event["pathParameters"] = {"id": path.rpartition("/")[2]}
        return dict(self.functions.invoke("get_order", event))


class _Handler(BaseHTTPRequestHandler):
    server: Api

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
        headers = {name.lower(): value for name, value in self.headers.items()}
        if self.path == "/oauth2/token":
            self._plain(*self.server.token(body))
            return
        good = self.server.good
        if good and headers.get("authorization") != f"Bearer {good}":
            self._plain(401, b'{"message":"Unauthorized"}')
            return
        answer = self.server.answer(self.command, self.path, body, headers)
        content = answer["body"].encode()
        if self.server.refuses:
            answer["statusCode"], content = self.server.refuses
        self.send_response(answer["statusCode"])
        for name, value in answer["headers"].items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET  # noqa: N815

    def _plain(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Tests read what was asked."""


@pytest.fixture
def api(functions: Functions, variables: pytest.MonkeyPatch) -> Iterator[Api]:
    api = Api(functions)
    variables.setenv("API_URL", f"http://127.0.0.1:{api.server_address[1]}")
    variables.setattr(
        functions.module("synthetic_order"),
        "time",
        SimpleNamespace(sleep=lambda _: None, monotonic=lambda: 0.0),
    )
    threading.Thread(target=api.serve_forever, args=(0.01,), daemon=True).start()
    yield api
    api.shutdown()
    api.server_close()


@pytest.fixture
def clock(api: Api, functions: Functions, variables: pytest.MonkeyPatch) -> SimpleNamespace:
    """Orders are placed signed in, by this clock."""
    variables.setenv(
        "SYNTHETIC_TOKEN_URL", f"http://127.0.0.1:{api.server_address[1]}/oauth2/token"
    )
    variables.setenv("SYNTHETIC_CLIENT_ID", "the client")
    variables.setenv("SYNTHETIC_CLIENT_SECRET", "SECRET of the client")
    clock = SimpleNamespace(now=1e9)
    # Without them it was imported by the fixture of the API.
    forget()
    module = functions.module("synthetic_order")
    still = SimpleNamespace(sleep=lambda _: None, monotonic=lambda: 0.0)
    variables.setattr(module, "time", still)
    machine_token = importlib.import_module("functions.toolkit.machine_token")
    variables.setattr(machine_token, "time", SimpleNamespace(time=lambda: clock.now))
    api.good = "none yet"
    return clock


def deliver(functions: Functions) -> list[str]:
    """Hand all messages to the processor; those that it reports as failed."""
    bodies = functions.aws.bodies()
    functions.aws.messages.clear()
    return functions.process(*map(record, bodies)) if bodies else []


def run(functions: Functions) -> bool:
    confirmed: bool = functions.invoke("synthetic_order", {})["confirmed"]
    return confirmed


def passing(functions: Functions, *milliseconds: float) -> None:
    """An invocation with so much time left at each look at it, and none in the end."""
    left = list(milliseconds)
    functions.context = Context(lambda: left.pop(0) if left else 0)


def test_an_order_is_placed_seen_confirmed_and_tidied_away(api: Api, functions: Functions) -> None:
    assert run(functions)
    assert api.asked == ["POST /orders", "GET /orders"]
    assert functions.aws.table == {}
    assert functions.metrics().keys() == {"ColdStart", "SyntheticOrdersConfirmed"}
    assert functions.metrics()["SyntheticOrdersConfirmed"] == [1]
    assert run(functions), "the next run does the same"
    assert functions.metrics()["SyntheticOrdersConfirmed"] == [1, 1]


def test_an_operator_can_tell_it_in_the_logs_and_nobody_learns_the_mark(
    api: Api, functions: Functions
) -> None:
    run(functions)
    lines = [line for line in functions.logs() if line["message"] != "get_order"]
    assert [line["message"] for line in lines] == [
        "create_order",
        "order confirmed",
        "synthetic order confirmed",
    ]
    assert {line["synthetic"] for line in lines} == {True}
    assert len({line["order_id"] for line in lines}) == 1
    assert "SECRET" not in str(functions.output())


def test_an_order_that_stays_pending_is_a_failure_and_its_event_no_dead_letter(
    api: Api, functions: Functions
) -> None:
    api.processing = False
    passing(functions, 60_000, 60_000, 50_000)
    assert not run(functions)
    assert functions.logs()[-1]["reason"] == "the order is PENDING"
    assert functions.aws.table == {}
    assert len(functions.aws.messages) == 1
    assert deliver(functions) == []
    assert functions.logs()[-1]["message"] == "synthetic order is gone"
    assert functions.metrics().keys() == {"ColdStart", "SyntheticOrdersFailed"}


def test_what_an_earlier_run_left_behind_is_no_sign_of_life(api: Api, functions: Functions) -> None:
    functions.aws.fail("DeleteItem", DENIED)
    assert run(functions)
    assert functions.logs()[-1]["tidied"] is False
    assert len(functions.aws.table) == 1
    # A replay of the order that is CONFIRMED would be answered as well.
    api.processing = False
    passing(functions, 60_000, 60_000)
    assert not run(functions)
    assert api.asked[2:4] == ["POST /orders", "POST /orders"]
    assert functions.aws.table == {}
    functions.context = Context()
    functions.aws.fail("DeleteItem", DENIED, DENIED)
    api.processing = True
    assert run(functions)
    assert not run(functions), "nothing new could be placed"
    assert "earlier run" in functions.logs()[-1]["reason"]


@pytest.mark.parametrize(
    ("refuses", "reason"),
    [
        ((429, b'{"message":"Too Many Requests"}'), "POST /orders was answered with 429"),
        ((201, b"<html>"), "POST /orders was answered with no JSON"),
    ],
)
def test_an_api_that_refuses_is_a_failure(
    api: Api, functions: Functions, refuses: tuple[int, bytes], reason: str
) -> None:
    api.refuses = refuses
    assert not run(functions)
    assert functions.logs()[-1]["reason"] == reason
    assert functions.logs()[-1]["level"] == "ERROR"


def test_an_api_that_does_not_answer_is_a_failure(
    functions: Functions, variables: pytest.MonkeyPatch
) -> None:
    variables.setenv("API_URL", "http://127.0.0.1:9")
    assert not run(functions)
    assert functions.logs()[-1]["reason"] == "the API did not answer: ConnectionRefusedError"
    assert functions.metrics()["SyntheticOrdersFailed"] == [1]


def test_our_own_failure_counts_as_its_alone(api: Api, functions: Functions) -> None:
    functions.aws.fail("PutItem", *[SERVER_ERROR] * 3)
    assert not run(functions)
    assert functions.logs()[-1]["reason"] == "POST /orders was answered with 503"
    assert functions.logs()[0]["synthetic"] is True
    assert functions.metrics().keys() == {"ColdStart", "SyntheticOrdersFailed"}


def test_an_order_that_only_says_that_it_is_synthetic_is_one_like_any_other(
    functions: Functions, variables: pytest.MonkeyPatch
) -> None:
    forged = {**ORDER, "customerName": "synthetic order"}
    functions.create(forged)
    assert deliver(functions) == []
    variables.delenv("SYNTHETIC_CUSTOMER")
    functions.create(SYNTHETIC)
    functions.aws.table.clear()
    assert deliver(functions) == ["message-1"]
    counted = functions.metrics()
    assert counted["OrdersCreated"] == [1, 1]
    assert counted["OrdersConfirmed"] == counted["MessagesRejected"] == [1]
    assert not any("synthetic" in line for line in functions.logs())


def test_nothing_but_the_synthetic_order_is_ever_deleted(api: Api, functions: Functions) -> None:
    bystander = functions.create(ORDER).body["id"]
    module = functions.module("synthetic_order")
    assert not module._store.delete(bystander, module._customer)
    assert run(functions)
    assert set(functions.aws.table) == {bystander}


def test_signed_in_it_takes_a_token_of_its_own_client_and_keeps_it(
    api: Api, functions: Functions, clock: SimpleNamespace
) -> None:
    assert run(functions)
    assert run(functions)
    assert api.tokens == [
        {
            "grant_type": ["client_credentials"],
            "client_id": ["the client"],
            "client_secret": ["SECRET of the client"],
            "scope": ["orders/read orders/write"],
        }
    ]
    assert api.asked == ["POST /orders", "GET /orders"] * 2


def test_a_token_is_renewed_before_it_expires(
    api: Api, functions: Functions, clock: SimpleNamespace
) -> None:
    assert run(functions)
    clock.now += 3600 - 61
    assert run(functions)
    assert len(api.tokens) == 1
    clock.now += 2
    assert run(functions)
    assert len(api.tokens) == 2


def test_a_token_that_is_refused_is_renewed_once(
    api: Api, functions: Functions, clock: SimpleNamespace
) -> None:
    assert run(functions)
    api.good = "another key's"
    assert run(functions)
    assert len(api.tokens) == 2
    api.refuses = (401, b'{"message":"Unauthorized"}')
    assert not run(functions)
    assert functions.logs()[-1]["reason"] == "POST /orders was answered with 401"
    assert len(api.tokens) == 3


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((400, b'{"error":"invalid_client"}'), "answered with 400 (invalid_client)"),
        ((400, b'{"error":"SECRET of the client"}'), "answered with 400"),
        ((503, b"<html>"), "answered with 503"),
        ((200, b"<html>"), "answered without a token"),
        ((200, b"[]"), "answered without a token"),
        ((200, b'{"access_token":"a\\nb: c"}'), "answered without a token"),
    ],
)
def test_a_token_endpoint_that_gives_none_is_a_failure_with_its_reason(
    api: Api,
    functions: Functions,
    clock: SimpleNamespace,
    answer: tuple[int, bytes],
    reason: str,
) -> None:
    api.no_token = answer
    assert not run(functions)
    assert functions.logs()[-1]["reason"] == f"the token endpoint {reason}"
    assert functions.metrics()["SyntheticOrdersFailed"] == [1]
    assert "SECRET" not in str(functions.output())
    assert not api.asked
    api.no_token = None
    assert run(functions), "the next run asks again"


def test_a_token_endpoint_that_is_down_is_a_failure(
    functions: Functions, clock: SimpleNamespace, variables: pytest.MonkeyPatch
) -> None:
    variables.setenv("SYNTHETIC_TOKEN_URL", "http://127.0.0.1:9/oauth2/token")
    forget()
    assert not run(functions)
    reason = "the token endpoint did not answer: ConnectionRefusedError"
    assert functions.logs()[-1]["reason"] == reason
    assert "SECRET" not in str(functions.output())
