"""Where in the code each resource of a program was registered, and in which component."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from pulumi.runtime.mocks import MockMonitor

from local.workspace import ROOT


@dataclass(frozen=True)
class Origin:
    """`place` as `components/table.py:90` (empty outside of the repository), `component` the name
    of the component around it (empty for the stack's own)."""

    place: str
    component: str


class Origins(MockMonitor):
    """Pulumi's monitor, which hears of every registration; `found` by type and name.

    `ignored` are the inputs that are left alone once a resource is there.
    """

    def __init__(self, mocks: Any) -> None:
        super().__init__(mocks)
        self.found: dict[tuple[str, str], Origin] = {}
        self.ignored: dict[tuple[str, str], frozenset[str]] = {}

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - gRPC's name for it
        """Note where it comes from, then register it."""
        component = request.parent.rpartition("::")[2] if "$" in _types(request.parent) else ""
        self.found[request.type, request.name] = Origin(_place(request), component)
        self.ignored[request.type, request.name] = frozenset(request.ignoreChanges)
        return super().RegisterResource(request)  # type: ignore[no-untyped-call]


def _types(parent: str) -> str:
    """The types in an URN; the stack's alone has no `$`."""
    return parent.split("::")[2] if parent else ""


def _place(request: Any) -> str:
    path = Path(unquote(urlsplit(request.sourcePosition.uri).path))
    if not path.is_relative_to(ROOT):
        return ""
    return f"{path.relative_to(ROOT)}:{request.sourcePosition.line}"
