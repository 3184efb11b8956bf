"""One order: its timeline, and beside it the item, its history and its log lines."""

from __future__ import annotations

import json
from typing import Any

from nicegui import ui

from console.desk import Desk, OrderLife
from console.pages import layout
from local.client import Answer
from local.timeline import Step


def register(desk: Desk) -> None:
    """The page at /orders/{id}."""

    @ui.page("/orders/{order_id}")
    async def order(order_id: str, reads: bool = False) -> None:
        with layout.frame(desk, "Orders", f"python -m local show {order_id}"):
            ui.label(f"Order {order_id}").classes("text-h1").props('role="heading" aria-level="1"')
            with ui.element("div").classes("tools"):
                shown = ui.label().classes("status")
                told: ui.element
                retry = _button("Send again: a retry", lambda: _again(desk, order_id, True, told))
                another = _button(
                    "Send again: another order", lambda: _again(desk, order_id, False, told)
                )
                with_reads = ui.switch("Reads of it, too", value=reads)
                told = ui.element("span").classes("told").props('role="status"')
            with ui.element("div").classes("pair"):
                with ui.element("div").classes("card"):
                    ui.html("Timeline", tag="h2")
                    steps = ui.element("div")
                with ui.element("div"):
                    beside = ui.element("div")
            gone = ui.label().classes("empty")

            async def refresh() -> None:
                life = await layout.asked(desk.life_or_none, order_id, with_reads.value)
                gone.set_visibility(life is None)
                for each in (retry, another, with_reads):
                    each.set_visibility(life is not None)
                if life is None:
                    gone.set_text(
                        "No order has this id, or it is forgotten: look for it on the page Orders."
                    )
                    return
                retry.set_enabled(desk.key(life.order) is not None)
                status = life.order.status
                shown.set_text(status)
                shown.props["data-status"] = status
                steps.clear()
                with steps:
                    _steps([step for step in life.steps if step.kind != "log"])
                beside.clear()
                with beside:
                    _beside(life)

            with_reads.on_value_change(refresh)
            layout.live(desk, refresh)


def _button(text: str, act: Any) -> ui.button:
    return ui.button(text, on_click=act).props("outline dense no-caps").classes("q-px-sm")


async def _again(desk: Desk, order_id: str, same_key: bool, told: ui.element) -> None:
    answer: Answer | None = await layout.asked(desk.send_again, order_id, same_key)
    if answer is None:
        return
    told.clear()
    with told:
        named = answer.body.get("id") if isinstance(answer.body, dict) else None
        if "idempotency-replayed" in answer.headers:
            ui.label(f"{answer.status}: replayed, the same order")
        elif named:
            ui.label(f"{answer.status}: another order, ").style("display: inline")
            ui.link(named, f"/orders/{named}")
        else:
            ui.label(f"{answer.status}: {json.dumps(answer.body)}")


def _steps(steps: list[Step]) -> None:
    if not steps:
        ui.label("No event of it is remembered: the run keeps those of its latest orders.").classes(
            "empty"
        )
        return
    began = steps[0].at
    whole = max(step.at + (step.milliseconds or 0) / 1000 for step in steps) - began or 1.0
    with ui.element("div").classes("steps"):
        for step in steps:
            with ui.element("div").classes(step.kind + (" failed" if step.failed else "")):
                ui.label(f"+{layout.duration((step.at - began) * 1000)}").classes("at")
                with ui.element("div").classes("what"):
                    with ui.element("span").classes("title"):
                        ui.label(step.kind).classes("kind").style("display: inline-block")
                        ui.label(step.what).style("display: inline")
                    if step.detail:
                        ui.label(step.detail).classes("soft")
                took = "" if step.milliseconds is None else layout.duration(step.milliseconds)
                ui.label(took).classes("took")
                with ui.element("div").classes("lane"):
                    left = 100 * (step.at - began) / whole
                    wide = 100 * (step.milliseconds or 0) / 1000 / whole
                    ui.element("span").style(f"left: {min(left, 99):.2f}%; width: {wide:.2f}%")


def _beside(life: OrderLife) -> None:
    with ui.element("div").classes("card"):
        ui.html("Item", tag="h2")
        if life.item is None:
            ui.label("It is not in the table.").classes("empty")
        else:
            _facts(life.item)
    if life.history:
        with ui.element("div").classes("card"):
            ui.html("History", tag="h2")
            for change in life.history:
                said = ", ".join(f"{k} {v}" for k, v in change.items() if k in _CHANGE)
                ui.label(said).classes("mono")
    with ui.element("div").classes("card"):
        ui.html("Log lines", tag="h2")
        lines = [step for step in life.steps if step.kind == "log"]
        if not lines:
            ui.label("No function has logged anything of it yet.").classes("empty")
        for line in lines:
            ui.label(f"{layout.clock(line.at)}  {line.what}").classes("mono")
            ui.label(line.detail).classes("mono soft")


_CHANGE = ("version", "from", "to", "status", "occurredAt", "cause", "previousStatus")


def _facts(values: dict[str, Any]) -> None:
    with ui.element("div").classes("facts"):
        for name, value in sorted(values.items()):
            ui.label(name)
            text = value if isinstance(value, str) else json.dumps(value)
            ui.label(text).classes("mono")
