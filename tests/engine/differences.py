"""What differs between two sets of inputs, by property path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pulumi.runtime.proto.provider_pb2 import PropertyDiff

from tests.engine.wire import ARCHIVE, SIGNATURE

INTERNAL = "__defaults"  # which inputs the provider made up

_REPLACING = {
    PropertyDiff.ADD: PropertyDiff.ADD_REPLACE,
    PropertyDiff.DELETE: PropertyDiff.DELETE_REPLACE,
    PropertyDiff.UPDATE: PropertyDiff.UPDATE_REPLACE,
}


def differences(
    old: Mapping[str, Any], new: Mapping[str, Any], ignored: tuple[str, ...] = ()
) -> dict[str, PropertyDiff.Kind.ValueType]:
    """Property path -> kind of difference; an archive is its contents, wherever it lies."""
    skipped = (*ignored, INTERNAL)
    return dict(_object({k: v for k, v in old.items() if k not in skipped},
                        {k: v for k, v in new.items() if k not in skipped}, ""))  # fmt: skip


def replacing(kind: PropertyDiff.Kind.ValueType) -> PropertyDiff.Kind.ValueType:
    return _REPLACING[kind]


def top_level(path: str) -> str:
    """The input that a property path lies in."""
    return path.split(".")[0].split("[")[0]


def _object(
    old: Mapping[str, Any], new: Mapping[str, Any], path: str
) -> Iterator[tuple[str, PropertyDiff.Kind.ValueType]]:
    for key in {**old, **new}:
        where = f"{path}.{key}" if path else key
        if key not in new:
            yield where, PropertyDiff.DELETE
        elif key not in old:
            yield where, PropertyDiff.ADD
        else:
            yield from _value(old[key], new[key], where)


def _value(old: Any, new: Any, path: str) -> Iterator[tuple[str, PropertyDiff.Kind.ValueType]]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        if old.get(SIGNATURE) == ARCHIVE == new.get(SIGNATURE):
            if old["hash"] != new["hash"]:
                yield path, PropertyDiff.UPDATE
        else:
            yield from _object(old, new, path)
    elif isinstance(old, list) and isinstance(new, list):
        as_objects = [{str(i): item for i, item in enumerate(items)} for items in (old, new)]
        for where, kind in _object(*as_objects, ""):
            index, dot, rest = where.partition(".")
            yield f"{path}[{index}]{dot}{rest}", kind
    elif old != new:
        yield path, PropertyDiff.UPDATE
