"""The examples in YAML and TypeScript, held against the package's committed schema."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.examples.schema import input_problems, resource
from tests.examples.typescript import Expression, constructions

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PREFIX = "serverless-orders:index:"
_REFERENCE = re.compile(r"\$\{(\w+)\.(\w+)\}")


@pytest.fixture(scope="module")
def program() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((EXAMPLES / "yaml/Pulumi.yaml").read_text("utf-8"))
    return content


@pytest.fixture(scope="module")
def script() -> str:
    return (EXAMPLES / "typescript/index.ts").read_text("utf-8")


def test_yaml_gives_components_what_they_take(program: dict[str, Any]) -> None:
    problems = []
    for entry in program["resources"].values():
        component = entry["type"].removeprefix(PREFIX)
        problems += input_problems(component, _with_references(entry["properties"]))
    assert problems == []


def test_yaml_refers_to_outputs_that_there_are(program: dict[str, Any]) -> None:
    text = yaml.safe_dump([program["resources"], program["outputs"]])
    references = _REFERENCE.findall(text)
    wrong = [
        f"{name}.{output}"
        for name, output in references
        if output
        not in resource(program["resources"][name]["type"].removeprefix(PREFIX))["properties"]
    ]
    assert references
    assert wrong == []


def test_typescript_gives_components_what_they_take(script: str) -> None:
    made = constructions(script, "orders")
    assert {each.component for each in made} >= {"Queue", "PythonFunction", "Observability"}
    assert [p for each in made for p in input_problems(each.component, each.inputs)] == []


def test_typescript_refers_to_outputs_that_there_are(script: str) -> None:
    made = constructions(script, "orders")
    wrong = [
        f"{each.variable}.{output}"
        for each in made
        if each.variable
        for output in re.findall(rf"\b{each.variable}\.(\w+)", script)
        if output not in resource(each.component)["properties"]
    ]
    assert wrong == []


@pytest.mark.parametrize("language", ["yaml", "typescript"])
def test_package_of_the_example_is_the_folder_of_components(language: str) -> None:
    project = yaml.safe_load((EXAMPLES / language / "Pulumi.yaml").read_text("utf-8"))
    folder = (EXAMPLES / language / project["packages"]["serverless-orders"]).resolve()
    assert (folder / "PulumiPlugin.yaml").is_file()


def test_typescript_depends_on_the_sdk_that_pulumi_makes(script: str) -> None:
    dependencies = json.loads((EXAMPLES / "typescript/package.json").read_text())["dependencies"]
    imported = set(re.findall(r'from "([^"]+)"', script))
    assert imported <= set(dependencies)
    assert dependencies["@pulumi/serverless-orders"] == "file:sdks/serverless-orders"


def test_reader_of_typescript_reads_nested_literals() -> None:
    source = 'const a = new p.C("n", { x: [{ y: f(1, "}"), z }], "w": 1 }, opts);'
    (made,) = constructions(source, "p")
    assert (made.variable, made.component) == ("a", "C")
    assert made.inputs == {
        "x": [{"y": Expression('f(1, "}")'), "z": Expression("z")}],
        "w": Expression("1"),
    }


@pytest.mark.parametrize(
    ("inputs", "problem"),
    [
        ({"maxRecieveCount": 3}, "Queue.maxRecieveCount: no such input"),
        ({"maxReceiveCount": "3"}, "Queue.maxReceiveCount: '3' instead of integer"),
        ({"queueName": ["a"]}, "Queue.queueName: list instead of string"),
    ],
)
def test_wrong_inputs_are_found(inputs: dict[str, Any], problem: str) -> None:
    assert input_problems("Queue", inputs) == [problem]


def test_missing_nested_inputs_are_found() -> None:
    assert input_problems("HttpApi", {"routes": [{"routeKey": "GET /"}]}) == [
        "HttpApi.routes[0].aliasName: required",
        "HttpApi.routes[0].functionName: required",
        "HttpApi.routes[0].invokeArn: required",
    ]


def _with_references(value: Any) -> Any:
    if isinstance(value, dict):
        if any(key.startswith("fn::") for key in value):
            return Expression(str(value))
        return {key: _with_references(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_references(item) for item in value]
    if isinstance(value, str) and _REFERENCE.fullmatch(value):
        return Expression(value)
    return value
