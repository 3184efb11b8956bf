"""What API Gateway itself answers to browsers on pages of other origins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from local.edge.request import Request


class Cors:
    """The CORS configuration of an API (`corsConfiguration`)."""

    def __init__(self, configuration: Mapping[str, Any]) -> None:
        self._configuration = configuration

    def headers(self, request: Request) -> list[tuple[str, str]]:
        """The headers that let a page read the response."""
        origin = self._allowed_origin(request)
        if origin is None:
            return []
        headers = [("access-control-allow-origin", origin)]
        if origin != "*":
            headers.append(("vary", "Origin"))
        if self._configuration.get("allowCredentials"):
            headers.append(("access-control-allow-credentials", "true"))
        if request.method != "OPTIONS":
            headers += self._list("exposeHeaders", "access-control-expose-headers")
        return headers

    def preflight(self, request: Request) -> list[tuple[str, str]]:
        """The headers that let a page send the request it asks about."""
        if self._allowed_origin(request) is None:
            return []
        headers = self._list("allowMethods", "access-control-allow-methods")
        headers += self._list("allowHeaders", "access-control-allow-headers")
        if self._configuration.get("maxAge") is not None:
            headers.append(("access-control-max-age", str(self._configuration["maxAge"])))
        return headers

    def _list(self, key: str, header: str) -> list[tuple[str, str]]:
        values = self._configuration.get(key)
        return [(header, ",".join(values))] if values else []

    def _allowed_origin(self, request: Request) -> str | None:
        origin = request.headers.get("origin")
        if origin is None:
            return None
        allowed = self._configuration.get("allowOrigins", [])
        if "*" in allowed:
            return "*"
        schemes = {entry for entry in allowed if entry.endswith("://*")}
        if origin in allowed or any(origin.startswith(entry[:-1]) for entry in schemes):
            return origin
        return None
