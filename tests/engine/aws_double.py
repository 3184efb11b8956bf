"""A provider double for `aws`: Pulumi's real provider protocol, in front of a folder.

The engine starts it as it starts any provider (`python -m tests.engine.aws_double ENGINE`, the
port on standard output). It refuses inputs outside the types of pulumi_aws, names resources by
their URN, says which inputs differ, and keeps what it creates in the folder CLOUD_VARIABLE names.
"""

# ruff: noqa: N802 (the methods are named by the protocol)
from __future__ import annotations

import hashlib
import importlib.metadata
import itertools
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import pulumi
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from tests.aws_names import invoke_answers
from tests.engine import wire
from tests.engine.aws_resources import RESOURCE_TYPES, Made, ResourceType
from tests.engine.cloud import Cloud
from tests.engine.differences import INTERNAL, differences, replacing, top_level
from tests.inputs.aws_types import PROVIDER, input_types, invoke_problems, problems

CLOUD_VARIABLE = "AWS_DOUBLE_CLOUD"
VERSION = importlib.metadata.version("pulumi-aws")

_loading = threading.Lock()  # pulumi_aws loads its modules late, and not for many at once

# Functions that look up a resource by its name: which type they look for.
LOOK_UPS = {
    "aws:dynamodb/getTable:getTable": "aws:dynamodb/table:Table",
    "aws:sqs/getQueue:getQueue": "aws:sqs/queue:Queue",
}

Inputs = dict[str, Any]


class AwsDouble(provider_pb2_grpc.ResourceProviderServicer):
    """The provider; one process serves one or more providers' configuration, the last wins."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._region = ""
        self._default_tags: dict[str, str] = {}

    # The provider itself.

    def GetPluginInfo(self, request: Any, context: Any) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version=VERSION)

    def GetSchema(self, request: Any, context: Any) -> provider_pb2.GetSchemaResponse:
        return provider_pb2.GetSchemaResponse(
            schema=json.dumps({"name": "aws", "version": VERSION})
        )

    def Attach(self, request: Any, context: Any) -> empty_pb2.Empty:
        return empty_pb2.Empty()

    def Cancel(self, request: Any, context: Any) -> empty_pb2.Empty:
        return empty_pb2.Empty()

    def CheckConfig(
        self, request: provider_pb2.CheckRequest, context: Any
    ) -> provider_pb2.CheckResponse:
        news = wire.to_dict(request.news)
        return provider_pb2.CheckResponse(
            inputs=request.news, failures=_failures(PROVIDER, _without_version(news))
        )

    def DiffConfig(
        self, request: provider_pb2.DiffRequest, context: Any
    ) -> provider_pb2.DiffResponse:
        found = differences(wire.to_dict(request.old_inputs), wire.to_dict(request.news))
        changed = sorted({top_level(path) for path in found})
        return _diff_response(changed, {}, [])

    def Configure(
        self, request: provider_pb2.ConfigureRequest, context: Any
    ) -> provider_pb2.ConfigureResponse:
        args = wire.plain(wire.to_dict(request.args))
        self._region = args.get("region") or os.environ.get("AWS_REGION", "")
        if not self._region:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "there is no region: set aws:region")
        tags = args.get("defaultTags") or {}
        self._default_tags = (json.loads(tags) if isinstance(tags, str) else tags).get("tags", {})
        return provider_pb2.ConfigureResponse(acceptSecrets=False, supportsPreview=True)

    def Invoke(
        self, request: provider_pb2.InvokeRequest, context: Any
    ) -> provider_pb2.InvokeResponse:
        args = wire.to_dict(request.args)
        answer = invoke_answers(self._region).get(request.tok)
        if request.tok in LOOK_UPS:
            answer = self._look_up(LOOK_UPS[request.tok], args, context)
        if answer is None:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, f"the double has no {request.tok}")
        with _loading:
            found = invoke_problems(request.tok, args)
        failures = [
            provider_pb2.CheckFailure(property=where, reason=reason)
            for where, reason in _split(found)
        ]
        return provider_pb2.InvokeResponse(**{"return": wire.to_struct(answer)}, failures=failures)

    def _look_up(self, token: str, args: Inputs, context: Any) -> dict[str, Any]:
        name = args.get("name")
        found = [r for r in self._cloud.of(token) if r["outputs"].get("name") == name]
        if not found:
            context.abort(grpc.StatusCode.NOT_FOUND, f"there is no {token} {name}")
        outputs: dict[str, Any] = found[0]["outputs"]
        return outputs

    # Resources.

    def Check(self, request: provider_pb2.CheckRequest, context: Any) -> provider_pb2.CheckResponse:
        kind = self._kind(request.type, context)
        inputs = wire.to_dict(request.news)
        failures = _failures(request.type, inputs)
        if kind.name and kind.name not in inputs and "namePrefix" not in inputs:
            olds = wire.to_dict(request.olds)
            inputs[kind.name] = self._made_up_name(request, kind, olds)
            inputs[INTERNAL] = [kind.name]
        with _loading:
            tagged = "tags" in input_types(request.type)
        if tagged:
            tags = inputs.get("tags") or {}
            known = tags != wire.UNKNOWN
            inputs["tagsAll"] = {**self._default_tags, **tags} if known else wire.UNKNOWN
        return provider_pb2.CheckResponse(inputs=wire.to_struct(inputs), failures=failures)

    def Diff(self, request: provider_pb2.DiffRequest, context: Any) -> provider_pb2.DiffResponse:
        kind = self._kind(request.type, context)
        old, new = wire.to_dict(request.old_inputs), wire.to_dict(request.news)
        found = differences(old, new, tuple(request.ignoreChanges))
        replaces = [path for path in found if top_level(path) in kind.replaced_by]
        detailed = {
            path: provider_pb2.PropertyDiff(
                kind=replacing(change) if path in replaces else change, inputDiff=True
            )
            for path, change in found.items()
        }
        # Two resources cannot have one name, so the old one has to go first.
        keeps_name = bool(kind.name) and old.get(kind.name) == new.get(kind.name)
        made_up = kind.name in new.get(INTERNAL, [])
        return _diff_response(
            sorted({top_level(path) for path in found}),
            detailed,
            sorted({top_level(path) for path in replaces}),
            delete_first=bool(replaces) and keeps_name and not made_up,
        )

    def Create(
        self, request: provider_pb2.CreateRequest, context: Any
    ) -> provider_pb2.CreateResponse:
        kind = self._kind(request.type, context)
        inputs = wire.to_dict(request.properties)
        given = json.dumps(inputs, sort_keys=True)
        uniques = (_digest(request.urn, given, str(n))[:10] for n in itertools.count())
        unique = next(uniques)
        if request.preview:
            made = Made(self._region, unique, _named(kind, inputs, unique), 1)
            unknown = dict.fromkeys(["id", *kind.computed(made)], wire.UNKNOWN)
            if kind.name and kind.name not in inputs:
                unknown[kind.name] = wire.UNKNOWN
            return provider_pb2.CreateResponse(properties=wire.to_struct({**inputs, **unknown}))
        while self._cloud.holds(request.type):
            time.sleep(0.05)
        there = self._adopted(request.type, kind, inputs)
        record = there or self._record(request.type, kind, request.urn, unique, inputs, 1)
        if not there:
            # A name that only begins as asked is another each time, whatever a killed engine left.
            while (
                kind.name
                and kind.name not in inputs
                and self._cloud.get(request.type, record["id"])
            ):
                record = self._record(request.type, kind, request.urn, next(uniques), inputs, 1)
            if self._cloud.get(request.type, record["id"]):
                context.abort(
                    grpc.StatusCode.ALREADY_EXISTS, f"{request.type} {record['id']} exists already"
                )
            self._cloud.put(record)
        return provider_pb2.CreateResponse(
            id=record["id"], properties=wire.to_struct(record["outputs"])
        )

    def Read(self, request: provider_pb2.ReadRequest, context: Any) -> provider_pb2.ReadResponse:
        record = self._cloud.get(request.type, request.id)
        if record is None:
            return provider_pb2.ReadResponse()
        return provider_pb2.ReadResponse(
            id=record["id"],
            inputs=wire.to_struct(record["inputs"]),
            properties=wire.to_struct(record["outputs"]),
        )

    def Update(
        self, request: provider_pb2.UpdateRequest, context: Any
    ) -> provider_pb2.UpdateResponse:
        kind = self._kind(request.type, context)
        inputs = wire.to_dict(request.news)
        if request.preview:
            olds = wire.to_dict(request.olds)
            moving = dict.fromkeys(kind.changing, wire.UNKNOWN) if inputs.get("publish") else {}
            return provider_pb2.UpdateResponse(
                properties=wire.to_struct({**olds, **inputs, **moving})
            )
        record = self._cloud.get(request.type, request.id)
        if record is None:
            context.abort(grpc.StatusCode.NOT_FOUND, f"{request.type} {request.id} is gone")
        record = self._record(
            request.type, kind, request.urn, record["unique"], inputs, record["version"] + 1
        )
        self._cloud.put(record)
        return provider_pb2.UpdateResponse(properties=wire.to_struct(record["outputs"]))

    def Delete(self, request: provider_pb2.DeleteRequest, context: Any) -> empty_pb2.Empty:
        record = self._cloud.get(request.type, request.id)
        if record and record["inputs"].get("deletionProtectionEnabled"):
            context.abort(
                grpc.StatusCode.FAILED_PRECONDITION,
                f"{request.type} {request.id} has deletion protection",
            )
        self._cloud.remove(request.type, request.id)
        return empty_pb2.Empty()

    def _record(
        self,
        token: str,
        kind: ResourceType,
        urn: str,
        unique: str,
        inputs: Inputs,
        version: int,
    ) -> dict[str, Any]:
        named = _named(kind, inputs, unique)
        outputs = {**named, **kind.computed(Made(self._region, unique, named, version))}
        outputs.pop(INTERNAL, None)
        outputs["id"] = outputs[kind.id] if kind.id else unique
        return {
            "type": token,
            "id": outputs["id"],
            "urn": urn,
            "unique": unique,
            "inputs": inputs,
            "outputs": outputs,
            "version": version,
        }

    def _adopted(self, token: str, kind: ResourceType, inputs: Inputs) -> dict[str, Any] | None:
        """What is there already and a creation with these inputs would return."""
        if not kind.adopts:
            return None
        same = (
            record
            for record in self._cloud.of(token)
            if all(record["inputs"].get(name) == inputs.get(name) for name in kind.adopts)
        )
        return next(same, None)

    def _kind(self, token: str, context: Any) -> ResourceType:
        if token not in RESOURCE_TYPES:
            context.abort(
                grpc.StatusCode.UNIMPLEMENTED,
                f"the double does not know {token}: describe it in tests/engine/aws_resources.py",
            )
        return RESOURCE_TYPES[token]

    def _made_up_name(
        self, request: provider_pb2.CheckRequest, kind: ResourceType, olds: Inputs
    ) -> str:
        if kind.name in olds.get(INTERNAL, []):
            return str(olds[kind.name])
        logical = request.urn.rpartition("::")[2]
        names = (f"{logical}-{_digest(request.urn, str(n))[:7]}" for n in itertools.count())
        return next(n for n in names if not self._cloud.named(request.type, kind.name, n))


def _named(kind: ResourceType, inputs: Inputs, unique: str) -> Inputs:
    """The inputs with a physical name; one that begins as asked is made when it is created."""
    if not kind.name:
        return inputs
    return {kind.name: f"{inputs.get('namePrefix', '')}{unique}", **inputs}


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _without_version(values: Mapping[str, Any]) -> Inputs:
    return {key: value for key, value in values.items() if key != "version"}


def _failures(token: str, inputs: Mapping[str, Any]) -> list[provider_pb2.CheckFailure]:
    unknown = set(wire.unknown_paths(inputs))
    with _loading:
        found = problems(token, _with_archives(inputs))
    return [
        provider_pb2.CheckFailure(property=where, reason=reason)
        for where, reason in _split(found)
        if where not in unknown
    ]


def _split(found: list[str]) -> list[tuple[str, str]]:
    return [(where, reason) for where, _, reason in (text.partition(": ") for text in found)]


def _with_archives(value: Any) -> Any:
    if isinstance(value, Mapping):
        if value.get(wire.SIGNATURE) == wire.ARCHIVE:
            return pulumi.FileArchive(value.get("path", ""))
        return {key: _with_archives(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_archives(item) for item in value]
    return value


def _diff_response(
    changed: list[str],
    detailed: Mapping[str, provider_pb2.PropertyDiff],
    replaces: list[str],
    delete_first: bool = False,
) -> provider_pb2.DiffResponse:
    some, none = provider_pb2.DiffResponse.DIFF_SOME, provider_pb2.DiffResponse.DIFF_NONE
    return provider_pb2.DiffResponse(
        changes=some if changed else none,
        diffs=changed,
        replaces=replaces,
        detailedDiff=detailed,
        hasDetailedDiff=bool(detailed),
        deleteBeforeReplace=delete_first,
    )


def main() -> None:
    server = grpc.server(
        futures.ThreadPoolExecutor(8),
        options=[("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)],
    )
    cloud = Cloud(Path(os.environ[CLOUD_VARIABLE]))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(AwsDouble(cloud), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    # An engine that is killed does not end what it started.
    engine = os.getppid()
    while server.wait_for_termination(1) and os.getppid() == engine:
        pass


if __name__ == "__main__":
    main()
