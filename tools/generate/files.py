"""The files that follow from the declarations, each with what makes its text."""

import json
from collections.abc import Callable
from pathlib import Path

from settings import PRODUCTION_STACKS
from tools.generate import asyncapi, document, project, schema
from tools.openapi.document import render

ROOT = Path(__file__).resolve().parents[2]

Render = Callable[[str], str]
"""Makes a file's text, given its present one."""


def _production(_: str) -> str:
    return json.dumps(list(PRODUCTION_STACKS), indent=2) + "\n"


FILES: dict[str, Render] = {
    "Pulumi.yaml": project.render,
    "README.md": document.settings,
    "components/schema.json": schema.render,
    # Read by the rules whose defaults docs/policy.md shows, so it comes before.
    "policy/rules/production.json": _production,
    "docs/policy.md": document.rules,
    "openapi.json": lambda _: render(),
    "asyncapi.json": asyncapi.render,
}
