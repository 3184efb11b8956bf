"""One deployment: checks, the traffic step by step, and back when something is wrong.

https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-hooks.html#appspec-hooks-lambda
"""

from __future__ import annotations

import secrets
import string
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]

from local.codedeploy import cloud
from local.codedeploy.cloud import Clients, Cloud

UNDER_WAY = ("Created", "InProgress")

HOOKS = {"BeforeAllowTraffic", "AfterAllowTraffic"}
"""The lifecycle events of a deployment that are for checks."""

HOOK_MINUTES = 60
"""How long a check may take."""


@dataclass(frozen=True)
class Group:
    """A deployment group, as far as it matters here."""

    application: str
    name: str
    role: str
    config: str
    alarms: tuple[str, ...] = ()
    rolled_back_on: tuple[str, ...] = ()


@dataclass(frozen=True)
class Revision:
    """What an AppSpec says: the function, its alias, both versions and the checks."""

    function: str
    alias: str
    current: str
    target: str
    hooks: Mapping[str, str]


class Ended(Exception):  # noqa: N818 - it is no error of ours
    """The shift goes no further, as CodeDeploy's status, code and event for rollbacks say."""

    def __init__(self, status: str, code: str, event: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.event, self.message = status, code, event, message


def _new_id() -> str:
    return "d-" + "".join(secrets.choice(string.ascii_uppercase) for _ in range(9))


@dataclass
class Deployment:
    """A deployment and how far it is; `steps` are minutes of a pause before each weight."""

    group: Group
    config: str
    revision: Revision
    content: str
    steps: list[tuple[float, int]]
    id: str = field(default_factory=_new_id)
    description: str = ""
    creator: str = "user"
    region: str = ""
    status: str = "Created"
    created: float = field(default_factory=time.time)
    completed: float | None = None
    weight: int = 0
    lifecycle: dict[str, str] = field(default_factory=dict)
    error: Ended | None = None
    rollback: Deployment | None = None
    rolls_back: str = ""
    stopping: bool | None = None
    """Whether it was told to end, and whether to roll back then."""
    verdicts: dict[str, str] = field(default_factory=dict)
    """What checks say of themselves, by the id of their execution."""


class Shift:
    """Runs a deployment; `minute` is how many seconds one of its minutes takes here."""

    def __init__(self, deployment: Deployment, at: Cloud, minute: float) -> None:
        self._it, self._cloud, self._minute = deployment, at, minute
        self._pause = min(0.5, minute / 20)

    def start(self) -> None:
        """Begin; returns at once."""
        threading.Thread(target=self.run, daemon=True, name=self._it.id).start()

    def run(self) -> None:
        """All of it."""
        it = self._it
        it.status = "InProgress"
        try:
            clients = self._cloud.as_role(it.group.role, it.region)
            self._expect_current(clients)
            self._check(clients, "BeforeAllowTraffic")
            self._allow(clients)
            self._check(clients, "AfterAllowTraffic")
        except Ended as ended:
            self._end(ended)
        except (ClientError, BotoCoreError) as error:
            self._end(Ended("Failed", "IAM_ROLE_PERMISSIONS", "DEPLOYMENT_FAILURE", str(error)))
        else:
            it.completed, it.status = time.time(), "Succeeded"

    def _expect_current(self, clients: Clients) -> None:
        """A rollback takes the alias as it is; everything else begins where it says."""
        it = self._it
        alias = clients("lambda").get_alias(
            FunctionName=it.revision.function, Name=it.revision.alias
        )
        if it.rolls_back or alias["FunctionVersion"] == it.revision.current:
            return
        raise Ended(
            "Failed",
            "INVALID_LAMBDA_CONFIGURATION",
            "DEPLOYMENT_FAILURE",
            f"the alias {it.revision.alias} of {it.revision.function} is at version "
            f"{alias['FunctionVersion']}, not {it.revision.current}",
        )

    def _allow(self, clients: Clients) -> None:
        it = self._it
        it.lifecycle["AllowTraffic"] = "InProgress"
        for minutes, weight in it.steps:
            for _ in self._until(minutes):
                self._look(clients)
            self._lead(clients, weight)
        it.lifecycle["AllowTraffic"] = "Succeeded"

    def _lead(self, clients: Clients, weight: int) -> None:
        it = self._it
        whole = weight == 100
        clients("lambda").update_alias(
            FunctionName=it.revision.function,
            Name=it.revision.alias,
            FunctionVersion=it.revision.target if whole else it.revision.current,
            RoutingConfig={
                "AdditionalVersionWeights": {} if whole else {it.revision.target: weight / 100}
            },
        )
        it.weight = weight

    def _check(self, clients: Clients, name: str) -> None:
        function = self._it.revision.hooks.get(name)
        if function is None:
            return
        it, execution = self._it, f"{self._it.id}-{name}"
        it.lifecycle[name] = "InProgress"
        event = {"DeploymentId": it.id, "LifecycleEventHookExecutionId": execution}
        flaw = cloud.invoke(clients, function, event)
        if flaw is None:
            for _ in self._until(HOOK_MINUTES):
                self._look(clients)
                if execution in it.verdicts:
                    break
        it.lifecycle[name] = it.verdicts.get(execution, "Failed")
        if it.lifecycle[name] != "Succeeded":
            message = flaw or f"the check {function} says {it.lifecycle[name]}"
            raise Ended("Failed", "HOOK_EXECUTION_FAILURE", "DEPLOYMENT_FAILURE", message)

    def _until(self, minutes: float) -> Iterator[None]:
        end = time.monotonic() + minutes * self._minute
        while time.monotonic() < end:
            yield
            time.sleep(min(self._pause, max(0.0, end - time.monotonic())))

    def _look(self, clients: Clients) -> None:
        """End it when somebody, or an alarm, says so."""
        it = self._it
        if it.stopping is not None:
            raise Ended("Stopped", "MANUAL_STOP", "DEPLOYMENT_STOP_ON_REQUEST", "stopped by a user")
        if it.rolls_back:
            return
        alarms = list(it.group.alarms)
        self._cloud.evaluate(alarms, it.region)
        if rang := cloud.ringing(clients, alarms):
            raise Ended(
                "Stopped",
                "ALARM_ACTIVE",
                "DEPLOYMENT_STOP_ON_ALARM",
                f"One or more alarms have been activated: {', '.join(rang)}",
            )

    def _end(self, ended: Ended) -> None:
        it = self._it
        for name, status in it.lifecycle.items():
            it.lifecycle[name] = "Failed" if status == "InProgress" else status
        back = it.stopping or ended.event in it.group.rolled_back_on
        if back and not it.rolls_back:
            it.rollback = self._rollback()
            Shift(it.rollback, self._cloud, self._minute).run()
        it.error, it.completed = ended, time.time()
        it.status = ended.status

    def _rollback(self) -> Deployment:
        it = self._it
        back = Revision(
            it.revision.function, it.revision.alias, it.revision.target, it.revision.current, {}
        )
        return Deployment(
            group=it.group,
            config=it.config,
            revision=back,
            content=it.content,
            steps=[(0, 100)],
            creator="codeDeployRollback",
            region=it.region,
            rolls_back=it.id,
        )
