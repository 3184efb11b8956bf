"""The event that a function gets, and the response in what it returns: payload format 2.0.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from local.edge.request import Request
from local.edge.response import Response, gateway

# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html (synchronous, 6 MB)
MAX_BYTES = 6 * 1024 * 1024

_TEXT_TYPES = {"application/json", "application/xml", "application/javascript"}
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_HEADER_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")


@dataclass(frozen=True)
class Invocation:
    """What came of invoking a function.

    `status` is Lambda's own HTTP status (429 when throttled), `error` the function's error
    type or None, `payload` the JSON that it returned.
    """

    status: int
    payload: bytes
    error: str | None = None


def event(api: Mapping[str, Any], request: Request, route_key: str, body: bytes) -> bytes:
    """The event of a request that `route_key` serves, as JSON."""
    api_id = api["apiId"]
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route_key,
        "rawPath": request.decoded_path,
        "rawQueryString": request.query,
        "headers": _headers(request),
        "requestContext": {
            "accountId": api["account"],
            "apiId": api_id,
            "domainName": f"{api_id}.execute-api.{api['region']}.amazonaws.com",
            "domainPrefix": api_id,
            "http": {
                "method": request.method,
                "path": request.decoded_path,
                "protocol": request.protocol,
                "sourceIp": request.source_ip,
                "userAgent": request.headers.get("user-agent", ""),
            },
            "requestId": request.id,
            "routeKey": route_key,
            "stage": api["stage"],
            "time": request.time,
            "timeEpoch": int(request.at * 1000),
        },
        **_body(request, body),
    }
    if request.claims is not None:
        claims = {"claims": request.claims, "scopes": request.scopes}
        event["requestContext"]["authorizer"] = {"jwt": claims}
    if "cookie" in request.headers:
        event["cookies"] = [c.strip() for c in request.headers["cookie"].split(";")]
    if query := _query(request):
        event["queryStringParameters"] = query
    if request.parameters:
        event["pathParameters"] = request.parameters
    if api.get("stageVariables"):
        event["stageVariables"] = api["stageVariables"]
    return json.dumps(event).encode()


def _headers(request: Request) -> dict[str, str]:
    return {k: v for k, v in request.headers.items() if k != "cookie"} | {
        "x-amzn-trace-id": f"Root=1-{int(request.at):08x}-{os.urandom(12).hex()}",
        "x-forwarded-for": request.source_ip,
        "x-forwarded-port": "443",
        "x-forwarded-proto": "https",
    }


def _query(request: Request) -> dict[str, str]:
    query: dict[str, str] = {}
    for name, value in parse_qsl(request.query, keep_blank_values=True):
        query[name] = f"{query[name]},{value}" if name in query else value
    return query


def _body(request: Request, body: bytes) -> dict[str, Any]:
    if not body:
        return {"isBase64Encoded": False}
    if _is_text(request.headers.get("content-type", "")):
        try:
            return {"body": body.decode("utf-8"), "isBase64Encoded": False}
        except UnicodeDecodeError:
            pass  # a body that is not text is passed on as it is
    return {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}


def _is_text(content_type: str) -> bool:
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type.startswith("text/") or media_type in _TEXT_TYPES


def response(invocation: Invocation, function: str) -> Response:
    """The response to the caller after `function` was invoked."""
    if invocation.status == 429:
        reason = f"{function} is throttled"
        return gateway(503, "Service Unavailable", reason, integration_status=429)
    found = None
    status = 200
    if invocation.status >= 300:
        reason, status = f"{function} cannot be invoked", invocation.status
    elif invocation.error is not None:
        reason = f"{function} failed: {invocation.error}"
    else:
        reason = f"{function} returned no valid response"
        found = _proxy_response(invocation.payload)
    return found or gateway(500, "Internal Server Error", reason, integration_status=status)


def _proxy_response(returned: bytes) -> Response | None:
    """The HTTP response in what a function returned, or None when it is not a valid one."""
    if len(returned) > MAX_BYTES:
        return None
    try:
        result = json.loads(returned)
    except ValueError:
        return None
    if not isinstance(result, dict) or "statusCode" not in result:
        # API Gateway infers a response from whatever JSON the function returns.
        text = result if isinstance(result, str) else json.dumps(result)
        json_type = [("content-type", "application/json")]
        return Response(200, json_type, text.encode("utf-8", "replace"), integration_status=200)
    status, body = result["statusCode"], result.get("body", "")
    if isinstance(status, str) and status.isdigit():
        status = int(status)
    headers, cookies = result.get("headers"), result.get("cookies")
    if (
        not isinstance(status, int)
        or isinstance(status, bool)
        or not 200 <= status <= 599
        or not isinstance(body, str | None)
        or not isinstance(headers, dict | None)
        or not isinstance(cookies, list | None)
    ):
        return None
    content = (body or "").encode("utf-8", "replace")
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
    pairs = [(name, value.strip()) for name, value in pairs]
    if not all(_HEADER_NAME.fullmatch(k) and _HEADER_VALUE.fullmatch(v) for k, v in pairs):
        return None
    return Response(status, pairs, content, integration_status=status)
