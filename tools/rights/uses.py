"""What is used: calls that roles sign themselves, seen at the wire, and what services do in a
role's name, which the emulator does without asking IAM and tells as events."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple, Self

from local import events
from local.codedeploy import SESSION as CODEDEPLOY_SESSION
from local.events import Event
from local.system import System

FUNCTION_ITSELF, LAMBDA, SCHEDULER = "the function", "Lambda, for it", "Scheduler"
CODEDEPLOY = "CodeDeploy"

STREAM, SCHEDULED, OBJECTS = "aws:dynamodb", "aws.scheduler", "aws.s3"
"""Where an invocation's event came from, as `Invocation.source` has it."""


class Use(NamedTuple):
    """An action on a resource (ARN) by a role (its name): who did it, and if it was allowed."""

    role: str
    action: str
    resource: str
    by: str
    allowed: bool = True


class Said(NamedTuple):
    """A condition key that a role's calls of an action on a resource said something for."""

    role: str
    action: str
    resource: str
    key: str


class Call(NamedTuple):
    """A service that a resource's policy let in: to a queue (its ARN), or to a function (its name)
    for a rule, or for a route (as the ends of permissions' source ARNs have it)."""

    service: str
    resource: str


GATEWAY, EVENTS = "apigateway.amazonaws.com", "events.amazonaws.com"


class Uses:
    """Counts what a running system uses, from its making to the end of the context."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._counts: Counter[Use] = Counter()
        self._traced: dict[str, str] = {}  # trace id -> function
        self._traces: Counter[str] = Counter()  # trace id -> calls
        self._calls: Counter[Call] = Counter()
        self._said: dict[Said, set[str]] = {}
        self._roles = {
            str(each.outputs["name"]): str(each.inputs["role"]).rpartition("/")[2]
            for each in system.of_type("lambda/function:Function")
        }
        self._arns = {
            str(each.outputs["name"]): str(each.outputs["arn"])
            for each in system.of_type("sqs/queue:Queue")
        }
        self._subscription = system.stream.subscribe(limit=1_000_000)
        system.watch_rights()
        self._thread = threading.Thread(target=self._listen, daemon=True, name="rights")
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._subscription.close()

    def settle(self) -> None:
        """Take in what has happened so far."""
        self._subscription.settle(10)

    def counted(self) -> dict[Use, int]:
        """Each use with how often it was seen."""
        found = Counter(self._counts)
        for trace, calls in self._traces.items():
            if function := self._traced.get(trace):
                found[self._use(function, "xray:PutTraceSegments", "*")] += calls
        return dict(found)

    def calls(self) -> dict[Call, int]:
        """Each call by a service with how often it was seen."""
        return dict(self._calls)

    def said(self) -> dict[Said, set[str]]:
        """What the functions' calls said, by the condition keys of their services."""
        return {key: set(values) for key, values in self._said.items()}

    def _listen(self) -> None:
        for event in self._subscription:
            if isinstance(event, events.CallAuthorized) and event.session in self._roles:
                for key, values in event.said.items():
                    said = Said(event.role, event.action, event.resource, key)
                    self._said.setdefault(said, set()).update(values)
            for use in self._of(event):
                self._counts[use] += 1
            call = self._call(event)
            if call is not None:
                self._calls[call] += 1

    def _call(self, event: Event) -> Call | None:
        match event:
            case events.RequestAnswered() if event.route_key and event.reason is None:
                return Call(GATEWAY, route(event.route_key))
            case events.FunctionInvoked() if event.source == OBJECTS:
                return Call(EVENTS, event.function)
            case events.BatchProcessed():
                return Call(EVENTS, self._arn(event.queue))
        return None

    def _use(self, function: str, action: str, resource: str, by: str = LAMBDA) -> Use:
        return Use(self._roles[function], action, resource, by)

    def _of(self, event: Event) -> Iterator[Use]:
        match event:
            # Sessions that tests and the demo assume to be denied something are nobody's calls.
            case events.CallAuthorized() if event.session in self._roles:
                yield Use(event.role, event.action, event.resource, FUNCTION_ITSELF, event.allowed)
            case events.CallAuthorized() if event.session == CODEDEPLOY_SESSION:
                yield Use(event.role, event.action, event.resource, CODEDEPLOY, event.allowed)
            case events.LogLine() if event.function in self._roles:
                group = self._group(event.function)
                yield self._use(event.function, "logs:PutLogEvents", f"{group}:log-stream:any")
            case events.FunctionInvoked() | events.FunctionFailed():
                yield from self._of_invocation(event)
            case events.CallTraced():
                self._traces[event.trace_id] += 1
            case events.BatchFailed() if event.function in self._roles:
                yield self._use(event.function, "sqs:ReceiveMessage", self._arn(event.queue))
            case events.BatchProcessed() if event.function in self._roles:
                queue = self._arn(event.queue)
                yield self._use(event.function, "sqs:ReceiveMessage", queue)
                if event.messages > event.failures:
                    yield self._use(event.function, "sqs:DeleteMessage", queue)
            case events.EventGivenUp() if event.function in self._roles:
                if ":sqs:" in event.destination:
                    yield self._use(event.function, "sqs:SendMessage", event.destination)
                else:
                    yield self._use(event.function, "s3:PutObject", f"{event.destination}/any")

    def _of_invocation(
        self, event: events.FunctionInvoked | events.FunctionFailed
    ) -> Iterator[Use]:
        function = event.function
        if function not in self._roles:
            return
        self._traced[event.trace_id] = function
        if event.environment_milliseconds is not None:
            group = self._group(function)
            yield self._use(function, "logs:CreateLogStream", f"{group}:log-stream:any")
        if event.source == STREAM:
            for mapping in self._system.of_type("EventSourceMapping"):
                of = str(mapping.inputs["functionName"])
                if f":{function}:" in f"{of}:" and "startingPosition" in mapping.inputs:
                    source = str(mapping.inputs["eventSourceArn"])
                    yield self._use(function, "dynamodb:GetRecords", source)
        for schedule in self._system.of_type("scheduler/schedule:Schedule"):
            target = schedule.inputs["target"]
            if f":{function}:" in f"{target['arn']}:" and event.source == SCHEDULED:
                role = str(target["roleArn"]).rpartition("/")[2]
                yield Use(role, "lambda:InvokeFunction", str(target["arn"]), SCHEDULER)

    def _group(self, function: str) -> str:
        [found] = [
            each
            for each in self._system.of_type("lambda/function:Function")
            if each.outputs["name"] == function
        ]
        arn = str(found.outputs["arn"])
        prefix = arn.partition(":function:")[0].replace(":lambda:", ":logs:")
        return f"{prefix}:log-group:{found.inputs['loggingConfig']['logGroup']}"

    def _arn(self, queue: str) -> str:
        return queue if queue.startswith("arn:") else self._arns.get(queue, queue)


def route(key: str) -> str:
    """A route's key as its permission's source ARN ends: `GET/orders/*`."""
    method, _, path = key.partition(" ")
    return method + re.sub(r"\{[^}]*\}", "*", path)
