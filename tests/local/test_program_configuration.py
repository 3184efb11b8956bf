"""The configuration that the program gets is the one that Pulumi would hand over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pulumi
import pytest

from local import program

PROJECT = """
name: shop
runtime: python
config:
  pulumi:disable-default-providers: {value: [aws]}
  size: {type: integer, default: 3}
  names: {type: array, items: {type: string}, default: [a]}
  secret: {type: string, default: ""}
"""


class Nothing(pulumi.runtime.Mocks):
    def new_resource(self, args: Any) -> Any:
        return "", {}

    def call(self, args: Any) -> Any:
        return {}, []


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "Pulumi.yaml").write_text(PROJECT)
    (tmp_path / "Pulumi.dev.yaml").write_text("config:\n  shop:size: 5\n")
    (tmp_path / "Pulumi.empty.yaml").write_text("")
    monkeypatch.setattr(program, "ROOT", tmp_path)
    return tmp_path


def test_defaults_then_stack_file_then_overrides(checkout: Path) -> None:
    assert program.stack_config("empty")["shop:size"] == "3"
    assert program.stack_config("dev")["shop:size"] == "5"
    assert program.stack_config("dev", {"size": 7})["shop:size"] == "7"
    assert program.stack_config("dev", {"shop:names": ["b"]})["shop:names"] == '["b"]'
    config = program.stack_config("dev")
    assert config["pulumi:disable-default-providers"] == '["aws"]'


@pytest.mark.parametrize(
    ("file", "content", "named"),
    [
        ("Pulumi.dev.yaml", "config:\n  shop:sizes: 5\n", "Pulumi.dev.yaml.*shop:sizes"),
        ("Pulumi.dev.yaml", "config: [1", "Pulumi.dev.yaml cannot be read"),
        ("Pulumi.dev.yaml", "config: [1]", "Pulumi.dev.yaml: `config` must be a mapping"),
        ("Pulumi.dev.yaml", "- 1", "Pulumi.dev.yaml must be a mapping"),
        ("Pulumi.dev.yaml", "config:\n  shop:secret: {secure: x}\n", "shop:secret is encrypted"),
        ("Pulumi.yaml", "name: [", "Pulumi.yaml cannot be read"),
    ],
)
def test_wrong_file_is_named(checkout: Path, file: str, content: str, named: str) -> None:
    (checkout / file).write_text(content)
    with pytest.raises(program.ProgramError, match=named):
        program.stack_config("dev")


def test_unknown_stack_is_named_with_those_that_exist(checkout: Path) -> None:
    with pytest.raises(program.ProgramError, match=r"Pulumi\.live\.yaml.*dev, empty"):
        program.stack_config("live")


def test_encrypted_value_may_be_given_as_an_override(checkout: Path) -> None:
    (checkout / "Pulumi.dev.yaml").write_text("config:\n  shop:secret: {secure: x}\n")
    assert program.stack_config("dev", {"secret": "plain"})["shop:secret"] == "plain"


def test_program_gets_its_configuration_and_gives_its_outputs(checkout: Path) -> None:
    (checkout / "__main__.py").write_text(
        "import pulumi\n"
        "pulumi.export('size', pulumi.Output.from_input(pulumi.Config().require_int('size')))\n"
        "pulumi.export('stack', pulumi.get_stack())\n"
    )
    assert program.run("dev", Nothing()) == {"size": 5, "stack": "dev"}


def test_failed_run_does_not_disturb_the_next(checkout: Path) -> None:
    main = checkout / "__main__.py"
    main.write_text("raise ValueError('no')")
    with pytest.raises(ValueError, match="no"):
        program.run("dev", Nothing())
    main.write_text("import pulumi\npulumi.export('stack', pulumi.get_stack())")
    assert program.run("dev", Nothing()) == {"stack": "dev"}
