"""Runs a Pulumi program without a cloud and records all that it registers and asks for.

`deploy` takes any program, `deploy_stack` the repository's own. A test asserts on the returned
`Recording`, synchronously and after the program has ended: an assertion inside `apply`, or on
an output, may never be evaluated at all. Physical names, ids and ARNs are made up, the same in
every run, and differ from the logical names, so that mixing the two shows. In a preview they
are unknown, as they are before anything is created; inputs made of them are then
`pulumi.output.Unknown`.
"""

import logging
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import pulumi
from pulumi.runtime import rpc
from pulumi.runtime.mocks import MockCallArgs, MockMonitor, MockResourceArgs, Mocks
from pulumi.runtime.proto import source_pb2

from local import program
from tests.aws_names import invoke_answers
from tests.engine.aws_resources import RESOURCE_TYPES, Made, ResourceType

REGION = "eu-west-1"  # not the one of any default
_OTHER = ResourceType("name", id="name")  # a type that the description of AWS does not have
_BUILT_IN = {
    "pulumi:index:Stash": ResourceType(computed=lambda made: {"output": made.inputs["input"]})
}
COMPONENT_PREFIX = "serverless-orders:index:"


@dataclass(frozen=True)
class Registration:
    """One registered resource; property names are the provider's, in camelCase.

    `parent` and `dependencies` are URNs, `provider` is the provider's URN and id, `aliases`
    are former names. `retained` resources outlive their deletion here, `ignored` inputs are never
    changed, a change of those it is `replaced_on` makes another resource.
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
    delete_before_replace: bool
    retained: bool
    ignored: frozenset[str]
    replaced_on: frozenset[str]
    aliases: frozenset[str]
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
    """What a program registered, called, exported and warned of, in no particular order."""

    registrations: list[Registration] = field(default_factory=list)
    invocations: list[Invocation] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

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
    answers: Mapping[str, dict[str, Any]] | None = None,
) -> Recording:
    """Run any program; `config` maps full keys to values, `answers` tokens of the provider's
    functions to what they answer beside those on the account. Raises what the program raises."""

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

    return _record(run, preview, answers)


def deploy_stack(
    stack: str,
    overrides: Mapping[str, Any] | None = None,
    *,
    preview: bool = False,
    other_stacks: Mapping[str, Mapping[str, Any]] | None = None,
) -> Recording:
    """Run the repository's own program for a stack; `overrides` are configuration keys,
    `other_stacks` the outputs of the stacks that it refers to."""
    return _record(
        lambda mocks, monitor: program.run(stack, mocks, overrides, preview, monitor),
        preview,
        other_stacks=other_stacks,
    )


def small_bundle(runtime: str = "", *, require_bytecode: bool = False) -> pulumi.Archive:
    """Stands for the functions' bundle, whose making would install packages."""
    return pulumi.AssetArchive({"README": pulumi.StringAsset(f"the functions' bundle {runtime}")})


def _record(
    run: Callable[[Mocks, MockMonitor], dict[str, Any]],
    preview: bool,
    answers: Mapping[str, dict[str, Any]] | None = None,
    other_stacks: Mapping[str, Mapping[str, Any]] | None = None,
) -> Recording:
    recording = Recording()
    answered = {**invoke_answers(REGION), **(answers or {})}
    mocks = _RecordingMocks(recording, preview, answered, other_stacks or {})
    with (
        mock.patch("components.order_system.bundle", small_bundle),
        # Which lines of a program registered a resource, of which no test asks, is an eighth of
        # the time.
        mock.patch("pulumi.runtime.resource._get_stack_trace", source_pb2.StackTrace),
        _heard(recording.warnings),
    ):
        recording.outputs = run(mocks, _RecordingMonitor(mocks))
    return recording


@contextmanager
def _heard(warnings: list[str]) -> Iterator[None]:
    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            warnings.append(record.getMessage())

    logger, handler = logging.getLogger(program.LOGGER), Handler(logging.WARNING)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


class _RecordingMocks(Mocks):
    def __init__(
        self,
        recording: Recording,
        preview: bool,
        answers: Mapping[str, dict[str, Any]],
        other_stacks: Mapping[str, Mapping[str, Any]],
    ) -> None:
        self.other_stacks = other_stacks
        self.recording = recording
        self.preview = preview
        self.answers = answers
        self.request = threading.local()

    def new_resource(self, args: MockResourceArgs) -> tuple[str, dict[str, Any]]:
        if args.typ == "pulumi:pulumi:StackReference":
            told = self.other_stacks[args.inputs["name"]]
            return args.resource_id or "", {"name": args.inputs["name"], "outputs": told}
        request, urn = self.request.value
        # What deserializes an input moves the mark of a secret in it to the top.
        secrets = {name for name, value in args.inputs.items() if rpc.is_rpc_secret(value)}
        inputs = {name: rpc.unwrap_rpc_secret(value) for name, value in args.inputs.items()}
        if args.custom and not self.preview:
            id_, made = _made(args.typ, args.name, inputs)
        else:
            id_, made = "", {}
        outputs = {**inputs, **made}
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
                delete_before_replace=request.deleteBeforeReplace,
                retained=request.retainOnDelete,
                ignored=frozenset(request.ignoreChanges),
                replaced_on=frozenset(request.replaceOnChanges),
                aliases=frozenset(each.spec.name for each in request.aliases),
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
        answer = self.answers.get(args.token)
        if answer is None:
            raise AssertionError(
                f"there is no answer to {args.token}: add it to tests/aws_names.py"
            )
        return answer


class _RecordingMonitor(MockMonitor):
    """Keeps what the engine is told of a resource beyond its inputs."""

    mocks: _RecordingMocks

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802
        urn = self.make_urn(request.parent, request.type, request.name)
        self.mocks.request.value = (request, urn)
        return super().RegisterResource(request)


def _made(type_: str, logical: str, inputs: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The id and the outputs that AWS would give a resource."""
    unique = f"{zlib.crc32(f'{type_} {logical}'.encode()):08x}"
    kind = {**RESOURCE_TYPES, **_BUILT_IN}.get(type_, _OTHER)
    named = dict(inputs)
    if kind.name:
        prefix = inputs.get("namePrefix", f"{logical}-")
        named.setdefault(kind.name, f"{prefix}{unique[:7]}")
    outputs = {**named, **kind.computed(Made(REGION, unique, named, version=7))}
    return str(outputs[kind.id] if kind.id else unique), outputs
