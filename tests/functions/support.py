"""The functions as Lambda calls them, in this process, and what they are called with."""

import importlib
import json
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest

from components import order_functions
from functions import contract
from tests.functions.fake_aws import FakeAws
from tests.unit import stacks
from tests.variants import STACKS, recording

HANDLERS = order_functions.NAMES


def told() -> dict[str, dict[str, str]]:
    """The variables that the program sets on each function, by its name, in the first stack
    that has it; one of none of them in a stack with what is optional."""
    variables: dict[str, dict[str, str]] = {}
    known = (*map(recording, (*STACKS, "synthetic", "deployment")), stacks.two_regions()[0])
    for recorded in known:
        made = {each.name: each for each in recorded.of(stacks.FUNCTION)}
        for each in order_functions.FUNCTIONS:
            function = made.get(f"orders-{each.label}")
            if function:
                variables.setdefault(each.name, function.inputs["environment"]["variables"])
    return variables


# What Lambda sets on every function.
LAMBDA = {
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "example",
    "AWS_LAMBDA_FUNCTION_NAME": "function",
}

_TOLD = {name: value for variables in told().values() for name, value in variables.items()}

# What only a system with sign-in tells its functions, and what it does where callers have limits.
SIGNED_IN = {name: _TOLD.pop(name) for name in ("SIGN_IN_REQUIRED",)}
LIMITED = SIGNED_IN | {
    name: _TOLD.pop(name)
    for name in ("CALLER_LIMITS_TABLE_NAME", "CALLER_LIMIT_POLICY", "CALLER_LIMIT_PER_MINUTE")
}

# What only a system of several regions tells them.
REGIONAL = {"REGIONS": "us-east-1,eu-west-1", "ADOPT_AFTER_SECONDS": "900"}

# All that any of the functions is told, and what the tests count on.
VARIABLES = {
    **LAMBDA,
    **_TOLD,
    "ORDER_ID_KEY": "SECRET-of-this-stack",
    "REPUBLISH_LIMIT": "100",
    "SYNTHETIC_CUSTOMER": "synthetic SECRET-of-this-stack",
    "POWERTOOLS_SERVICE_NAME": "orders-test",
}


def route(method: str, path: str, version: str) -> str:
    """The key of a route in a version, as `GET /v2/orders/{id}`."""
    return f"{method} {'/' if version else ''}{version}{path}"


class Context:
    """Lambda's context object."""

    function_name = "function"
    aws_request_id = "invocation-1"
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:function:live"

    def __init__(self, milliseconds: Callable[[], float] = lambda: 30_000) -> None:
        self.get_remaining_time_in_millis = milliseconds


@dataclass
class Answer:
    """An API function's answer, its body parsed."""

    status: int
    headers: dict[str, str]
    body: Any

    def pointers(self) -> list[str]:
        """The places that a 400 names."""
        return [error["pointer"] for error in self.body.get("errors", [])]


class Functions:
    """The handlers, imported afresh."""

    def __init__(self, aws: FakeAws, capsys: pytest.CaptureFixture[str]) -> None:
        self.aws = aws
        self.context = Context()
        self._capsys = capsys
        self._output: list[dict[str, Any]] = []

    def module(self, name: str) -> ModuleType:
        module = importlib.import_module(f"functions.{name}")
        telemetry = importlib.import_module("functions.toolkit.telemetry")
        # The logger outlives a test, the captured stream does not.
        telemetry.logger.registered_handler.stream = sys.stdout
        return module

    def end(self) -> None:
        """Let updates that outlived their invocation come to their end."""
        processor = sys.modules.get("functions.process_order")
        if processor:
            processor._threads.shutdown()

    def invoke(self, name: str, event: Any) -> Any:
        """What the function returns to Lambda, JSON like on the wire."""
        result = self.module(name).handler(json.loads(json.dumps(event)), self.context)
        return json.loads(json.dumps(result))

    def call(self, name: str, event: Any) -> Answer:
        answer = self.invoke(name, event)
        return Answer(answer["statusCode"], answer["headers"], json.loads(answer["body"]))

    def create(
        self, body: Any, request_id: str = "request-1", version: str = "", **headers: str
    ) -> Answer:
        """POST /orders, or /v2/orders; a body that is no text is sent as JSON."""
        text = body if isinstance(body, str) else json.dumps(body)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        event = {
            "version": "2.0",
            "routeKey": route("POST", contract.ORDERS_PATH, version),
            "headers": {"content-type": "application/json", **named},
            "requestContext": {"requestId": request_id},
            "body": text,
            "isBase64Encoded": False,
        }
        return self.call("create_order", event)

    def get(self, order_id: str, version: str = "") -> Answer:
        event = {
            "routeKey": route("GET", contract.ORDER_PATH, version),
            "pathParameters": {"id": order_id},
            "requestContext": {},
        }
        return self.call("get_order", event)

    def process(self, *records: Any) -> list[str]:
        """The ids of the messages that are reported as failed."""
        result = self.invoke("process_order", {"Records": list(records)})
        assert result.keys() == {"batchItemFailures"}
        return [failure["itemIdentifier"] for failure in result["batchItemFailures"]]

    def record(self, *bodies: Any) -> list[str]:
        """Hand events of the bus to record_history; which of them it could not record."""
        records = [
            {"messageId": str(number), "body": body if isinstance(body, str) else json.dumps(body)}
            for number, body in enumerate(bodies)
        ]
        result = self.invoke("record_history", {"Records": records})
        return [failure["itemIdentifier"] for failure in result["batchItemFailures"]]

    def history(self, order_id: str) -> Answer:
        event = {"pathParameters": {"id": order_id}, "requestContext": {}}
        return self.call("get_order_history", event)

    def republish(self) -> dict[str, Any]:
        result: dict[str, Any] = self.invoke("republish_pending", {})
        return result

    def output(self) -> list[dict[str, Any]]:
        """Every line written so far: each has to be JSON."""
        self._output += [json.loads(line) for line in self._capsys.readouterr().out.splitlines()]
        return self._output

    def logs(self) -> list[dict[str, Any]]:
        return [line for line in self.output() if "_aws" not in line]

    def metrics(self) -> dict[str, list[float]]:
        """Every value of every metric emitted so far."""
        values: dict[str, list[float]] = {}
        for line in self.output():
            for directive in line.get("_aws", {}).get("CloudWatchMetrics", []):
                for metric in directive["Metrics"]:
                    values.setdefault(metric["Name"], []).extend(line[metric["Name"]])
        return values


def forget() -> dict[str, ModuleType]:
    """The next import of a handler starts a new execution environment; gives the modules of the
    one before."""
    ours = [name for name in sys.modules if name.partition(".")[0] == "functions"]
    return {name: sys.modules.pop(name) for name in ours}


def signed_in(caller: str, body: Any = None, scope: str = "orders/write") -> dict[str, Any]:
    """The event of a request that has passed the authorizer, with the body as JSON."""
    claims = {"iss": "https://login.example.com", "sub": caller, "scope": scope}
    event: dict[str, Any] = {
        "version": "2.0",
        "headers": {"content-type": "application/json"},
        "requestContext": {
            "requestId": str(uuid.uuid4()),
            "authorizer": {"jwt": {"claims": claims, "scopes": [scope]}},
        },
    }
    return event if body is None else event | {"body": json.dumps(body)}


ORDER = {
    "customerName": "Ada Lovelace",
    "items": [
        {"sku": "TEA-01", "qty": 2, "price": 12.5},
        {"sku": "CUP-07", "qty": 1, "price": 0.1},
    ],
}


def record(
    body: Any, message_id: str = "message-1", receives: int = 1, **attributes: str
) -> dict[str, Any]:
    """A message as Lambda hands it over; `attributes` are message attributes."""
    return {
        "messageId": message_id,
        "body": body if isinstance(body, str) else json.dumps(body),
        "attributes": {"ApproximateReceiveCount": str(receives), "SentTimestamp": "1700000000000"},
        "messageAttributes": {
            name: {"stringValue": value, "dataType": "String"} for name, value in attributes.items()
        },
    }


def created(order_id: str) -> dict[str, Any]:
    """The OrderCreated event of ORDER under an id."""
    return {"type": "OrderCreated", "detail": {"id": order_id, **ORDER}}
