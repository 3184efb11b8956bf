"""Pulumi mocks that really create each registered resource, on the emulator."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi
from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]

from local.errors import DeployError
from local.inputs import Inputs
from local.package import CodeStore
from local.resources import CREATORS, UPDATES, WITHOUT_EFFECT, Creation
from local.resources.registry import Creator

_PROVIDER = "pulumi:providers:aws"
_REFERENCE = "pulumi:pulumi:StackReference"
_STASH = "pulumi:index:Stash"  # kept by the engine itself; here a run is all that it outlives


@dataclass(frozen=True)
class Resource:
    """One registered resource: its Pulumi type, logical name, id, inputs and outputs."""

    type: str
    name: str
    id: str
    inputs: dict[str, Any]
    outputs: dict[str, Any]


@dataclass(frozen=True)
class Provider:
    """The program's AWS provider, as far as it matters here."""

    region: str
    default_tags: Mapping[str, str]


@dataclass
class Deployer(pulumi.runtime.Mocks):
    """Creates resources as `local.program.run` registers them.

    `client(service, region)` gives a boto3 client, `code` puts functions' code where Lambda finds
    it.
    `resources` lists what was created, `without_effect` what is accepted but does nothing
    locally, with the reason, `stashes` what the program keeps, by name. Anything it cannot create
    raises `DeployError`.
    """

    client: Callable[[str, str], Any]
    code: CodeStore
    edge_url: str
    batch_concurrency: int
    resources: list[Resource] = field(default_factory=list)
    without_effect: dict[str, str] = field(default_factory=dict)
    stashes: dict[str, Any] = field(default_factory=dict)
    error: DeployError | None = None
    ignored: dict[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    """Inputs that the program leaves alone once a resource is there, by its type and name."""
    stacks: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """The outputs of the stacks that the program may refer to, by name."""

    def __post_init__(self) -> None:
        self._providers: dict[str, Provider] = {}
        self._lock = threading.Lock()
        self._account: str | None = None

    @property
    def region(self) -> str:
        """The region of the program's provider."""
        regions = {provider.region for provider in self._providers.values()}
        if len(regions) != 1:
            raise DeployError(f"expected one AWS provider, found regions {sorted(regions)}")
        return regions.pop()

    @property
    def account(self) -> str:
        """The emulator's account id."""
        if self._account is None:
            identity = self.client("sts", self.region).get_caller_identity()
            self._account = str(identity["Account"])
        return self._account

    def new_resource(
        self, args: pulumi.runtime.MockResourceArgs
    ) -> tuple[str | None, dict[str, Any]]:
        """Create one resource; what Pulumi calls for each registration."""
        if args.typ == _PROVIDER:
            return self._provider(args.name, args.inputs)
        if args.typ == _REFERENCE:
            return self._reference(str(args.inputs["name"]))
        if not args.custom:
            return "", dict(args.inputs)
        if args.typ == _STASH:
            with self._lock:
                kept = self.stashes.setdefault(args.name, args.inputs["input"])
            return args.name, {**args.inputs, "output": kept}
        if self.error is not None:
            raise self.error  # the run is over: create nothing more
        try:
            return self._create(args)
        except DeployError as error:
            self.error = self.error or error
            raise
        except (ClientError, BotoCoreError) as error:
            failure = DeployError(f"{args.typ} {args.name}: the emulator refused it: {error}")
            self.error = self.error or failure
            raise failure from error

    def call(
        self, args: pulumi.runtime.MockCallArgs
    ) -> tuple[dict[str, Any], list[tuple[str, str]] | None]:
        """Answer one provider function; what Pulumi calls for each invoke."""
        return self._answer(args), []

    def update(self, resource: Resource, changed: set[str], inputs: Mapping[str, Any]) -> Resource:
        """Update a resource to `inputs`, of which `changed` are not as they were; what it is now.

        Raises `DeployError` where that cannot be done in place, or the emulator refuses it.
        """
        way, keys = UPDATES.get(resource.type), frozenset(changed)
        if way is None or not way.reaches(keys):
            raise DeployError(
                f"{resource.type} {resource.name}: {', '.join(sorted(keys))} cannot be changed "
                f"while it runs"
            )
        identity, provider = next(iter(self._providers.items()))
        args = pulumi.runtime.MockResourceArgs(
            resource.type, resource.name, dict(inputs), f"::{identity}", resource.id, True
        )
        creation = self._creation(args, provider, before=resource.outputs, changed=keys)
        try:
            self._made(args, way.run, creation, way.fixed)
        except (ClientError, BotoCoreError) as error:
            raise DeployError(
                f"{resource.type} {resource.name}: the emulator refused it: {error}"
            ) from error
        return next(
            each
            for each in self.resources
            if (each.type, each.name) == (resource.type, resource.name)
        )

    def _answer(self, args: pulumi.runtime.MockCallArgs) -> dict[str, Any]:
        function = args.token.rsplit(":", 1)[1]
        if function == "getCallerIdentity":
            identity = self.client("sts", self.region).get_caller_identity()
            return {
                "accountId": identity["Account"],
                "arn": identity["Arn"],
                "userId": identity["UserId"],
                "id": identity["Account"],
            }
        if function == "getRegion":
            region = args.args.get("region") or self.region
            return {"region": region, "name": region, "id": region, "description": region}
        if function == "getPartition":
            return {"partition": "aws", "dnsSuffix": "amazonaws.com", "id": "aws"}
        self.error = self.error or DeployError(
            f"{args.token}: this provider function has no local counterpart: "
            f"answer it in local/deployer.py"
        )
        raise self.error

    def _reference(self, name: str) -> tuple[str, dict[str, Any]]:
        stack = name.rpartition("/")[2]  # organization/project/stack
        if stack not in self.stacks:
            known = ", ".join(self.stacks) or "none"
            self.error = DeployError(
                f"{_REFERENCE} {name}: there is no such stack in this run; there is {known}"
            )
            raise self.error
        return name, {"name": name, "outputs": dict(self.stacks[stack]), "secretOutputNames": []}

    def _provider(self, name: str, inputs: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        # A provider's inputs arrive as JSON text, except plain strings.
        tags = json.loads(inputs.get("defaultTags") or "{}").get("tags") or {}
        identity = f"{name}-{uuid.uuid4()}"
        with self._lock:
            self._providers[identity] = Provider(str(inputs.get("region", "us-east-1")), tags)
        allowed = json.loads(inputs.get("allowedAccountIds") or "[]")
        if allowed and self.account not in allowed:
            self.error = DeployError(
                f"{_PROVIDER} {name}: allowedAccountIds {allowed} leaves out {self.account}, "
                f"the account of every local run"
            )
            raise self.error
        return identity, dict(inputs)

    def _create(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        creator = CREATORS.get(args.typ)
        if creator is None and args.typ not in WITHOUT_EFFECT:
            raise DeployError(
                f"{args.typ} {args.name}: this type has no local counterpart. Write its creator in "
                f"local/resources/, or list it in WITHOUT_EFFECT of local/resources/registry.py "
                f"if the system works locally without it"
            )
        provider = self._provider_of(args)
        if creator is None:
            with self._lock:
                self.without_effect[args.typ] = WITHOUT_EFFECT[args.typ]
            return self._record(args, f"{args.name}-local", {"arn": f"arn:aws:local:{args.name}"})
        return self._made(args, creator, self._creation(args, provider))

    def _provider_of(self, args: pulumi.runtime.MockResourceArgs) -> Provider:
        provider = self._providers.get((args.provider or "").rsplit("::", 1)[-1])
        if provider is None:
            raise DeployError(
                f"{args.typ} {args.name}: it has no explicit AWS provider: give it a parent"
            )
        return provider

    def _creation(
        self, args: pulumi.runtime.MockResourceArgs, provider: Provider, **known: Any
    ) -> Creation:
        """What a creator is given; `known` is what was there before, and what is changed."""
        return Creation(
            type=args.typ,
            logical_name=args.name,
            inputs=Inputs(args.inputs),
            account=self.account,
            region=provider.region,
            edge_url=self.edge_url,
            default_tags=provider.default_tags,
            clients=lambda service: self.client(service, provider.region),
            elsewhere=self.client,
            code=lambda archive: self.code(archive, provider.region),
            batch_concurrency=self.batch_concurrency,
            **known,
        )

    def _made(
        self,
        args: pulumi.runtime.MockResourceArgs,
        creator: Creator,
        creation: Creation,
        fixed: frozenset[str] = frozenset(),
    ) -> tuple[str, dict[str, Any]]:
        """Create or update it; what is `fixed` in an update need not be looked at."""
        label = f"{args.typ} {args.name}"
        try:
            identity, outputs = creator(creation)
        except KeyError as error:
            raise DeployError(f"{label}: input {error} is missing") from error
        tags = creation.tags()
        unread = [path for path in creation.inputs.unread() if path not in fixed]
        if unread:
            raise DeployError(
                f"{label}: the local run does not know the input {', '.join(unread)}. Pass it on "
                f"in its creator in local/resources/, or say there that it has no effect"
            )
        with self._lock:
            self.without_effect.update(creation.without_effect)
        return self._record(args, identity, {**outputs, "tagsAll": tags})

    def _record(
        self, args: pulumi.runtime.MockResourceArgs, identity: str, outputs: dict[str, Any]
    ) -> tuple[str, dict[str, Any]]:
        state = {**args.inputs, **outputs}
        inputs = Inputs(args.inputs).plain()
        made = Resource(args.typ, args.name, identity, inputs, state)
        with self._lock:
            for index, former in enumerate(self.resources):
                if (former.type, former.name) == (made.type, made.name):
                    self.resources[index] = made
                    break
            else:
                self.resources.append(made)
        return identity, state
