"""The committed schema; `python -m tests.package.golden` accepts the components as they are."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from tests.engine.plugin import plugin

COMPONENTS = Path(__file__).resolve().parents[2] / "components"
GOLDEN = COMPONENTS / "schema.json"


def inferred(host: provider_pb2_grpc.ResourceProviderStub) -> dict[str, Any]:
    """The schema that the host infers, but for its version, which every release changes."""
    schema: dict[str, Any] = json.loads(host.GetSchema(provider_pb2.GetSchemaRequest()).schema)
    del schema["version"]
    return schema


def _main() -> None:
    command = [sys.executable, str(COMPONENTS), "no-engine"]
    with plugin(command, COMPONENTS, os.environ) as host:
        text = json.dumps(inferred(host), indent=2, sort_keys=True)
    GOLDEN.write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    _main()
