"""What DynamoDB and SQS answer in a benchmark: operation -> JSON body. Needs nothing installed."""

import hashlib
import json
from typing import Any

_ITEM = {
    "id": {"S": "7f0c2a9e-7a3c-4a52-9f0a-6d2f4f5b9a11"},
    "customerName": {"S": "Ada Lovelace"},
    "items": {
        "L": [
            {"M": {"sku": {"S": f"SKU-{n:04}"}, "qty": {"N": str(n + 1)}, "price": {"N": "19.95"}}}
            for n in range(10)
        ]
    },
    "status": {"S": "PENDING"},
    "createdAt": {"S": "2026-11-23T10:00:00.000Z"},
    "updatedAt": {"S": "2026-11-23T10:00:00.000Z"},
    "version": {"N": "1"},
}


def answer(operation: str, request: bytes) -> bytes:
    """The body for an operation such as "PutItem"; request: the JSON that was sent."""
    content: dict[str, Any] = {}
    if operation == "GetItem":
        content = {"Item": _ITEM}
    elif operation == "UpdateItem":
        # Of an order, or of what a caller has used of a limit.
        content = {"Attributes": {**_ITEM, "status": {"S": "CONFIRMED"}, "taken": {"N": "1"}}}
    elif operation == "SendMessage":
        # botocore checks this digest of the message that it sent.
        body = json.loads(request)["MessageBody"].encode()
        content = {
            "MessageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
            "MD5OfMessageBody": hashlib.md5(body, usedforsecurity=False).hexdigest(),
        }
    return json.dumps(content).encode()
