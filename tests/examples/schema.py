"""Holds the inputs of a program in another language against the package's schema."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tests.package.golden import GOLDEN

SCHEMA: dict[str, Any] = json.loads(GOLDEN.read_text("utf-8"))
_SCALARS = {"string": str, "boolean": bool, "integer": int, "number": (int, float)}


def resource(component: str) -> dict[str, Any]:
    entry: dict[str, Any] = SCHEMA["resources"][f"serverless-orders:index:{component}"]
    return entry


def input_problems(component: str, inputs: Mapping[str, Any]) -> list[str]:
    """What the package would not take, by path; values that are no literals are taken as right."""
    entry = resource(component)
    known = entry["inputProperties"]
    return list(_object_problems(component, known, entry.get("requiredInputs", []), inputs))


def _object_problems(
    path: str, known: Mapping[str, Any], required: list[str], given: Mapping[str, Any]
) -> Iterator[str]:
    for name, value in given.items():
        if name not in known:
            yield f"{path}.{name}: no such input"
        else:
            yield from _value_problems(f"{path}.{name}", known[name], value)
    yield from (f"{path}.{name}: required" for name in required if name not in given)


def _value_problems(path: str, entry: Mapping[str, Any], value: Any) -> Iterator[str]:
    reference = entry.get("$ref", "")
    if reference == "pulumi.json#/Any":
        return
    if isinstance(value, Mapping) and reference.startswith("#/types/"):
        type_ = SCHEMA["types"][reference.removeprefix("#/types/")]
        yield from _object_problems(path, type_["properties"], type_.get("required", []), value)
    elif isinstance(value, Mapping) and "additionalProperties" in entry:
        for name, item in value.items():
            yield from _value_problems(f"{path}.{name}", entry["additionalProperties"], item)
    elif isinstance(value, list) and entry.get("type") == "array":
        for index, item in enumerate(value):
            yield from _value_problems(f"{path}[{index}]", entry["items"], item)
    elif isinstance(value, (Mapping, list)):
        yield f"{path}: {type(value).__name__} instead of {entry.get('type', reference)}"
    elif isinstance(value, (str, bool, int, float)):
        expected = _SCALARS.get(entry.get("type", ""))
        boolean = isinstance(value, bool) and entry.get("type") != "boolean"
        if expected is None or boolean or not isinstance(value, expected):
            yield f"{path}: {value!r} instead of {entry.get('type', reference)}"
