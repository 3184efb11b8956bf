"""One running system with its console, and Chromium to look at it, for all tests that do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pulumi
import pytest

from console.desk import Desk
from local.deployer import Deployer
from local.emulator import listen
from local.system import System, system
from tests.console.support import Console, chromium_program
from tests.local.support import SECONDS, without_action

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# Three receives take three visibility timeouts; an update has to fail before its time is up.
TIMES = {"queue.visibilityTimeoutSeconds": 4, "timeoutSeconds": 4}


# For one module: while Playwright runs, the thread of the tests has a running event loop.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, as Debian has it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        # Root has no sandbox of Chromium's, and what it opens is our own.
        chromium = started.chromium.launch(
            executable_path=chromium_program(), args=["--no-sandbox"]
        )
        yield chromium
        chromium.close()


def _changed(args: pulumi.runtime.MockResourceArgs) -> None:
    without_action("orders-get-order-history", "dynamodb:Query")(args.typ, args.name, args.inputs)


@pytest.fixture(scope="module")
def running() -> Iterator[System]:
    """The stack `local`, in which a permission is missing: the history cannot be read."""

    class Changed(Deployer):
        def new_resource(
            self, args: pulumi.runtime.MockResourceArgs
        ) -> tuple[str | None, dict[str, Any]]:
            _changed(args)
            return super().new_resource(args)

    with ExitStack() as systems:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("local.system.Deployer", Changed)
            started = systems.enter_context(system(overrides=TIMES))
        yield started


@pytest.fixture(scope="module")
def console(browser: Browser, running: System) -> Iterator[Console]:
    """The console in a wide window."""
    from console.server import serving

    desk = Desk(running)
    with serving(desk, listen(0)) as url:
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(SECONDS * 500)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(url)
        yield Console(desk, url, page, asked)
        page.close()
    desk.close()
