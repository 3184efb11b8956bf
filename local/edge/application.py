"""The front door as an ASGI application that behaves as an API Gateway HTTP API does.

It serves what the program registered (see `definition`) and invokes functions with payload
format 2.0. Everything else that the emulator can do stays hidden behind it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

from local.edge import fetching, payload
from local.edge.access_log import AccessLog
from local.edge.body import MAX_SECONDS, IncompleteError, TooLargeError, TooSlowError, read
from local.edge.cors import Cors
from local.edge.payload import Invocation
from local.edge.request import Receive, Request, Scope, Send
from local.edge.response import Response, gateway
from local.edge.routes import Route, Routes
from local.edge.throttling import Throttles
from local.events import RequestAnswered

if TYPE_CHECKING:
    from local.edge.authorizer import Authorizer
    from local.edge.keys import Fetch

# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
MAX_HEAD_BYTES = 10240
"""Of a request's line and its headers' values. AWS names no status for more; 431 is RFC 6585's."""

Invoke = Callable[[str, str | None, bytes], Awaitable[Invocation]]
Record = Callable[[RequestAnswered, str | None], None]

# The server's own business, whatever a function says.
_MANAGED_HEADERS = {"connection", "content-length", "date", "keep-alive", "transfer-encoding"}


class Edge:
    """The ASGI application of one HTTP API and its stage.

    `definition` is what `definition.define` made; `invoke` runs a function and `record` takes
    one event for each request, with the stage's access log line (None without a format). A body
    must have arrived after `body_seconds`. `fetch` gets what issuers of tokens publish.
    """

    def __init__(
        self,
        definition: Mapping[str, Any],
        invoke: Invoke,
        record: Record,
        clock: Callable[[], float] = time.monotonic,
        body_seconds: float = MAX_SECONDS,
        fetch: Fetch = fetching.get,
    ) -> None:
        self._api = definition
        self._invoke, self._record, self._clock = invoke, record, clock
        self._body_seconds = body_seconds
        self._routes = Routes(definition["routes"], definition["stage"])
        self._throttles = Throttles(definition, clock)
        self._cors = Cors(definition["cors"]) if definition.get("cors") else None
        self._access_log = AccessLog(definition)
        self._authorizers = _authorizers(definition.get("authorizers") or {}, fetch, clock)
        self._pending: set[asyncio.Future[Any]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = self._clock()
        request = Request(scope, time.time())
        try:
            response = await self._answer(request, receive)
        except IncompleteError:
            return  # nobody is left to be answered, and nothing was taken
        body = b"" if response.status in (204, 304) else response.body
        headers = [*self._headers(request, response), ("content-length", str(len(body)))]
        encoded = [(k.encode("ascii"), v.encode("utf-8", "replace")) for k, v in headers]
        await send({"type": "http.response.start", "status": response.status, "headers": encoded})
        await send({"type": "http.response.body", "body": body})
        self._tell(request, response, (self._clock() - started) * 1000)

    async def _answer(self, request: Request, receive: Receive) -> Response:
        preflight = request.method == "OPTIONS" and self._cors is not None
        route = None if preflight else self._routes.match(request)
        try:
            body = await read(receive, self._body_seconds)
        except TooSlowError:
            return gateway(408, "Request Timeout", closes=True)
        except TooLargeError as error:
            return gateway(413, "Request Entity Too Large", closes=not error.read)
        if request.head_bytes > MAX_HEAD_BYTES:
            return gateway(431, "Request Header Fields Too Large")
        if preflight and self._cors is not None:
            return Response(204, self._cors.preflight(request), b"", "CORS preflight")
        if route is None:
            return gateway(404, "Not Found")
        if not self._throttles.take(route.key):
            return gateway(429, "Too Many Requests")
        if route.authorizer is not None:
            refused = await self._authorizers[route.authorizer].admit(request, route.scopes)
            if refused is not None:
                return refused
        if not route.permitted:
            return gateway(
                500, "Internal Server Error", f"no permission to invoke {route.function}"
            )
        event = payload.event(self._api, request, route.key, body)
        if len(event) > payload.MAX_BYTES:
            return gateway(413, "Request Entity Too Large")
        return await self._integrate(request, route, event)

    async def _integrate(self, request: Request, route: Route, event: bytes) -> Response:
        started = self._clock()
        call = asyncio.ensure_future(self._invoke(route.function, route.qualifier, event))
        self._pending.add(call)
        call.add_done_callback(self._pending.discard)
        # Not cancelled: on AWS too a function goes on after its caller was given up.
        done, _ = await asyncio.wait({call}, timeout=route.timeout)
        request.integration_latency = (self._clock() - started) * 1000
        if not done:
            return gateway(503, "Service Unavailable", f"{route.function} timed out")
        return payload.response(call.result(), route.function)

    def _headers(self, request: Request, response: Response) -> list[tuple[str, str]]:
        headers = [("date", formatdate(usegmt=True)), ("apigw-requestid", request.id)]
        if self._cors is not None:
            headers += self._cors.headers(request)
        for name, value in response.headers:
            # With CORS configured, API Gateway ignores what the integration says about it.
            overruled = (
                self._cors is not None
                and response.integration_status is not None
                and name.startswith("access-control-")
            )
            if name not in _MANAGED_HEADERS and not overruled:
                headers.append((name, value))
        if response.closes:
            headers.append(("connection", "close"))
        return headers

    def _tell(self, request: Request, response: Response, latency: float) -> None:
        answered = RequestAnswered(
            request_id=request.id,
            method=request.method,
            path=request.decoded_path,
            route_key=request.route_key,
            status=response.status,
            milliseconds=round(latency, 1),
            reason=response.reason,
            location=next((v for name, v in response.headers if name == "location"), None),
            idempotency_key=request.headers.get("idempotency-key"),
        )
        self._record(answered, self._access_log.line(request, response, latency))


def _authorizers(
    definitions: Mapping[str, Any], fetch: Fetch, clock: Callable[[], float]
) -> dict[str, Authorizer]:
    if not definitions:
        return {}
    # What verifies signatures takes a tenth of a second to import.
    from local.edge.authorizer import Authorizer

    return {name: Authorizer(definition, fetch, clock) for name, definition in definitions.items()}
