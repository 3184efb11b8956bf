"""API Gateway's throttle: a token bucket for each route that has limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


class TokenBucket:
    """`rate` requests a second, `burst` at once."""

    def __init__(self, rate: float, burst: int, clock: Callable[[], float]) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._tokens, self._at = float(burst), clock()

    def take(self) -> bool:
        """Take one token if there is one."""
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Throttles:
    """The limits of a stage: each route has its own, or the stage's default for itself."""

    def __init__(self, definition: Mapping[str, Any], clock: Callable[[], float]) -> None:
        default = definition.get("throttle") or {}
        own = definition.get("routeThrottles") or {}
        self._buckets: dict[str, TokenBucket] = {}
        for route in definition["routes"]:
            limits = {**default, **own.get(route["key"], {})}
            if limits.get("rate") is not None and limits.get("burst") is not None:
                bucket = TokenBucket(limits["rate"], limits["burst"], clock)
                self._buckets[route["key"]] = bucket

    def take(self, route_key: str) -> bool:
        """Whether one more request to this route may pass now."""
        bucket = self._buckets.get(route_key)
        return bucket is None or bucket.take()
