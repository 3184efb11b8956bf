"""The front door: an ASGI application that behaves as an API Gateway HTTP API does.

It serves what the program registered (see `edge_definition`) and invokes functions with
payload format 2.0. Everything else that the emulator can do stays hidden behind it.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import os
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

from local.events import RequestAnswered

# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
MAX_PAYLOAD_BYTES = 10 * 1024 * 1024
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html (synchronous, 6 MB)
MAX_INVOCATION_BYTES = 6 * 1024 * 1024
# What is still read, to be thrown away, of a body that is too large.
DRAIN_BYTES = 64 * 1024 * 1024

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

_CONTEXT = re.compile(r"\$context\.([A-Za-z0-9_.]+)")
_MANAGED_HEADERS = {"content-length", "connection", "transfer-encoding", "keep-alive", "upgrade"}
_TEXT_TYPES = {"application/json", "application/xml", "application/javascript"}


@dataclass(frozen=True)
class Invocation:
    """What came of invoking a function.

    `status` is Lambda's own HTTP status (429 when throttled), `error` the function's error
    type or None, `payload` the JSON that it returned.
    """

    status: int
    payload: bytes
    error: str | None = None


Invoke = Callable[[str, str | None, bytes], Awaitable[Invocation]]
Record = Callable[[RequestAnswered, str | None], None]


@dataclass(frozen=True)
class Response:
    """A response to the caller; `reason` says in a few words what the gateway decided."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    reason: str | None = None
    integration_status: int | None = None


def _gateway(status: int, message: str, reason: str | None = None, **more: Any) -> Response:
    body = json.dumps({"message": message}, separators=(",", ":")).encode()
    return Response(status, [("content-type", "application/json")], body, reason or message, **more)


class TokenBucket:
    """API Gateway's throttle: `rate` requests a second, `burst` at once."""

    def __init__(self, rate: float, burst: int, clock: Callable[[], float]) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._tokens, self._at = float(burst), clock()

    def take(self) -> bool:
        """Take one token if there is one."""
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


@dataclass
class Route:
    """One registered route and the function behind it."""

    key: str
    function: str
    qualifier: str | None
    timeout: float
    permitted: bool
    bucket: TokenBucket | None = None
    method: str = field(init=False)
    segments: list[str] = field(init=False)

    def __post_init__(self) -> None:
        method, _, path = self.key.partition(" ")
        self.method, self.segments = method, path.lstrip("/").split("/")

    def match(self, method: str, segments: list[str]) -> dict[str, str] | None:
        """The path parameters if this route matches, else None."""
        if self.key == "$default":
            return {}
        if self.method not in ("ANY", method):
            return None
        parameters = {}
        for index, expected in enumerate(self.segments):
            if expected.startswith("{") and expected.endswith("+}"):
                rest = segments[index:]
                if not rest or rest == [""]:
                    return None
                parameters[expected[1:-2]] = unquote("/".join(rest))
                return parameters
            if index >= len(segments):
                return None
            if expected.startswith("{") and expected.endswith("}"):
                if not segments[index]:
                    return None
                parameters[expected[1:-1]] = unquote(segments[index])
            elif expected != unquote(segments[index]):
                return None
        return parameters if len(segments) == len(self.segments) else None

    @property
    def rank(self) -> tuple[bool, bool, int, bool]:
        """How specific the route is; the most specific match wins."""
        variables = [s for s in self.segments if s.startswith("{")]
        return (
            self.key != "$default",
            not any(s.endswith("+}") for s in variables),
            len(self.segments) - len(variables),
            self.method != "ANY",
        )


class Edge:
    """The ASGI application of one HTTP API and its stage.

    `definition` is what `edge_definition.define` made; `invoke` runs a function and `record`
    takes one event for each request, with the stage's access log line (None without a format).
    """

    def __init__(
        self,
        definition: Mapping[str, Any],
        invoke: Invoke,
        record: Record,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api = definition
        self._invoke, self._record, self._clock = invoke, record, clock
        self._stage: str = definition["stage"]
        self._format: str | None = definition.get("accessLogFormat")
        self._cors: Mapping[str, Any] | None = definition.get("cors")
        self._pending: set[asyncio.Future[Any]] = set()
        self._routes = [
            Route(
                key=route["key"],
                function=route["function"],
                qualifier=route.get("qualifier"),
                timeout=route["timeoutSeconds"],
                permitted=route["permitted"],
                bucket=self._bucket(route["key"]),
            )
            for route in definition["routes"]
        ]

    def _bucket(self, key: str) -> TokenBucket | None:
        limits = {
            **(self._api.get("throttle") or {}),
            **(self._api.get("routeThrottles") or {}).get(key, {}),
        }
        if limits.get("rate") is None or limits.get("burst") is None:
            return None
        return TokenBucket(limits["rate"], limits["burst"], self._clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            while (await receive())["type"] != "lifespan.shutdown":
                await send({"type": "lifespan.startup.complete"})
            await send({"type": "lifespan.shutdown.complete"})
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close"})
            return
        started, at = self._clock(), time.time()
        request = _Request(scope, at)
        response = await self._answer(request, receive)
        headers = [("apigw-requestid", request.id), *self._cors_headers(request)]
        for name, value in response.headers:
            # With CORS configured, API Gateway ignores what the integration says about it.
            cors = name.startswith("access-control-") and response.integration_status is not None
            if name not in _MANAGED_HEADERS and not (cors and self._cors):
                headers.append((name, value))
        headers.append(("content-length", str(len(response.body))))
        encoded = [(k.encode("latin-1"), v.encode("utf-8")) for k, v in headers]
        await send({"type": "http.response.start", "status": response.status, "headers": encoded})
        await send({"type": "http.response.body", "body": response.body})
        self._log(request, response, (self._clock() - started) * 1000)

    async def _answer(self, request: _Request, receive: Receive) -> Response:
        preflight = request.method == "OPTIONS" and self._cors is not None
        route = None if preflight else self._route(request)
        body = await _read(request, receive)
        if body is None:
            return _gateway(413, "Request Entity Too Large")
        if preflight:
            return Response(204, self._preflight_headers(request), b"", "CORS preflight")
        if route is None:
            return _gateway(404, "Not Found")
        if route.bucket is not None and not route.bucket.take():
            return _gateway(429, "Too Many Requests")
        if not route.permitted:
            return _gateway(
                500, "Internal Server Error", f"no permission to invoke {route.function}"
            )
        event = json.dumps(self._event(request, route, body)).encode()
        if len(event) > MAX_INVOCATION_BYTES:
            return _gateway(413, "Request Entity Too Large")
        return await self._integrate(request, route, event)

    def _route(self, request: _Request) -> Route | None:
        segments = request.raw_path.lstrip("/").split("/")
        if self._stage != "$default":
            if segments[0] != self._stage:
                return None
            segments = segments[1:] or [""]
        best, parameters = None, None
        for route in self._routes:
            matched = route.match(request.method, segments)
            if matched is not None and (best is None or route.rank > best.rank):
                best, parameters = route, matched
        if best is not None:
            request.route_key, request.parameters = best.key, parameters or {}
        return best

    async def _integrate(self, request: _Request, route: Route, event: bytes) -> Response:
        started = self._clock()
        call = asyncio.ensure_future(self._invoke(route.function, route.qualifier, event))
        self._pending.add(call)
        call.add_done_callback(self._pending.discard)
        # Not cancelled: on AWS too a function goes on after its caller was given up.
        done, _ = await asyncio.wait({call}, timeout=route.timeout)
        request.integration_latency = (self._clock() - started) * 1000
        if not done:
            return _gateway(503, "Service Unavailable", f"{route.function} timed out")
        invocation = call.result()
        if invocation.status == 429:
            return _gateway(
                503,
                "Service Unavailable",
                f"{route.function} is throttled",
                integration_status=429,
            )
        if invocation.status >= 300:
            return _gateway(
                500,
                "Internal Server Error",
                f"{route.function} cannot be invoked",
                integration_status=invocation.status,
            )
        if invocation.error is not None:
            return _gateway(
                500,
                "Internal Server Error",
                f"{route.function} failed: {invocation.error}",
                integration_status=200,
            )
        response = _proxy_response(invocation.payload)
        if response is None:
            return _gateway(
                500,
                "Internal Server Error",
                f"{route.function} returned no valid response",
                integration_status=200,
            )
        return response

    def _event(self, request: _Request, route: Route, body: bytes) -> dict[str, Any]:
        # https://docs.aws.amazon.com/apigateway/latest/developerguide/
        # http-api-develop-integrations-lambda.html (payload format 2.0)
        headers = {k: v for k, v in request.headers.items() if k != "cookie"}
        api_id = self._api["apiId"]
        domain = f"{api_id}.execute-api.{self._api['region']}.amazonaws.com"
        headers |= {
            "x-amzn-trace-id": f"Root=1-{int(request.at):08x}-{os.urandom(12).hex()}",
            "x-forwarded-for": request.source_ip,
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
        }
        event: dict[str, Any] = {
            "version": "2.0",
            "routeKey": route.key,
            "rawPath": request.decoded_path,
            "rawQueryString": request.query,
            "headers": headers,
            "requestContext": {
                "accountId": self._api["account"],
                "apiId": api_id,
                "domainName": domain,
                "domainPrefix": api_id,
                "http": {
                    "method": request.method,
                    "path": request.decoded_path,
                    "protocol": request.protocol,
                    "sourceIp": request.source_ip,
                    "userAgent": request.headers.get("user-agent", ""),
                },
                "requestId": request.id,
                "routeKey": route.key,
                "stage": self._stage,
                "time": request.time,
                "timeEpoch": int(request.at * 1000),
            },
            "isBase64Encoded": False,
        }
        if "cookie" in request.headers:
            event["cookies"] = [c.strip() for c in request.headers["cookie"].split(";")]
        query: dict[str, str] = {}
        for name, value in parse_qsl(request.query, keep_blank_values=True):
            query[name] = f"{query[name]},{value}" if name in query else value
        if query:
            event["queryStringParameters"] = query
        if request.parameters:
            event["pathParameters"] = request.parameters
        if self._api.get("stageVariables"):
            event["stageVariables"] = self._api["stageVariables"]
        if body:
            if _is_text(request.headers.get("content-type", "")):
                event["body"] = body.decode("utf-8", errors="replace")
            else:
                event["body"] = base64.b64encode(body).decode()
                event["isBase64Encoded"] = True
        return event

    def _allowed_origin(self, request: _Request) -> str | None:
        origin = request.headers.get("origin")
        if self._cors is None or origin is None:
            return None
        allowed = self._cors.get("allowOrigins", [])
        if "*" in allowed:
            return "*"
        schemes = {entry for entry in allowed if entry.endswith("://*")}
        if origin in allowed or any(origin.startswith(entry[:-1]) for entry in schemes):
            return origin
        return None

    def _cors_headers(self, request: _Request) -> list[tuple[str, str]]:
        origin = self._allowed_origin(request)
        if origin is None or self._cors is None:
            return []
        headers = [("access-control-allow-origin", origin)]
        if origin != "*":
            headers.append(("vary", "Origin"))
        if self._cors.get("allowCredentials"):
            headers.append(("access-control-allow-credentials", "true"))
        if self._cors.get("exposeHeaders") and request.method != "OPTIONS":
            headers.append(("access-control-expose-headers", ",".join(self._cors["exposeHeaders"])))
        return headers

    def _preflight_headers(self, request: _Request) -> list[tuple[str, str]]:
        if self._cors is None or self._allowed_origin(request) is None:
            return []
        headers = []
        for key, name in (
            ("allowMethods", "access-control-allow-methods"),
            ("allowHeaders", "access-control-allow-headers"),
        ):
            if self._cors.get(key):
                headers.append((name, ",".join(self._cors[key])))
        if self._cors.get("maxAge") is not None:
            headers.append(("access-control-max-age", str(self._cors["maxAge"])))
        return headers

    def _log(self, request: _Request, response: Response, latency: float) -> None:
        integration = request.integration_latency
        context: dict[str, Any] = {
            "accountId": self._api["account"],
            "apiId": self._api["apiId"],
            "stage": self._stage,
            "requestId": request.id,
            "extendedRequestId": request.id,
            "requestTime": request.time,
            "requestTimeEpoch": int(request.at * 1000),
            "httpMethod": request.method,
            "path": request.decoded_path,
            "protocol": request.protocol,
            "routeKey": request.route_key,
            "status": response.status,
            "responseLength": len(response.body),
            "responseLatency": round(latency),
            "integrationLatency": None if integration is None else round(integration),
            "integration.latency": None if integration is None else round(integration),
            "integration.status": response.integration_status,
            "integrationStatus": response.integration_status,
            "integration.error": None if integration is None else response.reason,
            "integrationErrorMessage": None if integration is None else response.reason,
            "error.message": response.reason if response.status >= 400 else None,
            "identity.sourceIp": request.source_ip,
            "identity.userAgent": request.headers.get("user-agent"),
            "domainName": request.headers.get("host"),
        }
        line = None
        if self._format is not None:
            quoted = self._format.lstrip().startswith("{")
            line = _CONTEXT.sub(lambda found: _shown(context.get(found[1]), quoted), self._format)
        self._record(
            RequestAnswered(
                request_id=request.id,
                method=request.method,
                path=request.decoded_path,
                route_key=request.route_key,
                status=response.status,
                milliseconds=round(latency, 1),
                reason=response.reason,
            ),
            line,
        )


class _Request:
    """What is read of an HTTP request, and what is found out about it."""

    def __init__(self, scope: Scope, at: float) -> None:
        self.at = at
        self.id = base64.b64encode(os.urandom(11)).decode()
        self.method: str = scope["method"].upper()
        raw = scope.get("raw_path") or scope["path"].encode()
        self.raw_path = raw.decode("latin-1").partition("?")[0]
        # Every escape is decoded but %25, as API Gateway does for rawPath.
        self.decoded_path = unquote(self.raw_path.replace("%25", "%2525"))
        self.query: str = scope.get("query_string", b"").decode("latin-1")
        self.protocol = f"HTTP/{scope.get('http_version', '1.1')}"
        self.source_ip: str = (scope.get("client") or ("127.0.0.1", 0))[0]
        self.headers: dict[str, str] = {}
        for name, value in scope["headers"]:
            key, text = name.decode("latin-1").lower(), value.decode("latin-1")
            self.headers[key] = f"{self.headers[key]},{text}" if key in self.headers else text
        self.time = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(at))
        self.route_key: str | None = None
        self.parameters: dict[str, str] = {}
        self.integration_latency: float | None = None


async def _read(request: _Request, receive: Receive) -> bytes | None:
    """The body, or None when it is larger than API Gateway takes."""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b"".join(chunks) if size <= MAX_PAYLOAD_BYTES else None
        chunk = message.get("body", b"")
        size += len(chunk)
        if size <= MAX_PAYLOAD_BYTES:
            chunks.append(chunk)
        if size > DRAIN_BYTES or not message.get("more_body"):
            return b"".join(chunks) if size <= MAX_PAYLOAD_BYTES else None


def _is_text(content_type: str) -> bool:
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type.startswith("text/") or media_type in _TEXT_TYPES


def _proxy_response(payload: bytes) -> Response | None:
    """The HTTP response in what a function returned, or None when it is not a valid one."""
    if len(payload) > MAX_INVOCATION_BYTES:
        return None
    try:
        result = json.loads(payload)
    except ValueError:
        return None
    if not isinstance(result, dict) or "statusCode" not in result:
        # API Gateway infers a response from whatever JSON the function returns.
        text = result if isinstance(result, str) else json.dumps(result)
        return Response(
            200, [("content-type", "application/json")], text.encode(), integration_status=200
        )
    status, body = result["statusCode"], result.get("body", "")
    if isinstance(status, str) and status.isdigit():
        status = int(status)
    headers, cookies = result.get("headers"), result.get("cookies")
    if (
        not isinstance(status, int)
        or isinstance(status, bool)
        or not 100 <= status <= 599
        or not isinstance(body, str | None)
        or not isinstance(headers, dict | None)
        or not isinstance(cookies, list | None)
    ):
        return None
    content = (body or "").encode()
    if result.get("isBase64Encoded"):
        try:
            content = base64.b64decode(content, validate=True)
        except binascii.Error:
            return None
    pairs = [
        (str(k).lower(), v if isinstance(v, str) else json.dumps(v))
        for k, v in (headers or {}).items()
    ]
    if not any(k == "content-type" for k, _ in pairs):
        pairs.append(("content-type", "text/plain;charset=utf-8"))
    pairs += [("set-cookie", str(cookie)) for cookie in cookies or []]
    return Response(status, pairs, content, integration_status=status)


def _shown(value: Any, quoted: bool) -> str:
    text = "-" if value is None else str(value)
    return json.dumps(text)[1:-1] if quoted else text
