"""The files that follow from the declarations, each with what makes its text."""

import json
from collections.abc import Callable
from pathlib import Path

from local import map as maps
from settings import PRODUCTION_STACKS
from tools.generate import asyncapi, document, project, schema
from tools.openapi.document import VERSIONS, render

ROOT = Path(__file__).resolve().parents[2]

Render = Callable[[str], str]
"""Makes a file's text, given its present one."""


def _production(_: str) -> str:
    return json.dumps(list(PRODUCTION_STACKS), indent=2) + "\n"


def _map(_: str) -> str:
    everything = {"imports": True, "events": True}
    return MAP.format(map=maps.mermaid(maps.read("dev", everything)))


def _openapi(version: str) -> Render:
    return lambda _: render(version)


MAP = """# The map of the system

What the program registers with `imports` and `events`, as `.venv/bin/python -m local map` prints
it, here of the stack `dev` and written by `make generate`. Dotted arrows are the ways of what
failed; each function also has its role, log group, alias and alarms.

```mermaid
{map}```
"""

FILES: dict[str, Render] = {
    "Pulumi.yaml": project.render,
    "README.md": document.readme,
    "components/schema.json": schema.render,
    # Read by the rules whose defaults docs/policy.md shows, so it comes before.
    "policy/rules/production.json": _production,
    "docs/policy.md": document.rules,
    **{f"openapi/{name}.json": _openapi(name) for name in VERSIONS},
    "asyncapi.json": asyncapi.render,
    "docs/map.md": _map,
    "docs/operating.md": document.operating,
}
