"""The component host, started as Pulumi's engine starts it, and a program in another language."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pulumi.runtime.proto import provider_pb2_grpc

from tests.engine import provider
from tests.engine.cloud import Cloud
from tests.engine.monitor import Monitor, serving
from tests.engine.plugin import plugin
from tests.engine.provider import ROOT, Provider
from tests.package.caller import Caller


@pytest.fixture(scope="session")
def cloud_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cloud")


@pytest.fixture(scope="session")
def aws(cloud_folder: Path) -> Iterator[Provider]:
    with provider.double(cloud_folder) as started:
        yield started


@pytest.fixture(scope="session")
def host(
    aws: Provider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[provider_pb2_grpc.ResourceProviderStub]:
    """Started from elsewhere, by the folder alone, as for a program that lies elsewhere."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    with serving(Monitor(aws, "shop", "test", {})) as engine:
        command = [sys.executable, str(ROOT / "components"), engine]
        with plugin(command, tmp_path_factory.mktemp("elsewhere"), environment) as client:
            yield client


@pytest.fixture
def caller(
    host: provider_pb2_grpc.ResourceProviderStub,
    aws: Provider,
    cloud_folder: Path,
) -> Iterator[Caller]:
    with Caller(host, aws, Cloud(cloud_folder)) as calling:
        yield calling
