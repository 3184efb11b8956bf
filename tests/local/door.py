"""The edge alone, with a function that returns what a test says."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from local.edge import Edge, Invocation, fetching
from local.edge.keys import Fetch
from local.events import RequestAnswered


class Door:
    """An edge with a function that returns what the test says, and a clock it can turn."""

    def __init__(
        self, body_seconds: float = 30, fetch: Fetch = fetching.get, **definition: Any
    ) -> None:
        self.now = 0.0
        self.returned = Invocation(200, b'{"statusCode": 200, "body": "ok"}')
        self.seconds = 0.0
        self.events: list[dict[str, Any]] = []
        self.called: list[tuple[str, str | None]] = []
        self.records: list[tuple[RequestAnswered, str | None]] = []
        route = {"function": "f", "qualifier": "live", "timeoutSeconds": 30, "permitted": True}
        routes = [{**route, "key": "POST /orders"}, {**route, "key": "GET /orders/{id}"}]
        self.edge = Edge(
            {
                "apiId": "abc",
                "region": "us-east-1",
                "account": "000000000000",
                "stage": "$default",
                "routes": routes,
                **definition,
            },
            self._invoke,
            lambda request, line: self.records.append((request, line)),
            lambda: self.now,
            body_seconds,
            fetch,
        )

    async def _invoke(self, function: str, qualifier: str | None, payload: bytes) -> Invocation:
        self.called.append((function, qualifier))
        self.events.append(json.loads(payload))
        if self.seconds:
            await asyncio.sleep(self.seconds)
        return self.returned

    def request(
        self,
        method: str = "POST",
        path: str = "/orders",
        body: bytes = b"{}",
        headers: dict[str, str] | list[tuple[str, str]] | None = None,
        query: str = "",
        content_type: str = "application/json",
    ) -> tuple[int, dict[str, str], bytes]:
        pairs = [("content-type", content_type), *_pairs(headers)]
        start, end = self.messages([part(body, more=False)], method, path, pairs, query)
        answered = [(k.decode(), v.decode()) for k, v in start["headers"]]
        return start["status"], dict(answered), end["body"]

    def messages(
        self,
        received: list[dict[str, Any]],
        method: str = "POST",
        path: str = "/orders",
        headers: list[tuple[str, str]] | None = None,
        query: str = "",
    ) -> list[dict[str, Any]]:
        """What the application sends for what it receives; after that, nothing more comes."""
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "http_version": "1.1",
            "client": ("192.0.2.1", 1),
            "headers": [(k.encode(), v.encode()) for k, v in headers or []],
        }
        coming = iter(received)
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            for message in coming:
                return message
            return await asyncio.Future()

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        asyncio.run(self.edge(scope, receive, send))
        return sent


def part(content: bytes, more: bool = True) -> dict[str, Any]:
    """A part of a request's body, as a server hands it on."""
    return {"type": "http.request", "body": content, "more_body": more}


def _pairs(headers: dict[str, str] | list[tuple[str, str]] | None) -> list[tuple[str, str]]:
    return list(headers.items()) if isinstance(headers, dict) else headers or []
