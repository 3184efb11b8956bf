"""A proxy on the wire between the functions and the emulator that injects faults.

The functions' AWS endpoint is the proxy; it forwards each request unchanged (signature and
Host included) unless the plan strikes it. What it saw and what really happened upstream,
also when the answer never reached the caller, is in its journal.
"""

import asyncio
import contextlib
import functools
import json
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import h11

from tools.chaos.calls import Call
from tools.chaos.faults import OUTAGES, Fault, Plan, error_answer
from tools.chaos.partly import Ask, partly

DROPPED_HOLD_SECONDS = 60.0
"""A caller that waits for a dropped answer is let go after this long."""
_CHUNK = 65536


@dataclass(frozen=True)
class Entry:
    """One call in the journal.

    `status` and `error` are the upstream's own answer (HTTP status, AWS error type), None when
    the call never reached it; `fault` is what was injected.
    """

    operation: str
    orders: tuple[str, ...]
    status: int | None
    error: str | None
    fault: Fault | None

    @property
    def done(self) -> bool:
        """Whether AWS did what was asked, whatever the caller was told."""
        return self.status is not None and self.status < 300

    @property
    def told(self) -> bool:
        """Whether the caller knows from AWS what became of its call: done, or its condition
        not met."""
        decided = self.done or self.error == "ConditionalCheckFailedException"
        return decided and self.fault in (None, Fault.DELAYED)


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    @property
    def error(self) -> str | None:
        if self.status < 300:
            return None
        try:
            return str(json.loads(self.body).get("__type", "")).rpartition("#")[2] or None
        except (ValueError, AttributeError):
            return None


class _SeveredError(Exception):
    """The connection is gone: the caller closed it, or it was cut on purpose."""


class FaultProxy:
    """Listens on a loopback port of its own; `with` starts and stops it.

    `kill` is called with the caller's port number when the plan wants the calling worker dead;
    it returns whether a process was killed. With `ask` calls can be refused in part. The journal
    keeps the latest `remembered` calls, or all.
    """

    def __init__(
        self,
        plan: Plan,
        kill: Callable[[int], bool] | None = None,
        remembered: int | None = None,
    ) -> None:
        self.plan = plan
        self.kill = kill
        self.ask: Ask | None = None
        self.journal: deque[Entry] = deque(maxlen=remembered)
        self.port = 0
        self._customers: dict[str, str] = {}
        self._upstream: tuple[str, int] | None = None
        self._due: dict[Fault, float] = {}
        self._over: dict[Fault, float] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._started = threading.Event()
        self._stop: asyncio.Event | None = None

    @property
    def url(self) -> str:
        """The endpoint to give to the functions."""
        return f"http://127.0.0.1:{self.port}"

    def connect(self, url: str) -> None:
        """Forward to the emulator at `url` from now on."""
        parts = urlsplit(url)
        if parts.hostname is None or parts.port is None:
            raise ValueError(f"emulator address {url!r}: expected http://host:port")
        self._upstream = (parts.hostname, parts.port)

    def take_down(self, outages: Mapping[Fault, float]) -> None:
        """Have each outage last so many seconds from the next call that begins it.

        Counted from now, a slow cold start could outlast it, and nothing would be refused.
        Outages that were asked for earlier end.
        """
        self._due, self._over = dict(outages), {}

    @property
    def refusing(self) -> bool:
        """Whether an outage is going on now."""
        return any(time.monotonic() < over for over in self._over.values())

    def _outage(self, operation: str) -> Fault | None:
        now = time.monotonic()
        for fault, outage in OUTAGES.items():
            if operation in outage.begins and fault in self._due:
                self._over[fault] = now + self._due.pop(fault)
            if operation in outage.refused and now < self._over.get(fault, now):
                return fault
        return None

    def __enter__(self) -> "FaultProxy":
        self._thread = threading.Thread(target=self._run, name="fault-proxy", daemon=True)
        self._thread.start()
        self._started.wait()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._loop is not None and self._stop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()

    def _run(self) -> None:
        asyncio.run(self._main())

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        connections: set[asyncio.Task[None]] = set()

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.ensure_future(_Connection(self, reader, writer).serve())
            connections.add(task)
            task.add_done_callback(connections.discard)

        server = await asyncio.start_server(accept, "127.0.0.1", 0, backlog=512)
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        await self._stop.wait()
        server.close()
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    def fault_for(self, call: Call) -> Fault | None:
        """What strikes this call."""
        outage = self._outage(call.work)
        if outage:
            return outage
        self._customers.update(call.customers)
        # Random ids differ from run to run; the customer that placed the order does not.
        subject = ",".join(self._subject(order) for order in call.orders)
        return self.plan.draw(call.operation, subject)

    def _subject(self, named: str) -> str:
        order, colon, version = named.partition(":")
        return f"{self._customers.get(order, order)}{colon}{version}"

    @property
    def upstream(self) -> tuple[str, int]:
        """Host and port of the emulator."""
        if self._upstream is None:
            raise ConnectionRefusedError("the proxy has no emulator yet: call connect()")
        return self._upstream


class _Connection:
    """One caller's connection, and the one to the emulator that serves it."""

    def __init__(
        self, proxy: FaultProxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.proxy = proxy
        self.reader = reader
        self.writer = writer
        self.http = h11.Connection(h11.SERVER)
        self.emulator: _Emulator | None = None

    async def serve(self) -> None:
        try:
            while True:
                call = await self._read()
                await self._respond(await self._handle(call))
                if self.http.our_state is not h11.DONE or self.http.their_state is not h11.DONE:
                    return
                self.http.start_next_cycle()
        except (_SeveredError, OSError, h11.ProtocolError):
            pass
        finally:
            self.writer.close()
            if self.emulator is not None:
                self.emulator.close()

    async def _read(self) -> Call:
        request: h11.Request | None = None
        body = bytearray()
        while True:
            event = self.http.next_event()
            if event is h11.NEED_DATA:
                if self.http.they_are_waiting_for_100_continue:
                    await self._send(h11.InformationalResponse(status_code=100, headers=[]))
                self.http.receive_data(await self.reader.read(_CHUNK))
            elif isinstance(event, h11.Request):
                request = event
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage) and request is not None:
                return Call.read(
                    bytes(request.method),
                    bytes(request.target),
                    [(bytes(name), bytes(value)) for name, value in request.headers],
                    bytes(body),
                )
            else:
                raise _SeveredError

    async def _handle(self, call: Call) -> _Answer:
        """Answer a call, or cut the connection, as the plan has it."""
        fault = self.proxy.fault_for(call)
        if fault in (Fault.THROTTLED, Fault.ERROR, Fault.RESET, *OUTAGES):
            self._note(call, None, fault)
            if fault is Fault.RESET:
                self._reset()
            return _refusal(fault, call)
        if fault is Fault.PARTLY:
            return await asyncio.to_thread(self._partly, call)
        if fault is Fault.DUPLICATED:
            self._note(call, await self._forward(call), None)
        answer = await self._forward(call)
        self._note(call, answer, fault)
        if fault is Fault.ERROR_AFTER:
            return _refusal(fault, call)
        if fault is Fault.RESET_AFTER:
            self._reset()
        if fault is Fault.DEATH:
            port = self.writer.get_extra_info("peername")[1]
            if self.proxy.kill is not None:
                await asyncio.to_thread(self.proxy.kill, port)
            self._reset()
        if fault is Fault.DROPPED:
            await self._drop()
        if fault is Fault.DELAYED:
            await asyncio.sleep(self.proxy.plan.mix.delay)
        return answer

    def _partly(self, call: Call) -> _Answer:
        if self.proxy.ask is None:
            raise _SeveredError
        ask = functools.partial(self.proxy.ask, call.operation)
        answer, refused = partly(call.operation, json.loads(call.body), ask)
        for status, part in ((None, True), (200, False)):
            orders = [o for n, o in enumerate(call.orders) if (n in refused) is part]
            if orders:
                self.proxy.journal.append(
                    Entry(call.operation, tuple(orders), status, None, Fault.PARTLY)
                )
        text = json.dumps(answer).encode()
        headers = [
            (b"content-type", b"application/x-amz-json-1.0"),
            (b"content-length", str(len(text)).encode()),
        ]
        return _Answer(200, headers, text)

    async def _forward(self, call: Call) -> _Answer:
        """Send the call on; a stale kept connection is replaced once."""
        fresh = self.emulator is None
        if self.emulator is None:
            self.emulator = await _Emulator.open(*self.proxy.upstream)
        try:
            return await self.emulator.ask(call)
        except (OSError, h11.RemoteProtocolError):
            self.emulator.close()
            self.emulator = None
            if fresh:
                raise
            return await self._forward(call)

    async def _drop(self) -> None:
        """Say nothing until the caller gives up."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.reader.read(_CHUNK), DROPPED_HOLD_SECONDS)
        raise _SeveredError

    def _reset(self) -> None:
        """Cut the connection with a TCP reset rather than an orderly end."""
        sock: socket.socket = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()
        raise _SeveredError

    def _note(self, call: Call, answer: _Answer | None, fault: Fault | None) -> None:
        self.proxy.journal.append(
            Entry(
                call.operation,
                call.orders,
                answer.status if answer else None,
                answer.error if answer else None,
                fault,
            )
        )

    async def _respond(self, answer: _Answer) -> None:
        await self._send(
            h11.Response(status_code=answer.status, headers=answer.headers),
            h11.Data(data=answer.body),
            h11.EndOfMessage(),
        )

    async def _send(self, *events: Any) -> None:
        for event in events:
            data = self.http.send(event)
            if data:
                self.writer.write(data)
        await self.writer.drain()


class _Emulator:
    """A kept connection to the emulator."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.http = h11.Connection(h11.CLIENT)

    @classmethod
    async def open(cls, host: str, port: int) -> "_Emulator":
        return cls(*await asyncio.open_connection(host, port))

    def close(self) -> None:
        self.writer.close()

    async def ask(self, call: Call) -> _Answer:
        """One request, its whole answer."""
        request = h11.Request(method=call.method, target=call.target, headers=call.headers)
        for part in (request, h11.Data(data=call.body), h11.EndOfMessage()):
            self.writer.write(self.http.send(part) or b"")
        await self.writer.drain()
        status, headers, body = 0, [], bytearray()
        while True:
            event = self.http.next_event()
            if event is h11.NEED_DATA:
                self.http.receive_data(await self.reader.read(_CHUNK))
            elif isinstance(event, h11.Response):
                status = event.status_code
                headers = list(_end_to_end(event.headers))
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                break
            elif isinstance(event, h11.ConnectionClosed):
                raise ConnectionResetError("the emulator closed the connection")
        if self.http.our_state is h11.DONE and self.http.their_state is h11.DONE:
            self.http.start_next_cycle()
        headers.append((b"content-length", str(len(body)).encode()))
        return _Answer(status, headers, bytes(body))


def _end_to_end(headers: Any) -> Iterator[tuple[bytes, bytes]]:
    """The headers that are not about the one connection or the framing of the body."""
    for name, value in headers:
        if name not in (b"connection", b"keep-alive", b"transfer-encoding", b"content-length"):
            yield bytes(name), bytes(value)


def _refusal(fault: Fault, call: Call) -> _Answer:
    status, body, extra = error_answer(fault, call.operation)
    text = json.dumps(body).encode()
    headers = [
        (b"content-type", b"application/x-amz-json-1.0"),
        (b"content-length", str(len(text)).encode()),
        *((name.encode(), value.encode()) for name, value in extra.items()),
    ]
    return _Answer(status, headers, text)
