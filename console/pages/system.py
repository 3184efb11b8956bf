"""What the program registered, component by component, and each resource whole."""

from __future__ import annotations

import json
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

from nicegui import ui

from console.desk import Desk
from console.map import Drawn
from console.pages import layout
from console.resources import Details, Row

DRAW_SECONDS = 5.0
_MERMAID = {"theme": "neutral", "flowchart": {"useMaxWidth": True}}


def register(desk: Desk) -> None:
    """The pages at /system and /system/resource."""

    @ui.page("/system")
    async def system() -> None:
        with layout.frame(desk, "System", "python -m local map; python -m local resources [NAME]"):
            ui.html("System", tag="h1")
            with ui.element("div").classes("card map"):
                picture = ui.mermaid(
                    "flowchart LR", _MERMAID, on_node_click=lambda e: go(e.node_id)
                )
                stale = ui.label(
                    "The program was changed while it ran: `python -m local map` draws it anew."
                ).classes("soft")
                stale.set_visibility(False)
            ui.html("Resources", tag="h1")
            shown = ui.element("div")
            known: list[Row] = []
            drawn: Drawn | None = None

            def go(node: str) -> None:
                part = drawn.parts.get(node) if drawn else None
                if part is not None:
                    ui.navigate.to(_path(part.type, part.name))

            async def draw() -> None:
                nonlocal drawn
                found = await layout.asked(desk.map.draw)
                if found is not None and found != drawn:
                    drawn = found
                    picture.set_content(found.text)
                    stale.set_visibility(not found.current)

            ui.timer(DRAW_SECONDS, draw)

            async def refresh() -> None:
                rows = desk.registered.rows()
                if rows == known:
                    return
                known[:] = rows
                shown.clear()
                with shown:
                    for component, inside in groupby(rows, lambda row: row.component):
                        _component(component, list(inside))

            layout.live(desk, refresh)

    @ui.page("/system/resource")
    async def resource(type: str = "", name: str = "") -> None:
        with layout.frame(desk, "System", f"python -m local resources {name}"):
            ui.label(name).classes("text-h1").props('role="heading" aria-level="1"')
            found = await layout.asked(desk.registered.details, type, name)
            if found is None:
                ui.label("The program registers no such resource.").classes("empty")
            else:
                _details(found)


def _path(type_: str, name: str) -> str:
    return f"/system/resource?{urlencode({'type': type_, 'name': name})}"


def _component(name: str, rows: list[Row]) -> None:
    with ui.element("section").classes("card"):
        ui.label(name or "The stack itself").classes("h2").props('role="heading" aria-level="2"')
        with ui.element("div").classes("resources"):
            for row in rows:
                with ui.element("div"):
                    ui.link(row.kind, _path(row.type, row.name))
                    ui.label(row.physical or row.name).classes("soft")
                    ui.label(row.activity).classes("activity")


def _details(found: Details) -> None:
    row = found.row
    with ui.element("div").classes("card facts"):
        for title, value in (
            ("Type", row.type),
            ("Component", row.component or "the stack itself"),
            ("Registered in", row.place or "not known: it was changed while the system ran"),
            ("So far", row.activity or "nothing"),
        ):
            ui.label(title)
            ui.label(value).classes("mono")
    if found.statements:
        _json("What its role may do", found.statements)
    if found.lines:
        with ui.element("div").classes("card"):
            ui.html("Latest log lines", tag="h2")
            for line in found.lines:
                ui.label(line).classes("mono")
    _json("Inputs", found.inputs)
    _json("Outputs", found.outputs)


def _json(title: str, value: Any) -> None:
    with ui.element("div").classes("card"):
        ui.label(title).classes("h2").props('role="heading" aria-level="2"')
        ui.label(json.dumps(value, indent=2)).classes("mono")
