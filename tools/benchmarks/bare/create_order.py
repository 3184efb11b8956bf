"""The floor: two boto3 clients, one put, one send; no validation, no logs, no metrics."""

import json
import os
import uuid
from datetime import UTC, datetime
from typing import Any

import boto3  # type: ignore[import-untyped]

dynamodb = boto3.client("dynamodb")
sqs = boto3.client("sqs")


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    body = json.loads(event["body"])
    order_id = str(uuid.uuid4())
    created_at = datetime.now(UTC).isoformat()
    dynamodb.put_item(
        TableName=os.environ["ORDERS_TABLE_NAME"],
        Item={
            "id": {"S": order_id},
            "customerName": {"S": body["customerName"]},
            "items": {
                "L": [
                    {
                        "M": {
                            "sku": {"S": item["sku"]},
                            "qty": {"N": str(item["qty"])},
                            "price": {"N": str(item["price"])},
                        }
                    }
                    for item in body["items"]
                ]
            },
            "status": {"S": "PENDING"},
            "createdAt": {"S": created_at},
        },
        ConditionExpression="attribute_not_exists(id)",
    )
    sqs.send_message(
        QueueUrl=os.environ["ORDER_EVENTS_QUEUE_URL"],
        MessageBody=json.dumps({"type": "OrderCreated", "detail": {"id": order_id, **body}}),
    )
    answer = {"id": order_id, "status": "PENDING", "createdAt": created_at}
    return {"statusCode": 201, "body": json.dumps(answer)}
