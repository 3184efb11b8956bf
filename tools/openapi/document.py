"""Builds the OpenAPI 3.1 document of each version of the API.

Paths come from components/order_functions.py, bodies from functions/orders/schema.py and the
version's module in functions/orders/representations, errors from functions/orders/problems.py;
examples are made of the schemas' own, and the example of a validation error by validating.
"""

import json
from collections.abc import Mapping
from types import ModuleType
from typing import Any, NamedTuple

from components import order_functions
from components.inputs import checked
from components.order_inputs import OrderSettings
from functions import contract
from functions.orders import history_schema, list_schema, order_query, problems, schema
from functions.orders.representations import v1, v2
from functions.toolkit import caller as toolkit_caller
from functions.toolkit import json_text
from functions.toolkit import problems as toolkit_problems
from functions.toolkit.problems import RETRY_AFTER, Kind, Problem

Json = dict[str, Any]


class Version(NamedTuple):
    """What differs between the documents of two versions."""

    number: str
    """Of the document, whose changes leave its first figure as it is."""
    prefixes: tuple[str, ...]
    """What the paths begin with at a server; what answers hold begins with the first."""
    reading: ModuleType
    request: Json
    accepted: Json
    order: Json
    wrong: Json
    """What the example of a wrong order has in its first item."""


VERSIONS = {
    "v1": Version(
        "1.0.0",
        ("", "/v1"),
        v1,
        schema.ORDER_REQUEST,
        schema.ORDER_CREATED_RESPONSE,
        schema.ORDER,
        {"qty": 0},
    ),
    "v2": Version(
        "2.0.0",
        ("/v2",),
        v2,
        v2.ORDER_REQUEST,
        v2.ORDER_CREATED_RESPONSE,
        v2.ORDER,
        {"unitPrice": {"amount": -1, "currency": v2.CURRENCY}},
    ),
}
REQUEST_ID = "f3a1c2d4-5b6e-4789-8abc-0d1e2f3a4b5c"
_SAMPLE_ID = "0b9c1a3e-6f2d-4c57-9a41-7d5be2c8f016"

# Answers of API Gateway itself, where no function is reached: status -> its message.
GATEWAY = {
    401: "Unauthorized",
    403: "Forbidden",
    413: "Request Entity Too Large",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}

SIGN_IN = "signIn"
SIGN_IN_PROBLEMS = (toolkit_caller.UNAUTHENTICATED, toolkit_caller.UNIDENTIFIED)

KINDS = {
    kind.name: kind
    for module in (toolkit_problems, toolkit_caller, problems)
    for kind in vars(module).values()
    if isinstance(kind, Kind)
}
"""Every kind of problem that there is, by name."""


class Operation(NamedTuple):
    """What the document says of a route: its OpenAPI operation with the successes alone, and the
    kinds of problems that it answers besides."""

    described: Json
    problems: tuple[Kind, ...]


class UndescribedError(Exception):
    """A route of which the document would say nothing; the message says where to describe it."""


def routes(auth: str = "cognito") -> dict[str, tuple[str, str]]:
    """Method and path of each function that answers requests of a system with this `auth`, and
    else with all defaults."""
    settings: OrderSettings = {"auth": auth}
    settings = checked(OrderSettings, settings, "The API")
    functions = order_functions.functions_of(settings)
    return {each.name: each.route for each in functions if each.route}


def render(name: str) -> str:
    """A version's document as the text of its file."""
    return json.dumps(document(name), indent=2) + "\n"


def document(version_name: str) -> Json:
    """A version's document as JSON values."""
    version = VERSIONS[version_name]
    schemas = {
        "OrderRequest": version.request,
        "OrderAccepted": version.accepted,
        "Order": version.order,
        "OrderHistory": history_schema.ORDER_HISTORY,
        "OrderList": list_schema.order_list(version.order),
        "Problem": {
            **schema.PROBLEM,
            "properties": schema.PROBLEM["properties"] | list_schema.PROBLEM_MEMBERS,
        },
        "GatewayError": {
            "type": "object",
            "required": ["message"],
            "properties": {"message": {"type": "string"}},
        },
    }
    paths: dict[str, Json] = {}
    for name, (method, path) in routes().items():
        if name not in OPERATIONS:
            raise UndescribedError(
                f"tools/openapi lacks a description of {name} ({method} {path}): "
                "add it to OPERATIONS in tools/openapi/document.py"
            )
        operation = _operation(name, OPERATIONS[name], version)
        paths.setdefault(path, {})[method.lower()] = _with_examples(operation, version, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Orders",
            "version": version.number,
            "description": (
                "Places orders and shows them. An accepted order is processed in the background: "
                f"{contract.PENDING} becomes {contract.CONFIRMED}, or {contract.FAILED} when that "
                "is not possible."
            ),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [server for prefix in version.prefixes for server in _servers(prefix)],
        "paths": paths,
        "components": {
            "schemas": {name: public(each) for name, each in schemas.items()},
            "securitySchemes": {
                SIGN_IN: {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": (
                        "An access token, where there is sign-in; of the scopes of an operation, "
                        "one will do. API Gateway answers 401 and 403 itself, which no HTTP API "
                        "can make problem documents of."
                    ),
                }
            },
        },
    }


def _servers(prefix: str) -> list[Json]:
    return [
        {"url": f"http://127.0.0.1:4566{prefix}", "description": "make run"},
        {
            "url": f"https://{{apiId}}.execute-api.{{region}}.amazonaws.com{prefix}",
            "description": "A deployed stack: its output apiUrl",
            "variables": {
                "apiId": {"default": "api-id"},
                "region": {"default": "us-east-1"},
            },
        },
    ]


def _with_examples(node: Any, version: Version, schemas: Mapping[str, Json]) -> Any:
    """Contents with the example of their schema, paths in answers as the version has them."""
    if isinstance(node, list):
        return [_with_examples(each, version, schemas) for each in node]
    if not isinstance(node, dict):
        return node
    filled = {name: _with_examples(each, version, schemas) for name, each in node.items()}
    of = filled.get("schema", {})
    if of.get("format") == "uri-reference":
        filled["example"] = version.prefixes[0] + filled["example"]
    elif "$ref" in of and not filled.keys() & {"example", "examples"}:
        filled["example"] = _example(schemas[of["$ref"].rpartition("/")[2]])
    return filled


def _operation(name: str, operation: Operation, version: Version) -> Json:
    """The operation with its error responses: problems by status, and API Gateway's own."""
    statuses = [each for each in GATEWAY if each != 413 or "requestBody" in operation.described]
    by_status: dict[int, list[Kind]] = {status: [] for status in statuses}
    for kind in (*operation.problems, *SIGN_IN_PROBLEMS):
        by_status.setdefault(kind.status, []).append(kind)
    successes = {
        status: {**response, "headers": {**response.get("headers", {}), **_LIMIT_FIELDS}}
        for status, response in operation.described["responses"].items()
    }
    errors = {
        str(status): _error(status, by_status[status], version) for status in sorted(by_status)
    }
    responses = {**successes, **errors}
    scopes = next(each.scopes for each in order_functions.FUNCTIONS if each.name == name)
    # An API without sign-in asks for nothing: `{}`.
    security: list[Json] = [{}, *({SIGN_IN: [scope]} for scope in scopes)]
    return {
        "operationId": name,
        **operation.described,
        "security": security,
        "responses": responses,
    }


def _error(status: int, kinds: list[Kind], version: Version) -> Json:
    titles = [kind.title for kind in kinds]
    content: Json = {}
    if kinds:
        content["application/problem+json"] = {
            "schema": _ref("Problem"),
            "examples": {
                kind.name: {"summary": kind.title, "value": _problem(kind, version)}
                for kind in kinds
            },
        }
    if status in GATEWAY:
        titles.append(f"API Gateway: {GATEWAY[status]}")
        content["application/json"] = {
            "schema": _ref("GatewayError"),
            "example": {"message": GATEWAY[status]},
        }
    response: Json = {"description": "; ".join(titles) + ".", "content": content}
    if {toolkit_problems.UNAVAILABLE, toolkit_problems.QUOTA_EXCEEDED} & {*kinds}:
        response["headers"] = {
            "Retry-After": {
                "description": "Seconds after which to try again; absent when API Gateway answers.",
                "schema": {"type": "integer", "minimum": 0},
                "example": RETRY_AFTER,
            }
        }
    if toolkit_problems.QUOTA_EXCEEDED in kinds:
        response["headers"] |= _LIMIT_FIELDS
    return response


_LIMIT_FIELDS: Json = {
    name: {
        "description": f"{text}, where callers have limits: "
        "draft-ietf-httpapi-ratelimit-headers-10.",
        "schema": {"type": "string"},
        "example": example,
    }
    for name, text, example in (
        ("RateLimit-Policy", "The caller's limit on requests of this kind", '"read";q=300;w=60'),
        ("RateLimit", "What is left of it and when it begins anew", '"read";r=299;t=42'),
    )
}


def _problem(kind: Kind, version: Version) -> Json:
    """A problem document of this kind, made by the code that makes the real ones."""
    errors = None
    if kind == problems.INVALID_QUERY:
        try:
            order_query.read({"limit": "0"}, "", b"")
        except Problem as refused:
            return refused.document(REQUEST_ID, problems.TYPE)
    if kind == problems.INVALID_ORDER:
        wrong = _example(version.request)
        wrong["items"][0] |= version.wrong
        try:
            version.reading.reader()(json_text.parse(json.dumps(wrong)))
        except Problem as refused:
            errors = refused.errors
    examples: dict[Kind, Json] = {
        toolkit_problems.UNAVAILABLE: problems.of_order(_SAMPLE_ID),
        toolkit_problems.QUOTA_EXCEEDED: {"violated-policies": [contract.CREATE_POLICY]},
    }
    problem = Problem(kind, kind.title + ".", errors=errors, members=examples.get(kind))
    return problem.document(REQUEST_ID, problems.TYPE)


def _example(node: Json) -> Any:
    """An example of a schema, from the examples in it."""
    if "examples" in node:
        return node["examples"][0]
    if "const" in node:
        return node["const"]
    if "enum" in node:
        return node["enum"][0]
    if node.get("format") == "uuid":
        return _SAMPLE_ID
    if node["type"] == "object":
        members = node["properties"].items()
        # A schema with no examples on purpose is of a member that is not always there.
        return {name: _example(each) for name, each in members if each.get("examples") != []}
    if node["type"] == "array":
        return [_example(node["items"])]
    raise ValueError(f"schema without an example: {node}")


def public(node: Any) -> Any:
    """A schema without the keywords that are ours alone."""
    if isinstance(node, dict):
        return {name: public(value) for name, value in node.items() if name != "errorMessage"}
    if isinstance(node, list):
        return [public(value) for value in node]
    return node


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


_ORDER_ID: Json = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "As the order's creation answered it.",
    "schema": public(schema.ORDER_ID),
    "example": _SAMPLE_ID,
}

# The functions' module names -> what the document says of their routes.
OPERATIONS: dict[str, Operation] = {
    "create_order": Operation(
        {
            "summary": "Place an order",
            "description": (
                "With an Idempotency-Key a repeated request creates nothing twice: it is answered "
                "as the first one was. Without one, every request is an order of its own."
            ),
            "parameters": [
                {
                    "name": "Idempotency-Key",
                    "in": "header",
                    "required": False,
                    "description": "Chosen by the caller for one order; the same for every retry.",
                    "schema": public(schema.IDEMPOTENCY_KEY),
                }
            ],
            "requestBody": {
                "required": True,
                "content": {
                    "application/json": {
                        "schema": _ref("OrderRequest"),
                    }
                },
            },
            "responses": {
                "201": {
                    "description": "The order is stored and on its way.",
                    "headers": {
                        "Location": {
                            "description": "Path of the order.",
                            "required": True,
                            "schema": {"type": "string", "format": "uri-reference"},
                            "example": contract.ORDER_PATH.format(id=_SAMPLE_ID),
                        },
                        "Idempotency-Replayed": {
                            "description": (
                                "Present when the order existed: the request was a repeat."
                            ),
                            "schema": {"type": "string", "enum": ["true"]},
                        },
                    },
                    "content": {
                        "application/json": {
                            "schema": _ref("OrderAccepted"),
                        }
                    },
                    "links": {
                        "order": {
                            "operationId": "get_order",
                            "parameters": {"id": "$response.body#/id"},
                            "description": "The order that was placed.",
                        }
                    },
                }
            },
        },
        (
            toolkit_problems.UNREADABLE_BODY,
            problems.INVALID_ORDER,
            problems.INVALID_IDEMPOTENCY_KEY,
            toolkit_problems.BODY_TOO_LARGE,
            toolkit_problems.UNSUPPORTED_MEDIA_TYPE,
            problems.IDEMPOTENCY_KEY_REUSED,
            toolkit_problems.QUOTA_EXCEEDED,
            toolkit_problems.INTERNAL_ERROR,
            toolkit_problems.UNAVAILABLE,
        ),
    ),
    "get_order": Operation(
        {
            "summary": "Show an order",
            "parameters": [_ORDER_ID],
            "responses": {
                "200": {
                    "description": "The order as it stands.",
                    "content": {
                        "application/json": {
                            "schema": _ref("Order"),
                        }
                    },
                }
            },
        },
        (
            problems.INVALID_ORDER_ID,
            problems.ORDER_NOT_FOUND,
            toolkit_problems.QUOTA_EXCEEDED,
            toolkit_problems.INTERNAL_ERROR,
            toolkit_problems.UNAVAILABLE,
        ),
    ),
    "list_orders": Operation(
        {
            "summary": "List one's own orders",
            "description": (
                "Only where callers sign in: elsewhere there is no such route. Orders of others "
                "are not listed, whatever the scopes of the token."
            ),
            "parameters": [
                {"name": name, "in": "query", "schema": public(described)}
                for name, described in list_schema.QUERY.items()
            ],
            "responses": {
                "200": {
                    "description": "A page of orders, the newest first.",
                    "headers": {
                        "Link": {
                            "description": (
                                "The next page (RFC 8288), unless this is the last one. Of rare "
                                "orders a page may have fewer than there are."
                            ),
                            "schema": {"type": "string"},
                            "example": f"<{contract.ORDERS_PATH}?limit=20&cursor=sVx...>; "
                            'rel="next"',
                        }
                    },
                    "content": {"application/json": {"schema": _ref("OrderList")}},
                }
            },
        },
        (
            problems.INVALID_QUERY,
            toolkit_problems.QUOTA_EXCEEDED,
            toolkit_problems.INTERNAL_ERROR,
            toolkit_problems.UNAVAILABLE,
        ),
    ),
    "get_order_history": Operation(
        {
            "summary": "Show what became of an order",
            "description": (
                "Changes are recorded behind the answer that an order is placed: the history "
                "follows the order within seconds, and outlives it as long as it is kept."
            ),
            "parameters": [_ORDER_ID],
            "responses": {
                "200": {
                    "description": "The order's changes.",
                    "content": {
                        "application/json": {
                            "schema": _ref("OrderHistory"),
                        }
                    },
                }
            },
        },
        (
            problems.INVALID_ORDER_ID,
            problems.HISTORY_NOT_FOUND,
            toolkit_problems.QUOTA_EXCEEDED,
            toolkit_problems.INTERNAL_ERROR,
            toolkit_problems.UNAVAILABLE,
        ),
    ),
}
