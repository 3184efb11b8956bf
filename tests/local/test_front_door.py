"""The running system's front door behaves as API Gateway's and shows nothing else."""

from __future__ import annotations

import json
import socket
import struct
import uuid
from urllib.parse import urlsplit

import pytest

from local.client import Api
from local.edge.body import MAX_BYTES as MAX_PAYLOAD_BYTES
from local.events import RequestAnswered
from local.system import System
from tests.local.support import ORDER, until

NOT_FOUND = {"message": "Not Found"}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/orders"),
        ("DELETE", "/orders"),
        ("PUT", "/orders/1"),
        ("GET", "/orders/1/items"),
        ("GET", "/orders/"),
        ("POST", "/orders/"),
    ],
)
def test_unknown_route_is_not_found(api: Api, method: str, path: str) -> None:
    answer = api.request(method, path)
    assert (answer.status, answer.body) == (404, NOT_FOUND)


@pytest.mark.parametrize("path", ["/orders", "/orders/1"])
def test_head_is_not_found_and_has_no_body(api: Api, path: str) -> None:
    answer = api.request("HEAD", path)
    assert (answer.status, answer.body) == (404, "")


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/_ministack/health", {}),
        ("POST", "/_ministack/reset", {}),
        ("GET", "/_localstack/health", {}),
        ("GET", "/2015-03-31/functions/", {}),
        ("GET", "/_aws/execute-api/x/orders", {}),
        ("GET", "/000000000000/order-events", {}),
        ("POST", "/", {"x-amz-target": "DynamoDB_20120810.ListTables"}),
        ("GET", "/health", {"host": "s3.localhost"}),
        ("GET", "//_ministack/health", {}),
    ],
)
def test_emulator_is_not_reachable_through_the_front_door(
    api: Api, method: str, path: str, headers: dict[str, str]
) -> None:
    answer = api.request(method, path, headers=headers)
    assert (answer.status, answer.body) == (404, NOT_FOUND)


def test_preflight_is_answered_by_the_gateway(api: Api) -> None:
    answer = api.request(
        "OPTIONS",
        "/orders",
        headers={
            "origin": "https://shop.example",
            "access-control-request-method": "POST",
            "access-control-request-headers": "content-type",
        },
    )
    assert answer.status == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-methods"] == "GET,POST"
    assert answer.headers["access-control-allow-headers"] == "*"


def test_answers_to_another_origin_may_be_read(api: Api) -> None:
    origin = {"origin": "https://shop.example"}
    assert api.create(ORDER, origin).headers["access-control-allow-origin"] == "*"
    missing = api.request("GET", "/nowhere", headers=origin)
    assert missing.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-origin" not in api.create(ORDER).headers


def test_body_over_the_payload_limit_is_refused(api: Api) -> None:
    body = b"x" * (MAX_PAYLOAD_BYTES + 1)
    answer = api.request("POST", "/orders", body, {"content-type": "application/json"})
    assert (answer.status, answer.body) == (413, {"message": "Request Entity Too Large"})


def test_each_request_has_an_access_log_line_in_the_stages_format(
    running: System, api: Api
) -> None:
    created = api.create(ORDER)
    missing = api.request("GET", "/nowhere?secret=1")
    group = (running.api or {})["accessLogGroup"]

    def lines() -> dict[str, dict[str, str]]:
        events = running.client("logs").filter_log_events(logGroupName=group)["events"]
        parsed = [json.loads(event["message"]) for event in events]
        return {line["requestId"]: line for line in parsed}

    ids = {created.headers["apigw-requestid"], missing.headers["apigw-requestid"]}
    assert until(lambda: ids <= set(lines()))
    line = lines()[created.headers["apigw-requestid"]]
    assert str(line["status"]) == "201"
    assert line["routeKey"] == "POST /orders"


def test_request_line_for_the_screen_holds_no_query(running: System, api: Api) -> None:
    request_id = api.request("GET", "/nowhere?name=Grace").headers["apigw-requestid"]

    def paths() -> list[str]:
        answered = running.events(RequestAnswered)
        return [event.path for event in answered if event.request_id == request_id]

    assert until(paths) == ["/nowhere"]


def test_body_that_is_not_text_is_refused_and_never_repaired(api: Api) -> None:
    headers = {"content-type": "application/json", "idempotency-key": str(uuid.uuid4())}
    for broken in (b"Ad\xff", b"Ad\xfe", b"Ad\xed\xa0\x80"):
        body = json.dumps(ORDER).encode().replace(ORDER["customerName"].encode(), broken)
        answer = api.request("POST", "/orders", body, headers)
        assert answer.status == 400
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("framing", ["content-length: 900", "transfer-encoding: chunked"])
@pytest.mark.parametrize("reset", [False, True])
def test_order_cut_off_amid_its_body_is_not_taken(
    running: System, api: Api, framing: str, reset: bool
) -> None:
    name = f"Cut {uuid.uuid4()}"
    body = json.dumps({**ORDER, "customerName": name}).encode()
    if "chunked" in framing:
        body = b"%x\r\n" % len(body) + body + b"\r\n"
    address = urlsplit(running.url)
    with socket.create_connection((address.hostname or "", address.port or 0), 30) as connection:
        head = f"POST /orders HTTP/1.1\r\nhost: {address.netloc}\r\n{framing}\r\n"
        connection.sendall(head.encode() + b"content-type: application/json\r\n\r\n" + body)
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            connection.shutdown(socket.SHUT_WR)
            assert b" 201 " not in connection.recv(65536)
    # An order after it has gone the whole way, so that one before it would be there, too.
    api.wait_for(api.create(ORDER).body["id"], "CONFIRMED", 30)
    pages = running.client("dynamodb").get_paginator("scan")
    names = [
        order["customerName"]["S"]
        for page in pages.paginate(TableName=running.outputs["ordersTableName"])
        for order in page["Items"]
    ]
    assert name not in names


def test_method_and_request_target_are_read_as_http_says(running: System, api: Api) -> None:
    assert api.request("post", "/orders", json.dumps(ORDER).encode()).status == 404
    order = api.create(ORDER).body["id"]
    assert api.request("GET", f"{running.url}/orders/{order}").body["id"] == order
