"""The JSON Schemas (2020-12) of a list of orders, of what asks for it, and of problems that only
callers who have signed in can meet. They stand apart because no function loads them."""

from .order_query import DEFAULT_LIMIT, MOST
from .schema import STATUS, Schema


def order_list(order: Schema) -> Schema:
    """A list of orders as a version's schema of an order has them, without what is ordered."""
    members = {
        name: of for name, of in order["properties"].items() if name not in ("items", "total")
    }
    entry = {
        **order,
        "required": [name for name in order["required"] if name in members],
        "properties": members,
    }
    orders = {
        "type": "array",
        "description": "The newest first; what happened just now may not be there yet.",
        "maxItems": MOST,
        "items": entry,
    }
    return {**order, "required": ["orders"], "properties": {"orders": orders}}


QUERY: dict[str, Schema] = {
    "status": {**STATUS, "description": "Only orders in this status; by default in any."},
    "limit": {
        "type": "integer",
        "description": "Most orders on a page.",
        "minimum": 1,
        "maximum": MOST,
        "default": DEFAULT_LIMIT,
    },
    "cursor": {
        "type": "string",
        "description": "Where a page begins, as in the link to it: good for its caller and its "
        "status alone. By default the first page is shown.",
    },
}
"""The parameters of the query, by name."""

PROBLEM_MEMBERS: dict[str, Schema] = {
    "parameters": {
        "type": "array",
        "description": "The wrong parameters of the query.",
        "minItems": 1,
        "items": {
            "type": "object",
            "required": ["name", "detail"],
            "properties": {
                "name": {"type": "string", "examples": ["limit"]},
                "detail": {"type": "string"},
            },
        },
    },
    "violated-policies": {
        "type": "array",
        "description": "The caller's limits that are used up, as RateLimit names them.",
        "minItems": 1,
        "items": {"type": "string", "examples": ["create"]},
    },
}
"""Further extension members of a problem (RFC 9457)."""
