"""A consumer of the bus: keeps what became of each order, one item for each change."""

# isort: off
from .toolkit import bootstrap

# isort: on
from typing import TYPE_CHECKING, Any

from . import contract
from .orders import changes
from .orders.history import History
from .orders.metrics import metrics
from .orders.store import LONGEST_CALL
from .toolkit import environment
from .toolkit.consumer import Consumed, RejectedError, consume

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

_history = History.connect()
_days = environment.whole_number(contract.HISTORY_DAYS_VARIABLE)


def handler(event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:
    """The Lambda function's entry: the messages to deliver again, by id."""
    return consume(event, context, metrics, _record, LONGEST_CALL)


def _record(event: dict[str, Any]) -> Consumed:
    try:
        change = changes.read(event["detail"])
    except changes.UnreadableError as error:
        raise RejectedError(str(error)) from None
    recorded = _history.record(change, _days)
    log = {
        "order_id": change.order_id,
        "version": change.version,
        "correlation_id": change.correlation_id,
    }
    return Consumed("change recorded" if recorded else "duplicate ignored", log)


bootstrap.complete()
