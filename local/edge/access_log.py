"""The access log of a stage, in the stage's own format."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from local.edge.request import Request
from local.edge.response import Response

_CONTEXT = re.compile(r"\$context\.([A-Za-z0-9_.]+)")


class AccessLog:
    """Writes lines in the format of a stage, in which `$context.` names a value."""

    def __init__(self, definition: Mapping[str, Any]) -> None:
        self._api = definition
        self._format: str | None = definition.get("accessLogFormat")
        self._quoted = self._format is not None and self._format.lstrip().startswith("{")

    def line(self, request: Request, response: Response, latency: float) -> str | None:
        """The line of one answered request (`latency` in milliseconds); None without a format."""
        if self._format is None:
            return None
        values = self._context(request, response, latency)
        return _CONTEXT.sub(lambda found: self._shown(values.get(found[1])), self._format)

    def _context(self, request: Request, response: Response, latency: float) -> dict[str, Any]:
        # https://docs.aws.amazon.com/apigateway/latest/developerguide/
        # http-api-logging-variables.html
        integration = request.integration_latency
        invoked = None if integration is None else round(integration)
        error = None if integration is None else response.reason
        claims = {f"authorizer.claims.{k}": v for k, v in (request.claims or {}).items()}
        return claims | {
            "accountId": self._api["account"],
            "apiId": self._api["apiId"],
            "authorizer.error": request.authorizer_error,
            "domainName": request.headers.get("host"),
            "error.message": response.reason if response.status >= 400 else None,
            "extendedRequestId": request.id,
            "httpMethod": request.method,
            "identity.sourceIp": request.source_ip,
            "identity.userAgent": request.headers.get("user-agent"),
            "integration.error": error,
            "integration.latency": invoked,
            "integration.status": response.integration_status,
            "integrationErrorMessage": error,
            "integrationLatency": invoked,
            "integrationStatus": response.integration_status,
            "path": request.decoded_path,
            "protocol": request.protocol,
            "requestId": request.id,
            "requestTime": request.time,
            "requestTimeEpoch": int(request.at * 1000),
            "responseLatency": round(latency),
            "responseLength": len(response.body),
            "routeKey": request.route_key,
            "stage": self._api["stage"],
            "status": response.status,
        }

    def _shown(self, value: Any) -> str:
        text = "-" if value is None else str(value)
        # In a format other than JSON, nothing may end the line.
        return json.dumps(text)[1:-1] if self._quoted else " ".join(text.splitlines())
