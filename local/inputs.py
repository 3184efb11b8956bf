"""The inputs of one registered resource, which remember what was read of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pulumi.runtime import rpc


class Inputs(Mapping[str, Any]):
    """A read-only mapping; nested mappings are `Inputs` too, whole floats are ints.

    `unread()` names the inputs that were never asked for, so that no creator drops one silently.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = {key: _wrap(value) for key, value in values.items() if value is not None}
        self._read: set[str] = set()

    def __getitem__(self, key: str) -> Any:
        self._read.add(key)
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, key: object) -> bool:
        return key in self._values

    def plain(self) -> dict[str, Any]:
        """All values as plain dicts and lists; counts as reading them."""
        self._read.update(self._values)
        return {key: plain(value) for key, value in self._values.items()}

    def unread(self) -> list[str]:
        """Paths of the inputs that were never read, as `stages[0].name`."""
        paths = []
        for key, value in self._values.items():
            if key not in self._read:
                paths.append(key)
            elif isinstance(value, Inputs):
                paths += [f"{key}.{path}" for path in value.unread()]
            elif isinstance(value, list):
                for index, item in enumerate(value):
                    if isinstance(item, Inputs):
                        paths += [f"{key}[{index}].{path}" for path in item.unread()]
        return paths


def _wrap(value: Any) -> Any:
    if rpc.is_rpc_secret(value):
        return _wrap(rpc.unwrap_rpc_secret(value))
    if isinstance(value, Mapping):
        return Inputs(value)
    if isinstance(value, list):
        return [_wrap(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)  # numbers cross Pulumi's wire as floats
    return value


def plain(value: Any) -> Any:
    """The value without Inputs in it, at any depth."""
    if isinstance(value, Inputs):
        return value.plain()
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value
