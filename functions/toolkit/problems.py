"""Every error answer of the API: RFC 9457 problem documents, their kinds listed once."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import validation

# kind -> (HTTP status, title). The document's `type` is PROBLEM_TYPE + kind.
PROBLEM_TYPE = "urn:serverless-orders:problem:"
KINDS = {
    "unreadable-body": (400, "The body is not readable JSON"),
    "invalid-order": (400, "The order is not valid"),
    "invalid-idempotency-key": (400, "The Idempotency-Key is not valid"),
    "invalid-order-id": (400, "The order id is not a UUID"),
    "order-not-found": (404, "There is no such order"),
    "body-too-large": (413, "The body is too large"),
    "unsupported-media-type": (415, "The body is not declared as JSON"),
    "idempotency-key-reused": (422, "The Idempotency-Key belongs to another order"),
    "internal-error": (500, "The service failed"),
    "unavailable": (503, "The service is busy or out of reach"),
}

# Seconds after which a retry makes sense, sent with every 503.
RETRY_AFTER = 1


class Problem(Exception):  # noqa: N818 - RFC 9457 calls it so
    """An answer that is an error; raised by an operation, rendered by `api`."""

    def __init__(
        self,
        kind: str,
        detail: str,
        *,
        errors: "list[validation.Error] | None" = None,
        order_id: str | None = None,
        log: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(kind)
        self.kind = kind
        self.status, self.title = KINDS[kind]
        self.detail = detail
        self.errors = errors
        self.order_id = order_id
        self.log = log or {}

    def document(self, request_id: str) -> dict[str, Any]:
        """The problem document; `request_id` is also in the request's log line."""
        document: dict[str, Any] = {
            "type": PROBLEM_TYPE + self.kind,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "requestId": request_id,
        }
        if self.order_id is not None:
            document["orderId"] = self.order_id
        if self.errors:
            document["errors"] = [error._asdict() for error in self.errors]
        return document
