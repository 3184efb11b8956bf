"""What the console's pages show and do, as commands beside a run."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from local import control, state
from local.errors import LocalRunError
from local.inspection import clock
from local.output import Output
from local.text import shown_json

Rows = Iterator[str]


def add(commands: Any, add_stack: Callable[[argparse.ArgumentParser], None]) -> None:
    """The commands, each with `run` in what is parsed: what `main` is to call."""

    def command(name: str, summary: str, run: Callable[[_Asking], Rows]) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = commands.add_parser(name, help=summary)
        add_stack(parser)
        parser.add_argument("--json", action="store_true", help="print JSON, for programs")
        parser.set_defaults(console=run)
        return parser

    command("console", "the address of a run's console", _address)
    orders = command("orders", "the latest orders of a run", _orders)
    orders.add_argument("search", nargs="?", default="", help="begin of an id or correlation id")
    orders.add_argument("--status", default="", help="only these, as FAILED")
    command("show", "tell one order's life", _show).add_argument("order", help="the order's id")
    again = command("again", "send an order's request again", _again)
    again.add_argument("order", help="the order's id")
    again.add_argument(
        "--same-key", action="store_true", help="a retry; by default it is another order"
    )
    command("requests", "the latest requests of a run", _requests)
    command("denials", "the calls that IAM denied, and the grants to add", _denials)
    command("queues", "how full the queues are; see `python -m operations dlq`", _queues)
    resources = command("resources", "what the program registered", _resources)
    resources.add_argument("name", nargs="?", help="only this one, with inputs, outputs and role")
    alarms = command("alarms", "the alarms that ring, or would have in this hour", _alarms)
    alarms.add_argument("--all", action="store_true", help="all others, too")
    faults = command("faults", "what disturbs a run, or disturb it for a while", _faults)
    faults.add_argument(
        "fault",
        nargs="*",
        help="NAME=PROBABILITY, or the name of an outage; `list` explains them all",
    )
    faults.add_argument("--seconds", type=float, default=30, help="for how long (default: 30)")
    faults.add_argument("--stop", action="store_true", help="end what is going on")
    faults.add_argument("--kill-workers", action="store_true", help="kill every environment")
    regions = command("regions", "the regions of a run; take one down, or bring it back", _regions)
    regions.add_argument("change", nargs="?", choices=tuple(_CHANGES), help=_CHANGES_HELP)
    regions.add_argument("region", nargs="?", help="the region, as us-east-1")
    load = command("load", "place orders at a rate, and wait for the answers", _load)
    load.add_argument("orders", type=int, help="how many")
    load.add_argument("--rate", type=float, default=10, help="orders a second (default: 10)")


def run(arguments: argparse.Namespace) -> int:
    """Run the command that was parsed; raises `LocalRunError`."""
    output = Output(sys.stdout)
    try:
        for line in arguments.console(_Asking(arguments, output)):
            output.line(line)
    finally:
        output.close()
    return 0


class _Asking:
    """Asks the run; with `--json` the answer is printed as it is."""

    def __init__(self, arguments: argparse.Namespace, output: Output) -> None:
        found = state.read(arguments.stack)
        if "control" not in found:
            raise LocalRunError("this run cannot be asked: it is a test's, or an older one")
        self.arguments, self._path, self._output = arguments, found["control"], output
        self.console: str | None = found.get("console")

    def __call__(self, operation: str, **given: Any) -> Any:
        return control.ask(self._path, operation, **given)

    def rows(self, operation: str, **given: Any) -> Any:
        """An answer to make rows of: none with `--json`, which has it printed already."""
        answer = self(operation, **given)
        if not self.arguments.json:
            return answer
        self._output.line(shown_json(answer), escaped=True)
        return []


def _address(ask: _Asking) -> Rows:
    if ask.console is None:
        raise LocalRunError("this run has no console: CONSOLE_PORT= gives it a port")
    yield ask.console


def _orders(ask: _Asking) -> Rows:
    search, status = ask.arguments.search, ask.arguments.status
    for order in ask.rows("orders", search=search, status=status):
        yield f"{_clock(order['at'])}  {order['id']:<36}  {order['status']}"


def _show(ask: _Asking) -> Rows:
    life = ask.rows("life", order_id=ask.arguments.order)
    if not life:
        return
    order = life["order"]
    yield f"order {order['id']}  {order['status']}"
    yield f"requests {', '.join(order['correlations'])}"
    began = life["steps"][0]["at"] if life["steps"] else 0.0
    for step in life["steps"]:
        took = "" if step["milliseconds"] is None else f"{step['milliseconds']:.1f} ms"
        detail = f"  {step['detail']}" if step["detail"] else ""
        mark = "!" if step["failed"] else " "
        at = (step["at"] - began) * 1000
        yield f"{at:+10.1f} ms {took:>11} {mark} {step['kind']:<8} {step['what']}{detail}"


def _again(ask: _Asking) -> Rows:
    same = ask.arguments.same_key
    answer = ask.rows("send_again", order_id=ask.arguments.order, same_key=same)
    if answer:
        replayed = "  replayed" if "idempotency-replayed" in answer["headers"] else ""
        yield f"{answer['status']}{replayed}  {json.dumps(answer['body'])}"


def _requests(ask: _Asking) -> Rows:
    for row in ask.rows("requests"):
        request = row["request"]
        start = "" if row["cold"] is None else "cold" if row["cold"] else "warm"
        yield (
            f"{_clock(request['at'])}  {request['status']}  {request['milliseconds']:8.1f} ms  "
            f"{start:<4}  {row['function']:<20} {request['method']} {request['path']}"
        )


def _denials(ask: _Asking) -> Rows:
    for row in ask.rows("denials"):
        denial, missing = row["denial"], row["missing"]
        call = denial["call"]
        yield f"{denial['times']} x {call['action']} on {call['resource']} for {call['principal']}"
        if missing is not None:
            yield f"    add {missing['grant']} to the grants of {missing['function']}, in "
            yield f"    {missing['file']}:{missing['line']}"


def _queues(ask: _Asking) -> Rows:
    rows = ask.rows("queues")
    if rows:
        yield f"{'visible':>8} {'in flight':>9} {'oldest':>8}  queue"
    for row in rows:
        age = f"{max(0, time.time() - row['oldest']):.0f} s" if row["oldest"] else "-"
        dead = f"  → {row['dead_letters_to']}" if row["dead_letters_to"] else ""
        yield f"{row['visible']:>8} {row['in_flight']:>9} {age:>8}  {row['name']}{dead}"


def _resources(ask: _Asking) -> Rows:
    name = ask.arguments.name
    if name is None:
        for row in ask.rows("resources"):
            said = f"{row['kind']:<24} {row['name']:<48} {row['place']}"
            yield f"{said}  {row['activity']}".rstrip()
        return
    named = [row for row in ask("resources") if row["name"] == name]
    if not named:
        raise LocalRunError(f"the program registers no resource {name}")
    for row in named:
        found = ask.rows("resource", type_=row["type"], name=name)
        if found:
            yield f"{row['type']} {name}  {row['place']}"
            for part in ("inputs", "outputs", "statements"):
                yield from (f"    {line}" for line in shown_json(found[part]).splitlines())


def _alarms(ask: _Asking) -> Rows:
    for alarm in ask.rows("alarms"):
        if not (ask.arguments.all or alarm["rang"] or alarm["state"] == "ALARM"):
            continue
        why = f"  not known here: {', '.join(alarm['unknown'])}" if alarm["unknown"] else ""
        times = ", ".join(_clock(minute * 60)[:5] for minute in alarm["rang"][-10:])
        rang = f"  rang at {times}" if times else ""
        yield f"{alarm['state']:<18} {alarm['name']}: {alarm['condition']}{rang}{why}"


def _faults(ask: _Asking) -> Rows:
    given = ask.arguments
    if given.fault == ["list"]:
        for name, what in ask("explained").items():
            yield f"{name:<14} {what}"
        return
    if given.kill_workers:
        yield f"{ask('kill_workers')} environments killed"
    rates, outages = {}, []
    for each in given.fault:
        name, probable, rate = each.partition("=")
        if not probable:
            outages.append(name)
            continue
        try:
            rates[name] = float(rate)
        except ValueError:
            raise LocalRunError(f"{each}: expected NAME=PROBABILITY, as throttled=0.2") from None
    if given.stop:
        now = ask.rows("stop_faults")
    elif given.fault:
        now = ask.rows("start_faults", rates=rates, outages=outages, seconds=given.seconds)
    else:
        now = ask.rows("faults")
    if now:
        going = [f"{name} {rate:g}" for name, rate in now["rates"].items()] + now["outages"]
        yield f"{', '.join(going)}, {now['seconds_left']:.0f} s left" if going else "no faults"
        for name, count in now["struck"].items():
            yield f"{count:>6} {name}"


_CHANGES: dict[str, tuple[str, dict[str, Any]]] = {
    "down": ("take_down", {}),
    "up": ("bring_back", {}),
    "up-alone": ("bring_back", {"connected": False}),
    "cut": ("cut_off", {}),
    "connect": ("reconnect", {}),
}
_CHANGES_HELP = (
    "down: it answers nobody and runs nothing; up: it is back; up-alone: it is back, and its "
    "replicas have what they had; cut: no replica of it hears of the others; connect: all do again"
)


def _regions(ask: _Asking) -> Rows:
    change, region = ask.arguments.change, ask.arguments.region
    if change is None:
        rows = ask.rows("regions")
    elif region is None:
        raise LocalRunError(f"which region? as in `regions {change} us-east-1`")
    else:
        operation, more = _CHANGES[change]
        rows = ask.rows(operation, region=region, **more)
    for row in rows:
        how = "down" if row["down"] else "cut off" if row["cut"] else "up"
        yield f"{row['region']:<16} {how:<8} {row['url']}  --stack {row['stack']}"


def _load(ask: _Asking) -> Rows:
    ask("start_load", orders=ask.arguments.orders, per_second=ask.arguments.rate)
    placed = ask.rows("wait_for_load")
    if placed:
        yield f"{placed['answered']} of {placed['orders']} answered in {placed['seconds']:.1f} s"
        for status, count in sorted(placed["statuses"].items()):
            yield f"{count:>6} {status}"


def _clock(at: float) -> str:
    return clock(int(at * 1000))
