"""Property values as the engine and its plugins exchange them: plain JSON with a few signatures."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from google.protobuf import json_format, struct_pb2
from pulumi.runtime import rpc

UNKNOWN: str = rpc.UNKNOWN
SIGNATURE: str = rpc._special_sig_key
ARCHIVE: str = rpc._special_archive_sig
SECRET: str = rpc._special_secret_sig
OUTPUT: str = rpc._special_output_value_sig


def to_struct(values: Mapping[str, Any]) -> struct_pb2.Struct:
    struct = struct_pb2.Struct()
    struct.update(values)
    return struct


def to_dict(struct: struct_pb2.Struct) -> dict[str, Any]:
    values: dict[str, Any] = json_format.MessageToDict(struct)
    return values


def secret(value: Any) -> dict[str, Any]:
    return {SIGNATURE: SECRET, "value": value}


def output(value: Any = UNKNOWN, dependencies: list[str] | None = None) -> dict[str, Any]:
    """An output value; unknown when no value is given, as one of a resource yet to be created."""
    known = {} if value == UNKNOWN else {"value": value}
    return {SIGNATURE: OUTPUT, "secret": False, "dependencies": dependencies or [], **known}


def archive(path: str) -> dict[str, Any]:
    return {SIGNATURE: ARCHIVE, "path": path}


def plain(value: Any) -> Any:
    """The value as a provider gets it that takes neither secrets nor outputs.

    Archives get the hash that the engine adds, of the contents; absent (null) values go.
    """
    if isinstance(value, Mapping):
        signature = value.get(SIGNATURE)
        if signature in (SECRET, OUTPUT):
            return plain(value.get("value", UNKNOWN))
        if signature == ARCHIVE:
            return {**value, "hash": _hash(Path(value["path"]))}
        return {key: plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def unknown_paths(value: Any, path: str = "") -> Iterator[str]:
    if value == UNKNOWN:
        yield path
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from unknown_paths(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from unknown_paths(item, f"{path}[{index}]")


@functools.cache  # the program's archives lie in folders named by their contents
def _hash(path: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file():
            digest.update(file.relative_to(path).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()
