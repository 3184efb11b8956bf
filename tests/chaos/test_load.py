"""The clients: who retries what, with which key."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from local.sign_in import Caller
from tools.chaos.load import ATTEMPTS, place_orders

CREATED = (201, {"id": "o-1", "status": "PENDING"})
UNAVAILABLE = (503, {"orderId": "o-1"})


class Api(ThreadingHTTPServer):
    """Answers with `answers` in turn, the last one for good; None closes the connection."""

    daemon_threads = True

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, Any]] | None] = [CREATED]
        self.asked: list[tuple[str | None, dict[str, Any]]] = []
        self.tokens: list[str | None] = []
        super().__init__(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Api

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked.append((self.headers["idempotency-key"], body))
        self.server.tokens.append(self.headers["authorization"])
        answers = self.server.answers
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if answer is None:
            self.close_connection = True
            return
        text = json.dumps(answer[1]).encode()
        self.send_response(answer[0])
        self.send_header("content-length", str(len(text)))
        self.send_header("retry-after", "0")
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def api() -> Iterator[Api]:
    with Api() as server:
        yield server
        server.shutdown()


def test_half_of_the_clients_have_a_key_of_their_own(api: Api) -> None:
    outcomes = place_orders(api.url, 6, seed=1, concurrency=3)
    keys = [key for key, _ in api.asked]
    assert len({key for key in keys if key}) == 3
    assert keys.count(None) == 3
    assert [outcome.keyed for outcome in outcomes] == [True, False] * 3
    assert {outcome.status for outcome in outcomes} == {201}


def test_callers_share_keys_and_each_client_is_one_of_them(api: Api) -> None:
    callers = [Caller(name, lambda token=name: f"token-{token}") for name in ("ada", "grace")]
    outcomes = place_orders(api.url, 8, seed=1, concurrency=1, callers=callers)
    assert [outcome.subject for outcome in outcomes] == ["ada", "ada", "grace", "grace"] * 2
    assert api.tokens == [f"Bearer token-{outcome.subject}" for outcome in outcomes]
    keyed = [(key, body["customerName"]) for key, body in api.asked if key]
    assert [key for key, _ in keyed] == ["chaos-1-0", "chaos-1-0", "chaos-1-1", "chaos-1-1"]
    assert len({name for _, name in keyed}) == 4


@pytest.mark.parametrize("trouble", [UNAVAILABLE, (500, {}), None])
def test_a_client_with_a_key_sends_the_same_again_until_it_is_answered(
    api: Api, trouble: tuple[int, dict[str, Any]] | None
) -> None:
    api.answers = [trouble, trouble, CREATED]
    [outcome] = place_orders(api.url, 1, seed=1, concurrency=1)
    status = trouble[0] if trouble else 0
    assert outcome.statuses == (status, status, 201)
    assert outcome.order_id == "o-1"
    assert len({json.dumps(asked) for asked in api.asked}) == 1


def test_a_client_with_a_key_gives_up_in_the_end(api: Api) -> None:
    api.answers = [UNAVAILABLE]
    [outcome] = place_orders(api.url, 1, seed=1, concurrency=1)
    assert outcome.statuses == (503,) * ATTEMPTS
    assert outcome.order_id == "o-1"


def test_a_client_without_a_key_never_sends_twice(api: Api) -> None:
    api.answers = [UNAVAILABLE]
    outcomes = place_orders(api.url, 2, seed=1, concurrency=1, retries=False)
    assert [outcome.statuses for outcome in outcomes] == [(503,), (503,)]
    assert {key for key, _ in api.asked} == {None}


def test_a_throttled_request_is_sent_again_by_everybody_and_is_no_outcome(api: Api) -> None:
    api.answers = [(429, {}), CREATED]
    [outcome] = place_orders(api.url, 1, seed=1, concurrency=1, retries=False)
    assert (outcome.statuses, outcome.sent) == ((201,), 2)


def test_one_seed_places_the_same_orders(api: Api) -> None:
    first = place_orders(api.url, 4, seed=5, concurrency=2)
    again = place_orders(api.url, 4, seed=5, concurrency=2)
    other = place_orders(api.url, 4, seed=6, concurrency=2)
    assert [it.request for it in first] == [it.request for it in again]
    assert [it.request for it in first] != [it.request for it in other]
