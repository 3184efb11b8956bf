"""The routes of an API, and which of them serves a request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from local.edge.request import Request

DEFAULT = "$default"


@dataclass(frozen=True)
class Route:
    """One registered route and the function behind it; `timeout` in seconds.

    Only a caller whom `authorizer` admits with one of `scopes` passes, everybody without one.
    """

    key: str
    function: str
    qualifier: str | None
    timeout: float
    permitted: bool
    authorizer: str | None = None
    scopes: tuple[str, ...] = ()
    method: str = field(init=False)
    segments: list[str] = field(init=False)

    def __post_init__(self) -> None:
        method, _, path = self.key.partition(" ")
        object.__setattr__(self, "method", method)
        object.__setattr__(self, "segments", path.lstrip("/").split("/"))

    def match(self, method: str, segments: list[str]) -> dict[str, str] | None:
        """The path parameters if this route matches, else None."""
        if self.key == DEFAULT:
            return {}
        if self.method not in ("ANY", method):
            return None
        parameters = {}
        for index, expected in enumerate(self.segments):
            if expected.startswith("{") and expected.endswith("+}"):
                rest = segments[index:]
                if not rest or rest == [""]:
                    return None
                parameters[expected[1:-2]] = unquote("/".join(rest))
                return parameters
            if index >= len(segments):
                return None
            if expected.startswith("{") and expected.endswith("}"):
                if not segments[index]:
                    return None
                parameters[expected[1:-1]] = unquote(segments[index])
            elif expected != unquote(segments[index]):
                return None
        return parameters if len(segments) == len(self.segments) else None

    @property
    def rank(self) -> tuple[bool, bool, int, bool]:
        """How specific the route is; the most specific match wins."""
        variables = [s for s in self.segments if s.startswith("{")]
        return (
            self.key != DEFAULT,
            not any(s.endswith("+}") for s in variables),
            len(self.segments) - len(variables),
            self.method != "ANY",
        )


class Routes:
    """The routes of one stage, which is the first segment of each path unless `$default`."""

    def __init__(self, routes: Iterable[Mapping[str, Any]], stage: str) -> None:
        self._stage = stage
        self._routes = [
            Route(
                key=route["key"],
                function=route["function"],
                qualifier=route.get("qualifier"),
                timeout=route["timeoutSeconds"],
                permitted=route["permitted"],
                authorizer=route.get("authorizer"),
                scopes=tuple(route.get("scopes") or ()),
            )
            for route in routes
        ]

    def match(self, request: Request) -> Route | None:
        """The route that serves `request`, told to it with the path parameters; or None."""
        segments = request.raw_path.lstrip("/").split("/")
        if self._stage != DEFAULT:
            if segments[0] != self._stage:
                return None
            segments = segments[1:] or [""]
        matches = [
            (route, parameters)
            for route in self._routes
            if (parameters := route.match(request.method, segments)) is not None
        ]
        if not matches:
            return None
        best, parameters = max(matches, key=lambda match: match[0].rank)
        request.route_key, request.parameters = best.key, parameters
        return best
