"""Takes a share of the order events: does its own work, then confirms the order."""

import json
import logging
import os
from datetime import UTC, datetime

import boto3

_log = logging.getLogger()
_orders = boto3.client("dynamodb")
_table = os.environ["ORDERS_TABLE_NAME"]


def handler(event: dict, context: object) -> dict:
    """Answers for each message: what failed is delivered again, the rest is done."""
    failed = []
    for record in event["Records"]:
        try:
            _consume(json.loads(record["body"])["detail"]["id"])
        except Exception as error:
            # The message's id only: an order holds personal data.
            _log.error("message %s: %s", record["messageId"], type(error).__name__)
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}


def _consume(order_id: str) -> None:
    # Your own work comes here. It may run more than once for an order, as every delivery may.
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    try:
        _orders.update_item(
            TableName=_table,
            Key={"id": {"S": order_id}},
            UpdateExpression="SET #s = :to, updatedAt = :now ADD version :one REMOVE pendingShard",
            ConditionExpression="#s = :from",
            ExpressionAttributeNames={"#s": "status"},
            ExpressionAttributeValues={
                ":from": {"S": "PENDING"},
                ":to": {"S": "CONFIRMED"},
                ":now": {"S": now},
                ":one": {"N": "1"},
            },
        )
    except _orders.exceptions.ConditionalCheckFailedException:
        return  # confirmed already: a repeated delivery
