"""The events that every subject gets, as AWS sends them."""

import json
from typing import Any

ORDER_ID = "7f0c2a9e-7a3c-4a52-9f0a-6d2f4f5b9a11"


def order(items: int) -> dict[str, Any]:
    """The body of POST /orders with this many items."""
    return {
        "customerName": "Ada Lovelace",
        "items": [{"sku": f"SKU-{n:04}", "qty": n + 1, "price": 19.95} for n in range(items)],
    }


ORDER = order(10)


def _http(method: str, path: str, route: str, **rest: Any) -> dict[str, Any]:
    return {
        "version": "2.0",
        "routeKey": f"{method} {route}",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"content-type": "application/json", "host": "api.example"},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "a1b2c3d4e5",
            "domainName": "api.example",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "benchmark",
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": f"{method} {route}",
            "stage": "$default",
            "time": "23/Nov/2026:10:00:00 +0000",
            "timeEpoch": 1795428000000,
        },
        "isBase64Encoded": False,
        **rest,
    }


def _record(number: int) -> dict[str, Any]:
    return {
        "messageId": f"059f36b4-87a3-44ab-83d2-{number:012}",
        "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
        "body": json.dumps({"type": "OrderCreated", "detail": {"id": ORDER_ID, **ORDER}}),
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": "1795428000000",
            "SenderId": "AIDAIENQZJOLO23YVJ4VO",
            "ApproximateFirstReceiveTimestamp": "1795428000010",
        },
        "messageAttributes": {
            "correlationId": {"stringValue": "JKJaXmPLvHcESHA=", "dataType": "String"}
        },
        "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:order-events",
        "awsRegion": "us-east-1",
    }


def event(function: str, batch: int = 1, items: int = 10) -> dict[str, Any]:
    """The event for a function: an order of `items`, or `batch` messages."""
    if function == "create_order":
        return _http("POST", "/orders", "/orders", body=json.dumps(order(items)))
    if function == "get_order":
        return _http("GET", f"/orders/{ORDER_ID}", "/orders/{id}", pathParameters={"id": ORDER_ID})
    return {"Records": [_record(number) for number in range(batch)]}
