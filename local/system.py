"""A running local system, for the command line, tests, chaos and operations.

with system(overrides={"queue.maxReceiveCount": 2}) as local:
    requests.post(f"{local.url}/orders", ...)
    local.client("dynamodb").scan(TableName=local.outputs["ordersTableName"])
"""

from __future__ import annotations

import contextlib
import functools
import gc
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local import events, logs, permissions, program, state
from local.deployer import Deployer, Resource
from local.edge.definition import define
from local.emulator import (
    BATCH_CONCURRENCY,
    HOST,
    INVOCATIONS_PER_FUNCTION,
    Emulator,
    listen,
)
from local.errors import EmulatorError
from local.events import Event
from local.origins import Origin, Origins
from local.package import CodeStore, worker_interpreter

if TYPE_CHECKING:
    from local.reloading import Running


class System:
    """What runs: `url` of the API, the stack's `outputs`, the `resources` registered.

    `stream` tells everything that happens to whoever subscribes.
    """

    def __init__(
        self,
        stack: str,
        overrides: Mapping[str, Any] | None,
        config: dict[str, str],
        url: str,
        stream: events.Stream,
        emulator: Emulator,
        deployer: Deployer,
    ) -> None:
        self.stack, self.url = stack, url
        self.overrides, self.config = overrides, config
        self.outputs: dict[str, Any] = {}
        self.api: dict[str, Any] | None = None
        self.origins: dict[tuple[str, str], Origin] = {}
        self.home: System | None = None
        """In a further region of a run: the system of the first one."""
        self._emulator, self._deployer = emulator, deployer
        self.stream = stream
        self._watches_rights = False
        self._died = threading.Event()
        self._reason = ""
        self._told: dict[str, Any] = {}
        self.report: Callable[[Event], None] = self.heard
        """Where what this process itself does to the run is told."""

    @property
    def region(self) -> str:
        """The AWS region of the program's provider."""
        return self._deployer.region

    @property
    def resources(self) -> list[Resource]:
        """What the program registered, in the order of creation."""
        return list(self._deployer.resources)

    @property
    def without_effect(self) -> dict[str, str]:
        """Types and inputs that are accepted but do nothing locally, with the reason."""
        return dict(sorted(self._deployer.without_effect.items()))

    @property
    def endpoint(self) -> str:
        """The emulator's AWS endpoint."""
        return self._emulator.endpoint

    @property
    def credentials(self) -> dict[str, str]:
        """The administrator's credentials on the emulator, as boto3 takes them."""
        return self._emulator.credentials

    @property
    def pid(self) -> int:
        """The emulator's process id."""
        return self._emulator.pid

    def lead_functions_to(self, url: str | None) -> None:
        """Give functions another AWS endpoint from their next invocation on; None: their own."""
        self._emulator.lead_functions_to(url)

    def set_regions(self, down: Sequence[str], cut: Sequence[str]) -> None:
        """Have these regions of the run be down, and these cut off, and no others."""
        self._emulator.set_regions(down, cut)

    def watch_rights(self) -> None:
        """Tell of every decision of IAM on a role's request from now on (`CallAuthorized`)."""
        if not self._watches_rights:
            self._watches_rights = True
            self._emulator.watch_rights()

    def of_type(self, kind: str) -> list[Resource]:
        """The resources whose type ends in `kind`, as `Function` or `sqs/queue:Queue`."""
        return [r for r in self.resources if r.type.endswith(f":{kind}")]

    def client(self, service: str) -> Any:
        """The administrator's boto3 client of an AWS service on the emulator."""
        return self._emulator.client(service, self.region)

    def role_client(self, service: str, role_arn: str) -> Any:
        """A boto3 client with a session of `role_arn`, to see what the role may do."""
        session = self.client("sts").assume_role(RoleArn=role_arn, RoleSessionName="local")
        credentials = session["Credentials"]
        return self._emulator.client(
            service,
            self.region,
            aws_access_key_id=credentials["AccessKeyId"],
            aws_secret_access_key=credentials["SecretAccessKey"],
            aws_session_token=credentials["SessionToken"],
        )

    def logs(self, function: str, pattern: str = "") -> list[str]:
        """The log lines of a function (its name) that match a filter pattern, oldest first."""
        group = logs.group_of(self.client("lambda"), function)
        return [event["message"] for event in logs.events(self.client("logs"), group, pattern)]

    def events(self, kind: type[events.Kind]) -> list[events.Kind]:
        """What happened of one type of event, as `BatchProcessed`; the latest, oldest first."""
        return self.stream.history(kind)

    def wait(self, seconds: float | None = None) -> None:
        """Wait; raises `EmulatorError` as soon as the emulator has ended by itself."""
        if self._died.wait(seconds):
            raise EmulatorError(self._reason)

    @contextmanager
    def following(self) -> Iterator[None]:
        """Let saved changes of the checkout reach the run for as long as the context lasts."""
        from local.reloading import Code, Reloader, Request  # not before the first screen

        deployer = self._deployer
        code = Code(deployer)

        def request() -> Request:
            return Request(
                stack=self.stack,
                overrides=self.overrides,
                endpoint=self.endpoint,
                credentials=self.credentials,
                region=self.region,
                edge_url=deployer.edge_url,
                batch_concurrency=deployer.batch_concurrency,
                resources=self.resources,
                stashes=deployer.stashes,
                live=code.fingerprints,
                stacks=deployer.stacks,
            )

        reloader = Reloader(code, request, self.take, self.report, self.stack)
        reloader.start()
        try:
            yield
        finally:
            reloader.stop()

    def take(self, running: Running) -> None:
        """Be the system that a changed program has registered in the emulator."""
        deployer = self._deployer
        deployer.resources = running.resources
        deployer.stashes = running.stashes
        deployer.without_effect = running.without_effect
        self.outputs = running.outputs
        self.config = program.stack_config(self.stack, self.overrides)
        self.watch_deployments()
        if running.api != self.api:
            self.api = running.api
            self._emulator.serve_instead(running.api or _no_api(deployer), self.region)
        if self._told:
            self.tell(**self.whereabouts())

    def create(self, stacks: Mapping[str, dict[str, Any]]) -> None:
        """Create what the program registers; it may refer to these stacks, by their outputs."""
        deployer = self._deployer
        deployer.stacks.update({k: v for k, v in stacks.items() if k != self.stack})
        try:
            monitor = Origins(deployer)
            self.origins, deployer.ignored = monitor.found, monitor.ignored
            self.outputs = program.run(self.stack, deployer, self.overrides, monitor=monitor)
        except Exception as error:
            self.wait(0)  # an emulator that died is the reason of whatever else failed
            if deployer.error is not None and deployer.error is not error:
                raise deployer.error from error
            raise
        permissions.require(deployer.resources, self.client("iam"))
        self.watch_deployments()

    def open(self, interpreter: Path) -> None:
        """Serve the API that was created; functions start with this Python."""
        deployer = self._deployer
        self.api = define(deployer.resources, deployer.account)
        api = self.api or _no_api(deployer)
        self._emulator.serve(self.stack, self.url, api, self.region, interpreter)

    def publish(self, function: str, variables: Mapping[str, str]) -> str:
        """Publish a version of a function (its physical name) with further environment variables,
        as a changed program would: the version."""
        from local.reloading import publish

        (resource,) = [each for each in self.of_type("Function") if each.id == function]
        environment = resource.inputs.get("environment") or {}
        changed = {**environment, "variables": {**environment.get("variables", {}), **variables}}
        inputs = {**resource.inputs, "environment": changed}
        version = publish(self._deployer, resource, {"environment"}, inputs)
        self.watch_deployments()
        return version

    def watch_deployments(self) -> None:
        """Have the alarms, as they are now, watch what is deployed progressively."""
        if self.of_type("codedeploy/deploymentGroup:DeploymentGroup"):
            alarms = self.of_type("cloudwatch/metricAlarm:MetricAlarm")
            self._emulator.watch_by({each.outputs["name"]: each.inputs for each in alarms})

    def heard(self, event: Event) -> None:
        """Take in what the emulator reports; callable from any thread."""
        if isinstance(event, events.SystemEnded):
            self._reason = event.reason or ""
            self._died.set()
        if isinstance(event, events.CodeReloaded):
            self.watch_deployments()
        self.stream.publish(event)

    def end(self) -> None:
        """Tell whoever listens that nothing more will happen."""
        if not self._died.is_set():
            self.stream.publish(events.SystemEnded())
        self.stream.close()

    def tell(self, **more: Any) -> None:
        """Add to what `local.state` says of this run."""
        self._told |= more
        state.write(self.stack, self._told)

    def whereabouts(self) -> dict[str, Any]:
        """What a tool in another process needs to reach this run, as it is now."""
        home = self.home
        shared = {"home": {"region": home.region, "outputs": home.outputs}} if home else {}
        return {
            **shared,
            "endpoint": self.endpoint,
            "credentials": self.credentials,
            "region": self.region,
            "url": self.url,
            "outputs": self.outputs,
            "config": self.config,
        }


@contextmanager
def system(
    stack: str = "local",
    overrides: Mapping[str, Any] | None = None,
    port: int = 0,
    stream: events.Stream | None = None,
    functions_endpoint: Callable[[str], str] | None = None,
    publish_state: bool = False,
    concurrency: int | None = None,
    minute: float = 60.0,
) -> Iterator[System]:
    """Run the program's stack locally for as long as the context lasts.

    `port` serves the API on the loopback interface (0: any free one). `overrides` are
    configuration values over those of the stack. `stream` is told all that happens, from the start
    on. `functions_endpoint` maps the emulator's AWS endpoint to the one that functions are
    given, so that a proxy can stand between. With `publish_state`, `local.state` finds the run.
    `concurrency` is how many invocations of one function and batches of one event source run at
    once, where they wait more than they compute. A `minute` of a progressive deployment takes so
    many seconds.

    Raises `LocalRunError` for what cannot be run; nothing is left behind in any case.
    """
    member = Member(stack, overrides, port)
    with systems(
        [member],
        stream or events.Stream(),
        functions_endpoint=functions_endpoint,
        publish_state=publish_state,
        concurrency=concurrency,
        minute=minute,
    ) as (running,):
        yield running


@dataclass(frozen=True)
class Member:
    """A stack of a run, with configuration over its own, and the port of its API (0: any free)."""

    stack: str
    overrides: Mapping[str, Any] | None = None
    port: int = 0


@contextmanager
def systems(
    members: Sequence[Member],
    stream: events.Stream,
    functions_endpoint: Callable[[str], str] | None = None,
    publish_state: bool = False,
    concurrency: int | None = None,
    minute: float = 60.0,
) -> Iterator[list[System]]:
    """Run several stacks, each in a region of its own, in one emulator; one alone is `system`.

    A stack may refer to those before it. `stream` is told everything; where there are several,
    each system's own stream what happens in its region, or in none.
    """
    with contextlib.ExitStack() as sockets:
        configs = [program.stack_config(each.stack, each.overrides) for each in members]
        doors = [sockets.enter_context(contextlib.closing(listen(each.port))) for each in members]
        emulator = Emulator(
            doors, functions_endpoint, concurrency or INVOCATIONS_PER_FUNCTION, minute
        )
        code = CodeStore(emulator.client)
        found: list[System] = []
        for member, config, door in zip(members, configs, doors, strict=True):
            url = f"http://{HOST}:{door.getsockname()[1]}"
            deployer = Deployer(
                client=emulator.client,
                code=code,
                edge_url=url,
                batch_concurrency=concurrency or BATCH_CONCURRENCY,
                stacks={},
            )
            own = stream if len(members) == 1 else events.Stream()
            found.append(
                System(member.stack, member.overrides, config, url, own, emulator, deployer)
            )
            found[-1].home = found[0] if len(found) > 1 else None
        heard = _told_to(found, stream)
        try:
            with _collecting_nothing():
                emulator.start(heard)
                interpreter = worker_interpreter()
                for running in found:
                    running.create({each.stack: each.outputs for each in found})
                for running in found:
                    running.open(interpreter)
                    if publish_state:
                        running.tell(**running.whereabouts())
            yield found
        finally:
            emulator.stop()
            for running in found:
                running.end()
                if publish_state:
                    state.remove(running.stack)
            stream.close()


def _told_to(found: list[System], stream: events.Stream) -> Callable[[Event], None]:
    """Hand each event to the systems that it is about, and to the stream of all."""
    if len(found) == 1:
        return found[0].heard

    def heard(event: Event) -> None:
        stream.publish(event)
        for running in found:
            if not event.region or event.region == running.region:
                running.heard(event)

    for running in found:
        running.report = functools.partial(_reported, heard, running)
    return heard


def _reported(heard: Callable[[Event], None], running: System, event: Event) -> None:
    heard(events.in_region(event, running.region))


@contextmanager
def _collecting_nothing() -> Iterator[None]:
    """What the start makes stays, and collecting garbage is a third of its time."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _no_api(deployer: Deployer) -> dict[str, Any]:
    return {
        "apiId": "none",
        "region": deployer.region,
        "account": deployer.account,
        "stage": "$default",
        "routes": [],
    }
