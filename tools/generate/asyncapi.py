"""`asyncapi.json`: the AsyncAPI 3.0 document of the events, on the bus and in the queue.

Payloads are the schemas in functions/orders; examples are made by the code that makes the events.
"""

import json
import re
from typing import Any

from functions import contract
from functions.orders import change_schema, changes, events, order, schema
from tools.openapi.document import REQUEST_ID, public

Json = dict[str, Any]

EVENTS_VERSION = f"{changes.SCHEMA_VERSION}.0.0"

_ORDER_ID = "0b9c1a3e-6f2d-4c57-9a41-7d5be2c8f016"
_ORDER: order.Order = {
    "customerName": "Ada Lovelace",
    "items": [{"sku": "TEA-01", "qty": 2, "price": 12.5}],
}
_CREATED, _CHANGED = "2026-01-31T12:00:00.000Z", "2026-01-31T12:00:00.120Z"


def render(_: str) -> str:
    """The document as the text of asyncapi.json."""
    return json.dumps(document(), indent=2) + "\n"


def document() -> Json:
    """The document as JSON values."""
    types = list(contract.CHANGE_EVENTS.values())
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Events of orders",
            "version": EVENTS_VERSION,
            "description": (
                "Every change of an order is one event on the bus. It is delivered at least once, "
                "and a later event of an order may come before an earlier one: keep `eventId` to "
                "know repeated ones, and `version` to know the order of them."
            ),
            "license": {
                "name": "Apache-2.0",
                "url": "https://www.apache.org/licenses/LICENSE-2.0",
            },
        },
        "defaultContentType": "application/json",
        "channels": {
            "changes": {
                "title": "The bus",
                "description": (
                    "A custom event bus of Amazon EventBridge. A rule chooses by `source` "
                    f"({contract.EVENT_SOURCE}) and `detail-type`."
                ),
                "messages": {name: _ref("messages", name) for name in types},
            },
            "orderEvents": {
                "title": "The queue order-events",
                "description": "Amazon SQS; read by the function that confirms orders, and by "
                "nobody else.",
                "messages": {"PlacedOrder": _ref("messages", "PlacedOrder")},
            },
        },
        "operations": {
            "publishChanges": {
                "action": "send",
                "channel": {"$ref": "#/channels/changes"},
                "summary": "Tells every change of an order.",
                "messages": [{"$ref": f"#/channels/changes/messages/{name}"} for name in types],
            },
            "sendPlacedOrder": {
                "action": "send",
                "channel": {"$ref": "#/channels/orderEvents"},
                "summary": "Hands a new order to the function that confirms orders.",
                "messages": [{"$ref": "#/channels/orderEvents/messages/PlacedOrder"}],
            },
        },
        "components": {
            "messages": {
                **{
                    name: {
                        "name": name,
                        "title": _title(name),
                        "payload": _ref("schemas", f"{name}Event"),
                        "examples": [{"payload": _delivered(_example(status))}],
                    }
                    for status, name in contract.CHANGE_EVENTS.items()
                },
                "PlacedOrder": {
                    "name": "PlacedOrder",
                    "title": "A new order, to be confirmed",
                    "payload": _ref("schemas", "PlacedOrder"),
                    "examples": [{"payload": _queued()}],
                },
            },
            "schemas": {
                **{f"{name}Event": _event(name) for name in types},
                **{name: public(detail) for name, detail in change_schema.EVENTS.items()},
                "PlacedOrder": public(schema.ORDER_CREATED_EVENT),
            },
        },
    }


def _title(name: str) -> str:
    """An event's type in words: OrderConfirmed is "Order confirmed"."""
    return re.sub("(?<!^)[A-Z]", lambda letter: f" {letter[0].lower()}", name)


def _event(name: str) -> Json:
    """An event as EventBridge hands it to a rule's targets."""
    return {
        "type": "object",
        "required": ["source", "detail-type", "detail"],
        "properties": {
            "id": {"type": "string", "description": "EventBridge's own; another at every put."},
            "time": {"type": "string", "format": "date-time"},
            "source": {"const": contract.EVENT_SOURCE},
            "detail-type": {"const": name},
            "detail": _ref("schemas", name),
        },
    }


def _example(status: str) -> changes.Change:
    led = [source for source, target in contract.TRANSITIONS if target == status]
    previous = led[0] if led else None
    return changes.Change(
        _ORDER_ID,
        2 if previous else 1,
        previous,
        status,
        changes.cause(previous, status) or "",
        _CHANGED if previous else _CREATED,
        _CREATED,
        REQUEST_ID,
        None if previous else _ORDER,
        "5fea7756-0ea4-451a-a703-a558b933e274" if status == contract.FAILED else None,
    )


def _delivered(change: changes.Change) -> Json:
    return {
        "id": "7bf73129-1428-4cd3-a780-95db273d1602",
        "time": "2026-01-31T12:00:01Z",
        "source": contract.EVENT_SOURCE,
        "detail-type": change.type,
        "detail": json.loads(change.detail()),
    }


def _queued() -> Json:
    message = events.message(_ORDER_ID, order.text(_ORDER), _CREATED, REQUEST_ID)
    body: Json = json.loads(message.body)
    return body


def _ref(kind: str, name: str) -> Json:
    return {"$ref": f"#/components/{kind}/{name}"}
