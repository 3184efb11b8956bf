"""What all pages have in common: the frame, the look, tables that stay current."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nicegui import run, ui

from console.desk import Desk
from local.errors import LocalRunError

PAGES = (
    ("/", "Orders"),
    ("/system", "System"),
    ("/queues", "Queues"),
    ("/requests", "Requests"),
    ("/metrics", "Metrics"),
    ("/api", "API"),
    ("/faults", "Faults"),
)
REFRESH_SECONDS = 1.0

_LOOK = Path(__file__).with_name("look.css")
_GONE = "This run has ended, or does not answer: start one with `make run`."
# The library's own words for a lost connection are made ours, and keys 1 to 9 open the pages.
_SCRIPT = """
<script>
addEventListener("DOMContentLoaded", () => {
  const gone = document.getElementById("popup");
  if (gone) { gone.textContent = GONE; gone.setAttribute("role", "alert"); }
});
addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, [contenteditable]");
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const links = document.querySelectorAll("nav.pages a");
  if (event.key >= "1" && event.key <= "9" && links[event.key - 1]) links[event.key - 1].click();
  const search = document.querySelector("input[type=search]");
  if (event.key === "/" && search) { event.preventDefault(); search.focus(); }
});
</script>
"""


class _Looks:
    """Whether pages are dark; None: as the browser likes it."""

    dark: bool | None = None


def register() -> None:
    """What every page has in its head."""
    ui.add_css(_LOOK.read_text(encoding="utf-8"), shared=True)
    ui.add_head_html(_SCRIPT.replace("GONE", repr(_GONE)), shared=True)


@contextmanager
def frame(desk: Desk, title: str, command: str) -> Iterator[None]:
    """A page; `command` is what does the same on the command line."""
    ui.page_title(f"{title} · {desk.system.stack}")
    ui.colors(primary="#0b5cad", negative="#b3261e", positive="#17693a")
    dark = ui.dark_mode(_Looks.dark)
    with ui.element("header").classes("bar"):
        ui.label("serverless-orders").classes("brand")
        with ui.element("nav").classes("pages").props('aria-label="Pages"'):
            for number, (path, name) in enumerate(PAGES, 1):
                link = ui.link(name, path).props(f'title="key {number}"')
                if name == title:
                    link.props('aria-current="page"')
        ui.element("span").classes("grow")

        def turn() -> None:
            _Looks.dark = {None: True, True: False, False: None}[_Looks.dark]
            dark.value = _Looks.dark
            button.set_text(_shade())

        button = (
            ui.button(_shade(), on_click=turn)
            .props("flat dense no-caps color=grey")
            .classes("shade")
        )
        button.props('title="light, dark, or as the browser has it"')
    _ended(desk)
    with ui.element("div").classes("content"):
        yield
        ui.label(f"On the command line: {command}").classes("command")


def _shade() -> str:
    return {None: "Auto", True: "Dark", False: "Light"}[_Looks.dark]


def _ended(desk: Desk) -> None:
    banner = ui.label().classes("ended").props('role="alert"')
    banner.set_visibility(False)

    def look() -> None:
        ended = desk.index.ended
        if ended is not None and not banner.visible:
            banner.set_text(f"This run has ended. {ended.reason or ''}".strip())
            banner.set_visibility(True)

    ui.timer(REFRESH_SECONDS, look)
    look()


def live(desk: Desk, refresh: Callable[[], Awaitable[None]], always: bool = False) -> None:
    """Call `refresh` now, and again whenever something has happened; `always`: every second."""
    seen = -1

    async def look() -> None:
        nonlocal seen
        if always or desk.index.version != seen:
            seen = desk.index.version
            await refresh()

    ui.timer(REFRESH_SECONDS, look)


async def asked(operation: Callable[..., Any], *arguments: Any) -> Any:
    """What an operation of the desk gives, without holding up other pages; None when refused,
    which is said."""
    try:
        return await run.io_bound(operation, *arguments)
    except LocalRunError as error:
        ui.notify(str(error), type="negative", multi_line=True)
        return None


def table(
    columns: Sequence[tuple[str, str]], empty: str, links: dict[str, str] | None = None
) -> ui.table:
    """A table of `columns` (name, label), whose cells of `links` (name -> path before the value)
    are links; without rows it says `empty`."""
    found = ui.table(
        columns=[
            {"name": name, "label": label, "field": name, "align": "left"}
            for name, label in columns
        ],
        rows=[],
        row_key="key",
        pagination=0,
    )
    found.props("flat dense hide-bottom").classes("rows")
    found.props["no-data-label"] = empty
    for name, path in (links or {}).items():
        found.add_slot(
            f"body-cell-{name}",
            '<q-td :props="props"><a v-if="props.value" '
            f""":href="'{path}' + encodeURIComponent(props.value)">"""
            "{{ props.value }}</a></q-td>",
        )
    found.add_slot(
        "body-cell-status",
        '<q-td :props="props"><span class="status" :data-status="props.value">'
        "{{ props.value }}</span></q-td>",
    )
    return found


class Rows:
    """A table's rows, which are sent only when they have changed; with none, `empty` is shown."""

    def __init__(self, shown: ui.table, empty: ui.label) -> None:
        self._table, self._empty = shown, empty

    def show(self, rows: list[dict[str, Any]]) -> None:
        """Show these rows, each with a `key` of its own."""
        if rows != self._table.rows:
            self._table.rows = rows
        self._table.set_visibility(bool(rows))
        self._empty.set_visibility(not rows)


def rows(
    columns: Sequence[tuple[str, str]], empty: str, links: dict[str, str] | None = None
) -> Rows:
    """A table as `table` makes it, and the sentence in its place when it has no rows."""
    return Rows(table(columns, empty, links), ui.label(empty).classes("empty"))


def clock(at: float) -> str:
    """A time as HH:MM:SS.mmm, of this machine."""
    return time.strftime("%H:%M:%S", time.localtime(at)) + f".{int(at % 1 * 1000):03d}"


def duration(milliseconds: float) -> str:
    """A duration as people read it."""
    if milliseconds < 1000:
        return f"{milliseconds:.1f} ms" if milliseconds < 100 else f"{milliseconds:.0f} ms"
    return f"{milliseconds / 1000:.2f} s"
