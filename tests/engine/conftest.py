"""The two engines behind one interface: the stand-in always, Pulumi's where its CLI is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import pytest

from components import bundle
from tests.engine import provider, pulumi_cli
from tests.engine.cloud import Cloud
from tests.engine.outcome import Outcome
from tests.engine.provider import Provider
from tests.engine.pulumi_cli import PulumiCli
from tests.engine.stand_in import StandIn


class Engine(Protocol):
    def up(
        self,
        stack: str,
        settings: Mapping[str, Any] | None = None,
        *,
        replace: Sequence[str] = (),
    ) -> Outcome: ...
    def preview(self, stack: str, settings: Mapping[str, Any] | None = None) -> Outcome: ...
    def refresh(self, stack: str) -> Outcome: ...
    def destroy(self, stack: str, *, preview_first: bool = False) -> Outcome: ...
    def resources(self, stack: str) -> list[str]: ...


@pytest.fixture(scope="module")
def cloud_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cloud")


@pytest.fixture(scope="module")
def cloud(cloud_folder: Path) -> Cloud:
    return Cloud(cloud_folder)


@pytest.fixture(scope="module")
def double(cloud_folder: Path) -> Iterator[Provider]:
    with provider.double(cloud_folder) as started:
        yield started


@pytest.fixture(scope="module")
def cli(cloud_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> PulumiCli:
    bundle.build("python3.13", lambda warning: None)
    return PulumiCli(tmp_path_factory.mktemp("pulumi"), cloud_folder)


@pytest.fixture(scope="module", params=["stand-in", *([] if pulumi_cli.missing() else ["pulumi"])])
def engine(request: pytest.FixtureRequest, cloud: Cloud) -> Engine:
    cloud.empty()
    if request.param == "pulumi":
        pulumi: PulumiCli = request.getfixturevalue("cli")
        return pulumi
    return StandIn(request.getfixturevalue("double"))
