"""The component host, started as Pulumi's engine starts it, and a program in another language."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pulumi.runtime.proto import provider_pb2_grpc

from tests.engine import aws_double
from tests.engine.cloud import Cloud
from tests.engine.monitor import Monitor, serving
from tests.engine.plugin import plugin
from tests.package.caller import Caller

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def cloud_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cloud")


@pytest.fixture(scope="session")
def aws(cloud_folder: Path) -> Iterator[provider_pb2_grpc.ResourceProviderStub]:
    environment = {**os.environ, aws_double.CLOUD_VARIABLE: str(cloud_folder)}
    command = [sys.executable, "-m", aws_double.__name__, "no-engine"]
    with plugin(command, ROOT, environment) as client:
        yield client


@pytest.fixture(scope="session")
def host(
    aws: provider_pb2_grpc.ResourceProviderStub, tmp_path_factory: pytest.TempPathFactory
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
    aws: provider_pb2_grpc.ResourceProviderStub,
    cloud_folder: Path,
) -> Iterator[Caller]:
    with Caller(host, aws, Cloud(cloud_folder)) as calling:
        yield calling
