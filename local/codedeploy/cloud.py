"""What CodeDeploy does to functions and alarms: as on AWS, by the rights of its service role."""

from __future__ import annotations

import functools
import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from botocore.exceptions import ClientError  # type: ignore[import-untyped]

from local import aws, events, metrics

Clients = Callable[[str], Any]

SESSION = "codedeploy"
"""The name of CodeDeploy's sessions of its role."""


class Cloud:
    """The emulator at `endpoint`, whose administrator has these `credentials`.

    `stream` tells what happens, of which the metrics behind alarms are made; `session` is
    CodeDeploy's as a role, `alarms` finds the inputs that an alarm was registered with.
    """

    def __init__(
        self,
        endpoint: str,
        credentials: Mapping[str, str],
        stream: events.Stream,
        session: Callable[[str], Mapping[str, str]],
        alarms: Callable[[str], Mapping[str, Any] | None],
    ) -> None:
        self._endpoint, self._credentials = endpoint, credentials
        self._session, self._alarms = session, alarms
        self._states: dict[str, str] = {}
        self._metrics = metrics.Metrics("", "")
        told = stream.subscribe()
        threading.Thread(target=self._listen, args=(told,), daemon=True, name="alarms").start()

    def _listen(self, told: Iterable[events.Event]) -> None:
        for event in told:
            self._metrics.take(event)

    @property
    def metrics(self) -> metrics.Metrics:
        """The metrics of the run, since somebody first asked for them."""
        return self._metrics

    def as_role(self, role: str, region: str) -> Clients:
        """Clients that may do what a role may."""
        credentials = self._session(role)
        return functools.cache(
            lambda service: aws.client(service, self._endpoint, region, credentials)
        )

    def evaluate(self, names: Iterable[str], region: str) -> None:
        """Set the alarms' states as CloudWatch would, from the run's own metrics."""
        client = aws.client("cloudwatch", self._endpoint, region, self._credentials)
        now = int(time.time()) // metrics.PERIOD
        for name in names:
            inputs = self._alarms(name)
            if inputs is None:
                continue
            found = metrics.alarm(name, inputs, self._metrics, [now])
            state = "OK" if found.state == "UNKNOWN" else found.state
            if self._states.get(name) != state:
                self._states[name] = state
                client.set_alarm_state(
                    AlarmName=name, StateValue=state, StateReason=f"{found.value}"
                )


def ringing(clients: Clients, names: list[str]) -> list[str]:
    """The alarms of these names that ring."""
    if not names:
        return []
    found = clients("cloudwatch").describe_alarms(AlarmNames=names, MaxRecords=100)["MetricAlarms"]
    return [each["AlarmName"] for each in found if each["StateValue"] == "ALARM"]


def invoke(clients: Clients, function: str, event: Mapping[str, Any]) -> str | None:
    """Invoke a check; why it cannot be."""
    try:
        clients("lambda").invoke(
            FunctionName=function, InvocationType="Event", Payload=json.dumps(event).encode()
        )
    except ClientError as error:
        return str(error)
    return None
