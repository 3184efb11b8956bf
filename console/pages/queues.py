"""Queues as they are now, their dead letters, and the way back."""

from __future__ import annotations

import time
from typing import Any

from nicegui import ui

from console.desk import Desk, QueueRow
from console.pages import layout
from operations.dead_letters import DeadLetter


def register(desk: Desk) -> None:
    """The page at /queues."""

    @ui.page("/queues")
    async def queues() -> None:
        command = "python -m local queues; python -m operations dlq list|show|redrive --stack local"
        with layout.frame(desk, "Queues", command):
            ui.html("Queues", tag="h1")
            with ui.element("div").classes("card"):
                shown = layout.rows(
                    [
                        ("key", "Queue"),
                        ("visible", "Visible"),
                        ("in_flight", "In flight"),
                        ("oldest", "Oldest"),
                        ("dead", "Dead letters go to"),
                    ],
                    "The program registers no queue.",
                )
            letters = ui.element("div")
            known: dict[str, int] = {}

            async def refresh() -> None:
                rows: list[QueueRow] = desk.queues()
                shown.show([_row(row) for row in rows])
                dead = {row.name: row.visible + row.in_flight for row in rows if row.redrivable}
                if dead != known:
                    known.clear()
                    known.update(dead)
                    await show_letters()

            async def show_letters() -> None:
                found = {name: await layout.asked(desk.dead_letters, name) for name in known}
                letters.clear()
                with letters:
                    for name, dead in found.items():
                        _letters(desk, name, dead or [], show_letters)

            layout.live(desk, refresh, always=True)


def _row(row: QueueRow) -> dict[str, Any]:
    age = max(0.0, time.time() - row.oldest)
    return {
        "key": row.name,
        "visible": row.visible,
        "in_flight": row.in_flight,
        "oldest": f"{age:.0f} s" if row.oldest else "",
        "dead": row.dead_letters_to,
    }


def _letters(desk: Desk, queue: str, dead: list[DeadLetter], again: Any) -> None:
    async def redrive(message_id: str | None) -> None:
        done = await layout.asked(desk.redrive, message_id, queue)
        if done is not None:
            failed = f", {len(done.failed)} are still there" if done.failed else ""
            ui.notify(f"{done.moved} sent back{failed}")
            await again()

    with ui.element("div").classes("card"):
        ui.label(f"Dead letters in {queue}").props('role="heading" aria-level="2"').classes("h2")
        if not dead:
            ui.label(
                "None. A message comes here when its consumer has failed on it as often as the "
                "queue permits; to see that, take the table down on the page Faults and place an "
                "order."
            ).classes("empty")
            return
        ui.button("Send all back", on_click=lambda: redrive(None)).props(
            "unelevated no-caps dense"
        ).classes("act q-px-md")
        for letter in dead:
            with ui.element("div").classes("letter"):
                with ui.element("div"):
                    ui.label(letter.content.reason)
                    with ui.element("div").classes("soft"):
                        if letter.content.order_id:
                            ui.label("order ").style("display: inline")
                            ui.link(letter.content.order_id, f"/orders/{letter.content.order_id}")
                        received = f" received {letter.receive_count} times, "
                        sent = f"sent {layout.clock(letter.sent_at.timestamp())}"
                        ui.label(f" message {letter.message_id}, {received}{sent}")
                    with ui.element("details"):
                        with ui.element("summary"):
                            ui.label("The message, a customer's data masked").style(
                                "display: inline"
                            )
                        ui.label(desk.masked(queue, letter)).classes("mono")
                ui.button("Send back", on_click=lambda m=letter.message_id: redrive(m)).props(
                    "flat dense no-caps"
                ).classes("calm q-px-sm")
