"""process_order as Powertools' own documentation shows it: the batch utility, Tracer, Table."""

import os
from typing import Any

import boto3  # type: ignore[import-untyped]
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

tracer = Tracer()
logger = Logger()
metrics = Metrics()
processor = BatchProcessor(event_type=EventType.SQS)
table = boto3.resource("dynamodb").Table(os.environ["ORDERS_TABLE_NAME"])


@tracer.capture_method
def record_handler(record: SQSRecord) -> None:
    order_id = record.json_body["detail"]["id"]
    table.update_item(
        Key={"id": order_id},
        UpdateExpression="SET #s = :confirmed",
        ConditionExpression="#s = :pending",
        ExpressionAttributeNames={"#s": "status"},
        ExpressionAttributeValues={":confirmed": "CONFIRMED", ":pending": "PENDING"},
    )
    logger.info("order confirmed", order_id=order_id)


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: Any) -> Any:
    return process_partial_response(
        event=event, record_handler=record_handler, processor=processor, context=context
    )
