"""get_order as Powertools' own documentation shows it."""

import json
import os
from typing import Any

import boto3  # type: ignore[import-untyped]
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.logging import correlation_paths

tracer = Tracer()
logger = Logger()
metrics = Metrics()
app = APIGatewayHttpResolver()
table = boto3.resource("dynamodb").Table(os.environ["ORDERS_TABLE_NAME"])


@app.get("/orders/<order_id>")
@tracer.capture_method
def get_order(order_id: str) -> Response[str]:
    item = table.get_item(Key={"id": order_id})["Item"]
    logger.info("order read", order_id=order_id)
    return Response(200, "application/json", json.dumps(item, default=str))


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_HTTP)
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
