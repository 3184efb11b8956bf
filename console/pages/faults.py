"""Faults for a while, and load: how the system fares while something is wrong."""

from __future__ import annotations

from collections.abc import Callable

from nicegui import ui

from console import faults as kinds
from console.desk import Desk
from console.faults import Disturbance
from console.load import Placed
from console.pages import layout


def register(desk: Desk) -> None:
    """The page at /faults."""

    @ui.page("/faults")
    async def faults() -> None:
        command = (
            "python -m local faults [NAME=PROBABILITY ...] [OUTAGE ...] --seconds 30; "
            "python -m local load ORDERS --rate RATE"
        )
        with layout.frame(desk, "Faults", command):
            ui.html("Faults", tag="h1")
            with ui.element("div").classes("card"):
                show_faults = _faults(desk)
            ui.html("Load", tag="h1")
            with ui.element("div").classes("card"):
                show_load = _load(desk)

            async def refresh() -> None:
                show_faults(desk.faults.now())
                show_load(desk.load.now())

            layout.live(desk, refresh, always=True)


def _faults(desk: Desk) -> Callable[[Disturbance], None]:
    explained = kinds.explained()
    ui.label(
        "Each call of a function to AWS is struck with the probability given; an outage begins "
        "with the first call that meets it. Environments are replaced at their next invocation, "
        "since they are led through a proxy; without faults there is none."
    ).classes("soft q-mb-md")
    with ui.element("div").classes("choices"):
        rates = {name: _probability(name, explained[name]) for name in kinds.DRAWN}
    with ui.element("div").classes("tools q-mt-md"):
        outages = {name: _outage(explained[name]) for name in kinds.SWITCHED}
        seconds = ui.number("For seconds", value=30, min=1, max=kinds.LONGEST_SECONDS)
        seconds.props("outlined dense").classes("narrow")
    with ui.element("div").classes("tools"):

        async def start() -> None:
            chosen = {name: float(field.value) for name, field in rates.items() if field.value}
            down = [name for name, box in outages.items() if box.value]
            await layout.asked(desk.faults.start, chosen, down, float(seconds.value or 0))

        async def kill() -> None:
            killed = await layout.asked(desk.faults.kill_workers)
            ui.notify(f"{killed} environments killed")

        async def stop() -> None:
            await layout.asked(desk.faults.stop)

        ui.button("Disturb", on_click=start).props("unelevated no-caps")
        ui.button("End it", on_click=stop).props("outline no-caps")
        ui.button("Kill all environments now", on_click=kill).props("outline no-caps")
    state = ui.label().classes("state").props('role="status"')

    def show(now: Disturbance) -> None:
        going = [f"{name} {rate:g}" for name, rate in now.rates.items()] + now.outages
        what = f"{', '.join(going)}: {now.seconds_left:.0f} s left" if going else "No faults now"
        struck = ", ".join(f"{count} {name}" for name, count in now.struck.items())
        killed = f"{now.workers_killed} environments killed" if now.workers_killed else ""
        parts = (what, f"calls struck: {struck}" if struck else "", killed)
        state.set_text(". ".join(filter(None, parts)))
        state.classes(add="bad" if going else "", remove="" if going else "bad")

    return show


def _probability(name: str, what: str) -> ui.number:
    field = ui.number(name.replace("_", " "), min=0, max=1, step=0.05)
    field.props("outlined dense clearable")
    field.props["hint"] = what
    return field


def _outage(what: str) -> ui.checkbox:
    box = ui.checkbox(what)
    box.props["aria-label"] = what
    return box


def _load(desk: Desk) -> Callable[[Placed], None]:
    with ui.element("div").classes("tools"):
        orders = ui.number("Orders", value=100, min=1, step=1).props("outlined dense")
        rate = ui.number("A second", value=10, min=0.1).props("outlined dense")
        orders.classes("narrow")
        rate.classes("narrow")

        async def start() -> None:
            await layout.asked(desk.load.start, int(orders.value or 0), float(rate.value or 0))

        async def stop() -> None:
            await layout.asked(desk.load.stop)

        ui.button("Place orders", on_click=start).props("unelevated no-caps")
        ui.button("Stop placing", on_click=stop).props("outline no-caps")
    bar = ui.linear_progress(show_value=False).props("rounded aria-label=Answered")
    state = ui.label().classes("state").props('role="status"')

    def show(now: Placed) -> None:
        bar.set_value(now.answered / now.orders if now.orders else 0)
        statuses = ", ".join(f"{count} x {status}" for status, count in now.statuses.items())
        told = f"{now.answered} of {now.orders} answered in {now.seconds:.1f} s: {statuses}"
        state.set_text(told if now.orders else "No orders were placed from here yet")

    return show
