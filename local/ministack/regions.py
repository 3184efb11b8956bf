"""Regions that are gone for a while, and replicas that hear of each other's writes late.

The emulator holds all regions in one process, and every replica of a global table is written at
once. A region that is down runs nothing; one that is cut off neither gives nor takes writes of
global tables: they are kept, in their order, until it is not. As on AWS, the last writer of an item
wins then.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/V2globaltables_HowItWorks.html
"""

from __future__ import annotations

import copy
import functools
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from ministack.core import lambda_runtime, responses  # type: ignore[import-untyped]

_ENDING_SECONDS = 0.05
"""How often it is looked whether all that ran in a region has ended."""

_asynchronous: ContextVar[bool] = ContextVar("asynchronous", default=False)
"""Whether an invocation is one that nobody waits for, which waits for its region."""


def current() -> str:
    """The region that this thread, or this request, is in."""
    return str(responses.get_region())


class Regions:
    """Which regions are down, which are cut off; all are well at first. One in a process."""

    def __init__(self) -> None:
        self._down: frozenset[str] = frozenset()
        self._changed = threading.Condition()
        self._running: dict[str, int] = {}
        self._replication: _Replication | None = None

    def install(self) -> None:
        """Heed what is said here, from now on."""
        from ministack.services import (  # type: ignore[import-untyped]
            dynamodb,
            eventbridge,
            lambda_svc,
        )

        lambda_svc._iter_all_esms = self._of_regions_up(lambda_svc._iter_all_esms)
        lambda_svc._execute_function_dispatch = self._executed(
            lambda_svc._execute_function_dispatch
        )
        lambda_svc.invoke_async_with_retry = _patient(lambda_svc.invoke_async_with_retry)
        eventbridge._invoke_target = self._fired(eventbridge._invoke_target)
        self._replication = _Replication(dynamodb)
        dynamodb._replicate_write = self._replication.replicate

    def is_down(self, region: str) -> bool:
        """Whether nothing runs in a region."""
        return region in self._down

    def set(self, down: frozenset[str], cut: frozenset[str]) -> None:
        """Have these regions be down, and these cut off; returns when nothing runs there."""
        replication = self._replication
        if replication is None:
            raise RuntimeError("set before install")
        replication.cut_off(cut)
        with self._changed:
            self._down = down
            self._changed.notify_all()
        while any(self._running.get(region) for region in down):
            for region in down:
                _kill_workers(region)
            time.sleep(_ENDING_SECONDS)
        for region in down:
            _kill_workers(region)

    def _of_regions_up(self, every: Callable[[], Iterator[Any]]) -> Callable[[], Iterator[Any]]:
        """Queues and streams are not read where a region is down."""

        @functools.wraps(every)
        def up() -> Iterator[Any]:
            return (found for found in every() if not self.is_down(found[1]))

        return up

    def _fired(self, invoke: Callable[..., None]) -> Callable[..., None]:
        """Schedules and rules do nothing where a region is down."""

        @functools.wraps(invoke)
        def fired(*arguments: Any, **more: Any) -> None:
            if not self.is_down(current()):
                invoke(*arguments, **more)

        return fired

    def _executed(self, execute: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(execute)
        def executed(function: Any, config: dict[str, Any], *rest: Any) -> Any:
            region = str(config.get("FunctionArn", "::::")).split(":")[3]
            with self._changed:
                if _asynchronous.get():
                    self._changed.wait_for(lambda: not self.is_down(region))
                if self.is_down(region):
                    body = {"errorType": "ServiceUnavailable", "errorMessage": f"{region} is down"}
                    return {"error": True, "body": body, "log": ""}
                self._running[region] = self._running.get(region, 0) + 1
            try:
                return execute(function, config, *rest)
            finally:
                with self._changed:
                    self._running[region] -= 1

        return executed


def _patient(invoke: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
    """Asynchronous invocations, whose thread takes this context over."""

    @functools.wraps(invoke)
    def patient(function: Any, event: Any) -> None:
        token = _asynchronous.set(True)
        try:
            invoke(function, event)
        finally:
            _asynchronous.reset(token)

    return patient


def _kill_workers(region: str) -> None:
    with lambda_runtime._lock:
        keys = [key for key in lambda_runtime._workers if key.split(":")[1] == region]
        workers = [worker for key in keys for worker in lambda_runtime._workers.pop(key)]
    lambda_runtime.kill_workers(workers)


@dataclass(frozen=True)
class _Write:
    """A write in one replica, on its way to another."""

    number: int
    account: str
    table: str
    key: tuple[Any, ...]
    origin: str
    target: str
    event: str
    old: Any
    new: Any


class _Replication:
    """How writes get from replica to replica: at once, unless one of both is cut off."""

    def __init__(self, dynamodb: Any) -> None:
        self._dynamodb, self._write = dynamodb, dynamodb._replicate_write
        self._lock = threading.RLock()
        self._numbers = itertools.count(1)
        self._cut: frozenset[str] = frozenset()
        self._held: list[_Write] = []
        self._latest: dict[tuple[Any, ...], int] = {}
        """Of each replica's items: the latest write, while not all replicas have all writes."""

    def replicate(self, table: dict[str, Any], event: str, old: Any, new: Any) -> None:
        """What the emulator calls for each write, in the scope of the replica that took it."""
        group = self._dynamodb._replica_group(table)
        if not group:
            return
        with self._lock:
            if not self._cut and not self._held:
                self._write(table, event, old, new)
                return
            item = old if new is None else new
            keys = [item[name] for name in (table["pk_name"], table["sk_name"]) if name]
            key = tuple(str(each) for each in keys)
            account, origin = responses.get_account_id(), current()
            number, name = next(self._numbers), table["TableName"]
            self._latest[account, origin, name, key] = number
            for target in group:
                if target != origin:
                    kept = copy.deepcopy(new)  # the emulator may change its own in place
                    self._held.append(
                        _Write(number, account, name, key, origin, target, event, old, kept)
                    )
            self._pass_on()

    def cut_off(self, regions: frozenset[str]) -> None:
        """Keep what is written in these regions, or for them, from the others; no others' any more.

        What was kept for the others is written before it returns.
        """
        with self._lock:
            self._cut = regions
            self._pass_on()

    def _pass_on(self) -> None:
        held, self._held = self._held, []
        for write in held:
            if {write.origin, write.target} & self._cut:
                self._held.append(write)
                continue
            place = (write.account, write.target, write.table, write.key)
            if self._latest.get(place, 0) < write.number:
                self._latest[place] = write.number
                pair = {"TableName": write.table, "_global_regions": [write.origin, write.target]}
                with responses.request_scope(write.account, write.origin):
                    self._write(pair, write.event, write.old, write.new)
        if not self._held and not self._cut:
            self._latest.clear()
