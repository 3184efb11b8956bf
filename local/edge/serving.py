"""Serves the edge on a socket: uvicorn's HTTP/1.1, stricter about slow and leaving clients."""

from __future__ import annotations

import asyncio
import socket
from typing import Any, cast

from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

HEAD_SECONDS = 30.0
"""How long a request's line and headers may take to arrive."""

KEEP_ALIVE_SECONDS = 75
"""How long a connection without a request is kept."""

MAX_HEAD_BYTES = 64 * 1024


async def serve(
    application: Any,
    listening: socket.socket,
    head_seconds: float = HEAD_SECONDS,
    state: ServerState | None = None,
) -> asyncio.Server:
    """Serve `application` to whoever connects to `listening`, from now on.

    `state` is told of the connections, for whoever wants to end them.
    """
    config = Config(
        application,
        interface="asgi3",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
    )
    config.load()
    known = state or ServerState()
    return await asyncio.get_running_loop().create_server(
        lambda: _Connection(config, known, head_seconds), sock=listening
    )


class _Joining:
    """A transport that sends at once what is written in one turn of the event loop.

    The head and the body of an answer, sent apart, cost more than twice as much: the client
    wakes for each.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> None:
        if data:
            if not self._parts:
                self._loop.call_soon(self._flush)
            self._parts.append(data)

    def _flush(self) -> None:
        parts, self._parts = self._parts, []
        if parts and not self._transport.is_closing():
            self._transport.write(b"".join(parts))

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class _Connection(H11Protocol):
    """One connection.

    A client may close its half after a whole request and still gets its answer; one that
    leaves amid a request, or does not finish its headers, is left.
    """

    def __init__(self, config: Config, state: ServerState, head_seconds: float) -> None:
        super().__init__(config, state, app_state={})
        self._head_seconds = head_seconds
        self._head_timer: asyncio.TimerHandle | None = None
        self._ended = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast(asyncio.Transport, _Joining(transport, self.loop)))
        self._watch_head()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._stop_watching()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch_head()

    def eof_received(self) -> bool:  # type: ignore[override]
        self._ended = True
        # Kept open for the answer; otherwise the transport closes itself.
        return self._answering and not self.cycle.more_body

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.conn.trailing_data[0]:  # the begin of a further request
            self._watch_head()
        if self._ended and not self._answering:
            self.transport.close()

    @property
    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _watch_head(self) -> None:
        if self._answering or self.transport.is_closing():
            self._stop_watching()
        elif self._head_timer is None:
            self._head_timer = self.loop.call_later(self._head_seconds, self.transport.close)

    def _stop_watching(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
