"""An execution environment of the functions, against AWS stubbed on the wire."""

import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import botocore.endpoint
import botocore.loaders
import botocore.retries.bucket
import pytest

from components import bundle
from tests.functions.fake_aws import FakeAws, Server
from tests.functions.support import VARIABLES, Functions, forget


@pytest.fixture(scope="session")
def bundle_folder() -> Path:
    """The deployable folder for the running interpreter."""
    return bundle.build(f"python{sys.version_info[0]}.{sys.version_info[1]}", pytest.fail)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def variables(
    monkeypatch: pytest.MonkeyPatch, server: Server, bundle_folder: Path
) -> Iterator[pytest.MonkeyPatch]:
    """A function's environment; the functions' modules are imported anew in it."""
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    monkeypatch.setenv("AWS_DATA_PATH", str(bundle_folder / "botocore-data"))
    monkeypatch.setenv("AWS_CA_BUNDLE", str(bundle_folder / "amazon-roots.pem"))
    for name in ("_X_AMZN_TRACE_ID", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    # A session lists every service that botocore knows; in the bundle these are ours alone.
    monkeypatch.setattr(
        botocore.loaders.Loader, "BUILTIN_DATA_PATH", str(bundle_folder / "botocore-data")
    )
    # botocore's waiting between attempts is not what is tested.
    monkeypatch.setattr(botocore.endpoint, "time", SimpleNamespace(sleep=lambda seconds: None))
    monkeypatch.setattr(botocore.retries.bucket.TokenBucket, "acquire", lambda bucket: True)
    # Others hold the modules that there were, and import the rest of them later.
    held = forget()
    yield monkeypatch
    forget()
    sys.modules.update(held)


@pytest.fixture
def aws(server: Server) -> FakeAws:
    server.aws = FakeAws()
    return server.aws


@pytest.fixture
def functions(
    variables: pytest.MonkeyPatch, aws: FakeAws, capsys: pytest.CaptureFixture[str]
) -> Iterator[Functions]:
    functions = Functions(aws, capsys)
    yield functions
    functions.end()
