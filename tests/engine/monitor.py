"""A resource monitor: takes a program's registrations and carries them out with one provider.

It is the part of Pulumi's engine that programs and component hosts see, for one provider and
without aliases, imports, transforms and targets.
"""

# ruff: noqa: N802 (the methods are named by the protocol)
from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from concurrent import futures
from typing import Any

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import (
    engine_pb2,
    engine_pb2_grpc,
    provider_pb2,
    resource_pb2,
    resource_pb2_grpc,
)

from tests.engine import wire
from tests.engine.differences import top_level
from tests.engine.outcome import Outcome, Step
from tests.engine.plugin import UNLIMITED
from tests.engine.provider import STASH, Provider, RefusedError, State
from tests.inputs.aws_types import PROVIDER

STACK_TYPE = "pulumi:pulumi:Stack"
GET_RESOURCE = "pulumi:pulumi:getResource"  # how a component host gets at a caller's provider

_FEATURES = [
    resource_pb2.RESOURCE_MONITOR_FEATURE_SECRETS,
    resource_pb2.RESOURCE_MONITOR_FEATURE_RESOURCE_REFERENCES,
    resource_pb2.RESOURCE_MONITOR_FEATURE_OUTPUT_VALUES,
    resource_pb2.RESOURCE_MONITOR_FEATURE_ALIAS_SPECS,
    resource_pb2.RESOURCE_MONITOR_FEATURE_DELETED_WITH,
]


class Monitor(resource_pb2_grpc.ResourceMonitorServicer, engine_pb2_grpc.EngineServicer):
    """`old` is the state before, by URN; `states` are all that the program registers.

    `done` are those of them that were carried out, with what is known of them then.
    """

    def __init__(
        self,
        provider: Provider,
        project: str,
        stack: str,
        old: dict[str, State],
        preview: bool = False,
        replace: Sequence[str] = (),
    ) -> None:
        self.outcome = Outcome()
        self.states: dict[str, State] = {}
        self.done: dict[str, State] = {}
        self._provider = provider
        self._project, self._stack = project, stack
        self._old = old
        self._preview = preview
        self._replaced = frozenset(replace)  # stashes alone
        self._root = ""
        self._lock = threading.Lock()

    # The engine, for logs.

    def Log(self, request: engine_pb2.LogRequest, context: Any) -> empty_pb2.Empty:
        if request.severity == engine_pb2.ERROR:
            self.outcome.errors.append(request.message)
        return empty_pb2.Empty()

    def SetRootResource(self, request: Any, context: Any) -> engine_pb2.SetRootResourceResponse:
        self._root = request.urn
        return engine_pb2.SetRootResourceResponse()

    def GetRootResource(self, request: Any, context: Any) -> engine_pb2.GetRootResourceResponse:
        return engine_pb2.GetRootResourceResponse(urn=self._root)

    # The resource monitor.

    def GetDeploymentInfo(self, request: Any, context: Any) -> resource_pb2.DeploymentInfo:
        return resource_pb2.DeploymentInfo(supportedFeatures=_FEATURES)

    def RegisterResource(
        self, request: resource_pb2.RegisterResourceRequest, context: Any
    ) -> resource_pb2.RegisterResourceResponse:
        registered = wire.to_dict(request.object)
        state = State(
            urn=self.urn(request.parent, request.type, request.name),
            type=request.type,
            name=request.name,
            custom=request.custom,
            parent=request.parent,
            provider=request.provider,
            protect=request.protect,
            dependencies=list(request.dependencies),
            inputs=wire.plain(registered),
            registered=registered,
        )
        with self._lock:
            if state.urn in self.states:
                context.abort(grpc.StatusCode.ALREADY_EXISTS, f"{state.urn} is registered twice")
            self.states[state.urn] = state
        if state.urn in self._old:
            ignored = self._old[state.urn].inputs
            state.inputs |= {
                name: ignored[name] for name in request.ignoreChanges if name in ignored
            }
        try:
            self._carry_out(state)
        except (RefusedError, grpc.RpcError) as error:
            said = error.details() if isinstance(error, grpc.RpcError) else str(error)
            self.outcome.errors.append(f"{state.type} {state.name}: {said}")
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, f"{state.urn}: {said}")
        self.done[state.urn] = state
        return resource_pb2.RegisterResourceResponse(
            urn=state.urn, id=state.id, object=wire.to_struct(state.outputs)
        )

    def RegisterResourceOutputs(
        self, request: resource_pb2.RegisterResourceOutputsRequest, context: Any
    ) -> empty_pb2.Empty:
        state = self.states[request.urn]
        state.outputs = wire.plain(wire.to_dict(request.outputs))
        if state.type == STACK_TYPE:
            self.outcome.outputs = state.outputs
        return empty_pb2.Empty()

    def SignalAndWaitForShutdown(self, request: Any, context: Any) -> empty_pb2.Empty:
        return empty_pb2.Empty()

    def Invoke(
        self, request: resource_pb2.ResourceInvokeRequest, context: Any
    ) -> provider_pb2.InvokeResponse:
        if request.tok == GET_RESOURCE:
            return self._get_resource(wire.to_dict(request.args)["urn"])
        if not request.provider:
            context.abort(
                grpc.StatusCode.FAILED_PRECONDITION, f"{request.tok} has no explicit provider"
            )
        arguments = wire.to_struct(wire.plain(wire.to_dict(request.args)))
        try:
            response: provider_pb2.InvokeResponse = self._provider.client.Invoke(
                provider_pb2.InvokeRequest(tok=request.tok, args=arguments)
            )
        except grpc.RpcError as error:
            context.abort(error.code(), error.details())
        return response

    def _get_resource(self, urn: str) -> provider_pb2.InvokeResponse:
        state = self.states[urn]
        found = {"urn": urn, "id": state.id, "state": state.outputs}
        return provider_pb2.InvokeResponse(**{"return": wire.to_struct(found)})

    def urn(self, parent: str, kind: str, name: str) -> str:
        chain = parent.split("::")[2] if parent else STACK_TYPE
        qualified = kind if chain == STACK_TYPE else f"{chain}${kind}"
        return f"urn:pulumi:{self._stack}::{self._project}::{qualified}::{name}"

    # Carrying out a registration.

    def _carry_out(self, state: State) -> None:
        if not state.custom:
            state.outputs = state.inputs
            self._step("same" if state.urn in self._old else "create", state)
        elif state.type == PROVIDER:
            self._configure(state)
        elif state.type == STASH:
            self._keep(state)
        elif not state.provider:
            raise RefusedError("it has no explicit provider, and default providers are disabled")
        else:
            self._deploy(state)

    def _configure(self, state: State) -> None:
        self._provider.configure(state)
        old = self._old.get(state.urn)
        state.id = old.id if old else f"{state.name}-id"
        state.outputs = state.inputs
        self._step("same" if old else "create", state)

    def _keep(self, state: State) -> None:
        old = self._old.get(state.urn)
        if old is None or state.urn in self._replaced:
            if old and old.protect:
                raise RefusedError("it is protected, and would be replaced")
            state.id = f"{state.name}-id"
            kept = {"output": state.inputs["input"]}
            self._step("replace" if old else "create", state)
        else:
            state.id, kept = old.id, {"output": old.outputs["output"]}
            same = state.inputs == old.inputs
            self._step("same" if same else "update", state, frozenset(() if same else ["input"]))
        state.outputs = {**state.inputs, **kept}

    def _deploy(self, state: State) -> None:
        old = self._old.get(state.urn)
        asked = state.inputs
        state.inputs = self._provider.check(state, asked, old.inputs if old else {})
        if old is None:
            self._provider.create(state, self._preview)
            self._step("create", state)
            return
        diff = self._provider.diff(old, state.inputs)
        changed = frozenset(top_level(path) for path in diff.detailedDiff) | frozenset(diff.diffs)
        if not changed:
            state.id, state.outputs = old.id, old.outputs
            self._step("same", state)
        elif diff.replaces:
            self._replace(state, old, asked, diff.deleteBeforeReplace)
            self._step("replace", state, changed)
        else:
            self._provider.update(state, old, self._preview)
            self._step("update", state, changed)

    def _replace(self, state: State, old: State, asked: dict[str, Any], delete_first: bool) -> None:
        if old.protect and state.protect:
            raise RefusedError("it is protected, and the change would replace it")
        # Without the old inputs: a made-up name has to be another one beside the old resource.
        state.inputs = self._provider.check(state, asked, {})
        if delete_first and not self._preview:
            self._provider.delete(old)
        self._provider.create(state, self._preview)
        if not delete_first and not self._preview:
            self._provider.delete(old)

    def _step(self, operation: str, state: State, changed: frozenset[str] = frozenset()) -> None:
        self.outcome.steps.append(Step(operation, state.type, state.name, changed))


@contextlib.contextmanager
def serving(monitor: Monitor) -> Iterator[str]:
    """The address at which the monitor answers, as resource monitor and as engine."""
    # Registrations wait for each other, so there must be no fewer threads than clients use.
    server = grpc.server(futures.ThreadPoolExecutor(64), options=UNLIMITED)
    resource_pb2_grpc.add_ResourceMonitorServicer_to_server(monitor, server)
    engine_pb2_grpc.add_EngineServicer_to_server(monitor, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()
