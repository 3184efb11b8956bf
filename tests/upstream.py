"""The far side of an AWS client's wire: answers as told, and remembers what it was asked."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Upstream(ThreadingHTTPServer):
    """Answers an operation, or a path, with the next of its `answers`, the last one for good, else
    with `answer`; keeps what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str], bytes]] = []
        self.answer: tuple[int, dict[str, Any]] = (200, {})
        self.answers: dict[str, list[tuple[int, dict[str, Any]]]] = {}
        super().__init__(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def operations(self) -> list[str]:
        return [_operation(path, headers) for path, headers, _ in self.asked]


def _operation(path: str, headers: dict[str, str]) -> str:
    return headers.get("x-amz-target", "").partition(".")[2] or path


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Upstream

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.asked.append((self.path, headers, body))
        waiting = self.server.answers.get(_operation(self.path, headers))
        if waiting:
            status, answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        else:
            status, answer = self.server.answer
        text = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-type", "application/x-amz-json-1.0")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""
