"""The committed schema, which `make generate` writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

COMPONENTS = Path(__file__).resolve().parents[2] / "components"
GOLDEN = COMPONENTS / "schema.json"


def inferred(host: provider_pb2_grpc.ResourceProviderStub) -> dict[str, Any]:
    """The schema that the host infers, but for its version, which every release changes."""
    schema: dict[str, Any] = json.loads(host.GetSchema(provider_pb2.GetSchemaRequest()).schema)
    del schema["version"]
    return schema
