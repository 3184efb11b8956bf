"""One order's life as steps in time, from what the run's events say of it: nothing is invented.

A step without a duration is a moment. Times are in seconds since the epoch, durations in
milliseconds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from local import events
from local.index import Index, Order

Kind = Literal["request", "wait", "cold", "handler", "call", "queue", "dead", "log"]

SHORT_MILLISECONDS = 1.0
"""Waiting for less is no wait."""

_TOLD_ALREADY = frozenset(
    {"level", "message", "timestamp", "service", "correlation_id", "xray_trace_id"}
)


@dataclass(frozen=True)
class Step:
    """One thing that happened to an order; `failed` when it did not do what it should."""

    at: float
    kind: Kind
    what: str
    milliseconds: float | None = None
    detail: str = ""
    failed: bool = False


def timeline(
    index: Index, order: Order, names: Mapping[str, str], reads: bool = True
) -> list[Step]:
    """The steps of an order's life, in the order in which they began, `reads` of it included.

    `names` are what functions are called here, by their names in Lambda.
    """
    steps: list[Step] = []
    invocations: dict[str, Any] = {}
    for correlation in dict.fromkeys([*_placing(index, order), *(order.reads if reads else ())]):
        request = index.request(correlation)
        found = index.about(correlation)
        if request is not None:
            steps += _request(request, found)
        invocations |= {each.request_id: each for each in found}
    left: dict[str, float] = {}
    for message in order.received:
        steps.append(_received(message, left.get(message.message_id)))
        left[message.message_id] = message.at
        invocations |= {each.request_id: each for each in index.about(message.message_id)}
    for named in order.invocations:
        invocation = index.invocation(named)
        if invocation is not None:
            invocations[named] = invocation
    for invocation in invocations.values():
        name = names.get(invocation.function, invocation.function)
        steps += _invocation(index, order, invocation, name)
    steps += [
        Step(
            each.at,
            "dead",
            f"{each.queue} → {each.dead_letter_queue}",
            detail=f"message {each.message_id} after {each.receives} receives",
            failed=True,
        )
        for each in order.dead
    ]
    return sorted(steps, key=lambda step: (step.at, step.milliseconds is None))


def _placing(index: Index, order: Order) -> Iterator[str]:
    """Requests that placed it: a read logs its id with a correlation of its own, too."""
    for correlation in order.correlations:
        request = index.request(correlation)
        if request is None or request.method != "GET":
            yield correlation


def _request(request: events.RequestAnswered, invocations: list[Any]) -> Iterator[Step]:
    began = request.at - request.milliseconds / 1000
    yield Step(
        began,
        "request",
        f"{request.method} {request.path} → {request.status}",
        request.milliseconds,
        f"request {request.request_id}" + (f", {request.reason}" if request.reason else ""),
        request.status >= 500,
    )
    if invocations:
        waited = (_began(invocations[0]) - began) * 1000
        if waited > SHORT_MILLISECONDS:
            yield Step(began, "wait", "at the door, for a free environment", waited)


def _received(message: events.MessageReceived, before: float | None) -> Step:
    """The time in the queue; `before` is when the delivery before this one left it."""
    again = f", receive {message.receives}: delivered again" if message.receives > 1 else ""
    since = message.sent if before is None else before
    return Step(
        since,
        "queue",
        f"in {message.queue}{again}",
        max(0.0, (message.at - since) * 1000),
        f"message {message.message_id}",
    )


def _began(invocation: Any) -> float:
    return float(invocation.at - invocation.milliseconds / 1000)


def _invocation(index: Index, order: Order, invocation: Any, name: str) -> Iterator[Step]:
    at, left = _began(invocation), invocation.milliseconds
    for what, milliseconds in (
        ("environment and code", invocation.environment_milliseconds),
        ("INIT: runtime, imports, globals", invocation.init_milliseconds),
    ):
        if milliseconds is not None:
            yield Step(at, "cold", f"{name} cold start, {what}", milliseconds)
            at += milliseconds / 1000
            left -= milliseconds
    warm = "cold" if invocation.init_milliseconds is not None else "warm"
    failure = invocation if isinstance(invocation, events.FunctionFailed) else None
    batch = _batch(invocation)
    yield Step(
        at,
        "handler",
        f"{name} handler, {warm}" + (f": {failure.error}" if failure else ""),
        max(0.0, left),
        ", ".join(filter(None, [batch, f"invocation {invocation.request_id}"])),
        failure is not None,
    )
    for call in index.calls(invocation.trace_id):
        detail = ", ".join(filter(None, [call.resource, batch and "of the batch"]))
        yield Step(
            call.began,
            "call",
            f"{call.service} {call.operation}" + (f": {call.failure}" if call.failure else ""),
            call.milliseconds,
            detail,
            bool(call.failure),
        )
    alone = not batch
    for line in index.lines(invocation.request_id):
        if alone or order.id in line.text:
            step = _line(line, invocation)
            if step is not None:
                yield step


def _batch(invocation: Any) -> str:
    messages = invocation.ids.count(", ") + 1
    if invocation.source == "api" or messages == 1:
        return ""
    return f"batch of {messages} from {invocation.source.removeprefix('aws:')}"


def _line(line: events.LogLine, invocation: Any) -> Step | None:
    """A structured line as words; None for metrics, and for what a worker itself says."""
    try:
        said = json.loads(line.text)
    except ValueError:
        return None
    if not isinstance(said, dict) or "_aws" in said or "message" not in said:
        return None
    rest = " ".join(f"{key}={value}" for key, value in said.items() if key not in _TOLD_ALREADY)
    return Step(
        # Lines reach the run when the invocation has ended: their own time is the right one.
        _moment(said.get("timestamp"), invocation.at),
        "log",
        f"{said.get('level', '')} {said['message']}".strip(),
        detail=rest,
        failed=said.get("level") in ("ERROR", "CRITICAL"),
    )


def _moment(timestamp: Any, otherwise: float) -> float:
    try:
        return datetime.fromisoformat(timestamp).timestamp()
    except (TypeError, ValueError):
        return otherwise
