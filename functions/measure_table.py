"""How many orders there are and how large their table is, as metrics: CloudWatch has none of it.

Runs on a schedule. DynamoDB itself counts about every six hours.
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TableDescription.html
"""

# isort: off
from .toolkit import bootstrap

# isort: on
from typing import TYPE_CHECKING, Any

from . import contract
from .orders.metrics import metrics
from .orders.table_size import MeasuredTable
from .toolkit import aws, telemetry

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

_table = MeasuredTable.connect()


class NotMeasuredError(RuntimeError):
    """DynamoDB said nothing: Lambda counts the error and tries again."""


def handler(_event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:
    """The Lambda function's entry: what was measured."""
    try:
        size = _table.size()
    except aws.FAILURES as error:
        failure = aws.failure(error).fields
        telemetry.logger.error(
            "table not measured", function_request_id=context.aws_request_id, **failure
        )
        raise NotMeasuredError(failure["error"]) from None
    metrics.count(contract.ORDERS_STORED, size.items)
    metrics.count(contract.ORDERS_TABLE_SIZE, size.bytes)
    telemetry.logger.info(
        "table measured",
        items=size.items,
        bytes=size.bytes,
        function_request_id=context.aws_request_id,
    )
    metrics.flush(context)
    return {"items": size.items, "bytes": size.bytes}


bootstrap.complete()
