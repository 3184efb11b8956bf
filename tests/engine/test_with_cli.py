"""What only Pulumi's own CLI can tell: policy packs, packages and programs in other languages."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.engine.cloud import Cloud
from tests.engine.provider import ROOT
from tests.engine.pulumi_cli import PulumiCli
from tests.package.golden import GOLDEN

PACKAGE = "serverless-orders"


@pytest.fixture(autouse=True)
def _nothing_there(cloud: Cloud) -> None:
    cloud.empty()


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_policy_pack_has_advice_only(stack: str, cli: PulumiCli) -> None:
    outcome = cli.preview(stack, policy_pack="policy")
    assert outcome.message == ""
    assert "queue-visibility-has-margin (advisory)" in outcome.policies
    assert [broken for broken in outcome.policies if not broken.endswith("(advisory)")] == []


def test_policy_pack_stops_a_stack_that_breaks_a_rule(cli: PulumiCli) -> None:
    outcome = cli.preview("dev", {"memorySize": 128}, policy_pack="policy")
    assert "function-memory (mandatory)" in outcome.policies
    assert outcome.errors


def test_get_schema_from_the_folder(cli: PulumiCli) -> None:
    schema = json.loads(cli.command("package", "get-schema", "./components"))
    golden = json.loads(GOLDEN.read_text("utf-8"))
    assert schema["name"] == PACKAGE
    assert _inputs(schema) == _inputs(golden)


def _inputs(schema: dict[str, Any]) -> dict[str, list[str]]:
    return {token: sorted(entry["inputProperties"]) for token, entry in schema["resources"].items()}


def test_package_is_added_from_the_folder(cli: PulumiCli, tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\n", "utf-8")
    (tmp_path / "requirements.txt").write_text("pulumi\n", "utf-8")
    cli.command("package", "add", str(cli.work / "components"), folder=tmp_path)
    assert list((tmp_path / "sdks").rglob("order_system.py"))
    assert PACKAGE in (tmp_path / "Pulumi.yaml").read_text("utf-8")


def test_yaml_example_deploys(cli: PulumiCli, cloud: Cloud) -> None:
    outputs = _deploy(cli, cli.work / "examples" / "yaml")
    assert outputs["queueUrl"].rpartition("/")[2].startswith("letters-")
    assert {r["inputs"].get("name") for r in cloud} >= {"Orders-yaml", "order-events-yaml"}


def test_typescript_example_deploys(cli: PulumiCli, cloud: Cloud) -> None:
    modules = ROOT / "examples" / "typescript" / "node_modules"
    if not (modules.is_dir() and shutil.which("node")):
        pytest.skip("needs node, and once: cd examples/typescript && pulumi install")
    outputs = _deploy(cli, cli.work / "examples" / "typescript")
    assert outputs["queueUrl"].rpartition("/")[2].startswith("letters-")
    mappings = [r for r in cloud if r["type"].endswith(":EventSourceMapping")]
    assert [mapping["inputs"]["batchSize"] for mapping in mappings] == [5]


def _deploy(cli: PulumiCli, folder: Path) -> dict[str, str]:
    """As the README of the example says."""
    cli.command("install", folder=folder)
    cli.command("stack", "init", "dev", folder=folder)
    cli.command("up", "--yes", "--skip-preview", "--stack", "dev", folder=folder)
    outputs: dict[str, str] = json.loads(
        cli.command("stack", "output", "--json", "--stack", "dev", folder=folder)
    )
    return outputs
