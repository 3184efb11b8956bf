"""The console's pages, one module each; what they show and do is the desk's."""

from __future__ import annotations

from console.desk import Desk
from console.pages import api, faults, layout, metrics, order, orders, queues, requests, system


def register(desk: Desk) -> None:
    """Make the pages of a run; once in a process at a time."""
    layout.register()
    for page in (orders, order, system, queues, requests, metrics, api, faults):
        page.register(desk)
