"""The JSON Schemas (2020-12) of the events on the bus, made of the status machine in contract."""

from typing import Any

from .. import contract
from . import changes, schema

Schema = dict[str, Any]

CORRELATION_ID: Schema = {
    "type": ["string", "null"],
    "description": "Id of the request that placed the order; null where none was kept.",
    "examples": ["f3a1c2d4-5b6e-4789-8abc-0d1e2f3a4b5c"],
}

# What `data` holds besides the statuses and the time of the order's creation.
_MORE: dict[str, dict[str, Schema]] = {
    contract.PENDING: {"customerName": schema.ORDER["properties"]["customerName"]}
    | {"items": schema.ITEMS},
    contract.FAILED: {
        "messageId": {
            "type": "string",
            "description": "The message that was given up: it is in the dead-letter queue.",
            "examples": ["5fea7756-0ea4-451a-a703-a558b933e274"],
        }
    },
}
_SYNTHETIC: Schema = {
    "const": True,
    "description": "Of the stack's synthetic orders alone: no customer placed it.",
}
_OWNER: Schema = {
    **schema.OWNER,
    "description": "Who placed the order, as access tokens name them (`sub`): a name that the "
    "provider made, not theirs. Absent from an order that nobody was signed in for.",
}
_NOT_ALWAYS = {"messageId", "synthetic", "owner"}


def _event(status: str) -> Schema:
    led = {
        source: cause
        for (source, target), cause in contract.TRANSITIONS.items()
        if target == status
    }
    new = changes.cause(None, status)
    sources: list[str | None] = [*led, *([None] if new else [])]
    causes = [*dict.fromkeys([*led.values(), *([new] if new else [])])]
    data = {
        "previousStatus": {"enum": sources},
        "status": {"const": status},
        "createdAt": schema.TIMESTAMP,
        **_MORE.get(status, {}),
        "synthetic": _SYNTHETIC,
        "owner": _OWNER,
    }
    members: dict[str, Schema] = {
        "schemaVersion": {
            "const": changes.SCHEMA_VERSION,
            "description": "Further members may come within a version: ignore them.",
        },
        "eventId": {
            "type": "string",
            "pattern": "^[0-9a-f-]{36}:[0-9]+$",
            "description": "orderId:version. The same however often the event is delivered.",
            "examples": ["0b9c1a3e-6f2d-4c57-9a41-7d5be2c8f016:1"],
        },
        "type": {"const": contract.CHANGE_EVENTS[status]},
        "orderId": schema.ORDER_ID,
        "version": {
            "type": "integer",
            "minimum": 0,
            "description": "Counts the changes of an order: 1 is its creation. 0 is the creation "
            "of an order that carries no version.",
            "examples": [1],
        },
        "occurredAt": schema.TIMESTAMP,
        "correlationId": CORRELATION_ID,
        "cause": {"enum": causes},
        "data": {
            "type": "object",
            "required": [name for name in data if name not in _NOT_ALWAYS],
            "properties": data,
        },
    }
    return {"type": "object", "required": list(members), "properties": members}


EVENTS: dict[str, Schema] = {
    name: _event(status) for status, name in contract.CHANGE_EVENTS.items()
}
"""The detail of each event, by its type."""
