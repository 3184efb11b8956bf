"""A running local system, for the command line, tests, chaos and operations.

with system(overrides={"maxReceiveCount": 2}) as local:
    requests.post(f"{local.url}/orders", ...)
    local.client("dynamodb").scan(TableName=local.outputs["ordersTableName"])
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from local import events, permissions, program, state
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
from local.package import package, worker_interpreter


class System:
    """What runs: `url` of the API, the stack's `outputs`, the `resources` registered.

    `stream` tells everything that happens to whoever subscribes.
    """

    def __init__(
        self,
        stack: str,
        url: str,
        stream: events.Stream,
        emulator: Emulator,
        deployer: Deployer,
    ) -> None:
        self.stack, self.url = stack, url
        self.outputs: dict[str, Any] = {}
        self.api: dict[str, Any] | None = None
        self._emulator, self._deployer = emulator, deployer
        self.stream = stream
        self._died = threading.Event()
        self._reason = ""

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
        group = (
            self.client("lambda")
            .get_function_configuration(FunctionName=function)["LoggingConfig"]
            .get("LogGroup", f"/aws/lambda/{function}")
        )
        pages = self.client("logs").get_paginator("filter_log_events")
        return [
            event["message"]
            for page in pages.paginate(logGroupName=group, filterPattern=pattern)
            for event in page["events"]
        ]

    def events(self, kind: type[events.Kind]) -> list[events.Kind]:
        """What happened of one type of event, as `BatchProcessed`; the latest, oldest first."""
        return self.stream.history(kind)

    def wait(self, seconds: float | None = None) -> None:
        """Wait; raises `EmulatorError` as soon as the emulator has ended by itself."""
        if self._died.wait(seconds):
            raise EmulatorError(self._reason)

    def ended(self, reason: str) -> None:
        """Take note that the emulator has ended by itself."""
        self._reason = reason
        self._died.set()


@contextmanager
def system(
    stack: str = "local",
    overrides: Mapping[str, Any] | None = None,
    port: int = 0,
    stream: events.Stream | None = None,
    functions_endpoint: Callable[[str], str] | None = None,
    publish_state: bool = False,
    concurrency: int | None = None,
) -> Iterator[System]:
    """Run the program's stack locally for as long as the context lasts.

    `port` serves the API on the loopback interface (0: any free one). `overrides` are
    configuration values over those of the stack. `stream` is told all that happens, from the start
    on. `functions_endpoint` maps the emulator's AWS endpoint to the one that functions are
    given, so that a proxy can stand between. With `publish_state`, `local.state` finds the run.
    `concurrency` is how many invocations of one function and batches of one event source run at
    once, where they wait more than they compute.

    Raises `LocalRunError` for what cannot be run; nothing is left behind in any case.
    """
    config = program.stack_config(stack, overrides)
    collecting = gc.isenabled()
    edge_socket = listen(port)
    url = f"http://{HOST}:{edge_socket.getsockname()[1]}"
    created: list[System] = []
    told = stream or events.Stream()
    died: list[str] = []

    def heard(event: events.Event) -> None:
        if isinstance(event, events.SystemEnded):
            died.append(event.reason or "")
            for each in created:
                each.ended(event.reason or "")
        told.publish(event)

    emulator = Emulator(
        edge_socket, heard, functions_endpoint, concurrency or INVOCATIONS_PER_FUNCTION
    )
    try:
        emulator.start()
        gc.disable()  # what the program makes stays, and collecting is a third of the start
        edge_socket.close()
        interpreter = worker_interpreter()
        clients = _Clients(emulator)
        deployer = Deployer(
            client=clients,
            code=_Code(clients),
            edge_url=url,
            batch_concurrency=concurrency or BATCH_CONCURRENCY,
        )
        running = System(stack, url, told, emulator, deployer)
        created.append(running)
        for reason in died:
            running.ended(reason)
        running.outputs = _deploy(stack, deployer, overrides, running)
        permissions.require(deployer.resources, running.client("iam"))
        running.api = define(deployer.resources, deployer.account)
        emulator.serve(stack, url, running.api or _no_api(deployer), deployer.region, interpreter)
        if publish_state:
            state.write(
                stack,
                {
                    "endpoint": emulator.endpoint,
                    "credentials": emulator.credentials,
                    "region": deployer.region,
                    "url": url,
                    "outputs": running.outputs,
                    "config": config,
                },
            )
        if collecting:
            gc.enable()
        yield running
    finally:
        if collecting:
            gc.enable()
        emulator.stop()
        edge_socket.close()
        if not died:
            told.publish(events.SystemEnded())
        told.close()
        if publish_state:
            state.remove(stack)


def _deploy(
    stack: str, deployer: Deployer, overrides: Mapping[str, Any] | None, running: System
) -> dict[str, Any]:
    try:
        return program.run(stack, deployer, overrides)
    except Exception as error:
        running.wait(0)  # an emulator that died is the reason of whatever else failed
        if deployer.error is not None and deployer.error is not error:
            raise deployer.error from error
        raise


def _no_api(deployer: Deployer) -> dict[str, Any]:
    return {
        "apiId": "none",
        "region": deployer.region,
        "account": deployer.account,
        "stage": "$default",
        "routes": [],
    }


class _Clients:
    """Gives clients once the emulator answers."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._ready = threading.Lock()
        self._answered = False

    def __call__(self, service: str, region: str) -> Any:
        with self._ready:
            if not self._answered:
                self._emulator.wait_ready()
                self._answered = True
        return self._emulator.client(service, region)


class _Code:
    """Puts each registered archive into S3 once, though several functions share it."""

    def __init__(self, clients: _Clients) -> None:
        self._clients = clients
        self._lock = threading.Lock()
        self._put: dict[tuple[str, str], dict[str, str]] = {}

    def __call__(self, archive: Any, region: str) -> dict[str, str]:
        key = (region, str(getattr(archive, "path", id(archive))))
        with self._lock:
            if key not in self._put:
                # A bucket of its own each time: Lambda reads code in its own region only.
                bucket = f"local-function-code-{len(self._put)}"
                storage = self._clients("s3", region)
                elsewhere = {"CreateBucketConfiguration": {"LocationConstraint": region}}
                storage.create_bucket(Bucket=bucket, **({} if region == "us-east-1" else elsewhere))
                storage.put_object(Bucket=bucket, Key="function.zip", Body=package(archive))
                self._put[key] = {"S3Bucket": bucket, "S3Key": "function.zip"}
            return self._put[key]
