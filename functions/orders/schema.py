"""The JSON Schemas (2020-12) of the API and of the event: one source for checking requests,
for the OpenAPI document and for the tests.

`validation.compile_schema` reads ORDER_REQUEST; `errorMessage` holds the words for a keyword
whose value says nothing to a person. Lengths count Unicode code points.
"""

from typing import Any

from ..contract import ORDER_CREATED, ORDER_CREATED_DETAIL, PENDING, TRANSITIONS

# Whitespace that is trimmed around customerName (first and last code point of each run): what
# Python's str.strip() or ECMAScript's trim() removes. Spelt out, because their `\s` differ.
_WHITESPACE = (
    (0x09, 0x0D),
    (0x1C, 0x20),
    (0x85, 0x85),
    (0xA0, 0xA0),
    (0x1680, 0x1680),
    (0x2000, 0x200A),
    (0x2028, 0x2029),
    (0x202F, 0x202F),
    (0x205F, 0x205F),
    (0x3000, 0x3000),
    (0xFEFF, 0xFEFF),
)
WHITESPACE = "".join(chr(point) for first, last in _WHITESPACE for point in range(first, last + 1))
_SPACE = "".join(f"\\u{first:04x}-\\u{last:04x}" for first, last in _WHITESPACE)

Schema = dict[str, Any]

CUSTOMER_NAME: Schema = {
    "type": "string",
    "description": "1 to 200 characters, counted after whitespace around them is removed.",
    "pattern": f"^[{_SPACE}]*[^{_SPACE}](?:[\\s\\S]{{0,198}}[^{_SPACE}])?[{_SPACE}]*$",
    "errorMessage": {"pattern": "must have 1 to 200 characters besides the whitespace around them"},
    "examples": ["Ada Lovelace"],
}

ORDER_ITEM: Schema = {
    "type": "object",
    "additionalProperties": False,
    "required": ["sku", "qty", "price"],
    "properties": {
        "sku": {"type": "string", "minLength": 1, "maxLength": 64, "examples": ["TEA-01"]},
        "qty": {"type": "integer", "minimum": 1, "maximum": 1000000, "examples": [2]},
        "price": {
            "type": "number",
            "description": "Price of one piece; kept exactly.",
            "minimum": 0,
            "maximum": 1000000000,
            "multipleOf": 0.0001,
            "errorMessage": {"multipleOf": "must have at most 4 decimals"},
            "examples": [12.5],
        },
    },
}

ITEMS: Schema = {"type": "array", "minItems": 1, "maxItems": 100, "items": ORDER_ITEM}

ORDER_REQUEST: Schema = {
    "type": "object",
    "additionalProperties": False,
    "required": ["customerName", "items"],
    "properties": {"customerName": CUSTOMER_NAME, "items": ITEMS},
}

ORDER_ID: Schema = {"type": "string", "format": "uuid"}
IDEMPOTENCY_KEY: Schema = {
    "type": "string",
    "description": "1 to 255 visible ASCII characters, no comma: it is what joins two headers.",
    "pattern": "^[!-+\\--~]{1,255}$",
    "examples": ["8e03978e-40d5-43e8-bc93-6894a57f9324"],
}
TIMESTAMP: Schema = {
    "type": "string",
    "format": "date-time",
    "description": "UTC, with milliseconds.",
    "examples": ["2026-01-31T12:00:00.000Z"],
}

ORDER_CREATED_RESPONSE: Schema = {
    "type": "object",
    "additionalProperties": False,
    "required": ["id", "status", "createdAt"],
    "properties": {"id": ORDER_ID, "status": {"const": PENDING}, "createdAt": TIMESTAMP},
}

STATUS: Schema = {
    "enum": list(dict.fromkeys(status for pair in TRANSITIONS for status in pair)),
}

OWNER: Schema = {
    "type": "string",
    "description": "Who placed it, as access tokens name them (`sub`): where there is sign-in.",
    "examples": ["7c1b2e5a-90d4-4f6b-8a3e-2d5f1c9b0e47"],
}

ORDER: Schema = {
    "type": "object",
    "additionalProperties": False,
    "required": ["id", "customerName", "items", "status", "createdAt"],
    "properties": {
        "id": ORDER_ID,
        "customerName": {"type": "string", "examples": CUSTOMER_NAME["examples"]},
        "items": ITEMS,
        "status": STATUS,
        "createdAt": TIMESTAMP,
        "updatedAt": TIMESTAMP,
        "owner": OWNER,
    },
}

ORDER_CREATED_EVENT: Schema = {
    "type": "object",
    "additionalProperties": False,
    "required": ["type", "detail"],
    "properties": {
        "type": {"const": ORDER_CREATED},
        "detail": {
            "type": "object",
            "additionalProperties": False,
            "required": list(ORDER_CREATED_DETAIL),
            "properties": {"id": ORDER_ID, "customerName": {"type": "string"}, "items": ITEMS},
        },
    },
}

# RFC 9457; `requestId`, `errors` and `orderId` are extension members.
PROBLEM: Schema = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "requestId"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
        "requestId": {"type": "string", "description": "Also in the logs of the request."},
        "errors": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["pointer", "detail"],
                "properties": {
                    "pointer": {
                        "type": "string",
                        "description": "JSON Pointer (RFC 6901, as a URI fragment) into the body.",
                        "examples": ["#/items/0/qty"],
                    },
                    "detail": {"type": "string"},
                },
            },
        },
        "orderId": {
            **ORDER_ID,
            "description": "The order that the request stored, or may have stored.",
        },
    },
}
