"""What the tests of the console have in common."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

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


def chromium_program() -> str | None:
    """Where Chromium is, if it is here."""
    return shutil.which("chromium") or shutil.which("google-chrome")


def require_browser() -> None:
    """Leave out the module that calls this where it lacks something; with BROWSER_TESTS=required,
    as in CI, that is a failure."""
    if find_spec("playwright") is None:
        lacks = "no Playwright (pip install -r tests/console/requirements.txt)"
    elif chromium_program() is None:
        lacks = "no Chromium (apt-get install chromium)"
    else:
        return
    if os.environ.get("BROWSER_TESTS") == "required":
        raise RuntimeError(f"the tests in a browser cannot run: {lacks}")
    pytest.skip(f"the tests in a browser are left out: {lacks}", allow_module_level=True)
