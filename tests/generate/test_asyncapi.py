"""asyncapi.json: valid, whole, with true examples. That it is not stale: test_stale.py."""

import json
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from functions import contract
from tools.generate.asyncapi import document

DOCUMENT = document()

# https://github.com/asyncapi/spec-json-schemas
SPECIFICATION = "@asyncapi/specs@6.11.1"


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def at(reference: str) -> Any:
    found: Any = DOCUMENT
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


@pytest.mark.long
def test_the_document_is_what_the_specification_says(tmp_path: Path) -> None:
    npm = shutil.which("npm")
    ping = ["npm", "ping", "--fetch-retries=0", "--fetch-timeout=10000"]
    if npm is None or subprocess.run(ping, capture_output=True, check=False).returncode:
        pytest.skip("needs npm and a registry that it reaches")
    pack = [npm, "pack", SPECIFICATION, "--silent", "--cache", str(tmp_path / "npm")]
    subprocess.run(pack, cwd=tmp_path, check=True, capture_output=True)
    [archive] = tmp_path.glob("*.tgz")
    with tarfile.open(archive) as packed:
        file = packed.extractfile(f"package/schemas/{DOCUMENT['asyncapi']}.json")
        assert file is not None
        validator = jsonschema.Draft7Validator(json.load(file))
    validator.validate(DOCUMENT)
    assert not validator.is_valid(DOCUMENT | {"channels": {"changes": {"mesages": {}}}})


def test_what_the_document_refers_to_is_there() -> None:
    for reference in references(DOCUMENT):
        at(reference)
    for operation in DOCUMENT["operations"].values():
        channel = at(operation["channel"]["$ref"])
        named = {each["$ref"].rpartition("/")[2] for each in operation["messages"]}
        assert named == channel["messages"].keys()
    for kind in ("messages", "schemas"):
        used = {each.rpartition("/")[2] for each in references(DOCUMENT)}
        assert DOCUMENT["components"][kind].keys() <= used


def test_every_event_of_the_status_machine_is_described() -> None:
    described = DOCUMENT["channels"]["changes"]["messages"].keys()
    assert described == set(contract.CHANGE_EVENTS.values())
    told = {
        cause
        for name in described
        for cause in DOCUMENT["components"]["schemas"][name]["properties"]["cause"]["enum"]
    }
    assert told == {contract.PLACED, *contract.TRANSITIONS.values()}


@pytest.mark.parametrize("name", DOCUMENT["components"]["messages"])
def test_every_example_is_what_its_schema_says(name: str) -> None:
    message = DOCUMENT["components"]["messages"][name]
    schema = {**message["payload"], "components": DOCUMENT["components"]}
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(
        schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )
    [example] = message["examples"]
    validator.validate(example["payload"])
    for member in ("cause", "eventId", "data"):
        if member in example["payload"]["detail"]:
            broken = example["payload"]["detail"] | {member: "other"}
            assert not validator.is_valid(example["payload"] | {"detail": broken})


def test_our_own_schema_keywords_are_not_published() -> None:
    assert "errorMessage" not in json.dumps(DOCUMENT)
