"""What the tests of the console have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.desk import Desk

if TYPE_CHECKING:
    from playwright.sync_api import Page


@dataclass(frozen=True)
class Console:
    """A run's console: its desk, the address that the run prints, a page that it has led in."""

    desk: Desk
    url: str
    page: Page
    asked: list[str]
    """The addresses that the page has asked for."""

    def open(self, path: str) -> Page:
        """The page at a path."""
        self.page.goto(self.url.partition("/?")[0] + path)
        return self.page
