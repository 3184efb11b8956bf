"""The files that follow from the declarations, each with what makes its text."""

from collections.abc import Callable
from pathlib import Path

from tools.generate import project, schema

ROOT = Path(__file__).resolve().parents[2]

Render = Callable[[str], str]
"""Makes a file's text, given its present one."""

FILES: dict[str, Render] = {
    "Pulumi.yaml": project.render,
    "components/schema.json": schema.render,
}
