"""Runs a Pulumi program without a cloud and records all that it registers and asks for.

`deploy` takes any program, `deploy_stack` the repository's own. A test asserts on the returned
`Recording`, synchronously and after the program has ended: an assertion inside `apply`, or on
an output, may never be evaluated at all. Physical names, ids and ARNs are made up, the same in
every run, and differ from the logical names, so that mixing the two shows. In a preview they
are unknown, as they are before anything is created; inputs made of them are then
`pulumi.output.Unknown`.
"""

import threading
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import pulumi
from pulumi.runtime import rpc
from pulumi.runtime.mocks import MockCallArgs, MockMonitor, MockResourceArgs, Mocks

from local import program
from tests import aws_names
from tests.aws_names import ACCOUNT, PARTITION

REGION = "eu-west-1"  # not the one of any default
COMPONENT_PREFIX = "serverless-orders:index:"


@dataclass(frozen=True)
class Registration:
    """One registered resource; property names are the provider's, in camelCase.

    `parent` and `dependencies` are URNs, `provider` is the provider's URN and id.
    """

    type: str
    name: str
    urn: str
    id: str
    inputs: dict[str, Any]
    outputs: dict[str, Any]
    parent: str
    provider: str
    protect: bool
    custom: bool
    dependencies: frozenset[str]
    property_dependencies: dict[str, frozenset[str]]
    secrets: frozenset[str]  # names of the inputs with a secret in them; `inputs` has them plain

    def __str__(self) -> str:
        return f"{self.name} ({self.type})"


@dataclass(frozen=True)
class Invocation:
    """One provider function that was called."""

    token: str
    args: dict[str, Any]
    provider: str


@dataclass
class Recording:
    """What a program registered, called and exported, in no particular order."""

    registrations: list[Registration] = field(default_factory=list)
    invocations: list[Invocation] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)

    def of(self, type_: str) -> list[Registration]:
        """All resources of a type, by name."""
        found = [each for each in self.registrations if each.type == type_]
        return sorted(found, key=lambda each: each.name)

    def one(self, type_: str, name: str | None = None) -> Registration:
        """The only resource of a type (of that name); AssertionError when there is not one."""
        found = [each for each in self.of(type_) if name in (None, each.name)]
        if len(found) != 1:
            there = ", ".join(sorted(map(str, self.of(type_)))) or "none of that type"
            raise AssertionError(f"{len(found)} of {type_} {name or ''}; there are: {there}")
        return found[0]

    def by_urn(self, urn: str) -> Registration:
        """The resource of a URN."""
        return next(each for each in self.registrations if each.urn == urn)

    def children(self, parent: Registration) -> list[Registration]:
        """The resources whose parent is the given one."""
        return [each for each in self.registrations if each.parent == parent.urn]


def deploy(
    program_: Callable[[], Any],
    *,
    stack: str = "test",
    project: str = "test",
    config: Mapping[str, str] | None = None,
    preview: bool = False,
) -> Recording:
    """Run any program; `config` maps full keys to values. Raises what the program raises."""

    def run(mocks: Mocks, monitor: MockMonitor) -> dict[str, Any]:
        return program.execute(
            program_,
            mocks,
            project=project,
            stack=stack,
            config=dict(config or {}),
            preview=preview,
            monitor=monitor,
        )

    return _record(run, preview)


def deploy_stack(
    stack: str, overrides: Mapping[str, Any] | None = None, *, preview: bool = False
) -> Recording:
    """Run the repository's own program for a stack; `overrides` are configuration keys."""
    return _record(
        lambda mocks, monitor: program.run(stack, mocks, overrides, preview, monitor), preview
    )


def small_bundle(runtime: str = "") -> pulumi.Archive:
    """Stands for the functions' bundle, whose making would install packages."""
    return pulumi.AssetArchive({"README": pulumi.StringAsset(f"the functions' bundle {runtime}")})


def _record(run: Callable[[Mocks, MockMonitor], dict[str, Any]], preview: bool) -> Recording:
    recording = Recording()
    mocks = _RecordingMocks(recording, preview)
    with mock.patch("components.order_system.bundle", small_bundle):
        recording.outputs = run(mocks, _RecordingMonitor(mocks))
    return recording


class _RecordingMocks(Mocks):
    def __init__(self, recording: Recording, preview: bool) -> None:
        self.recording = recording
        self.preview = preview
        self.request = threading.local()

    def new_resource(self, args: MockResourceArgs) -> tuple[str, dict[str, Any]]:
        request, urn = self.request.value
        # What deserializes an input moves the mark of a secret in it to the top.
        secrets = {name for name, value in args.inputs.items() if rpc.is_rpc_secret(value)}
        inputs = {name: rpc.unwrap_rpc_secret(value) for name, value in args.inputs.items()}
        if args.custom and not self.preview:
            id_, made = _made(args.typ, args.name, inputs)
        else:
            id_, made = "", {}
        outputs = {**made, **inputs}
        self.recording.registrations.append(
            Registration(
                type=args.typ,
                name=args.name,
                urn=urn,
                id=id_,
                inputs=inputs,
                outputs=outputs,
                parent=request.parent,
                provider=request.provider,
                protect=request.protect,
                custom=bool(args.custom),
                dependencies=frozenset(request.dependencies),
                property_dependencies={
                    key: frozenset(value.urns)
                    for key, value in request.propertyDependencies.items()
                },
                secrets=frozenset(secrets),
            )
        )
        return id_, outputs

    def call(self, args: MockCallArgs) -> dict[str, Any]:
        self.recording.invocations.append(Invocation(args.token, args.args, args.provider))
        answer = _ANSWERS.get(args.token)
        if answer is None:
            raise AssertionError(f"the recorder has no answer to {args.token}: add it to _ANSWERS")
        return answer


class _RecordingMonitor(MockMonitor):
    """Keeps what the engine is told of a resource beyond its inputs."""

    mocks: _RecordingMocks

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802
        urn = self.make_urn(request.parent, request.type, request.name)
        self.mocks.request.value = (request, urn)
        return super().RegisterResource(request)


_ANSWERS: dict[str, dict[str, Any]] = {
    "aws:index/getCallerIdentity:getCallerIdentity": {
        "accountId": ACCOUNT,
        "arn": f"arn:{PARTITION}:iam::{ACCOUNT}:user/deployer",
        "id": ACCOUNT,
        "userId": "AIDAEXAMPLE",
    },
    "aws:index/getPartition:getPartition": {
        "dnsSuffix": "amazonaws.com",
        "id": PARTITION,
        "partition": PARTITION,
        "reverseDnsPrefix": "com.amazonaws",
    },
    "aws:index/getRegion:getRegion": {
        "description": "Europe (Ireland)",
        "endpoint": f"ec2.{REGION}.amazonaws.com",
        "id": REGION,
        "name": REGION,
        "region": REGION,
    },
}


def _made(type_: str, logical: str, inputs: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The id and the outputs that AWS would give a resource."""
    unique = f"{zlib.crc32(f'{type_} {logical}'.encode()):08x}"
    name = inputs.get("name") or f"{inputs.get('namePrefix', f'{logical}-')}{unique[:7]}"
    maker = _MAKERS.get(type_)
    if maker is None:
        service = type_.split(":")[1].split("/")[0]
        return name, {"name": name, "arn": _arn(service, name)}
    return maker(name, unique, inputs)


def _arn(service: str, resource: str, region: str = REGION) -> str:
    return aws_names.arn(service, resource, region)


def _table(name: str, _unique: str, _inputs: Any) -> tuple[str, dict[str, Any]]:
    return name, {"name": name, "arn": _arn("dynamodb", f"table/{name}")}


def _queue(name: str, _unique: str, _inputs: Any) -> tuple[str, dict[str, Any]]:
    url = aws_names.queue_url(name, REGION)
    return url, {"name": name, "url": url, "arn": _arn("sqs", name)}


def _log_group(name: str, _unique: str, _inputs: Any) -> tuple[str, dict[str, Any]]:
    return name, {"name": name, "arn": _arn("logs", f"log-group:{name}")}


def _role(name: str, _unique: str, _inputs: Any) -> tuple[str, dict[str, Any]]:
    return name, {"name": name, "arn": _arn("iam", f"role/{name}", region="")}


def _function(name: str, _unique: str, _inputs: Any) -> tuple[str, dict[str, Any]]:
    arn = _arn("lambda", f"function:{name}")
    outputs = {"name": name, "arn": arn, "version": "7", "qualifiedArn": f"{arn}:7"}
    return name, {**outputs, "invokeArn": aws_names.invoke_arn(arn, REGION)}


def _alias(name: str, _unique: str, inputs: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    arn = _arn("lambda", f"function:{inputs['functionName']}:{name}")
    return arn, {"name": name, "arn": arn, "invokeArn": aws_names.invoke_arn(arn, REGION)}


def _api(name: str, unique: str, _inputs: Any) -> tuple[str, dict[str, Any]]:
    return unique, {
        "name": name,
        "arn": aws_names.api_arn(unique, REGION),
        "apiEndpoint": aws_names.api_endpoint(unique, REGION),
        "executionArn": _arn("execute-api", unique),
    }


def _key(_name: str, unique: str, _inputs: Any) -> tuple[str, dict[str, Any]]:
    id_ = f"{unique}-0000-4000-8000-000000000000"
    return id_, {"keyId": id_, "arn": _arn("kms", f"key/{id_}")}


def _topic(name: str, _unique: str, _inputs: Any) -> tuple[str, dict[str, Any]]:
    arn = _arn("sns", name)
    return arn, {"name": name, "arn": arn}


def _alarm(name: str, _unique: str, _inputs: Any) -> tuple[str, dict[str, Any]]:
    return name, {"name": name, "arn": _arn("cloudwatch", f"alarm:{name}")}


def _stash(name: str, _unique: str, inputs: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    return name, {"output": inputs["input"]}


_MAKERS: dict[str, Callable[[str, str, Any], tuple[str, dict[str, Any]]]] = {
    "aws:apigatewayv2/api:Api": _api,
    "aws:cloudwatch/logGroup:LogGroup": _log_group,
    "aws:cloudwatch/metricAlarm:MetricAlarm": _alarm,
    "aws:dynamodb/table:Table": _table,
    "aws:iam/role:Role": _role,
    "aws:kms/key:Key": _key,
    "aws:lambda/alias:Alias": _alias,
    "aws:lambda/function:Function": _function,
    "aws:sns/topic:Topic": _topic,
    "aws:sqs/queue:Queue": _queue,
    "pulumi:index:Stash": _stash,
}
