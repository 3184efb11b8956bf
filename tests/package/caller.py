"""A Pulumi program in some other language, as far as the component host can tell."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import grpc
from pulumi.runtime.proto import (
    provider_pb2,
    provider_pb2_grpc,
    resource_pb2,
    resource_pb2_grpc,
)

from tests.engine import wire
from tests.engine.cloud import Cloud
from tests.engine.monitor import STACK_TYPE, Monitor, serving
from tests.engine.provider import Provider, State
from tests.inputs.aws_types import PROVIDER

PACKAGE = "serverless-orders"
STACK = "test"
REGION = "eu-west-1"


@dataclass(frozen=True)
class Constructed:
    """A component's URN, its outputs and the resources it registered, without itself."""

    urn: str
    outputs: dict[str, Any]
    children: list[State]

    def one(self, kind: str, name: str | None = None) -> State:
        found = [c for c in self.children if c.type == kind and name in (None, c.name)]
        if len(found) != 1:
            there = sorted((child.type, child.name) for child in self.children)
            raise AssertionError(f"{len(found)} of {kind} {name or ''}; there are {there}")
        return found[0]

    def names(self, kind: str) -> list[str]:
        return sorted(child.name for child in self.children if child.type == kind)


class Caller:
    """Has a stack, a component `shop` and, inside it, an explicit AWS provider."""

    def __init__(
        self,
        host: provider_pb2_grpc.ResourceProviderStub,
        aws: Provider,
        cloud: Cloud,
    ) -> None:
        self._host, self._aws, self._cloud = host, aws, cloud
        self._close = contextlib.ExitStack()

    def __enter__(self) -> Caller:
        self.afresh()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._close.close()

    def construct(
        self,
        component: str,
        inputs: Mapping[str, Any],
        *,
        preview: bool = False,
        protect: bool = False,
    ) -> Constructed:
        """Have the host construct a component named `it`; raises grpc.RpcError as it does."""
        if preview:
            self.afresh(preview=True)
        before = set(self.monitor.states)
        response = self._host.Construct(
            provider_pb2.ConstructRequest(
                project="shop",
                stack=STACK,
                organization="organization",
                dryRun=preview,
                parallel=16,
                monitorEndpoint=self._address,
                type=f"{PACKAGE}:index:{component}",
                name="it",
                parent=self.parent,
                inputs=wire.to_struct(inputs),
                providers={"aws": self.provider},
                protect=protect,
                accepts_output_values=True,
            )
        )
        registered = [s for urn, s in self.monitor.states.items() if urn not in before]
        return Constructed(
            urn=response.urn,
            outputs=wire.plain(wire.to_dict(response.state)),
            children=[state for state in registered if state.urn != response.urn],
        )

    def afresh(self, *, preview: bool = False) -> None:
        """Begin another deployment, with nothing there."""
        self._close.close()
        self._cloud.empty()
        self.monitor = Monitor(self._aws, "shop", STACK, {}, preview)
        self._address = self._close.enter_context(serving(self.monitor))
        channel = self._close.enter_context(grpc.insecure_channel(self._address))
        client = resource_pb2_grpc.ResourceMonitorStub(channel)

        def register(kind: str, name: str, parent: str, custom: bool, **inputs: str) -> Any:
            return client.RegisterResource(
                resource_pb2.RegisterResourceRequest(
                    type=kind,
                    name=name,
                    parent=parent,
                    custom=custom,
                    object=wire.to_struct(inputs),
                )
            )

        stack = register(STACK_TYPE, f"shop-{STACK}", "", False)
        self.parent: str = register("shop:index:Shop", "shop", stack.urn, False).urn
        made = register(PROVIDER, "aws", stack.urn, True, region=REGION)
        self.provider = f"{made.urn}::{made.id}"
