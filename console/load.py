"""Orders placed at a rate, as many clients would, and what they were answered."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from uuid import uuid4

from local.client import Api
from local.errors import LocalRunError

MOST_ORDERS = 100_000
FASTEST = 500.0
CLIENTS = 16
"""Requests under way at once; beyond them a placing is late."""


@dataclass(frozen=True)
class Placed:
    """How far a load is: orders asked for and answered, by status (0: no answer)."""

    orders: int
    per_second: float
    answered: int
    statuses: dict[str, int]
    seconds: float
    running: bool


class Load:
    """Places orders with the client that `api` makes; one load at a time."""

    def __init__(self, api: Callable[[], Api]) -> None:
        self._api = api
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._orders, self._rate = 0, 0.0
        self._began = self._ended = 0.0
        self._statuses: Counter[str] = Counter()

    def start(self, orders: int, per_second: float) -> Placed:
        """Begin to place so many orders; raises `LocalRunError` while others are placed."""
        if not 1 <= orders <= MOST_ORDERS:
            raise LocalRunError(f"{orders} orders: expected 1 to {MOST_ORDERS}")
        if not 0 < per_second <= FASTEST:
            raise LocalRunError(f"{per_second} orders a second: expected up to {FASTEST:g}")
        with self._lock:
            if self.running:
                raise LocalRunError("orders are being placed already: stop that first")
            api = self._api()
            self._stopping.clear()
            self._statuses.clear()
            self._orders, self._rate = orders, per_second
            self._began, self._ended = time.monotonic(), 0.0
            self._thread = threading.Thread(
                target=self._place, args=(api,), name="load", daemon=True
            )
            self._thread.start()
        return self.now()

    def stop(self) -> Placed:
        """Place no further order, and wait for those under way."""
        self._stopping.set()
        self.wait()
        return self.now()

    def wait(self) -> Placed:
        """Wait for the last answer."""
        if self._thread is not None:
            self._thread.join()
        return self.now()

    @property
    def running(self) -> bool:
        """Whether orders are being placed."""
        return self._thread is not None and self._thread.is_alive()

    def now(self) -> Placed:
        """How far it is."""
        statuses = dict(self._statuses)
        seconds = (self._ended or time.monotonic()) - self._began if self._began else 0.0
        answered = sum(statuses.values())
        return Placed(self._orders, self._rate, answered, statuses, round(seconds, 1), self.running)

    def _place(self, api: Api) -> None:
        name = uuid4().hex[:6]
        with ThreadPoolExecutor(CLIENTS, thread_name_prefix="load") as clients:
            for number in range(self._orders):
                due = self._began + number / self._rate
                if self._stopping.wait(max(0.0, due - time.monotonic())):
                    break
                clients.submit(self._one, api, f"Load {name}/{number}")
            # What waits for a free client when it was stopped is not placed any more.
            clients.shutdown(wait=True, cancel_futures=self._stopping.is_set())
        self._ended = time.monotonic()

    def _one(self, api: Api, customer: str) -> None:
        order = {"customerName": customer, "items": [{"sku": "LOAD-1", "qty": 1, "price": 1}]}
        try:
            status = api.create(order).status
        except OSError:
            status = 0
        self._statuses[str(status)] += 1
