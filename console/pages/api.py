"""The contract, from `openapi/`: what each route of a version is for, and a form to try it."""

from __future__ import annotations

import json
import secrets
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, urlencode

from nicegui import ui

from console.desk import Desk
from console.pages import layout
from functions import contract
from local.client import Answer
from local.workspace import ROOT

DOCUMENTS = "openapi"
_JSON = "application/json"


@dataclass(frozen=True)
class Route:
    """One operation of the document."""

    method: str
    path: str
    operation: dict[str, Any]
    secured: bool = False

    @property
    def key(self) -> str:
        """As API Gateway names it."""
        return f"{self.method} {self.path}"

    def parameters(self, place: str) -> list[dict[str, Any]]:
        """Its parameters in `path`, `query` or `header`."""
        return [each for each in self.operation.get("parameters", []) if each["in"] == place]

    @property
    def example(self) -> Any:
        """A body to begin with; None for a route that takes none."""
        content = self.operation.get("requestBody", {}).get("content", {})
        return content.get(_JSON, {}).get("example") if content else None


@dataclass(frozen=True)
class Call:
    """A request as a form has it."""

    method: str
    path: str
    headers: dict[str, str]
    body: str | None

    def curl(self, url: str) -> str:
        """The same for a shell."""
        words = ["curl", "-i", url + self.path]
        if self.method != "GET":
            words[1:1] = ["-X", self.method]
        for name, value in self.headers.items():
            words += ["-H", f"{name}: {value}"]
        if self.body is not None:
            words += ["-H", f"content-type: {_JSON}", "-d", self.body]
        return shlex.join(words)


def routes(desk: Desk, version: str) -> Iterator[Route]:
    """The operations of a version's document that the run has routes for, in the document's order.

    Whether one asks for a token is the route's own word: the document allows for both.
    """
    document = json.loads((ROOT / DOCUMENTS / f"{version}.json").read_text(encoding="utf-8"))
    prefix = "" if version == contract.UNVERSIONED else f"/{version}"
    there = {
        each.inputs["routeKey"]: each.inputs.get("authorizationType") == "JWT"
        for each in desk.system.of_type("apigatewayv2/route:Route")
    }
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            route = Route(method.upper(), prefix + path, operation)
            if route.key in there:
                yield replace(route, secured=there[route.key])


def register(desk: Desk) -> None:
    """The page at /api."""

    @ui.page("/api")
    def api() -> None:
        with layout.frame(desk, "API", "the curl line below each form"):
            ui.html("API", tag="h1")
            for version in contract.API_VERSIONS:
                served = list(routes(desk, version))
                if not served:
                    continue
                ui.label(f"As {DOCUMENTS}/{version}.json has it, at {desk.system.url}").classes(
                    "soft q-mb-md"
                )
                for route in served:
                    with ui.element("section").classes("card"):
                        _route(desk, route)


def _route(desk: Desk, route: Route) -> None:
    title = route.key
    ui.label(title).classes("h2 mono").props('role="heading" aria-level="2"')
    ui.label(route.operation.get("summary", ""))
    ui.label(route.operation.get("description", "")).classes("soft q-mb-sm")
    with ui.element("div").classes("form"):
        call = _form(desk, route, f"{title}: ")
        with ui.element("div").classes("tools"):
            ui.button("Send", on_click=lambda: send()).props("unelevated no-caps").props[
                "aria-label"
            ] = f"Send {title}"
        curl = ui.label().classes("mono curl")
        answer = ui.element("div").props('role="status"')
    with ui.element("details"):
        with ui.element("summary"):
            ui.label("Answers").style("display: inline")
        with ui.element("div").classes("facts"):
            for status, response in route.operation["responses"].items():
                ui.label(status)
                ui.label(response.get("description", ""))

    def show_curl() -> None:
        curl.set_text(call().curl(desk.system.url))

    async def send() -> None:
        asked = call()
        show_curl()
        given = await layout.asked(
            lambda: desk.send(asked.method, asked.path, asked.body, asked.headers)
        )
        answer.clear()
        if given is not None:
            with answer:
                _answer(given)

    ui.timer(layout.REFRESH_SECONDS, show_curl)
    show_curl()


def _form(desk: Desk, route: Route, prefix: str) -> Callable[[], Call]:
    """The fields of a route; what they make of it now."""
    latest = next((order.id for order in desk.orders(limit=1)), "")
    path = {
        each["name"]: _field(each["name"], each.get("description", ""), latest, prefix)
        for each in route.parameters("path")
    }
    query = {
        each["name"]: _field(each["name"], each.get("description", ""), "", prefix)
        for each in route.parameters("query")
    }
    headers: dict[str, ui.input] = {}
    for each in route.parameters("header"):
        headers[each["name"]] = _field(each["name"], each.get("description", ""), "", prefix)
        if each["name"] == "Idempotency-Key":
            _offer_new(headers[each["name"]])
    if route.secured:
        headers["Authorization"] = _field(
            "Authorization", "Bearer and the token of who is signed in", "", prefix
        )
    body: ui.textarea | None = None
    if route.example is not None:
        text = json.dumps(route.example, indent=2)
        body = ui.textarea("Body", value=text).props("outlined dense autogrow")
        body.classes("mono wide")
        body.props["aria-label"] = f"{prefix}Body"

    def call() -> Call:
        filled = route.path
        for name, field in path.items():
            filled = filled.replace(f"{{{name}}}", quote(str(field.value or ""), safe=""))
        asked = {name: str(field.value) for name, field in query.items() if field.value}
        filled += f"?{urlencode(asked)}" if asked else ""
        given = {name: str(field.value) for name, field in headers.items() if field.value}
        return Call(route.method, filled, given, str(body.value) if body is not None else None)

    return call


def _field(name: str, hint: str, value: str, prefix: str) -> ui.input:
    field = ui.input(name, value=value).props("outlined dense").classes("wide")
    field.props["hint"] = hint
    field.props["aria-label"] = prefix + name
    return field


def _offer_new(field: ui.input) -> None:
    def fill() -> None:
        field.set_value(secrets.token_hex(8))

    with field.add_slot("append"):
        ui.button("New", on_click=fill).props("flat dense no-caps")


def _answer(given: Answer) -> None:
    with ui.element("div").classes("tools q-mt-sm"):
        status = ui.label(str(given.status)).classes("status")
        status.props["data-status"] = str(given.status)
        for name in ("location", "idempotency-replayed", "retry-after"):
            if name in given.headers:
                ui.label(f"{name}: {given.headers[name]}").classes("mono")
        # A problem names the order that may be stored all the same.
        body = given.body if isinstance(given.body, dict) else {}
        named = body.get("orderId") or body.get("id")
        if isinstance(named, str):
            ui.link("See this order", f"/orders/{quote(named, safe='')}")
    text = given.body if isinstance(given.body, str) else json.dumps(given.body, indent=2)
    ui.label(text).classes("mono")
