"""create_order as Powertools' own documentation shows it: resolver, parser, Tracer, Table."""

import json
import os
import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

import boto3  # type: ignore[import-untyped]
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.parser import BaseModel, parse
from pydantic import Field

tracer = Tracer()
logger = Logger()
metrics = Metrics()
app = APIGatewayHttpResolver()
table = boto3.resource("dynamodb").Table(os.environ["ORDERS_TABLE_NAME"])
sqs = boto3.client("sqs")


class Item(BaseModel):
    sku: Annotated[str, Field(min_length=1, max_length=64)]
    qty: Annotated[int, Field(ge=1, le=1_000_000)]
    price: Annotated[Decimal, Field(ge=0, le=1_000_000_000, decimal_places=4)]


class Order(BaseModel):
    customerName: Annotated[str, Field(min_length=1, max_length=200)]  # noqa: N815
    items: Annotated[list[Item], Field(min_length=1, max_length=100)]


@app.post("/orders")
@tracer.capture_method
def create_order() -> Response[str]:
    order = parse(event=app.current_event.json_body, model=Order)
    order_id = str(uuid.uuid4())
    state = {"status": "PENDING", "createdAt": datetime.now(UTC).isoformat()}
    table.put_item(
        Item={"id": order_id, **state, **order.model_dump()},
        ConditionExpression="attribute_not_exists(id)",
    )
    sqs.send_message(
        QueueUrl=os.environ["ORDER_EVENTS_QUEUE_URL"],
        MessageBody=json.dumps(
            {"type": "OrderCreated", "detail": {"id": order_id, **order.model_dump(mode="json")}}
        ),
    )
    logger.info("order created", order_id=order_id)
    metrics.add_metric(name="OrdersCreated", unit=MetricUnit.Count, value=1)
    return Response(201, "application/json", json.dumps({"id": order_id, **state}))


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_HTTP)
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
