"""The repository installed with pip, as another Pulumi program's dependency."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from components import _version, bundle
from tests.engine.plugin import plugin
from tests.package.golden import GOLDEN, inferred
from tests.unit import stacks

pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parents[2]

# What pip gets of the repository: not what tools and tests left there.
IGNORED = shutil.ignore_patterns(
    ".*", "__pycache__", "venv", "build", "*.egg-info", "node_modules", "sdks"
)

PROGRAM = """
import json, sys
from importlib.metadata import version

import pulumi

OUTPUTS = ("name", "arn", "url", "version", "invokeArn", "apiEndpoint", "executionArn",
           "streamArn", "bucket")

class Mocks(pulumi.runtime.Mocks):
    def new_resource(self, args):
        if args.typ == "aws:lambda/function:Function":
            codes[args.name] = args.inputs["code"].path
        outputs = {key: f"{args.name}-{key}" for key in OUTPUTS}
        return f"{args.name}-id", {**outputs, **args.inputs}

    def call(self, args):
        return {"region": "eu-west-1", "accountId": "123456789012", "partition": "aws"}

codes = {}
pulumi.runtime.set_mocks(Mocks())
import serverless_orders

@pulumi.runtime.test
def deploy():
    serverless_orders.OrderSystem("orders", {})

deploy()
print(json.dumps({
    "codes": codes,
    "version": version("serverless-orders"),
    "contract": serverless_orders.order_system.contract.__file__,
    "loaded": sorted(name for name in sys.modules if name in ("components", "functions")),
}))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with nothing but the package; what it depends on comes from the tests' own."""
    checkout = tmp_path_factory.mktemp("repository") / "serverless-orders"
    shutil.copytree(ROOT, checkout, ignore=IGNORED)
    target = tmp_path_factory.mktemp("site-packages")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--target", str(target), str(checkout)]
    subprocess.run(command, check=True)
    shutil.rmtree(checkout)
    return target


@pytest.fixture(scope="module")
def environment(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """With the dependencies of the functions where the package will look for those it built."""
    cache = tmp_path_factory.mktemp("cache")
    (cache / "serverless-orders").mkdir()
    built = bundle.build("python3.13", lambda warning: None).parent
    for folder in built.glob("dependencies-*"):
        (cache / "serverless-orders" / folder.name).symlink_to(folder)
    return {**os.environ, "PYTHONPATH": str(installed), "XDG_CACHE_HOME": str(cache)}


@pytest.fixture(scope="module")
def deployed(environment: Mapping[str, str], installed: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=installed,
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_nothing_is_installed_under_a_name_that_others_may_have(installed: Path) -> None:
    names = {path.name for path in installed.iterdir()}
    assert names == {"serverless_orders", f"serverless_orders-{_version.VERSION}.dist-info"}


def test_program_uses_the_package_alone(deployed: dict[str, Any], installed: Path) -> None:
    assert deployed["loaded"] == []
    assert deployed["version"] == _version.VERSION
    contract = installed / "serverless_orders" / "functions" / "contract.py"
    assert Path(deployed["contract"]) == contract


def test_functions_code_is_found_in_the_package(deployed: dict[str, Any], installed: Path) -> None:
    folders = {Path(path) for path in deployed["codes"].values()}
    assert len(deployed["codes"]) == len(stacks.FUNCTIONS)
    assert len(folders) == 1
    code = folders.pop()
    in_package = installed / "serverless_orders" / "functions"
    for handler in sorted(ROOT.glob("functions/*.py")):
        assert (code / "functions" / handler.name).read_bytes() == (
            in_package / handler.name
        ).read_bytes()
    assert (code / "botocore").is_dir()


def test_types_are_there_for_checkers(installed: Path) -> None:
    assert (installed / "serverless_orders" / "py.typed").exists()


def test_installed_package_hosts_the_components(
    environment: Mapping[str, str], installed: Path
) -> None:
    command = [sys.executable, str(installed / "serverless_orders"), "no-engine"]
    with plugin(command, installed, environment) as host:
        assert inferred(host) == json.loads(GOLDEN.read_text("utf-8"))
