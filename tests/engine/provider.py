"""A provider as its engine uses it: each operation of one resource, in plain values."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from tests.engine import aws_double, wire
from tests.engine.plugin import plugin
from tests.inputs.aws_types import PROVIDER

ROOT = Path(__file__).resolve().parents[2]
STASH = "pulumi:index:Stash"  # the engine's own: no provider is asked


@dataclass
class State:
    """One resource of a stack; `provider` is the reference (URN::id) of its provider."""

    urn: str
    type: str
    name: str
    custom: bool
    parent: str
    provider: str
    protect: bool
    dependencies: list[str]
    inputs: dict[str, Any]
    registered: dict[str, Any] = field(default_factory=dict)  # the inputs with their secrets
    id: str = ""
    outputs: dict[str, Any] = field(default_factory=dict)

    @property
    def managed(self) -> bool:
        """Whether the provider created it."""
        return self.custom and self.type not in (PROVIDER, STASH)

    @property
    def needs(self) -> set[str]:
        """URNs of what has to be there as long as this is: dependencies, parent and provider."""
        provider = self.provider.rpartition("::")[0]
        return {*self.dependencies, self.parent, provider} - {""}

    @property
    def identity(self) -> dict[str, str]:
        """What every request about the resource begins with."""
        return {"urn": self.urn, "name": self.name, "type": self.type}


class RefusedError(Exception):
    """The provider or the monitor does not take a registration."""


class Provider:
    """Speaks to a provider's process; raises RefusedError and grpc.RpcError."""

    def __init__(self, client: provider_pb2_grpc.ResourceProviderStub) -> None:
        self.client = client

    def configure(self, state: State) -> None:
        """Check and apply the configuration in the inputs of a provider resource."""
        arguments = wire.to_struct(state.inputs)
        request = provider_pb2.CheckRequest(**state.identity, news=arguments)
        _refuse(self.client.CheckConfig(request))
        self.client.Configure(provider_pb2.ConfigureRequest(args=arguments))

    def check(self, state: State, news: dict[str, Any], olds: dict[str, Any]) -> dict[str, Any]:
        """The inputs as the provider wants them, with the names it makes up."""
        request = provider_pb2.CheckRequest(
            **state.identity, olds=wire.to_struct(olds), news=wire.to_struct(news)
        )
        checked = self.client.Check(request)
        _refuse(checked)
        return wire.to_dict(checked.inputs)

    def diff(self, old: State, news: dict[str, Any]) -> provider_pb2.DiffResponse:
        response: provider_pb2.DiffResponse = self.client.Diff(
            provider_pb2.DiffRequest(
                **old.identity, id=old.id, **_before(old), news=wire.to_struct(news)
            )
        )
        return response

    def create(self, state: State, preview: bool) -> None:
        """Gives the state its id and outputs, in a preview as far as they are known."""
        properties = wire.to_struct(state.inputs)
        created = self.client.Create(
            provider_pb2.CreateRequest(**state.identity, properties=properties, preview=preview)
        )
        state.id, state.outputs = created.id, wire.to_dict(created.properties)

    def update(self, state: State, old: State, preview: bool) -> None:
        """Gives the state its id and outputs, in a preview as far as they are known."""
        updated = self.client.Update(
            provider_pb2.UpdateRequest(
                **state.identity,
                id=old.id,
                **_before(old),
                news=wire.to_struct(state.inputs),
                preview=preview,
            )
        )
        state.id, state.outputs = old.id, wire.to_dict(updated.properties)

    def read(self, state: State) -> provider_pb2.ReadResponse:
        response: provider_pb2.ReadResponse = self.client.Read(
            provider_pb2.ReadRequest(
                **state.identity,
                id=state.id,
                inputs=wire.to_struct(state.inputs),
                properties=wire.to_struct(state.outputs),
            )
        )
        return response

    def delete(self, state: State) -> None:
        self.client.Delete(
            provider_pb2.DeleteRequest(
                **state.identity,
                id=state.id,
                old_inputs=wire.to_struct(state.inputs),
                properties=wire.to_struct(state.outputs),
            )
        )


def _before(old: State) -> dict[str, Any]:
    return {"old_inputs": wire.to_struct(old.inputs), "olds": wire.to_struct(old.outputs)}


def _refuse(checked: provider_pb2.CheckResponse) -> None:
    if checked.failures:
        raise RefusedError("; ".join(f"{f.property}: {f.reason}" for f in checked.failures))


@contextlib.contextmanager
def double(cloud: Path) -> Iterator[Provider]:
    """The provider double, in a process of its own, creating in the folder `cloud`."""
    environment = {**os.environ, aws_double.CLOUD_VARIABLE: str(cloud)}
    environment.pop("AWS_REGION", None)  # what the tests' own shell says decides nothing
    command = [sys.executable, "-m", aws_double.__name__, "no-engine"]
    with plugin(command, ROOT, environment) as client:
        yield Provider(client)
