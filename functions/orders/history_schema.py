"""The JSON Schema (2020-12) of an order's history. It stands apart because no function loads it."""

from ..contract import PLACED
from .schema import ORDER_ID, STATUS, TIMESTAMP, Schema

ORDER_HISTORY: Schema = {
    "type": "object",
    "additionalProperties": False,
    "required": ["id", "changes"],
    "properties": {
        "id": ORDER_ID,
        "changes": {
            "type": "array",
            "description": "The first change first; one that happened just now may be absent yet.",
            "minItems": 1,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["version", "from", "to", "at", "cause", "correlationId"],
                "properties": {
                    "version": {
                        "type": "integer",
                        "description": "1 for a new order, and one more with every change.",
                        "minimum": 0,
                        "examples": [1],
                    },
                    "from": {
                        "description": "null: the order was placed.",
                        "enum": [None, *STATUS["enum"]],
                    },
                    "to": STATUS,
                    "at": TIMESTAMP,
                    "cause": {"type": "string", "examples": [PLACED]},
                    "correlationId": {
                        "type": ["string", "null"],
                        "description": "Id of the request that placed the order, if it is known.",
                        "examples": ["f3a1c2d4-5b6e-4789-8abc-0d1e2f3a4b5c"],
                    },
                },
            },
        },
    },
}
