"""What help() says of a component, and how its outputs are told."""

import inspect
from typing import Any

import pulumi
import pytest

import components
from components.component import args_of, docstrings, outputs
from components.inputs import declarations

COMPONENTS: list[Any] = [
    each
    for each in map(vars(components).get, components.__all__)
    if isinstance(each, type) and issubclass(each, pulumi.ComponentResource)
]


@pytest.mark.parametrize("component", COMPONENTS)
def test_help_of_a_component_describes_its_inputs(component: Any) -> None:
    text = inspect.getdoc(component.__init__)
    assert text is not None
    lines = text.splitlines()
    for name, declared in declarations(args_of(component)).items():
        (at,) = [number for number, line in enumerate(lines) if line == name]
        described = docstrings(args_of(component))[name]
        assert lines[at + 1].strip().split()[0] == described.split()[0]
        assert ("Required." in _until_next(lines, at + 1)) is declared.required


def test_help_has_bounds_and_defaults() -> None:
    text = inspect.getdoc(components.Queue.__init__) or ""
    assert "A whole number from 1 to 1000; 3 by default." in " ".join(text.split())
    assert "Construct" not in text


def test_outputs_are_the_public_annotated_attributes() -> None:
    assert outputs(components.Queue) == ["url", "arn", "name", "dlq_url", "dlq_arn", "dlq_name"]


def _until_next(lines: list[str], start: int) -> str:
    end = next((n for n in range(start, len(lines)) if not lines[n].startswith(" ")), len(lines))
    return " ".join(line.strip() for line in lines[start:end])
