"""The item of one change in the history of orders, in DynamoDB's wire form."""

from typing import Any

from .. import contract
from . import order
from .changes import Change

SECONDS_PER_DAY = 86_400


def item_of(change: Change, days: int) -> dict[str, Any]:
    """What is kept of a change for so many days (0: for ever) from when it happened."""
    item = {
        contract.HISTORY_ORDER_ATTRIBUTE: {"S": change.order_id},
        contract.HISTORY_VERSION_ATTRIBUTE: {"N": str(change.version)},
        "to": {"S": change.status},
        "at": {"S": change.occurred_at},
        "cause": {"S": change.cause},
    }
    if change.previous_status is not None:
        item["from"] = {"S": change.previous_status}
    if change.owner is not None:
        item[contract.OWNER_ATTRIBUTE] = {"S": change.owner}
    if change.correlation_id is not None:
        item["correlationId"] = {"S": change.correlation_id}
    occurred = order.milliseconds(change.occurred_at)
    if days and occurred is not None:
        expiry = int(occurred / 1000) + days * SECONDS_PER_DAY
        item[contract.HISTORY_EXPIRY_ATTRIBUTE] = {"N": str(expiry)}
    return item
