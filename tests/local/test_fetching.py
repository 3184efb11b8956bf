"""What an issuer publishes is got over the network within bounds."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from local.edge import fetching

ANSWERS = {
    "/keys": (200, b'{"keys": []}'),
    "/endless": (200, b"x" * (fetching.MAX_BYTES + 1)),
    "/moved": (302, b""),
    "/missing": (404, b'{"keys": []}'),
}


class Issuer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, body = ANSWERS[self.path]
        self.send_response(status)
        self.send_header("location", "/keys")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Issuer) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_what_is_there_is_got(url: str) -> None:
    assert asyncio.run(fetching.get(f"{url}/keys")) == b'{"keys": []}'


@pytest.mark.parametrize("path", ["/endless", "/moved", "/missing"])
def test_other_answers_are_none(url: str, path: str) -> None:
    with pytest.raises(OSError, match=path):
        asyncio.run(fetching.get(url + path))


@pytest.mark.parametrize("nowhere", ["http://127.0.0.1:9/", "ftp://127.0.0.1/", "https://[", ""])
def test_where_nothing_is_nothing_is_got(nowhere: str) -> None:
    with pytest.raises(OSError, match=r"\S"):
        asyncio.run(fetching.get(nowhere))
