"""Requests at the door, and the calls that IAM denied with what would allow them."""

from __future__ import annotations

from nicegui import ui

from console.desk import DenialRow, Desk
from console.pages import layout


def register(desk: Desk) -> None:
    """The page at /requests."""

    @ui.page("/requests")
    async def requests() -> None:
        with layout.frame(desk, "Requests", "python -m local requests; python -m local denials"):
            ui.html("Denied calls", tag="h1")
            with ui.element("div").classes("card"):
                denied = ui.element("div")
            ui.html("Requests", tag="h1")
            with ui.element("div").classes("card"):
                shown = layout.rows(
                    [
                        ("at", "Answered"),
                        ("status", "Status"),
                        ("took", "Latency"),
                        ("start", "Start"),
                        ("what", "Request"),
                        ("function", "Function"),
                        ("order", "Order"),
                    ],
                    "Nobody has asked anything yet: the page API has a form for each route.",
                    {"order": "/orders/"},
                )
            known: list[DenialRow] | None = None

            async def refresh() -> None:
                nonlocal known
                shown.show(
                    [
                        {
                            "key": row.request.request_id,
                            "at": layout.clock(row.request.at),
                            "status": str(row.request.status),
                            "took": layout.duration(row.request.milliseconds),
                            "start": "" if row.cold is None else "cold" if row.cold else "warm",
                            "what": f"{row.request.method} {row.request.path}"
                            + (f": {row.request.reason}" if row.request.reason else ""),
                            "function": row.function,
                            "order": row.order,
                        }
                        for row in desk.requests()
                    ]
                )
                rows = desk.denials()
                if rows != known:
                    known = rows
                    denied.clear()
                    with denied:
                        _denials(rows)

            layout.live(desk, refresh)


def _denials(rows: list[DenialRow]) -> None:
    if not rows:
        ui.label(
            "None: every call so far was permitted. What a role lacks is shown here, with the "
            "grant to add and its place in the code."
        ).classes("empty")
    for row in rows:
        call, missing = row.denial.call, row.missing
        with ui.element("div").classes("letter"), ui.element("div"):
            times = "" if row.denial.times == 1 else f", {row.denial.times} times"
            ui.label(f"{call.action} on {call.resource}{times}").classes("bad")
            ui.label(f"at {layout.clock(call.at)} for {call.principal}").classes("soft mono")
            if missing is None:
                ui.label("The caller is no function of this program.").classes("soft")
                continue
            ui.label(
                f"To allow it, add to the grants of {missing.function} in "
                f"{missing.file}:{missing.line}"
            )
            ui.label(missing.grant).classes("mono grant")
            ui.label(f"Its role then has {missing.statement}").classes("soft mono")
