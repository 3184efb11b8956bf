"""The local run from outside: command to first 201, latency, requests a second, lag."""

import contextlib
import http.client
import json
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil

from tools.benchmarks.events import ORDER

ROOT = Path(__file__).resolve().parents[2]
BODY = json.dumps(ORDER)
CONNECTIONS = 16
ORDERS = 800
DEADLINE = 60.0


class Client:
    """One keep-alive connection to the API."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)

    def request(self, method: str, path: str, body: str | None = None) -> tuple[int, bytes]:
        self._connection.request(method, path, body, {"content-type": "application/json"})
        response = self._connection.getresponse()
        return response.status, response.read()

    def create(self) -> str:
        """The new order's id."""
        status, body = self.request("POST", "/orders", BODY)
        if status != 201:
            raise RuntimeError(f"POST /orders answered {status}: {body.decode()[:500]}")
        return str(json.loads(body)["id"])


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_for_first_201(port: int, process: subprocess.Popen[bytes], since: float) -> float:
    """Seconds from `since` until an order is taken; raises what the run failed with."""
    while time.perf_counter() - since < DEADLINE:
        if process.poll() is not None:
            raise RuntimeError(f"the local run ended with exit code {process.returncode}")
        try:
            Client(port).create()
        except (OSError, http.client.HTTPException):
            time.sleep(0.01)
        else:
            return time.perf_counter() - since
    raise TimeoutError(f"no 201 within {DEADLINE:.0f} s")


@contextmanager
def running() -> Iterator[tuple[int, float, psutil.Process]]:
    """The local run as its users start it: its port, seconds to the first 201, its process."""
    port = free_port()
    # The stack's own throttling would be measured instead of the system.
    unthrottled = ["throttle.rate=10000", "throttle.burst=5000"]
    unthrottled += ["throttle.createRate=10000", "throttle.createBurst=5000"]
    overrides = [word for setting in unthrottled for word in ("--config", setting)]
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "local", "run", "--port", str(port), *overrides],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    try:
        first_201 = wait_for_first_201(port, process, started)
        yield port, first_201, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(timeout=DEADLINE)


def _latencies(port: int, count: int) -> list[float]:
    client = Client(port)
    taken = []
    for _ in range(count):
        start = time.perf_counter()
        client.create()
        taken.append(time.perf_counter() - start)
    return sorted(taken)


def _requests_per_second(port: int, count: int) -> float:
    each = count // CONNECTIONS
    failures: list[Exception] = []

    def load() -> None:
        try:
            client = Client(port)
            for _ in range(each):
                client.create()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=load) for _ in range(CONNECTIONS)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = time.perf_counter() - start
    if failures:
        raise failures[0]
    return each * CONNECTIONS / taken


def _lag(port: int) -> float:
    """Seconds from the 201 to the confirmation, by the processor's clock (this machine's)."""
    client = Client(port)
    order_id = client.create()
    answered = time.time()
    while time.time() - answered < DEADLINE:
        time.sleep(0.05)
        order = json.loads(client.request("GET", f"/orders/{order_id}")[1])
        if order["status"] == "CONFIRMED":
            return datetime.fromisoformat(order["updatedAt"]).timestamp() - answered
    raise TimeoutError(f"order {order_id} is not CONFIRMED after {DEADLINE:.0f} s")


def _cpu(run: psutil.Process) -> dict[str, float]:
    """Seconds of CPU that a run has used: its command, emulator with edge, functions' workers."""
    used = {"emulator and edge": 0.0, "functions": 0.0, "command": 0.0}
    for process in [run, *run.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            words = process.cmdline()
            who = "emulator and edge" if "local.server" in words else "functions"
            times = process.cpu_times()
            used["command" if process == run else who] += times.user + times.system
    return used


def measure() -> dict[str, Any]:
    """Seconds, except `requests_per_second`; `cpu` is an order's, by who used it."""
    with running() as (port, first_201, run):
        _requests_per_second(port, 64)
        latencies = _latencies(port, 200)
        lags = [_lag(port) for _ in range(20)]
        before = _cpu(run)
        rate = _requests_per_second(port, ORDERS)
        after = _cpu(run)
    return {
        "command_to_first_201": first_201,
        "post_p50": statistics.median(latencies),
        "post_p99": latencies[int(len(latencies) * 0.99)],
        "requests_per_second": rate,
        "cpu": {who: (after[who] - before[who]) / ORDERS for who in after},
        "lag_to_confirmed": statistics.median(lags),
    }
