"""The edge alone: what API Gateway makes of requests and of what functions return."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from local.edge import Invocation
from local.edge.payload import MAX_BYTES as MAX_INVOCATION_BYTES
from tests.local.door import Door, part

INTERNAL = {"message": "Internal Server Error"}


def _returned(value: Any) -> Invocation:
    return Invocation(200, json.dumps(value).encode())


def test_event_has_payload_format_two() -> None:
    door = Door(stageVariables={"v": "1"})
    door.request(
        "GET", "/orders/a%20b", b"", {"cookie": "a=1; b=2", "x-one": "1"}, "q=1&q=2&empty="
    )
    event = door.events[0]
    assert door.called == [("f", "live")]
    assert event["version"] == "2.0"
    assert event["routeKey"] == "GET /orders/{id}"
    assert event["rawPath"] == "/orders/a b"
    assert event["pathParameters"] == {"id": "a b"}
    assert event["queryStringParameters"] == {"q": "1,2", "empty": ""}
    assert event["rawQueryString"] == "q=1&q=2&empty="
    assert event["cookies"] == ["a=1", "b=2"]
    assert "cookie" not in event["headers"]
    assert event["headers"]["x-one"] == "1"
    assert event["stageVariables"] == {"v": "1"}
    assert "body" not in event
    context = event["requestContext"]
    assert context["http"]["method"] == "GET"
    assert context["http"]["sourceIp"] == "192.0.2.1"
    assert context["stage"] == "$default"


def test_request_id_is_the_same_for_function_and_caller() -> None:
    door = Door()
    _, headers, _ = door.request()
    assert door.events[0]["requestContext"]["requestId"] == headers["apigw-requestid"]


@pytest.mark.parametrize(
    ("content_type", "body", "expected"),
    [
        ("application/json", b'{"a":1}', ('{"a":1}', False)),
        ("text/plain; charset=utf-8", "é".encode(), ("é", False)),
        ("application/octet-stream", b"\xff", (base64.b64encode(b"\xff").decode(), True)),
        ("application/json", b'{"a":"\xff"}', (base64.b64encode(b'{"a":"\xff"}').decode(), True)),
        ("text/plain", b"\xed\xa0\x80", (base64.b64encode(b"\xed\xa0\x80").decode(), True)),
    ],
)
def test_body_reaches_the_function_as_text_or_base64(
    content_type: str, body: bytes, expected: tuple[str, bool]
) -> None:
    door = Door()
    door.request(body=body, content_type=content_type)
    assert (door.events[0]["body"], door.events[0]["isBase64Encoded"]) == expected


def test_functions_response_reaches_the_caller() -> None:
    door = Door()
    door.returned = _returned(
        {
            "statusCode": 201,
            "headers": {"Location": "/orders/1", "X-Number": 7, "Content-Length": "99999"},
            "cookies": ["a=1"],
            "body": base64.b64encode(b"\x00\xff").decode(),
            "isBase64Encoded": True,
        }
    )
    status, headers, body = door.request()
    assert (status, body) == (201, b"\x00\xff")
    assert headers["location"] == "/orders/1"
    assert headers["x-number"] == "7"
    assert headers["set-cookie"] == "a=1"
    assert headers["content-length"] == "2"


def test_json_without_a_status_code_is_the_body() -> None:
    door = Door()
    door.returned = _returned({"id": 1})
    status, headers, body = door.request()
    assert (status, headers["content-type"], json.loads(body)) == (
        200,
        "application/json",
        {"id": 1},
    )


@pytest.mark.parametrize(
    "returned",
    [
        Invocation(200, b'{"errorType": "KeyError", "errorMessage": "secret"}', "KeyError"),
        Invocation(404, b'{"message": "Function not found"}'),
        Invocation(200, b"not json"),
        _returned({"statusCode": "many"}),
        _returned({"statusCode": True}),
        _returned({"statusCode": 99}),
        _returned({"statusCode": 101}),
        _returned({"statusCode": 200, "headers": {"x-a": "1\r\nx-b: 2"}}),
        _returned({"statusCode": 200, "headers": {"x a": "1"}}),
        _returned({"statusCode": 200, "body": {"a": 1}}),
        _returned({"statusCode": 200, "headers": []}),
        _returned({"statusCode": 200, "cookies": "a=1"}),
        _returned({"statusCode": 200, "body": "%%", "isBase64Encoded": True}),
        Invocation(200, b'"' + b"x" * MAX_INVOCATION_BYTES + b'"'),
    ],
)
def test_failed_or_invalid_integration_is_an_internal_server_error(returned: Invocation) -> None:
    door = Door()
    door.returned = returned
    status, headers, body = door.request()
    assert (status, json.loads(body)) == (500, INTERNAL)
    assert headers["content-type"] == "application/json"


def test_throttled_function_is_service_unavailable() -> None:
    door = Door()
    door.returned = Invocation(429, b"{}")
    status, _, body = door.request()
    assert (status, json.loads(body)) == (503, {"message": "Service Unavailable"})


def test_integration_timeout_is_service_unavailable() -> None:
    route = {"key": "POST /orders", "function": "f", "timeoutSeconds": 0.01, "permitted": True}
    door = Door(routes=[route])
    door.seconds = 0.2
    status, _, body = door.request()
    assert (status, json.loads(body)) == (503, {"message": "Service Unavailable"})


def test_event_over_lambdas_limit_is_refused() -> None:
    door = Door()
    status, _, _ = door.request(body=b"x" * (MAX_INVOCATION_BYTES + 1))
    assert (status, door.called) == (413, [])


def test_throttle_allows_the_burst_then_the_rate() -> None:
    door = Door(
        throttle={"rate": 100, "burst": 100},
        routeThrottles={"POST /orders": {"rate": 2, "burst": 3}},
    )
    assert [door.request()[0] for _ in range(4)] == [200, 200, 200, 429]
    door.now = 0.5
    assert [door.request()[0] for _ in range(2)] == [200, 429]
    assert door.request("GET", "/orders/1")[0] == 200
    door.now = 1000
    assert [door.request()[0] for _ in range(4)] == [200, 200, 200, 429]


def test_stage_default_throttles_each_route() -> None:
    door = Door(throttle={"rate": 1, "burst": 1})
    assert [door.request()[0] for _ in range(2)] == [200, 429]
    assert door.request("GET", "/orders/1")[0] == 200


def test_throttle_of_zero_refuses_everything() -> None:
    door = Door(throttle={"rate": 0, "burst": 0})
    assert door.request()[0] == 429


def _route(key: str) -> dict[str, Any]:
    return {"key": key, "function": key, "timeoutSeconds": 30, "permitted": True}


@pytest.mark.parametrize(
    ("method", "path", "served_by"),
    [
        ("GET", "/a/b", "GET /a/b"),
        ("GET", "/a/x", "GET /a/{id}"),
        ("POST", "/a/x", "ANY /a/{id}"),
        ("GET", "/a/x/y", "ANY /{proxy+}"),
        ("GET", "/", "$default"),
    ],
)
def test_most_specific_route_serves(method: str, path: str, served_by: str) -> None:
    keys = ["$default", "ANY /{proxy+}", "ANY /a/{id}", "GET /a/{id}", "GET /a/b"]
    door = Door(routes=[_route(key) for key in keys])
    door.request(method, path)
    assert [function for function, _ in door.called] == [served_by]


def test_named_stage_is_the_first_path_segment() -> None:
    door = Door(stage="v1")
    assert door.request(path="/v1/orders")[0] == 200
    assert door.request(path="/orders")[0] == 404


CORS = {
    "allowOrigins": ["https://a.example"],
    "allowMethods": ["GET", "POST"],
    "allowHeaders": ["content-type"],
    "maxAge": 60,
}


def test_named_origin_is_allowed_and_no_other() -> None:
    door = Door(cors=CORS)
    allowed = door.request(headers={"origin": "https://a.example"})[1]
    assert allowed["access-control-allow-origin"] == "https://a.example"
    assert allowed["vary"] == "Origin"
    other = door.request(headers={"origin": "https://b.example"})[1]
    assert "access-control-allow-origin" not in other


def test_preflight_of_a_foreign_origin_gets_no_permission() -> None:
    door = Door(cors=CORS)
    status, headers, _ = door.request("OPTIONS", headers={"origin": "https://b.example"})
    assert status == 204
    assert not [name for name in headers if name.startswith("access-control-")]
    status, headers, _ = door.request("OPTIONS", headers={"origin": "https://a.example"})
    assert headers["access-control-max-age"] == "60"
    assert headers["access-control-allow-headers"] == "content-type"
    assert door.called == []


def test_functions_own_cors_headers_are_ignored_with_cors_configured() -> None:
    door = Door(cors=CORS)
    door.returned = _returned(
        {"statusCode": 200, "headers": {"Access-Control-Allow-Origin": "*"}, "body": ""}
    )
    assert "access-control-allow-origin" not in door.request()[1]


def test_options_without_cors_is_a_route_like_any_other() -> None:
    assert Door().request("OPTIONS")[0] == 404


def test_access_log_line_has_the_stages_format_and_stays_json() -> None:
    door = Door(
        accessLogFormat='{"id":"$context.requestId","agent":"$context.identity.userAgent",'
        '"status":"$context.status","error":"$context.error.message","no":"$context.nothing"}'
    )
    _, headers, _ = door.request(headers={"user-agent": 'a"b'})
    line = json.loads(door.records[0][1] or "")
    assert line == {
        "id": headers["apigw-requestid"],
        "agent": 'a"b',
        "status": "200",
        "error": "-",
        "no": "-",
    }


def test_route_without_permission_does_not_reach_the_function() -> None:
    route = {"key": "POST /orders", "function": "f", "timeoutSeconds": 30, "permitted": False}
    door = Door(routes=[route])
    status, _, body = door.request()
    assert (status, json.loads(body), door.called) == (500, INTERNAL, [])


def test_repeated_header_is_joined_with_a_comma() -> None:
    door = Door()
    door.request(headers=[("idempotency-key", "one"), ("Idempotency-Key", "two")])
    assert door.events[0]["headers"]["idempotency-key"] == "one,two"


@pytest.mark.parametrize("method", ["post", "Post", "pOST"])
def test_methods_are_case_sensitive(method: str) -> None:
    door = Door()
    assert (door.request(method)[0], door.called) == (404, [])


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("http://localhost:4566/orders/1", "/orders/1"),
        ("HTTPS://user@other.example/orders/1", "/orders/1"),
    ],
)
def test_absolute_request_target_is_served_as_its_path(target: str, path: str) -> None:
    door = Door()
    assert door.request("GET", target)[0] == 200
    assert door.events[0]["rawPath"] == path
    assert door.events[0]["pathParameters"] == {"id": "1"}


@pytest.mark.parametrize(
    "target", ["http://localhost:4566", "*", "localhost:4566", "ftp://h/orders"]
)
def test_other_request_targets_have_no_route(target: str) -> None:
    door = Door()
    assert (door.request("GET", target)[0], door.called) == (404, [])


def test_body_that_ends_with_the_connection_is_not_taken() -> None:
    door = Door()
    assert door.messages([part(b'{"a":1}'), {"type": "http.disconnect"}]) == []
    assert (door.called, door.records) == ([], [])


def test_half_sent_body_is_given_up_in_time() -> None:
    door = Door(body_seconds=0.01)
    start, end = door.messages([part(b"{")])
    assert start["status"] == 408
    assert (b"connection", b"close") in start["headers"]
    assert json.loads(end["body"]) == {"message": "Request Timeout"}
    assert door.called == []


def test_body_in_parts_is_joined() -> None:
    door = Door()
    door.messages(
        [part(b'{"a"'), part(b":1"), part(b"}", more=False)],
        headers=[("content-type", "application/json")],
    )
    assert door.events[0]["body"] == '{"a":1}'


def test_no_content_has_no_body() -> None:
    door = Door()
    door.returned = _returned({"statusCode": 204, "body": "text"})
    status, headers, body = door.request()
    assert (status, headers["content-length"], body) == (204, "0", b"")


def test_access_log_in_another_format_stays_one_line() -> None:
    door = Door(accessLogFormat="$context.requestId $context.path")
    _, headers, _ = door.request(path="/a%0aforged%e2%80%a8b")
    assert door.records[0][1] == f"{headers['apigw-requestid']} /a forged b"
