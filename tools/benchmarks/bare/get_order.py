"""The floor of a read: one boto3 client, one get."""

import json
import os
from typing import Any

import boto3  # type: ignore[import-untyped]

dynamodb = boto3.client("dynamodb")


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    item = dynamodb.get_item(
        TableName=os.environ["ORDERS_TABLE_NAME"],
        Key={"id": {"S": event["pathParameters"]["id"]}},
    )["Item"]
    return {"statusCode": 200, "body": json.dumps(item)}
