"""The map of what runs, with how often each way was gone so far."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

from console.resources import FUNCTION
from local import map as maps
from local.index import Index
from local.map import Arrow, Map, Part
from local.system import System


@dataclass(frozen=True)
class Drawn:
    """The map as Mermaid text, its parts by Mermaid's ids, and whether it is of what runs now."""

    text: str
    parts: dict[str, Part]
    current: bool


class LiveMap:
    """The map of a run, read from its program once, when it is first asked for."""

    def __init__(self, system: System, index: Index) -> None:
        self._system, self._index = system, index
        self._map: Map | None = None
        self._reading = threading.Lock()

    def draw(self) -> Drawn:
        """The map with the counts of now."""
        with self._reading:
            if self._map is None:
                self._map = maps.read(self._system.stack, self._system.overrides)
        found = self._map
        running = {(each.type, each.name): each for each in self._system.resources}
        physical = {key: str(each.outputs.get("name") or "") for key, each in running.items()}
        counted = [self._counted(found, arrow, physical) for arrow in found.arrows]
        shown = {(part.type, part.name) for part in found.parts}
        functions = {key for key in running if key[0] == FUNCTION}
        return Drawn(
            maps.mermaid(Map(found.parts, counted)),
            {f"p{number}": part for number, part in enumerate(found.parts)},
            functions == {key for key in shown if key[0] == FUNCTION},
        )

    def _counted(self, found: Map, arrow: Arrow, physical: dict[tuple[str, str], str]) -> Arrow:
        """The arrow with its count: a function's calls, or the invocations of a function."""
        source, target = found.parts[arrow.source], found.parts[arrow.target]
        names = [physical.get((each.type, each.name), "") for each in (source, target)]
        count = 0
        if source.type == FUNCTION:
            count = self._index.counts.get(f"Call/{names[0]}/{names[1]}", 0)
        elif target.type == FUNCTION:
            count = self._index.counts.get(f"Invocation/{names[1]}", 0)
        if not count or arrow.failure:
            return arrow
        return replace(arrow, label=f"{arrow.label} ×{count}".strip())
