"""The error answers of the orders' API, beside those that any API may give (`toolkit`)."""

from ..toolkit.problems import Kind

# What the types of all problems begin with; the name of the kind follows.
TYPE = "urn:serverless-orders:problem:"

INVALID_ORDER = Kind("invalid-order", 400, "The order is not valid")
INVALID_IDEMPOTENCY_KEY = Kind("invalid-idempotency-key", 400, "The Idempotency-Key is not valid")
INVALID_ORDER_ID = Kind("invalid-order-id", 400, "The order id is not a UUID")
INVALID_QUERY = Kind("invalid-query", 400, "The query is not valid")
ORDER_NOT_FOUND = Kind("order-not-found", 404, "There is no such order")
HISTORY_NOT_FOUND = Kind("history-not-found", 404, "There is no history of such an order")
IDEMPOTENCY_KEY_REUSED = Kind(
    "idempotency-key-reused", 422, "The Idempotency-Key belongs to another order"
)


# Of lines of imported files, which the API knows nothing of.
UNREADABLE_LINE = Kind("unreadable-line", 400, "The line is not readable")
LINE_TOO_LONG = Kind("line-too-long", 413, "The line is too long")
UNKNOWN_FILE = Kind("unknown-file", 415, "The file is of no known kind")


def of_order(order_id: str) -> dict[str, str]:
    """A problem's members that name the order which the request stored, or may have stored."""
    return {"orderId": order_id}
