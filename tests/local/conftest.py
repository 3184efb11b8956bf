"""One running system for all tests that only use it, and a way to start a different one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pulumi
import pytest

from local import aws
from local.client import Api
from local.deployer import Deployer
from local.system import System, system
from tests.local.support import SHORT


@pytest.fixture(scope="session")
def deployed() -> list[Any]:
    """The requests to AWS by which the running system was made, as botocore sent them."""
    return []


@pytest.fixture(scope="session")
def running(deployed: list[Any]) -> Iterator[System]:
    """The stack `local`, with a short visibility timeout."""
    making = True

    def hear(request: Any, **_: Any) -> None:
        if making:
            deployed.append(request)

    aws._session()._session.register("before-send", hear)
    with system(overrides=SHORT) as started:
        making = False
        yield started


@pytest.fixture(scope="session")
def api(running: System) -> Api:
    """A client of the running system's front door."""
    return Api(running.url)


@pytest.fixture
def changed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Change what the program registers: `changed(edit)`, with `edit(type, name, inputs)`."""

    def change(edit: Callable[[str, str, dict[str, Any]], None]) -> None:
        class Changed(Deployer):
            def new_resource(
                self, args: pulumi.runtime.MockResourceArgs
            ) -> tuple[str | None, dict[str, Any]]:
                edit(args.typ, args.name, args.inputs)
                return super().new_resource(args)

        monkeypatch.setattr("local.system.Deployer", Changed)

    return change
