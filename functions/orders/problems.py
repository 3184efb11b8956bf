"""The error answers of the orders' API: every kind there is, those of orders declared here."""

from ..toolkit import problems
from ..toolkit.problems import Kind

INVALID_ORDER = Kind("invalid-order", 400, "The order is not valid")
INVALID_IDEMPOTENCY_KEY = Kind("invalid-idempotency-key", 400, "The Idempotency-Key is not valid")
INVALID_ORDER_ID = Kind("invalid-order-id", 400, "The order id is not a UUID")
ORDER_NOT_FOUND = Kind("order-not-found", 404, "There is no such order")
IDEMPOTENCY_KEY_REUSED = Kind(
    "idempotency-key-reused", 422, "The Idempotency-Key belongs to another order"
)

KINDS = {
    kind.name: kind
    for kind in (
        problems.UNREADABLE_BODY,
        INVALID_ORDER,
        INVALID_IDEMPOTENCY_KEY,
        INVALID_ORDER_ID,
        ORDER_NOT_FOUND,
        problems.BODY_TOO_LARGE,
        problems.UNSUPPORTED_MEDIA_TYPE,
        IDEMPOTENCY_KEY_REUSED,
        problems.INTERNAL_ERROR,
        problems.UNAVAILABLE,
    )
}


def of_order(order_id: str) -> dict[str, str]:
    """A problem's members that name the order which the request stored, or may have stored."""
    return {"orderId": order_id}
