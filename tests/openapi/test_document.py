"""openapi/*.json: in step with the code, valid, complete, with true examples."""

from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from openapi_spec_validator import validate

from components import order_functions
from components.order_functions import OrderFunction
from functions import contract
from tools.openapi import FOLDER
from tools.openapi.document import (
    KINDS,
    SIGN_IN_PROBLEMS,
    UndescribedError,
    document,
    render,
    routes,
)
from tools.openapi.document import OPERATIONS as DESCRIBED

DOCUMENTS = {version: document(version) for version in contract.API_VERSIONS}
OPERATIONS_OF = {
    version: {
        operation["operationId"]: (method.upper(), path, operation)
        for path, methods in made["paths"].items()
        for method, operation in methods.items()
    }
    for version, made in DOCUMENTS.items()
}
every_version = pytest.mark.parametrize("version", DOCUMENTS)


@every_version
def test_the_committed_document_is_the_one_the_code_makes(version: str) -> None:
    committed = (FOLDER / f"{version}.json").read_text(encoding="utf-8")
    assert committed == render(version), "it drifted: run `make openapi`"


@every_version
def test_the_document_is_valid_openapi(version: str) -> None:
    validate(DOCUMENTS[version])
    assert DOCUMENTS[version]["openapi"].startswith("3.1.")
    assert DOCUMENTS[version]["info"]["version"].startswith(version[1:] + ".")


@every_version
def test_every_route_is_documented_and_no_other(version: str) -> None:
    operations = OPERATIONS_OF[version]
    documented = {name: (method, path) for name, (method, path, _) in operations.items()}
    assert documented == routes()


def test_a_document_is_served_where_the_routes_of_its_version_are() -> None:
    places = {
        version: {server["url"].partition(":4566")[2] for server in made["servers"][::2]}
        for version, made in DOCUMENTS.items()
    }
    assert places == {"v1": {"", "/v1"}, "v2": {"/v2"}}
    for version, prefix in (("v1", "/orders/"), ("v2", "/v2/orders/")):
        created = OPERATIONS_OF[version]["create_order"][2]["responses"]["201"]
        assert created["headers"]["Location"]["example"].startswith(prefix)


@every_version
def test_every_kind_of_problem_is_documented_where_it_can_happen(version: str) -> None:
    of_files = {"line-too-long", "unknown-file", "unreadable-line"}  # in the reports of imports
    anywhere = {each.name for each in SIGN_IN_PROBLEMS}
    told = {each.name for of in DESCRIBED.values() for each in of.problems}
    assert told | anywhere == set(KINDS) - of_files
    for name, described in DESCRIBED.items():
        for kind in (*described.problems, *SIGN_IN_PROBLEMS):
            responses = OPERATIONS_OF[version][name][2]["responses"]
            content = responses[str(kind.status)]["content"]
            assert kind.name in content["application/problem+json"]["examples"]


@every_version
def test_every_operation_says_which_scopes_it_takes_where_there_is_sign_in(version: str) -> None:
    for method, _, operation in OPERATIONS_OF[version].values():
        scope = "orders/read" if method == "GET" else "orders/write"
        assert operation["security"] == [{}, {"signIn": [scope]}, {"signIn": ["orders/admin"]}]
        for status, message in (("401", "Unauthorized"), ("403", "Forbidden")):
            answer = operation["responses"][status]["content"]["application/json"]
            assert answer["example"] == {"message": message}
    assert DOCUMENTS[version]["components"]["securitySchemes"]["signIn"]["scheme"] == "bearer"


@every_version
def test_our_own_schema_keywords_are_not_published(version: str) -> None:
    assert "errorMessage" not in render(version)


@every_version
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
    version: str, operation: str, status: str, header: str
) -> None:
    assert header in OPERATIONS_OF[version][operation][2]["responses"][status]["headers"]


def contents() -> Iterator[Any]:
    for version, operations in OPERATIONS_OF.items():
        for name, (_, _, operation) in operations.items():
            bodies = [("request", operation.get("requestBody", {}))]
            for place, body in (*bodies, *operation["responses"].items()):
                for kind, content in body.get("content", {}).items():
                    yield pytest.param(version, content, id=f"{version} {name} {place} {kind}")


@pytest.mark.parametrize(("version", "content"), list(contents()))
def test_every_example_is_what_its_schema_says(version: str, content: dict[str, Any]) -> None:
    examples = [entry["value"] for entry in content.get("examples", {}).values()]
    examples += [content["example"]] if "example" in content else []
    assert examples
    schema = {**content["schema"], "components": DOCUMENTS[version]["components"]}
    validator = jsonschema.Draft202012Validator(
        schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )
    for example in examples:
        validator.validate(example)


@pytest.mark.parametrize(
    ("version", "pointer", "least"),
    [("v1", "#/items/0/qty", 1), ("v2", "#/items/0/unitPrice/amount", 0)],
)
def test_the_example_of_an_invalid_order_names_the_field(
    version: str, pointer: str, least: int
) -> None:
    content = OPERATIONS_OF[version]["create_order"][2]["responses"]["400"]["content"]
    example = content["application/problem+json"]["examples"]["invalid-order"]["value"]
    assert example["errors"] == [{"pointer": pointer, "detail": f"must be at least {least}"}]


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
        document("v1")
