"""The console answers to whoever has the run's token, from its own address and pages alone."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from console.safety import Safety

HOST = "127.0.0.1:4567"
HOME = f"http://{HOST}"


async def _page(_: object) -> PlainTextResponse:
    return PlainTextResponse("a page")


async def _socket(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text("a socket")
    await socket.close()


SAFETY = Safety(
    Starlette(routes=[Route("/{path:path}", _page), WebSocketRoute("/socket", _socket)]), 4567
)


@pytest.fixture
def visitor() -> TestClient:
    return TestClient(SAFETY, base_url=HOME, follow_redirects=False)


@pytest.fixture
def owner(visitor: TestClient) -> TestClient:
    visitor.get(f"/?token={SAFETY.token}")
    return visitor


def test_the_printed_address_leads_in_and_its_token_leaves_the_address(visitor: TestClient) -> None:
    answer = visitor.get(f"/orders?status=FAILED&token={SAFETY.token}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/orders?status=FAILED")
    kept = answer.headers["set-cookie"].lower()
    assert "httponly" in kept
    assert "samesite=strict" in kept
    page = visitor.get("/orders")
    assert (page.status_code, page.text) == (200, "a page")
    assert page.headers["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]


def test_the_token_leads_to_no_other_site(visitor: TestClient) -> None:
    answer = visitor.get(f"{HOME}//example.com/?token={SAFETY.token}")
    assert answer.headers["location"] == "/example.com/"


@pytest.mark.parametrize("query", ["", "?token=", "?token=guess", "?token={}x"])
def test_without_the_token_nothing_is_shown(visitor: TestClient, query: str) -> None:
    answer = visitor.get(f"/{query.format(SAFETY.token)}")
    assert answer.status_code == 403
    assert "open the address that the run printed" in answer.text
    assert "set-cookie" not in answer.headers


REFUSED = [
    {"host": "evil.example:4567"},
    {"host": "127.0.0.1"},
    {"origin": "http://evil.example"},
    {"origin": "null"},
    {"origin": "http://127.0.0.1:9999"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
]


@pytest.mark.parametrize("headers", REFUSED)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_other_hosts_and_origins_are_refused_even_with_the_cookie(
    owner: TestClient, method: str, headers: dict[str, str]
) -> None:
    # A browser would not send it along, so it is given here by hand.
    cookie = "; ".join(f"{each.name}={each.value}" for each in owner.cookies.jar)
    answer = owner.request(method, "/", headers={**headers, "cookie": cookie})
    assert answer.status_code == 403
    assert owner.request(method, "/", headers={"cookie": cookie}).status_code in (200, 405)


@pytest.mark.parametrize("headers", [{"origin": "http://evil.example"}, {"cookie": ""}])
def test_sockets_are_refused_as_requests_are(owner: TestClient, headers: dict[str, str]) -> None:
    host = {"host": HOST}
    cookie = "; ".join(f"{each.name}={each.value}" for each in owner.cookies.jar)
    with owner.websocket_connect("/socket", headers={**host, "cookie": cookie}) as socket:
        assert socket.receive_text() == "a socket"
    owner.cookies.clear()
    with (
        pytest.raises(WebSocketDisconnect) as refused,
        owner.websocket_connect("/socket", headers={**host, "cookie": cookie, **headers}),
    ):
        pass
    assert refused.value.code == 1008
