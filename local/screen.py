"""What a person sees of a local run: the first screen, then a line for each thing that happens.

Lines hold ids, counts and times, never what a customer sent; `Output` escapes them.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from functions import contract
from local import events, program, sign_in
from local.example import EXAMPLE_ORDER, placing
from local.failures import Failures
from local.output import Output
from local.sign_in import SignInError
from local.system import System

CLOSE_SECONDS = 2
"""How long the end of a run waits for lines of what has already happened."""

EMULATOR_SECONDS = 1
"""How soon the end of the emulator is known after a connection to it was lost."""

_ORDERS = 3  # of a batch, by id; the rest is counted

_CHANGES = 12  # of a program, a line each; the rest is counted

FIRST_ORDER_SECONDS = 30
"""How long the order that the first screen places may take to be CONFIRMED."""


class Screen:
    """Prints to `output` what `stream` tells, from a thread of its own.

    At the level `quiet` failures alone, at `verbose` the functions' log lines as well; `json` is
    every event as a line of JSON (`events.encode`) and nothing else.

    Neither the system nor its other listeners ever wait for it.
    """

    def __init__(self, stream: events.Stream, output: Output, level: str = "normal") -> None:
        self._output, self._level = output, level
        self._names: dict[str, str] = {}
        self._systems: Sequence[System] = ()
        self._failures = Failures()
        self._notes: list[str] = []
        said = logging.getLogger(program.LOGGER)
        said.setLevel(logging.INFO)
        said.addHandler(_Said(self._notes, self.line))
        self._subscription = stream.subscribe()
        self._listener = threading.Thread(target=self._listen, daemon=True, name="screen")
        self._listener.start()

    def line(self, text: str = "") -> None:
        """Print one line for people."""
        if self._level != "json":
            self._output.line(text)

    def catch_up(self) -> None:
        """Print what has happened so far before the next line, unless that takes long."""
        self._subscription.settle(CLOSE_SECONDS)

    def close(self) -> None:
        """Print what has happened so far, as long as somebody reads it."""
        self._subscription.close()
        self._listener.join(CLOSE_SECONDS)
        self._output.close()

    def _listen(self) -> None:
        for event in self._subscription:
            if self._level == "json":
                self._output.line(events.encode(event).decode().rstrip("\n"), escaped=True)
                continue
            clock = time.strftime("%H:%M:%S", time.localtime(event.at))
            clock += f"  {event.region}" if event.region else ""
            for number, text in enumerate(self._describe(event)):
                self.line(f"  {' ' * len(clock) if number else clock}  {text}")

    def _describe(self, event: events.Event) -> list[str]:
        """The lines that an event is worth; none for one that only other listeners want."""
        match event:
            case events.FunctionFailed() | events.FailureLogged():
                return self._failures.tell(self._name(event.function), event)
            case events.CallDenied():
                role = event.principal.split("/")[1] if "/" in event.principal else "?"
                return [
                    f"DENIED  {event.action} on {event.resource} for role {role}",
                    f"    to allow it, grant the function {event.action} on this resource",
                ]
            case events.SystemChanged():
                self._name_functions()
                changes = event.changes.split("; ")
                more = len(changes) - _CHANGES
                return [
                    f"CHANGED  {_count(len(changes), 'resource')}  {event.milliseconds:.0f} ms",
                    *(f"    {change}" for change in changes[:_CHANGES]),
                    *([f"    and {more} more"] if more > 0 else []),
                ]
            case events.ChangeRefused():
                first, *rest = event.reason.splitlines()
                return [f"NOT RELOADED  {first}", *(f"    {line}" for line in rest)]
            case events.RestartNeeded():
                return [
                    "RESTART NEEDED  what runs stays as it is",
                    *(f"    {reason}" for reason in event.reason.split("; ")),
                    f"    {_offer()} starts it anew on the same port, with empty tables and queues",
                ]
            case events.LogLine() if self._level == "verbose":
                return [f"{self._name(event.function)}: {event.text}"]
            case events.RequestAnswered() | events.BatchProcessed() | events.EventDelivered():
                return [] if self._level == "quiet" else self._lines(event)
            case _:
                return self._lines(event)

    def _lines(self, event: events.Event) -> list[str]:
        line = self._line(event)
        return [] if line is None else [line]

    def _line(self, event: events.Event) -> str | None:
        match event:
            case events.RequestAnswered():
                reason = event.reason if event.status >= 400 and event.reason else ""
                what = f"{_shortened(event.method, 16):<4} {_shortened(event.path)}"
                answer = f"{event.status}  {event.milliseconds:.0f} ms  {reason}"
                created = f"  -> {event.location}" if event.location else ""
                return f"{what:<44} {answer}".rstrip() + created
            case events.BatchProcessed():
                failures = f", {event.failures} failed" if event.failures else ""
                what = f"{event.queue} -> {self._name(event.function)}"
                return (
                    f"{what:<44} {_count(event.messages, 'message')}{failures}{_of(event.orders)}"
                )
            case events.BatchFailed():
                what = f"{event.queue} -> {self._name(event.function)}"
                return f"{what:<44} the whole batch failed: {event.error}{_of(event.orders)}"
            case events.MessageDeadLettered():
                what = f"{event.queue} -> {event.dead_letter_queue}"
                receives = _count(event.receives, "receive")
                return f"{what:<44} message {event.message_id} after {receives}"
            case events.EventDelivered():
                return f"event -> {self._name(event.function)}"
            case events.EventGivenUp():
                what = f"{self._name(event.function)} -> {event.destination.rpartition(':')[2]}"
                return f"{what:<44} an event that failed for good"
            case events.RegionsChanged():
                alone = f", cut off: {event.cut}" if event.cut else ""
                return f"REGIONS  down: {event.down or 'none'}{alone}"
            case events.CodeReloaded():
                names = _listed([self._name(each) for each in event.functions.split(", ")])
                return f"RELOADED {event.files} -> {names}  {event.milliseconds:.0f} ms"
            case events.Dropped():
                return f"... {_count(event.count, 'event')} not shown: too many at once"
            case _:
                return None

    def _name(self, function: str) -> str:
        return self._names.get(function, function)

    def _name_functions(self) -> None:
        functions = [f for each in self._systems for f in each.of_type("Function")]
        self._names = {f.outputs["name"]: f.name for f in functions}

    def first(self, systems: Sequence[System], seconds: float) -> None:
        """The first screen: what runs, where, and what does nothing locally; of several regions,
        which are much the same, that of the first, and where the others are."""
        system, *others = self._systems = systems
        self._name_functions()
        functions = sorted(system.of_type("Function"), key=lambda function: function.name)
        self.line()
        self.line(f"  The stack {system.stack} is running, {seconds:.1f} s after the command")
        self.line()
        self._rows("URL", [_address(each) if others else each.url for each in systems])
        routes = (system.api or {}).get("routes", [])
        self._rows("Routes", [f"{r['key']:<18} -> {self._name(r['function'])}" for r in routes])
        self._rows(
            "Functions",
            [f"{f.name}  ({f.inputs['handler']}, {f.inputs['runtime']})" for f in functions],
        )
        self._rows("Table", [t.outputs["name"] for t in system.of_type("dynamodb/table:Table")])
        self._rows("Queues", [_queue(q) for q in system.of_type("sqs/queue:Queue")])
        self._rows(
            "Schedules",
            [f"{s.name}  {s.inputs['scheduleExpression']}" for s in system.of_type("Schedule")],
        )
        self._rows("Also", [_others(system)])
        self._rows(
            "No effect",
            [f"{what.rsplit(':', 1)[1]}: {why}" for what, why in system.without_effect.items()],
        )
        self._rows("Notes", self._notes)

    def _rows(self, title: str, rows: list[str]) -> None:
        for index, row in enumerate(rows):
            self.line(f"  {title if index == 0 else '':<11}{row}")

    def try_it(self, system: System) -> None:
        """A `curl` line to place an order with, or what prints one with a token in it."""
        line = placing(system.url)
        if sign_in.POOL_OUTPUT in system.outputs:
            line = ".venv/bin/python -m operations token --user ada"
        elif sign_in.issuers(system):
            line = placing(system.url, "TOKEN")
        self.line()
        self.line("  Place an order:")
        self.line()
        self.line(f"  {line}")
        self.line()

    def first_order(self, system: System) -> None:
        """Place one order and show it move from PENDING to CONFIRMED."""
        try:
            told = self._first_order(system)
        except SignInError as error:
            told = f"No first order: {error}"
        except OSError as error:
            system.wait(EMULATOR_SECONDS)  # should that be the reason, it is the one to tell
            told = f"The first order got no answer: {error}"
        self.catch_up()
        self.line(f"  {told}")
        self.line()

    def _first_order(self, system: System) -> str:
        api = sign_in.api(system)
        created = api.create(EXAMPLE_ORDER)
        if created.status != 201:
            return f"The first order was refused: {created.status} {created.body}"
        order_id = created.body["id"]
        self.line(f"  order {order_id}  {created.body['status']}")
        deadline = time.monotonic() + FIRST_ORDER_SECONDS
        while not system.events(events.BatchProcessed) and time.monotonic() < deadline:
            system.wait(0.005)
        order = api.wait_for(order_id, contract.CONFIRMED, FIRST_ORDER_SECONDS)
        if order.status != 200 or order.body["status"] != contract.CONFIRMED:
            return f"order {order_id} is not confirmed yet: {order.status} {order.body}"
        took = _seconds(order.body["updatedAt"]) - _seconds(order.body["createdAt"])
        return f"order {order_id}  {order.body['status']}  after {took * 1000:.0f} ms"


def _address(system: System) -> str:
    """Where a region's API is, and what the commands beside a run call it."""
    return f"{system.url}  in {system.region}, --stack {system.stack}"


def _offer() -> str:
    """How to have a run started anew."""
    command = "`python -m local restart`"
    here = sys.stdin is not None and sys.stdin.isatty()
    return f"r and Enter, or {command} elsewhere," if here else command


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


class _Said(logging.Handler):
    """What the program says: how far it is at once, warnings with the first screen."""

    def __init__(self, notes: list[str], line: Callable[[str], None]) -> None:
        super().__init__(logging.INFO)
        self._notes, self._line = notes, line

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno < logging.WARNING:
            self._line(f"  {record.getMessage()}")
        else:
            self._notes.append(record.getMessage())


def _queue(queue: Any) -> str:
    visibility = queue.inputs.get("visibilityTimeoutSeconds")
    return str(queue.outputs["name"]) + (f"  (visibility {visibility} s)" if visibility else "")


def _others(system: System) -> str:
    shown = ("Function", "Table", "Queue", "Schedule", "Route", "Integration", "Stage", "Api")
    kinds = Counter(r.type.rsplit(":", 1)[1] for r in system.resources)
    return ", ".join(
        f"{count} {kind}" for kind, count in sorted(kinds.items()) if kind not in shown
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _of(orders: str) -> str:
    """The first orders of a batch, and how many more there are."""
    ids = orders.split(", ") if orders else []
    more = f" and {len(ids) - _ORDERS} more" if len(ids) > _ORDERS else ""
    return f"  {', '.join(ids[:_ORDERS])}{more}" if ids else ""


def _listed(names: list[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - _ORDERS} more" if len(names) > _ORDERS else ""
    return ", ".join(names[:_ORDERS]) + more


def _shortened(text: str, longest: int = 60) -> str:
    return text if len(text) <= longest else text[: longest - 3] + "..."
