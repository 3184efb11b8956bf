"""The clients: each wants one order placed, half of them retrying with an Idempotency-Key."""

import http.client
import json
import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from local.sign_in import Caller

ATTEMPTS = 8
"""How often a client with a key sends its request before it gives up."""
MAX_WAIT_SECONDS = 2.0
TIMEOUT_SECONDS = 35.0
"""Longer than API Gateway's 30 s integration timeout, so that its answer is seen."""


@dataclass(frozen=True)
class Outcome:
    """What one client lived through.

    `customer` is unique to the client; `sent` counts its requests, `statuses` holds each
    answer's (0: none came); `order_id` is what the last answer named, of the order or in a
    problem; `replayed` says whether the last answer was marked as a replay; `subject` is whom the
    client was signed in as, if it was.
    """

    customer: str
    request: dict[str, Any]
    keyed: bool
    sent: int
    statuses: tuple[int, ...]
    order_id: str | None
    replayed: bool
    subject: str | None = None

    @property
    def status(self) -> int:
        """The final answer's status; 0 when none came."""
        return self.statuses[-1]


def customer(seed: int, index: object) -> str:
    """The name of a run's client; `index` "" gives what the names of the run begin with."""
    return f"Customer {seed}/{index}"


def place_orders(
    url: str,
    number: int,
    seed: int,
    concurrency: int,
    retries: bool = True,
    done: Callable[[int], None] = lambda _count: None,
    callers: Sequence[Caller] = (),
) -> list[Outcome]:
    """Place `number` orders at `url` with `concurrency` clients at once.

    With `retries` every second client has a key and sends again after a 5xx or silence; without,
    none has. `done` is told how many clients have finished. Where there are `callers`, clients are
    signed in as one of them, and each key is used by all of them, for an order of their own.
    """
    connections = threading.local()
    finished = 0
    lock = threading.Lock()

    def client(index: int) -> Outcome:
        nonlocal finished
        if not hasattr(connections, "door"):
            connections.door = _Door(url)
        pair, keyed = index // 2, retries and index % 2 == 0
        caller = callers[pair % len(callers)] if callers else None
        key = f"chaos-{seed}-{pair // max(1, len(callers))}" if keyed else None
        outcome = _client(connections.door, index, seed, key, caller)
        with lock:
            finished += 1
            done(finished)
        return outcome

    with ThreadPoolExecutor(concurrency, thread_name_prefix="client") as pool:
        return list(pool.map(client, range(number)))


def _client(
    door: "_Door", index: int, seed: int, key: str | None, caller: Caller | None
) -> Outcome:
    rng = random.Random(f"{seed}/{index}")  # noqa: S311 - repeatable, not secret
    name = customer(seed, index)
    request = {
        "customerName": name,
        "items": [
            {"sku": f"SKU-{rng.randrange(1000)}", "qty": rng.randint(1, 9), "price": price / 100}
            for price in rng.sample(range(10000), rng.randint(1, 4))
        ],
    }
    headers = {"content-type": "application/json"}
    if key is not None:
        headers["idempotency-key"] = key
    statuses: list[int] = []
    sent = 0
    while True:
        sent += 1
        if caller is not None:
            headers["authorization"] = f"Bearer {caller.token()}"
        status, answer, body = door.post(headers, request)
        # Refused before anything happened: not an outcome, so everybody asks again.
        if status == 429:
            time.sleep(rng.uniform(0.1, 0.5))
            continue
        statuses.append(status)
        if (status and status < 500) or key is None or len(statuses) == ATTEMPTS:
            named = body.get("id") or body.get("orderId")
            return Outcome(
                name,
                request,
                key is not None,
                sent,
                tuple(statuses),
                named if isinstance(named, str) else None,
                answer.get("idempotency-replayed") == "true",
                caller.subject if caller is not None else None,
            )
        told = answer.get("retry-after", "")
        wait = float(told) if told.isdigit() else 0.2 * 2 ** len(statuses)
        time.sleep(rng.uniform(0.5, 1) * min(wait, MAX_WAIT_SECONDS))


class _Door:
    """A kept connection to the API."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._path = parts.path.rstrip("/") + "/orders"
        self._http = http.client.HTTPConnection(
            parts.hostname or "", parts.port, timeout=TIMEOUT_SECONDS
        )

    def post(
        self, headers: dict[str, str], body: dict[str, Any]
    ) -> tuple[int, dict[str, str], dict[str, Any]]:
        """(status or 0, headers in lower case, JSON object or {}) of one answer."""
        try:
            self._http.request("POST", self._path, json.dumps(body), headers)
            response = self._http.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException):
            self._http.close()
            return 0, {}, {}
        try:
            answer = json.loads(text)
        except ValueError:
            answer = {}
        return (
            response.status,
            {name.lower(): value for name, value in response.getheaders()},
            answer if isinstance(answer, dict) else {},
        )
