"""The map of what the program registers: its parts by component, and what leads where.

Arrows come from routes, event sources, grants and redrive policies; what a person wrote nowhere, as
the right to write logs, has none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from functions import contract
from local import graph
from local.graph import Graph, Registered

ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
"""Shown as one part, with their number."""

# Mermaid's shapes, by type: https://mermaid.js.org/syntax/flowchart.html#node-shapes
_SHAPES = {
    "aws:apigatewayv2/api:Api": ("[", "]"),
    "aws:lambda/function:Function": ("(", ")"),
    "aws:dynamodb/table:Table": ("[(", ")]"),
    "aws:sqs/queue:Queue": ("[[", "]]"),
    "aws:s3/bucket:Bucket": ("[(", ")]"),
    "aws:cloudwatch/eventBus:EventBus": ("{{", "}}"),
    "aws:cloudwatch/eventArchive:EventArchive": ("[(", ")]"),
    "aws:scheduler/schedule:Schedule": ("([", "])"),
    "aws:sns/topic:Topic": (">", "]"),
    ALARM: ("{", "}"),
}
"""What is shown; everything else is told by arrows and groups, or belongs to one of these."""

# What Lambda itself does in a function's name with its sources, and what has no resource.
_UNSHOWN = re.compile(
    r"logs:|xray:|ec2:|sqs:(Receive|Delete|GetQueue)|dynamodb:\w*(Stream|Record|Shard)"
)


@dataclass(frozen=True)
class Part:
    """A resource that is shown, by its Pulumi `type` and logical `name`."""

    type: str
    name: str
    label: str
    component: str
    """Type and name of the component that made it, as `PythonFunction orders-get-order`."""


@dataclass(frozen=True)
class Arrow:
    """What leads from one part to another (their indices in `Map.parts`), and why."""

    source: int
    target: int
    label: str
    failure: bool = False
    """Whether only what failed goes there."""


@dataclass(frozen=True)
class Map:
    """The parts, and the arrows between them."""

    parts: list[Part]
    arrows: list[Arrow]


def read(stack: str = "local", overrides: Mapping[str, Any] | None = None) -> Map:
    """The map of the program's stack; raises as `graph.read` does."""
    return _drawn(graph.read(stack, overrides))


def _drawn(read: Graph) -> Map:
    registered = read.resources
    shown = [each for each in registered if each.type in _SHAPES and each.type != ALARM]
    shown.sort(key=lambda each: (list(_SHAPES).index(each.type), each.name))
    places = {each.number: place for place, each in enumerate(shown)}
    parts = [Part(each.type, each.name, _label(each), each.parents[-1]) for each in shown]
    alarms = [each for each in registered if each.type == ALARM]
    if alarms:
        places |= {each.number: len(parts) for each in alarms}
        parts.append(Part(ALARM, "", f"{len(alarms)} alarms", alarms[0].parents[-1]))
    arrows: dict[tuple[int, int, bool], list[str]] = {}
    for source, target, label, failure in _Arrows(read).all():
        if source in places and target in places:
            words = arrows.setdefault((places[source], places[target], failure), [])
            words.extend([label] if label and label not in words else [])
    # A grant by which Lambda hands over what failed is told by the arrow of the failure.
    drawn = [
        Arrow(source, target, ", ".join(words), failure)
        for (source, target, failure), words in sorted(arrows.items())
        if failure or (source, target, True) not in arrows
    ]
    return Map(parts, drawn)


def _label(resource: Registered) -> str:
    if resource.type == "aws:scheduler/schedule:Schedule":
        return str(resource.inputs["scheduleExpression"])
    if resource.type == "aws:cloudwatch/eventArchive:EventArchive":
        return "archive"
    root = resource.parents[0].partition(" ")[2] if resource.parents else ""
    return str(resource.inputs.get("name") or resource.name.removeprefix(f"{root}-"))


_Found = Iterable[tuple[int, int, str, bool]]


class _Arrows:
    """Finds what leads where: (source, target, label, whether it failed), by token."""

    def __init__(self, read: Graph) -> None:
        self._graph, self._all = read, read.resources

    def all(self) -> _Found:
        """Every arrow, some of them several times."""
        for each in self._all:
            if each.type in _FINDERS:
                yield from _FINDERS[each.type](self, each)

    def functions(self, resource: Registered, *keys: str) -> set[int]:
        """The functions that inputs refer to, themselves or by an alias."""
        return {each.number for each in self._graph.behind(resource, *keys)}

    def route(self, route: Registered) -> _Found:
        key = str(route.inputs["routeKey"])
        method, _, path = key.partition(" ")
        if path.split("/")[1:2] in [[version] for version in contract.API_VERSIONS]:
            return  # told with the route that names no version
        keys = {each.inputs["routeKey"] for each in self._graph.of(route.type)}
        versions = [each for each in contract.API_VERSIONS if f"{method} /{each}{path}" in keys]
        label = f"{key} ({', '.join(versions)})" if versions else key
        for number in route.refers("target"):
            for api in route.refers("apiId"):
                for function in self.functions(self._graph.by_number[number], "integrationUri"):
                    yield api, function, label, False

    def mapping(self, mapping: Registered) -> _Found:
        for function in self.functions(mapping, "functionName"):
            for source in mapping.refers("eventSourceArn"):
                stream = "startingPosition" in mapping.inputs
                yield source, function, "stream" if stream else "batches", False
            for place in mapping.refers("destinationConfig"):
                yield function, place, "given up", True

    def schedule(self, schedule: Registered) -> _Found:
        target = schedule.inputs["target"]
        of_target = Registered(0, "", "", (), target)
        for function in self.functions(of_target, "arn"):
            yield schedule.number, function, "", False
        for queue in of_target.refers("deadLetterConfig"):
            yield schedule.number, queue, "not delivered", True

    def target(self, target: Registered) -> _Found:
        for number in target.refers("rule"):
            rule = self._graph.by_number[number]
            sources = rule.refers("eventPattern") or rule.refers("eventBusName")
            for source in sources:
                for reached in self.functions(target, "arn"):
                    yield source, reached, _pattern(rule), False
                for queue in target.refers("deadLetterConfig"):
                    yield source, queue, "not delivered", True

    def policy(self, policy: Registered) -> _Found:
        roles = policy.refers("role")
        functions = [
            each.number
            for each in self._all
            if each.type == "aws:lambda/function:Function" and each.refers("role") & roles
        ]
        document = policy.inputs["policy"]
        statements = (json.loads(document) if isinstance(document, str) else document)["Statement"]
        for statement in statements:
            actions = statement["Action"]
            words = [
                action.partition(":")[2]
                for action in ([actions] if isinstance(actions, str) else actions)
                if not _UNSHOWN.match(action)
            ]
            if statement["Effect"] != "Allow" or not words:
                continue
            on = Registered(0, "", "", (), {"on": statement["Resource"]})
            for function in functions:
                for target in self.functions(on, "on") - {function}:
                    yield function, target, ", ".join(words), False

    def redrive(self, queue: Registered) -> _Found:
        policy = queue.inputs.get("redrivePolicy")
        sources = {queue.number} if queue.type.endswith(":Queue") else queue.refers("queueUrl")
        if policy:
            receives = json.loads(policy)["maxReceiveCount"]
            for source in sources:
                for target in queue.refers("redrivePolicy") - {source}:
                    yield source, target, f"after {receives} receives", True

    def invoke_config(self, config: Registered) -> _Found:
        for function in self.functions(config, "functionName"):
            for queue in config.refers("destinationConfig"):
                yield function, queue, "failed for good", True

    def alarm(self, alarm: Registered) -> _Found:
        for topic in alarm.refers("alarmActions"):
            yield alarm.number, topic, "ring", False

    def archive(self, archive: Registered) -> _Found:
        for bus in archive.refers("eventSourceArn"):
            yield bus, archive.number, "each event", False


_FINDERS = {
    "aws:apigatewayv2/route:Route": _Arrows.route,
    "aws:lambda/eventSourceMapping:EventSourceMapping": _Arrows.mapping,
    "aws:scheduler/schedule:Schedule": _Arrows.schedule,
    "aws:cloudwatch/eventTarget:EventTarget": _Arrows.target,
    "aws:iam/rolePolicy:RolePolicy": _Arrows.policy,
    "aws:sqs/queue:Queue": _Arrows.redrive,
    "aws:sqs/redrivePolicy:RedrivePolicy": _Arrows.redrive,
    "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig": _Arrows.invoke_config,
    "aws:cloudwatch/eventArchive:EventArchive": _Arrows.archive,
    ALARM: _Arrows.alarm,
}


def _pattern(rule: Registered) -> str:
    pattern = rule.inputs.get("eventPattern")
    if not pattern:
        return str(rule.inputs.get("scheduleExpression", ""))
    return ", ".join(json.loads(pattern).get("detail-type", ["each event"]))


def mermaid(drawn: Map) -> str:
    """The map as a Mermaid flowchart; components of several parts are boxes."""
    lines = ["flowchart LR"]
    groups: dict[str, list[int]] = {}
    for place, part in enumerate(drawn.parts):
        groups.setdefault(part.component, []).append(place)
    for number, (component, places) in enumerate(groups.items()):
        boxed = len(places) > 1
        if boxed:
            lines.append(f'  subgraph g{number}["{_text(component)}"]')
        for place in places:
            opening, closing = _SHAPES[drawn.parts[place].type]
            indent = "    " if boxed else "  "
            lines.append(f'{indent}p{place}{opening}"{_text(drawn.parts[place].label)}"{closing}')
        if boxed:
            lines.append("  end")
    for place, part in enumerate(drawn.parts):
        if part.type == "aws:apigatewayv2/api:Api":
            lines.append(f"  client([client]) --> p{place}")
    for arrow in drawn.arrows:
        line = "-.->" if arrow.failure else "-->"
        label = f'|"{_text(arrow.label)}"|' if arrow.label else ""
        lines.append(f"  p{arrow.source} {line}{label} p{arrow.target}")
    return "\n".join(lines) + "\n"


def _text(words: str) -> str:
    """Words as Mermaid takes them in quotes."""
    return words.replace("#", "#35;").replace('"', "#quot;").replace("<", "#lt;")


def svg(drawn: Map) -> str:
    """The map as a picture that needs nothing else to be shown."""
    import mmdr  # long to load

    return str(mmdr.render(mermaid(drawn)).svg())
