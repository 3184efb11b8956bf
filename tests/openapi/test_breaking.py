"""Each version of the API keeps what its frozen document promises; what breaks is named."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from functions import contract
from tools.openapi import FOLDER, FROZEN
from tools.openapi.__main__ import main
from tools.openapi.breaking import breaking
from tools.openapi.document import document

Json = dict[str, Any]
V1: Json = json.loads((FROZEN / "v1.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("version", contract.API_VERSIONS)
def test_a_version_breaks_none_of_its_callers(version: str) -> None:
    frozen = json.loads((FROZEN / f"{version}.json").read_text(encoding="utf-8"))
    assert breaking(frozen, document(version)) == [], (
        f"if callers can take that, copy openapi/{version}.json into openapi/frozen/"
    )


def create(document: Json) -> Json:
    operation: Json = document["paths"]["/orders"]["post"]
    return operation


def schema(document: Json, name: str, *path: str) -> Json:
    """A schema, or one of its members: `-` is that of an array's items."""
    found: Json = document["components"]["schemas"][name]
    for each in path:
        found = found["items"] if each == "-" else found["properties"][each]
    return found


ITEM = ("OrderRequest", "items", "-")
JSON = "application/json"


def of_order(*names: str, **keywords: Any) -> Callable[[Json], Any]:
    return lambda document: schema(document, *names).update(keywords)


def moved(document: Json) -> None:
    content = create(document)["requestBody"]["content"]
    content["application/xml"] = content.pop(JSON)


def new_member(required: bool) -> Callable[[Json], None]:
    def change(document: Json) -> None:
        request = schema(document, "OrderRequest")
        request["properties"]["note"] = {"type": "string"}
        request["required"] += ["note"] if required else []

    return change


def parameter(**of_it: Any) -> Callable[[Json], None]:
    added = {"name": "dry", "in": "query", "schema": {"type": "boolean"}, **of_it}
    return lambda document: create(document)["parameters"].append(added)


PLACED = "POST /orders 201"
BODY = f"POST /orders body {JSON}"
GET = "GET /orders/{id} 200 application/json"

BREAKING: list[tuple[Callable[[Json], Any], str]] = [
    (lambda d: d["servers"].pop(0), "server http://127.0.0.1:4566: is gone"),
    (lambda d: d["paths"].pop("/orders/{id}/history"), "GET /orders/{id}/history: is gone"),
    (lambda d: d["paths"]["/orders/{id}"].pop("get"), "GET /orders/{id}: is gone"),
    (lambda d: create(d).update(security=[{"token": []}]), "POST /orders: asks for credentials"),
    (lambda d: create(d)["responses"].pop("422"), "POST /orders 422: is gone"),
    (lambda d: create(d)["responses"].update({"202": {}}), "POST /orders 202: is a further way"),
    (lambda d: create(d)["responses"]["201"]["content"].pop(JSON), f"{PLACED} {JSON}: is gone"),
    (
        lambda d: create(d)["responses"]["201"]["headers"].pop("Location"),
        f"{PLACED} header Location: is gone",
    ),
    (
        lambda d: create(d)["responses"]["201"]["headers"]["Location"].update(required=False),
        f"{PLACED} header Location: may be absent",
    ),
    (lambda d: create(d).pop("requestBody"), "POST /orders body: is gone"),
    (moved, f"{BODY}: is gone"),
    (lambda d: create(d)["parameters"].clear(), "POST /orders header Idempotency-Key: is gone"),
    (
        lambda d: create(d)["parameters"][0].update(required=True),
        "POST /orders header Idempotency-Key: has become required",
    ),
    (
        lambda d: create(d)["parameters"][0]["schema"].update(pattern="^[a-z]+$"),
        "POST /orders header Idempotency-Key: pattern was ^[!-+\\--~]{1,255}$ and is ^[a-z]+$",
    ),
    (parameter(required=True), "POST /orders query dry: is new, and required"),
    (new_member(required=True), f"{BODY}/note: has become required"),
    (lambda d: schema(d, *ITEM)["properties"].pop("price"), f"{BODY}/items/-/price: is gone"),
    (of_order("OrderRequest", "items", maxItems=50), f"{BODY}/items: maxItems was 100 and is 50"),
    (of_order(*ITEM, "qty", minimum=2), f"{BODY}/items/-/qty: minimum was 1 and is 2"),
    (of_order(*ITEM, "sku", format="uuid"), f"{BODY}/items/-/sku: format was None and is uuid"),
    (of_order(*ITEM, "sku", enum=["A"]), f"{BODY}/items/-/sku: values were None and are ['A']"),
    (
        of_order(*ITEM, "price", multipleOf=0.01),
        f"{BODY}/items/-/price: multipleOf was 0.0001 and is 0.01",
    ),
    (
        of_order(*ITEM, "price", type="integer"),
        f"{BODY}/items/-/price: type was number and is integer",
    ),
    (lambda d: schema(d, "Order")["properties"].pop("updatedAt"), f"{GET}/updatedAt: is gone"),
    (
        lambda d: schema(d, "Order")["required"].remove("createdAt"),
        f"{GET}/createdAt: may be absent",
    ),
    (of_order("Order", "customerName", type=["string", "null"]), f"{GET}/customerName: type was"),
    (of_order("Order", "items", "-", "qty", type="number"), f"{GET}/items/-/qty: type was integer"),
    (of_order("Order", "items", "-", "qty", minimum=0), f"{GET}/items/-/qty: minimum was 1 and is"),
    (
        lambda d: schema(d, "Order", "status")["enum"].append("GONE"),
        f"{GET}/status: values were {schema(V1, 'Order', 'status')['enum']} and are",
    ),
    (of_order("OrderAccepted", "status", const="NEW"), f"{PLACED} {JSON}/status: values were"),
    (
        lambda d: schema(d, "Problem")["properties"].pop("requestId"),
        "POST /orders 400 application/problem+json/requestId: is gone",
    ),
]


@pytest.mark.parametrize(("change", "named"), BREAKING, ids=[named for _, named in BREAKING])
def test_a_breaking_change_is_named_with_its_place(
    change: Callable[[Json], Any], named: str
) -> None:
    after = copy.deepcopy(V1)
    change(after)
    found = breaking(V1, after)
    assert any(line.startswith(named) for line in found), found


HARMLESS: dict[str, Callable[[Json], Any]] = {
    "words": lambda d: schema(d, "Order").update(description="An order", title="Order"),
    "an error": lambda d: create(d)["responses"].update({"409": {"description": "Conflict"}}),
    "a path": lambda d: d["paths"].update({"/more": {"get": {"responses": {}}}}),
    "a server": lambda d: d["servers"].append({"url": "http://127.0.0.1:4566/v1"}),
    "an optional parameter": parameter(),
    "an optional member": new_member(required=False),
    "a further member of an answer": lambda d: schema(d, "Order")["properties"].update(note={}),
    "a wider request": of_order("OrderRequest", "items", maxItems=200),
    "an answer that is always whole": lambda d: schema(d, "Order")["required"].append("updatedAt"),
    "credentials that may be sent": lambda d: create(d).update(security=[{}, {"token": []}]),
}


@pytest.mark.parametrize("change", HARMLESS.values(), ids=HARMLESS)
def test_what_is_added_breaks_nobody(change: Callable[[Json], Any]) -> None:
    after = copy.deepcopy(V1)
    change(after)
    assert breaking(V1, after) == []


def test_the_command_names_what_breaks(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare"]) == 0
    assert capsys.readouterr().out == ""
    assert main(["compare", str(FOLDER / "v1.json"), str(FOLDER / "v2.json")]) == 1
    assert "v2.json: GET /orders/{id} 200 application/json/customerName: is gone\n" in (
        capsys.readouterr().out
    )
