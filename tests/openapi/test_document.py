"""openapi.json: in step with the code, valid, complete, with true examples."""

from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from openapi_spec_validator import validate

from components import order_functions
from components.order_functions import OrderFunction
from tools.openapi import PATH
from tools.openapi.document import (
    KINDS,
    UndescribedError,
    document,
    render,
    routes,
)
from tools.openapi.document import OPERATIONS as DESCRIBED

DOCUMENT = document()
OPERATIONS = {
    operation["operationId"]: (method.upper(), path, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}


def test_the_committed_document_is_the_one_the_code_makes() -> None:
    assert PATH.read_text(encoding="utf-8") == render(), "openapi.json drifted: run `make openapi`"


def test_the_document_is_valid_openapi() -> None:
    validate(DOCUMENT)
    assert DOCUMENT["openapi"].startswith("3.1.")


def test_every_route_is_documented_and_no_other() -> None:
    documented = {name: (method, path) for name, (method, path, _) in OPERATIONS.items()}
    assert documented == routes()


def test_every_kind_of_problem_is_documented_where_it_can_happen() -> None:
    of_files = {"line-too-long", "unknown-file", "unreadable-line"}  # in the reports of imports
    assert {each.name for of in DESCRIBED.values() for each in of.problems} == set(KINDS) - of_files
    for name, described in DESCRIBED.items():
        for kind in described.problems:
            content = OPERATIONS[name][2]["responses"][str(kind.status)]["content"]
            assert kind.name in content["application/problem+json"]["examples"]


def test_our_own_schema_keywords_are_not_published() -> None:
    assert "errorMessage" not in render()


@pytest.mark.parametrize(
    ("operation", "status", "header"),
    [
        ("create_order", "201", "Location"),
        ("create_order", "201", "Idempotency-Replayed"),
        ("create_order", "503", "Retry-After"),
        ("get_order", "503", "Retry-After"),
    ],
)
def test_the_headers_a_client_relies_on_are_documented(
    operation: str, status: str, header: str
) -> None:
    assert header in OPERATIONS[operation][2]["responses"][status]["headers"]


def contents() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, (_, _, operation) in OPERATIONS.items():
        if "requestBody" in operation:
            for kind, content in operation["requestBody"]["content"].items():
                yield f"{name} request {kind}", content
        for status, response in operation["responses"].items():
            for kind, content in response.get("content", {}).items():
                yield f"{name} {status} {kind}", content


@pytest.mark.parametrize(
    "content", [pytest.param(content, id=name) for name, content in contents()]
)
def test_every_example_is_what_its_schema_says(content: dict[str, Any]) -> None:
    examples = [entry["value"] for entry in content.get("examples", {}).values()]
    examples += [content["example"]] if "example" in content else []
    assert examples
    schema = {**content["schema"], "components": DOCUMENT["components"]}
    validator = jsonschema.Draft202012Validator(
        schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )
    for example in examples:
        validator.validate(example)


def test_the_example_of_an_invalid_order_names_the_field() -> None:
    content = OPERATIONS["create_order"][2]["responses"]["400"]["content"]
    example = content["application/problem+json"]["examples"]["invalid-order"]["value"]
    assert example["errors"] == [{"pointer": "#/items/0/qty", "detail": "must be at least 1"}]


def test_a_route_without_a_description_is_asked_for_by_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    archive = OrderFunction(
        name="archive_order", route=("POST", "/orders/{id}"), environment=lambda _: {}, grants=()
    )
    monkeypatch.setattr(order_functions, "FUNCTIONS", (*order_functions.FUNCTIONS, archive))
    with pytest.raises(
        UndescribedError, match=r"lacks a description of archive_order \(POST /orders/\{id\}\)"
    ):
        document()
