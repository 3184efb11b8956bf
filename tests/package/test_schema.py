"""What the package promises to programs in every language."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from components import _version
from tests.package.golden import GOLDEN, inferred


@pytest.fixture(scope="module")
def schema(host: provider_pb2_grpc.ResourceProviderStub) -> dict[str, Any]:
    return inferred(host)


def test_schema_is_the_committed_one(schema: dict[str, Any]) -> None:
    """A drift is a decision: accept it with `make generate`."""
    assert schema == json.loads(GOLDEN.read_text("utf-8"))


def test_everything_in_the_schema_is_described(schema: dict[str, Any]) -> None:
    assert [where for where, entry in _entries(schema) if not entry.get("description")] == []


def test_descriptions_are_single_lines(schema: dict[str, Any]) -> None:
    """Pulumi takes docstrings as they are, indentation and all."""
    broken = [where for where, entry in _entries(schema) if "\n" in entry["description"]]
    assert broken == []


def test_whole_numbers_choices_and_nested_configuration_are_plain(schema: dict[str, Any]) -> None:
    """The host cannot turn an output into them: a program could pass one, and fail."""
    unsafe = [
        where
        for where, entry in _entries(schema)
        if ".inputProperties." in where
        and (entry.get("type") in ("integer", "boolean") or "#/types/" in entry.get("$ref", ""))
        and not entry.get("plain")
    ]
    assert unsafe == []


def test_host_reports_the_packages_version(host: provider_pb2_grpc.ResourceProviderStub) -> None:
    told = json.loads(host.GetSchema(provider_pb2.GetSchemaRequest()).schema)["version"]
    assert told == _version.VERSION


def _entries(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for token, entry in {**schema["resources"], **schema["types"]}.items():
        yield token, entry
        for section in ("inputProperties", "properties"):
            for name, entry_ in (entry.get(section) or {}).items():
                yield f"{token}.{section}.{name}", entry_
