"""What the provider double has created: one file a resource, so that processes can share it."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class Cloud:
    """The resources in a folder. A record holds `type`, `id`, `inputs`, `outputs` and more."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held, self._waiting = folder / "held", folder / "waiting"

    def empty(self) -> None:
        """Remove everything, as if it had never been."""
        self.release()
        for path in self._folder.glob("*.json"):
            path.unlink()

    def hold(self, kind: str) -> None:
        """Let creations of a type wait until `release`, however long that takes."""
        self._waiting.unlink(missing_ok=True)
        self._held.write_text(kind, "utf-8")

    def release(self) -> None:
        self._held.unlink(missing_ok=True)

    def holds(self, kind: str) -> bool:
        """Whether a creation has to wait; the first one that asks is told by `somebody_waits`."""
        held = self._held.is_file() and self._held.read_text("utf-8") == kind
        if held:
            self._waiting.touch()
        return held

    def somebody_waits(self) -> bool:
        return self._waiting.is_file()

    def put(self, record: dict[str, Any]) -> None:
        path = self._path(record["type"], record["id"])
        unfinished = path.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(record), "utf-8")
        unfinished.rename(path)

    def get(self, kind: str, identity: str) -> dict[str, Any] | None:
        try:
            record: dict[str, Any] = json.loads(self._path(kind, identity).read_text("utf-8"))
        except FileNotFoundError:
            return None
        return record

    def remove(self, kind: str, identity: str) -> None:
        self._path(kind, identity).unlink(missing_ok=True)

    def named(self, kind: str, name_input: str, name: str) -> bool:
        """Whether a resource of that type has that physical name."""
        return any(record["inputs"].get(name_input) == name for record in self.of(kind))

    def of(self, kind: str) -> Iterator[dict[str, Any]]:
        """The resources of a type."""
        return (record for record in self._read(f"{_stem(kind)}-*") if record["type"] == kind)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self._read("*")

    def _read(self, stem: str) -> Iterator[dict[str, Any]]:
        for path in sorted(self._folder.glob(f"{stem}.json")):
            with contextlib.suppress(FileNotFoundError):  # removed meanwhile
                yield json.loads(path.read_text("utf-8"))

    def _path(self, kind: str, identity: str) -> Path:
        digest = hashlib.sha256(f"{kind} {identity}".encode()).hexdigest()
        return self._folder / f"{_stem(kind)}-{digest[:32]}.json"


def _stem(kind: str) -> str:
    return kind.rpartition(":")[2]
