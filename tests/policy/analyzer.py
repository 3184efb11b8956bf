"""The policy pack as the Pulumi engine runs it: a process that speaks the Analyzer protocol."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc
from pulumi_policy.deserialize import serialize_properties

from local.workspace import ROOT

PACK = ROOT / "policy"

# No pack answers here; the engine's address is only used for its log.
ENGINE = "127.0.0.1:9"


@dataclass
class Registered:
    """A resource as the engine holds it."""

    type: str
    name: str
    urn: str
    inputs: dict[str, Any]
    outputs: dict[str, Any] = field(default_factory=dict)
    protect: bool = False
    parent: str = ""
    provider_inputs: Mapping[str, Any] | None = None
    # property -> URNs of the resources that it was computed from
    dependencies: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Diagnostic:
    policy: str
    urn: str
    level: str
    message: str

    @property
    def resource(self) -> str:
        return self.urn.rpartition("::")[2]


class Analyzer:
    """The calls that the engine makes, in its words."""

    def __init__(self, stub: Any) -> None:
        self._stub = stub

    def info(self) -> Any:
        return self._stub.GetAnalyzerInfo(empty_pb2.Empty())

    def configure(self, settings: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        """Hand over the whole configuration, as the engine reconciles it.

        That is each rule's own level and defaults, then the pack's initial configuration, then
        `settings` (rule -> properties, and `enforcementLevel`).
        """
        info = self.info()
        request = analyzer_pb2.ConfigureAnalyzerRequest()
        for policy in info.policies:
            config = request.policyConfig[policy.name]
            config.enforcementLevel = policy.enforcementLevel
            properties = json_format.MessageToDict(policy.configSchema.properties)
            for name, schema in properties.items():
                if "default" in schema:
                    config.properties.update({name: schema["default"]})
        for name, initial in info.initialConfig.items():
            request.policyConfig[name].enforcementLevel = initial.enforcementLevel
            request.policyConfig[name].properties.update(
                json_format.MessageToDict(initial.properties)
            )
        for name, given in (settings or {}).items():
            values = dict(given)
            level = values.pop("enforcementLevel", None)
            if level:
                number = analyzer_pb2.EnforcementLevel.Value(level.upper())
                request.policyConfig[name].enforcementLevel = number
            request.policyConfig[name].properties.update(values)
        self._stub.Configure(request)

    def remediate(self, resource: Registered) -> list[Any]:
        return list(self._stub.Remediate(_request(resource)).remediations)

    def analyze(self, resource: Registered) -> list[Diagnostic]:
        answer = self._stub.Analyze(_request(resource))
        return [_diagnostic(found, resource.urn) for found in answer.diagnostics]

    def not_applicable(self, resource: Registered) -> dict[str, str]:
        answer = self._stub.Analyze(_request(resource))
        return {found.policy_name: found.reason for found in answer.not_applicable}

    def analyze_stack(self, resources: Iterable[Registered]) -> list[Diagnostic]:
        request = analyzer_pb2.AnalyzeStackRequest()
        for resource in resources:
            entry = request.resources.add(
                type=resource.type,
                urn=resource.urn,
                name=resource.name,
                parent=resource.parent,
                properties=_struct({**resource.inputs, **resource.outputs}),
                options=_options(resource),
                provider=_provider(resource),
            )
            for path, urns in resource.dependencies.items():
                entry.propertyDependencies[path].urns.extend(urns)
                entry.dependencies.extend(urns)
        return [_diagnostic(d, d.urn) for d in self._stub.AnalyzeStack(request).diagnostics]

    def run(self, resources: Iterable[Registered]) -> list[Diagnostic]:
        """What an update does: mend and check each resource, then check the stack.

        A remedy is not kept, so that what it would hide is seen: it is itself a diagnostic.
        """
        given = list(resources)
        found: list[Diagnostic] = []
        for resource in given:
            for remediation in self.remediate(resource):
                message = remediation.diagnostic or "remediated"
                found.append(Diagnostic(remediation.policyName, resource.urn, "REMEDIATE", message))
            found += self.analyze(resource)
        return found + self.analyze_stack(given)


@contextmanager
def running_pack(
    stack: str = "dev",
    project: str = "serverless-orders",
    config: Mapping[str, str] | None = None,
    dry_run: bool = False,
) -> Iterator[Analyzer]:
    """Start the pack for a stack, as the engine does, and stop it afterwards."""
    environment = {
        "PATH": os.environ["PATH"],
        "PULUMI_PROJECT": project,
        "PULUMI_STACK": stack,
        "PULUMI_ORGANIZATION": "organization",
        "PULUMI_DRY_RUN": str(dry_run).lower(),
        "PULUMI_CONFIG": json.dumps(dict(config or {})),
    }
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "pulumi.policy", ENGINE, str(PACK)],
        cwd=PACK,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        assert process.stderr is not None
        port = process.stdout.readline().strip()
        if not port:
            raise RuntimeError(f"the pack did not start: {process.stderr.read().decode()}")
        with grpc.insecure_channel(f"127.0.0.1:{int(port)}") as channel:
            stub = analyzer_pb2_grpc.AnalyzerStub(channel)
            stub.ConfigureStack(
                analyzer_pb2.AnalyzerStackConfigureRequest(
                    stack=stack,
                    project=project,
                    organization="organization",
                    dry_run=dry_run,
                    config=dict(config or {}),
                )
            )
            analyzer = Analyzer(stub)
            analyzer.configure()
            yield analyzer
    finally:
        process.terminate()
        process.communicate()


def _struct(values: Mapping[str, Any]) -> struct_pb2.Struct:
    struct = struct_pb2.Struct()
    struct.update(serialize_properties({k: v for k, v in values.items() if v is not None}))
    return struct


def _options(resource: Registered) -> Any:
    return analyzer_pb2.AnalyzerResourceOptions(protect=resource.protect, parent=resource.parent)


def _provider(resource: Registered) -> Any:
    if resource.provider_inputs is None:
        return None
    return analyzer_pb2.AnalyzerProviderResource(
        type="pulumi:providers:aws",
        name="aws",
        urn="urn:pulumi:stack::project::pulumi:providers:aws::aws",
        properties=_struct(resource.provider_inputs),
    )


def _request(resource: Registered) -> Any:
    return analyzer_pb2.AnalyzeRequest(
        type=resource.type,
        urn=resource.urn,
        name=resource.name,
        properties=_struct(resource.inputs),
        options=_options(resource),
        provider=_provider(resource),
    )


def _diagnostic(found: Any, urn: str) -> Diagnostic:
    level = analyzer_pb2.EnforcementLevel.Name(found.enforcementLevel)
    return Diagnostic(found.policyName, urn, level, found.message)
