"""The front door of one region, in the emulator's process: its socket, its edge, its access log."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from uvicorn.server import ServerState

from local import events
from local.edge import Edge, Invocation, serving
from local.edge.request import Receive, Scope, Send

ACCESS_LOG_SECONDS = 0.25
"""How often collected access log lines are written to their log group."""


@dataclass(frozen=True)
class Way:
    """What a door needs of the process: functions invoked, log lines written (an operation and its
    request), what issuers publish, who is told."""

    invoke: Callable[[str, str | None, bytes], Awaitable[Invocation]]
    write: Callable[[str, dict[str, Any]], Awaitable[None]]
    fetch: Callable[[str], Awaitable[bytes]]
    publish: Callable[[events.Event], None]
    start: Callable[[Any], asyncio.Task[Any]]


class Door:
    """The door that `listening` is; it is closed until it is opened."""

    def __init__(self, listening: socket.socket, way: Way) -> None:
        self._socket, self._way = listening, way
        self._state = ServerState()
        self._server: asyncio.Server | None = None
        self._edge: Edge | None = None
        self._lines: list[dict[str, Any]] = []
        self._access_log: asyncio.Task[Any] | None = None
        self._access_log_group: str | None = None

    def serve(self, api: Mapping[str, Any]) -> None:
        """Serve this API from the next request on."""
        self._edge = Edge(api, self._way.invoke, self._record, fetch=self._way.fetch)
        group = api.get("accessLogGroup")
        if group != self._access_log_group:
            if self._access_log is not None:
                self._access_log.cancel()
            self._access_log_group = group
            self._access_log = self._way.start(self._write_access_log(group)) if group else None

    async def open(self) -> None:
        """Take connections."""
        self._server = await serving.serve(self._answer, self._socket, state=self._state)

    def close(self) -> None:
        """Refuse connections and leave those that there are; the port stays this door's."""
        if self._server is None:
            return
        address = self._socket.getsockname()
        self._server.close()
        self._server = None
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(address)  # bound and not listening: whoever connects is refused
        for connection in list(self._state.connections):
            with contextlib.suppress(AttributeError):  # it has no transport yet
                connection.transport.abort()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._edge is not None:  # the latest: a request that is under way ends with its own
            await self._edge(scope, receive, send)

    def _record(self, request: events.RequestAnswered, line: str | None) -> None:
        if line is not None:
            self._lines.append({"timestamp": int(time.time() * 1000), "message": line})
        self._way.publish(request)

    async def _write_access_log(self, group: str) -> None:
        stream = {"logGroupName": group, "logStreamName": "local-edge"}
        await self._way.write("CreateLogStream", stream)
        while True:
            await asyncio.sleep(ACCESS_LOG_SECONDS)
            lines, self._lines = self._lines, []
            if lines:
                await self._way.write("PutLogEvents", {**stream, "logEvents": lines})
