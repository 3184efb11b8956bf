"""Orders as they come; found by the begin of an id or correlation id, and by status."""

from __future__ import annotations

import json
import shlex

from nicegui import ui

from console.desk import Desk
from console.pages import layout
from functions import contract
from local.example import EXAMPLE_ORDER

SHOWN = 100


def register(desk: Desk) -> None:
    """The page at /."""

    @ui.page("/")
    def orders(search: str = "", status: str = "") -> None:
        with layout.frame(desk, "Orders", "python -m local orders [SEARCH] [--status STATUS]"):
            ui.html("Orders", tag="h1")
            with ui.element("div").classes("tools"):
                found = ui.input(placeholder="Order id or correlation id ( / )", value=search)
                found.props('outlined dense clearable type="search" aria-label="Search orders"')
                found.classes("grow-field")
                chosen = ui.select(
                    {"": "Every status", **{each: each for each in _STATUSES}},
                    value=status if status in _STATUSES else "",
                    label="Status",
                ).props("outlined dense options-dense")
                ui.button("Place an example order", on_click=lambda: _place(desk)).props(
                    "unelevated no-caps"
                ).classes("act")
            with ui.element("div").classes("card"):
                shown = layout.rows(
                    [
                        ("at", "Seen"),
                        ("key", "Order"),
                        ("status", "Status"),
                        ("took", "Settled in"),
                    ],
                    f"No order is here yet. Place one above, on the page API, or:\n{_curl(desk)}",
                    {"key": "/orders/"},
                )

            async def refresh() -> None:
                text = str(found.value or "").strip()
                shown.show(
                    [
                        {
                            "key": order.id,
                            "at": layout.clock(order.at),
                            "status": order.status,
                            "took": layout.duration((order.changed - order.at) * 1000)
                            if order.changed > order.at
                            else "",
                        }
                        for order in desk.orders(text, str(chosen.value), SHOWN)
                    ]
                )

            async def look_for() -> None:
                text = str(found.value or "").strip()
                query = {"search": text, "status": str(chosen.value)}
                # In the address, so that a reload loses nothing.
                ui.run_javascript(
                    "history.replaceState(null, '', '/?' + new URLSearchParams("
                    + json.dumps({name: value for name, value in query.items() if value})
                    + "))"
                )
                await refresh()

            found.on_value_change(look_for)
            chosen.on_value_change(look_for)
            layout.live(desk, refresh)


_STATUSES = (contract.PENDING, contract.CONFIRMED, contract.FAILED)


async def _place(desk: Desk) -> None:
    answer = await layout.asked(desk.call, "POST", contract.ORDERS_PATH, EXAMPLE_ORDER)
    if answer is not None:
        ui.notify(f"{answer.status} {answer.headers.get('location', '')}")


def _curl(desk: Desk) -> str:
    body = shlex.quote(json.dumps(EXAMPLE_ORDER))
    url = f"{desk.system.url}{contract.ORDERS_PATH}"
    return f"curl -i {url} -H 'content-type: application/json' -d {body}"
