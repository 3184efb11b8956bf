"""What is read of an HTTP request, and what the gateway finds out about it."""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import unquote

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Request:
    """One request, which arrived at `at` (seconds since the epoch).

    `head_bytes` is the size of its line and of its headers' values. `route_key` and `parameters`
    are set when a route matches, `claims` and `scopes` by the route's authorizer or else
    `authorizer_error`, `integration_latency` (milliseconds) when its function was invoked.
    """

    def __init__(self, scope: Scope, at: float) -> None:
        self.at = at
        self.id = base64.b64encode(os.urandom(11)).decode()
        self.method: str = scope["method"]  # case-sensitive (RFC 9110, 9.1)
        self.raw_path = _path(scope["raw_path"].decode("latin-1"))
        # Every escape is decoded but %25, as API Gateway does for rawPath.
        self.decoded_path = unquote(self.raw_path.replace("%25", "%2525"))
        self.query: str = scope.get("query_string", b"").decode("latin-1")
        self.protocol = f"HTTP/{scope.get('http_version', '1.1')}"
        self.source_ip: str = (scope.get("client") or ("127.0.0.1", 0))[0]
        # API Gateway joins the values of a repeated header with commas.
        self.headers: dict[str, str] = {}
        self.head_bytes = len(self.method) + len(scope["raw_path"]) + len(self.query)
        for name, value in scope["headers"]:
            key, text = name.decode("latin-1").lower(), value.decode("latin-1")
            self.headers[key] = f"{self.headers[key]},{text}" if key in self.headers else text
            self.head_bytes += len(value)
        self.time = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(at))
        self.route_key: str | None = None
        self.parameters: dict[str, str] = {}
        self.claims: dict[str, str] | None = None
        self.scopes: list[str] | None = None
        self.authorizer_error: str | None = None
        self.integration_latency: float | None = None


def _path(target: str) -> str:
    """The path of a request target, which may be a whole URI (RFC 9112, 3.2.2)."""
    path = target.partition("?")[0]
    scheme, separator, rest = path.partition("://")
    if separator and scheme.lower() in ("http", "https"):
        return "/" + rest.partition("/")[2]
    return path
