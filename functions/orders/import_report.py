"""What became of each line of an imported file: an object of JSON lines, written in parts."""

import json
from collections.abc import Sequence
from typing import Any

from ..toolkit.objects import SMALLEST_PART, Objects

KIND = "application/x-ndjson"

_encode = json.JSONEncoder(separators=(",", ":")).encode


class Report:
    """One report; holds what does not fill a part yet, and no more.

    Another process goes on with it by `state`, which JSON can hold, once `keep` has put away
    what is not in a part.
    """

    def __init__(
        self,
        objects: Objects,
        key: str,
        kept: str,
        metadata: dict[str, str],
        state: dict[str, Any] | None = None,
    ) -> None:
        self._objects, self._key, self._metadata = objects, key, metadata
        self._kept = kept
        found = state or {}
        self._upload: str | None = found.get("upload")
        self._parts: list[str] = list(found.get("parts", ()))
        self._buffer = bytearray(objects.read(found["kept"]) if "kept" in found else b"")

    def add(self, entries: Sequence[dict[str, Any]]) -> None:
        """Write what became of further lines."""
        for entry in entries:
            self._buffer += _encode(entry).encode() + b"\n"
        if len(self._buffer) >= SMALLEST_PART:
            self._write_part()

    def keep(self, run: str) -> dict[str, Any]:
        """Put away what is not in a part yet, apart for each run; the state."""
        state: dict[str, Any] = {"upload": self._upload, "parts": self._parts}
        if self._buffer:
            state["kept"] = f"{self._kept}.{run}"
            self._objects.write(state["kept"], bytes(self._buffer), KIND, {})
        return state

    def end(self) -> None:
        """Make the object of all that was written."""
        if self._upload is None:
            self._objects.write(self._key, bytes(self._buffer), KIND, self._metadata)
            return
        if self._buffer:
            self._write_part()
        self._objects.end(self._key, self._upload, self._parts)

    def _write_part(self) -> None:
        if self._upload is None:
            self._upload = self._objects.begin(self._key, KIND, self._metadata)
        number = len(self._parts) + 1
        self._parts.append(self._objects.add(self._key, self._upload, number, bytes(self._buffer)))
        self._buffer.clear()
