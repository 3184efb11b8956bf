"""The edge behind its server, over raw sockets: nothing is taken that has not wholly arrived."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import threading
from collections.abc import Iterator

import pytest

from local.edge import Edge, Invocation, serving
from local.emulator import listen
from tests.local.support import SECONDS, until

TIMEOUT = 0.2
BODY = b'{"customerName":"Ada","items":[{"sku":"A","qty":1,"price":1}]}'
HEAD = b"POST /orders HTTP/1.1\r\nhost: local\r\ncontent-type: application/json\r\n"


class Served:
    """An edge on a port; what it invokes is noted in `bodies` and answered with 201."""

    def __init__(self) -> None:
        self.bodies: list[str] = []
        self.statuses: list[int] = []
        self.seconds = 0.0
        self._socket = listen(0)
        self.address = self._socket.getsockname()
        self._ready, self._stopped = threading.Event(), asyncio.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self._thread.start()
        assert self._ready.wait(SECONDS)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        routes = ("POST /orders", "GET /orders/{id}")
        definition = {
            "apiId": "abc",
            "region": "us-east-1",
            "account": "000000000000",
            "stage": "$default",
            "routes": [
                {"key": key, "function": "f", "timeoutSeconds": 30, "permitted": True}
                for key in routes
            ],
        }
        edge = Edge(
            definition,
            self._invoke,
            lambda answered, _line: self.statuses.append(answered.status),
            body_seconds=TIMEOUT,
        )
        server = await serving.serve(edge, self._socket, head_seconds=TIMEOUT)
        self._ready.set()
        await self._stopped.wait()
        server.close()

    async def _invoke(self, _function: str, _qualifier: str | None, event: bytes) -> Invocation:
        self.bodies.append(json.loads(event).get("body", ""))
        await asyncio.sleep(self.seconds)
        return Invocation(200, b'{"statusCode": 201, "body": "taken"}')

    def connect(self) -> socket.socket:
        connection = socket.create_connection(self.address, SECONDS)
        connection.settimeout(SECONDS)
        return connection

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(SECONDS)


@pytest.fixture
def served() -> Iterator[Served]:
    server = Served()
    yield server
    server.stop()


def _everything(connection: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)


INCOMPLETE = [
    HEAD + b"content-length: 900\r\n\r\n" + BODY,
    HEAD + b"transfer-encoding: chunked\r\n\r\n%x\r\n" % len(BODY) + BODY + b"\r\n",
    HEAD + b"transfer-encoding: chunked\r\n\r\n%x\r\n" % len(BODY) + BODY + b"\r\n0\r\n",
    HEAD + b"content-length: 62\r\n",
]


@pytest.mark.parametrize("sent", INCOMPLETE)
@pytest.mark.parametrize("reset", [False, True])
def test_request_cut_off_is_not_taken(served: Served, sent: bytes, reset: bool) -> None:
    with served.connect() as connection:
        connection.sendall(sent)
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            connection.shutdown(socket.SHUT_WR)
            assert b" 201 " not in _everything(connection)
    assert _whole_request(served) == "taken"
    assert served.bodies == [BODY.decode()]


@pytest.mark.parametrize("sent", INCOMPLETE)
def test_request_that_does_not_end_is_given_up(served: Served, sent: bytes) -> None:
    with served.connect() as connection:
        connection.sendall(sent)
        answer = _everything(connection)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 408 ")
    assert served.bodies == []


def test_second_request_on_a_connection_may_not_be_half_sent_either(served: Served) -> None:
    with served.connect() as connection:
        connection.sendall(HEAD + b"content-length: %d\r\n\r\n" % len(BODY) + BODY + HEAD)
        answer = _everything(connection)
    assert answer.count(b"HTTP/1.1") == 1
    assert served.bodies == [BODY.decode()]


def _whole_request(served: Served) -> str:
    with served.connect() as connection:
        connection.sendall(HEAD + b"content-length: %d\r\n\r\n" % len(BODY) + BODY)
        connection.shutdown(socket.SHUT_WR)
        return _everything(connection).rpartition(b"\r\n\r\n")[2].decode()


def test_client_that_closes_its_half_after_the_request_is_answered(served: Served) -> None:
    assert _whole_request(served) == "taken"


def test_slow_function_is_waited_for(served: Served) -> None:
    served.seconds = 3 * TIMEOUT
    assert _whole_request(served) == "taken"


def test_pipelined_requests_are_all_answered(served: Served) -> None:
    get = b"GET /orders/1 HTTP/1.1\r\nhost: local\r\n\r\n"
    with served.connect() as connection:
        connection.sendall(3 * get)
        connection.shutdown(socket.SHUT_WR)
        assert _everything(connection).count(b"HTTP/1.1 201 ") == 3


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"GET http://local/orders/1 HTTP/1.1", 201),
        (b"get /orders/1 HTTP/1.1", 404),
        (b"GET /orders/%ff%c3%a9 HTTP/1.1", 201),
        (b"GET /orders/\xc3\xa9 HTTP/1.1", 400),
        (b"G\xc3\x89T /orders/1 HTTP/1.1", 400),
        (b"GET * HTTP/1.1", 404),
    ],
)
def test_request_line_is_taken_as_it_was_sent(served: Served, line: bytes, status: int) -> None:
    with served.connect() as connection:
        connection.sendall(line + b"\r\nhost: local\r\nconnection: close\r\n\r\n")
        assert _everything(connection).startswith(b"HTTP/1.1 %d " % status)


def test_http2_is_refused_without_a_trace_of_what_was_sent(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    from h2.connection import H2Connection

    client = H2Connection()
    client.initiate_connection()
    client.send_headers(
        1,
        [(":method", "G\u00c9T"), (":path", "/orders"), (":scheme", "http"), (":authority", "a")],
    )
    client.send_data(1, b"secret body", end_stream=True)
    with served.connect() as connection:
        connection.sendall(client.data_to_send())
        answer = _everything(connection)
    assert answer.startswith(b"HTTP/1.1 4")
    assert served.bodies == []
    assert "secret body" not in caplog.text


def test_unread_answers_hold_up_no_other_client(served: Served) -> None:
    with served.connect() as silent:
        silent.sendall(500 * b"GET /orders/1 HTTP/1.1\r\nhost: local\r\n\r\n")
        assert _whole_request(served) == "taken"
        assert until(lambda: len(served.statuses) > 1)
