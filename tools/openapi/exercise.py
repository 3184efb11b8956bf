"""Requests generated from the documents against a running system, every answer checked.

schemathesis does it; which checks do not apply, and why, is in schemathesis.toml beside it.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from functions.contract import UNVERSIONED
from local import sign_in
from local.sign_in import AUTH
from local.system import system
from tools.openapi import FOLDER
from tools.openapi.document import routes

CONFIGURATION = Path(__file__).parent / "schemathesis.toml"

UNTHROTTLED = {
    "throttle.rate": 10_000,
    "throttle.burst": 5_000,
    "throttle.createRate": 10_000,
    "throttle.createBurst": 5_000,
}
"""The stack's configuration for it: 429 would be a right answer, but says nothing more."""


class Served(NamedTuple):
    """A system to send requests to; with a token where it asks who calls."""

    url: str
    token: str | None = None


@contextmanager
def served(auth: str = "none") -> Iterator[Served]:
    """A local system for as long as the context lasts."""
    with system(overrides={**UNTHROTTLED, **AUTH[auth]}) as running:
        token = None if auth == "none" else sign_in.caller(running, "ada").token()
        yield Served(running.url, token)


def run(
    served: Served, examples: int, seed: int, kept: bool = False, version: str = UNVERSIONED
) -> subprocess.CompletedProcess[str]:
    """Up to `examples` generated requests an operation and phase; exit code 0 when all hold.

    What schemathesis says goes to the screen, or with `kept` into the result's stdout.
    """
    url = f"{served.url}/{version}"
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIGURATION)),
        *("run", str(FOLDER / f"{version}.json"), "--url", url, "--no-color"),
        *("--max-examples", str(examples), "--seed", str(seed)),
        *("--generation-database", "none", "--continue-on-failure"),
    ]
    if served.token is not None:
        command += ["--header", f"authorization: Bearer {served.token}"]
    else:
        absent = routes().keys() - routes("none").keys()
        command += [word for name in absent for word in ("--exclude-operation-id", name)]
    screen = subprocess.PIPE if kept else None
    return subprocess.run(command, cwd=FOLDER.parent, stdout=screen, text=True, check=False)
