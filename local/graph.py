"""What the program registers for a stack, read without a run, an account or a built bundle.

The program runs with made-up answers. Every made-up id, ARN and generated name holds a token of its
resource: whose token an input holds is what the resource refers to.
"""

from __future__ import annotations

import functools
import json
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.runtime.mocks import MockMonitor, MockResourceArgs, Mocks

from local import program
from local.inputs import Inputs

if TYPE_CHECKING:
    from settings import Settings

ACCOUNT, REGION = "123456789012", "us-east-1"

ALIAS = "aws:lambda/alias:Alias"

_OF_ONE_REGION = ("region", "regions.homeStack")
"""Configuration that the stacks of a system's regions do not share."""

_TOKEN = re.compile(r"-r(\d+)x")


@dataclass(frozen=True)
class Registered:
    """One resource of a provider (components are no resources here).

    `inputs` are plain values under the provider's names, in camelCase; an input that is another
    resource's output holds that resource's token.
    """

    number: int
    type: str
    name: str
    parents: tuple[str, ...]
    """Components that it is in, the outermost first, as `PythonFunction orders-get-order`."""
    inputs: dict[str, Any]

    def refers(self, *keys: str) -> set[int]:
        """The numbers of the resources that these inputs refer to; of all inputs without keys."""
        found = {key: self.inputs.get(key) for key in keys} if keys else self.inputs
        return references(found)


def references(value: Any) -> set[int]:
    """The numbers of the resources whose tokens are in any value."""
    return {int(each) for each in _TOKEN.findall(json.dumps(value, default=str))}


@dataclass(frozen=True)
class Graph:
    """All that one stack registers, ordered by component, and its settings with every default."""

    stack: str
    settings: Settings
    resources: list[Registered]

    @functools.cached_property
    def by_number(self) -> Mapping[int, Registered]:
        """The resources by their numbers."""
        return {each.number: each for each in self.resources}

    def of(self, type_: str) -> list[Registered]:
        """The resources of a type, as `aws:sqs/queue:Queue`."""
        return [each for each in self.resources if each.type == type_]

    def behind(self, resource: Registered, *keys: str) -> list[Registered]:
        """The resources that inputs refer to, a function in place of its alias."""
        found: set[int] = set()
        for number in resource.refers(*keys):
            target = self.by_number[number]
            found |= target.refers("functionName") if target.type == ALIAS else {number}
        return [self.by_number[number] for number in sorted(found)]


def read(stack: str, overrides: Mapping[str, Any] | None = None) -> Graph:
    """What a stack registers with these configuration keys; raises as `program.run` does."""
    settings = program.settings(stack, overrides)
    answers, _ = _registered(stack, settings, overrides)
    found = sorted(
        answers.registered.values(), key=lambda each: (each.parents, each.type, each.name)
    )
    return Graph(stack, settings, found)


def _registered(
    stack: str, settings: Settings, overrides: Mapping[str, Any] | None = None
) -> tuple[_Answers, dict[str, Any]]:
    """What a stack registers, and its outputs."""
    answers = _Answers(settings.region, overrides or {})
    unbuilt = pulumi.AssetArchive({"README": pulumi.StringAsset("nothing is built for a reading")})
    monitor = _Monitor(answers)
    return answers, program.run(stack, answers, overrides, monitor=monitor, code=unbuilt)


def _outputs(reference: str, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """The outputs of a home region's stack that another refers to, without tokens: they are of no
    resource there. What is overridden is so in both, but for where each is."""
    stack = reference.rpartition("/")[2]  # organization/project/stack
    shared = {key: value for key, value in overrides.items() if key not in _OF_ONE_REGION}
    _, outputs = _registered(stack, program.settings(stack, shared), shared)
    known: dict[str, Any] = json.loads(_TOKEN.sub("", json.dumps(outputs, default=str)))
    return known


@dataclass
class _Answers(Mocks):
    """Makes up what the provider would answer, and keeps what was registered."""

    region: str = REGION
    overrides: Mapping[str, Any] = field(default_factory=dict)
    registered: dict[int, Registered] = field(default_factory=dict)
    parents: dict[tuple[str, str], str] = field(default_factory=dict)
    """The parent's URN by the type and name of a resource."""

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        if args.typ == "pulumi:pulumi:StackReference":
            told = _outputs(str(args.inputs["name"]), self.overrides)
            return args.name, {"name": args.inputs["name"], "outputs": told}
        with self._lock:
            self._count += 1
            number = self._count
        token, inputs = f"-r{number}x", Inputs(args.inputs).plain()
        if args.custom:
            parents = tuple(self._parents(self.parents.get((args.typ, args.name), "")))
            made = Registered(number, args.typ, args.name, parents, inputs)
            with self._lock:
                self.registered[number] = made
        service = args.typ.split(":")[1].split("/")[0]
        name = str(inputs.get("name") or f"{args.name}{token}")
        arn = f"arn:aws:{service}:{self.region}:{ACCOUNT}:{name.removesuffix(token)}{token}"
        made_up = {
            "name": name,
            "arn": arn,
            "bucket": name,
            "url": f"https://{service}/{name}{token}",
            "invokeArn": arn,
            "streamArn": arn,
            "executionArn": arn,
            "apiEndpoint": f"https://{name}{token}",
            "uuid": name,
            "version": "1",
            "domainValidationOptions": [{"resourceRecordName": name}],
            "output": args.inputs.get("input"),
        }
        return f"{args.name}{token}", {**made_up, **args.inputs}

    def call(
        self, args: pulumi.runtime.MockCallArgs
    ) -> tuple[dict[str, Any], list[tuple[str, str]] | None]:
        answers = {"accountId": ACCOUNT, "region": self.region, "name": self.region}
        arn = f"arn:aws:iam::{ACCOUNT}:root"
        return {**answers, "partition": "aws", "arn": arn, "userId": ACCOUNT}, []

    def _parents(self, urn: str) -> Iterator[str]:
        if not urn:
            return
        kind, name = urn.split("::")[2].rpartition("$")[2], urn.split("::")[3]
        if kind != "pulumi:pulumi:Stack":
            yield from self._parents(self.parents.get((kind, name), ""))
            yield f"{kind.rpartition(':')[2]} {name}"


class _Monitor(MockMonitor):
    mocks: _Answers

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802
        self.mocks.parents[request.type, request.name] = request.parent
        return super().RegisterResource(request)  # type: ignore[no-untyped-call]
