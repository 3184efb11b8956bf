"""The two engines behind one interface: the stand-in always, Pulumi's where its CLI is."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import pytest
from pulumi.runtime.proto import provider_pb2_grpc

from components import bundle
from tests.engine import aws_double, pulumi_cli
from tests.engine.cloud import Cloud
from tests.engine.outcome import Outcome
from tests.engine.plugin import plugin
from tests.engine.pulumi_cli import PulumiCli
from tests.engine.stand_in import ROOT, StandIn


class Engine(Protocol):
    def up(self, stack: str, settings: Mapping[str, Any] | None = None) -> Outcome: ...
    def preview(self, stack: str, settings: Mapping[str, Any] | None = None) -> Outcome: ...
    def refresh(self, stack: str) -> Outcome: ...
    def destroy(self, stack: str) -> Outcome: ...
    def resources(self, stack: str) -> list[str]: ...


@pytest.fixture(scope="module")
def cloud_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cloud")


@pytest.fixture(scope="module")
def cloud(cloud_folder: Path) -> Cloud:
    return Cloud(cloud_folder)


@pytest.fixture(scope="module")
def double(cloud_folder: Path) -> Iterator[provider_pb2_grpc.ResourceProviderStub]:
    environment = {**os.environ, aws_double.CLOUD_VARIABLE: str(cloud_folder)}
    command = [sys.executable, "-m", aws_double.__name__, "no-engine"]
    with plugin(command, ROOT, environment) as client:
        yield client


@pytest.fixture(scope="module")
def cli(cloud_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> PulumiCli:
    if not pulumi_cli.installed():
        pytest.skip(pulumi_cli.HOW_TO)
    bundle.build("python3.13", lambda warning: None)
    return PulumiCli(tmp_path_factory.mktemp("pulumi"), cloud_folder)


@pytest.fixture(scope="module", params=["stand-in", "pulumi"])
def engine(request: pytest.FixtureRequest, cloud: Cloud) -> Engine:
    cloud.empty()
    if request.param == "pulumi":
        pulumi: PulumiCli = request.getfixturevalue("cli")
        return pulumi
    return StandIn(request.getfixturevalue("double"))
