"""The floor of a consumer: one boto3 client, one update a message."""

import json
import os
from typing import Any

import boto3  # type: ignore[import-untyped]

dynamodb = boto3.client("dynamodb")


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    for record in event["Records"]:
        dynamodb.update_item(
            TableName=os.environ["ORDERS_TABLE_NAME"],
            Key={"id": {"S": json.loads(record["body"])["detail"]["id"]}},
            UpdateExpression="SET #s = :confirmed",
            ConditionExpression="#s = :pending",
            ExpressionAttributeNames={"#s": "status"},
            ExpressionAttributeValues={
                ":confirmed": {"S": "CONFIRMED"},
                ":pending": {"S": "PENDING"},
            },
        )
    return {"batchItemFailures": []}
