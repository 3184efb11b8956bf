"""Faults for a while in a running system: the chaos proxy's own, and killed workers.

As long as nothing is disturbed, functions reach the emulator without a proxy between.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from local.errors import LocalRunError
from local.system import System
from tools.chaos.faults import APPLIES, MIXES, OUTAGES, Mix, Plan
from tools.chaos.partly import asking
from tools.chaos.proxy import FaultProxy
from tools.chaos.workers import WorkerKiller

JOURNAL = 1_000
"""Calls of a disturbance that are remembered."""

LONGEST_SECONDS = 3_600

DRAWN = {fault.name.lower(): fault for fault in APPLIES}
"""Faults that strike a call with a probability, by name."""
SWITCHED = {fault.name.lower(): fault for fault in OUTAGES}
"""Faults that last for a time, by name."""


@dataclass(frozen=True)
class Disturbance:
    """What is going on: `rates` by fault, outages, seconds left, calls struck by fault so far."""

    rates: dict[str, float]
    outages: list[str]
    seconds_left: float
    struck: dict[str, int]
    workers_killed: int


class Faults:
    """The faults of one run; made once, and closed with it."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._proxy: FaultProxy | None = None
        self._killer = WorkerKiller(system.pid)
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._until = 0.0
        self._outages: list[str] = []

    def start(self, rates: Mapping[str, float], outages: list[str], seconds: float) -> Disturbance:
        """Disturb from each function's next invocation on, for so many seconds in all.

        Each of `rates` strikes a call that it applies to with its probability; each of `outages`
        begins with the first call that meets it. What was going on before ends. Raises
        `LocalRunError` for what cannot be.
        """
        if not 0 < seconds <= LONGEST_SECONDS:
            raise LocalRunError(f"{seconds} seconds: expected more than 0, up to {LONGEST_SECONDS}")
        if not rates and not outages:
            raise LocalRunError("say which faults: " + ", ".join([*DRAWN, *SWITCHED]))
        try:
            drawn = {DRAWN[name]: rate for name, rate in rates.items()}
            down = {SWITCHED[name]: seconds for name in outages}
            mix = Mix("console", "", drawn)
        except KeyError as error:
            known = ", ".join([*DRAWN, *SWITCHED])
            raise LocalRunError(f"there is no fault {error}; there are {known}") from error
        except ValueError as error:
            raise LocalRunError(str(error)) from error
        with self._lock:
            proxy = self._started()
            proxy.journal.clear()
            proxy.plan = Plan(mix, time.time_ns())
            proxy.take_down(down)
            self._outages, self._until = list(outages), time.monotonic() + seconds
            self._system.lead_functions_to(proxy.url)
            self._end_after(seconds)
        return self.now()

    def stop(self) -> Disturbance:
        """End what is going on; nothing when there is nothing."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            self._calm()
        return self.now()

    def kill_workers(self) -> int:
        """Kill every environment that functions have now; how many died."""
        return self._killer.kill_all()

    def now(self) -> Disturbance:
        """What is going on, and what the latest disturbance struck."""
        proxy = self._proxy
        left = max(0.0, self._until - time.monotonic())
        struck: Counter[str] = Counter()
        rates: dict[str, float] = {}
        if proxy is not None:
            struck.update(e.fault.name.lower() for e in list(proxy.journal) if e.fault)
            rates = {fault.name.lower(): rate for fault, rate in proxy.plan.mix.rates.items()}
        return Disturbance(
            rates if left else {},
            self._outages if left else [],
            round(left, 1),
            dict(struck),
            self._killer.killed,
        )

    def close(self) -> None:
        """End it with the run: the emulator may be gone already."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            if self._proxy is not None:
                self._proxy.__exit__(None, None, None)
                self._proxy = None

    def _started(self) -> FaultProxy:
        if self._proxy is None:
            proxy = FaultProxy(Plan(MIXES["calm"], 0), self._killer.kill_caller, remembered=JOURNAL)
            self._proxy = proxy.__enter__()
            self._proxy.connect(self._system.endpoint)
            self._proxy.ask = asking(self._system)
        return self._proxy

    def _end_after(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = threading.Timer(seconds, self.stop)
        self._timer.daemon = True
        self._timer.start()

    def _calm(self) -> None:
        self._until, self._outages = 0.0, []
        if self._proxy is not None:
            self._proxy.plan = Plan(MIXES["calm"], 0)
            self._proxy.take_down({})
            self._system.lead_functions_to(None)


def explained() -> dict[str, str]:
    """Each fault with what it does."""
    return {name: fault.value for name, fault in {**DRAWN, **SWITCHED}.items()}
