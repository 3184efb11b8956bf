"""The child process of a local run: the emulator and, in the same event loop, the edge.

One loop, since a function invocation then is a call in this process instead of one more HTTP
round trip. `emulator.Emulator` starts it and speaks to it:

- stdin: one JSON command a line; its end means that the parent is gone, and ends this process.
- stdout: one event of `events` a line. Writing never holds anything up: what a parent that does
  not read (a stopped one) cannot take is dropped and counted.
- stderr: the emulator's log.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import json
import logging
import os
import shutil
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth  # type: ignore[import-untyped]
from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped]
from botocore.credentials import Credentials  # type: ignore[import-untyped]
from uvicorn.config import Config
from uvicorn.lifespan.on import LifespanOn

from local import codedeploy, events, ministack, traces
from local.edge import Edge, Invocation, fetching, serving
from local.edge.request import Receive, Scope, Send
from local.guard import Answer, Guard, Refused

ACCESS_LOG_SECONDS = 0.25
"""How often collected access log lines are written to their log group."""


class Server:
    """Everything that runs in the child process."""

    def __init__(self, settings: dict[str, Any], parent: int) -> None:
        self._settings = settings
        self._stream = events.Stream()
        self._parent = parent
        self._credentials = Credentials(
            os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
        )
        self._guard = Guard(self._observed, settings["hosts"], self._credentials_of, _refusal)
        self._alarms: dict[str, Any] = {}
        self._codedeploy = codedeploy.CodeDeploy(self._cloud, settings["minuteSeconds"])
        self._slots: dict[str, asyncio.Semaphore] = {}
        self._access_lines: list[dict[str, Any]] = []
        self._region = "us-east-1"
        self._tasks: set[asyncio.Task[Any]] = set()
        self._listening: list[asyncio.Server] = []
        self._edge: Edge | None = None
        self._access_log: asyncio.Task[Any] | None = None
        self._access_log_group: str | None = None

    def _tell_parent(self, told: events.Subscription) -> None:
        with contextlib.suppress(BrokenPipeError):  # the parent is gone: see _read_commands
            for event in told:
                line = events.encode(event)
                while line:
                    line = line[os.write(self._parent, line) :]

    async def run(self) -> None:
        """Serve the emulator until the process is ended."""
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._read_commands, args=(loop,), daemon=True).start()
        told = self._stream.subscribe()
        threading.Thread(target=self._tell_parent, args=(told,), daemon=True).start()
        await _start_application()
        os.environ[traces.ADDRESS] = await traces.collect(self._stream.publish)
        await self._listen(self._guard, "emulatorSocket")
        self._stream.publish(events.EmulatorStarted(endpoint=self._settings["endpoint"]))
        await asyncio.Event().wait()

    def _read_commands(self, loop: asyncio.AbstractEventLoop) -> None:
        for line in sys.stdin:
            loop.call_soon_threadsafe(self._command, json.loads(line))
        # The parent is gone: nobody is left to see what would be served.
        shutil.rmtree(self._settings["folder"], ignore_errors=True)
        os.killpg(0, signal.SIGKILL)

    def _command(self, command: dict[str, Any]) -> None:
        self._alarms = command.get("alarms", self._alarms)
        if "functionsEndpoint" in command:
            self._lead_functions_to(command["functionsEndpoint"])
        elif "watchRights" in command:
            ministack.watch_rights(self._stream.publish)
        elif "api" in command:
            self._serve(command)

    def _lead_functions_to(self, url: str | None) -> None:
        if url is not None:
            self._guard.permit(urlsplit(url).netloc)
        ministack.use_endpoint(url)

    def _serve(self, command: dict[str, Any]) -> None:
        first = self._edge is None
        self._edge = Edge(command["api"], self.invoke, self._record, fetch=_published)
        if first:
            self._begin(command)
        else:
            self._stream.publish(events.RoutesChanged(routes=len(command["api"]["routes"])))
        group = command["api"].get("accessLogGroup")
        if group != self._access_log_group:
            if self._access_log is not None:
                self._access_log.cancel()
            self._access_log_group = group
            self._access_log = self._start(self._write_access_log(group)) if group else None

    def _begin(self, command: dict[str, Any]) -> None:
        ministack.observe(self._stream.publish)
        ministack.use_interpreter(Path(command["interpreter"]))
        self._region = command["region"]
        self._start(self._open_door(command["stack"], command["url"]))
        gc.freeze()  # what is loaded by now stays: no collection need look at it again
        gc.enable()

    async def _open_door(self, stack: str, url: str) -> None:
        await self._listen(self._answer, "edgeSocket")
        self._stream.publish(events.SystemStarted(stack=stack, url=url))

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._edge is not None:  # the latest: a request that is under way ends with its own
            await self._edge(scope, receive, send)

    async def _listen(self, application: Any, where: str) -> None:
        listening = socket.socket(fileno=self._settings[where])
        self._listening.append(await serving.serve(application, listening))

    def _start(self, coroutine: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._fail_loudly)
        return task

    def _fail_loudly(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and task.exception() is not None:
            logging.getLogger("local").error("the edge ended", exc_info=task.exception())
            os.killpg(0, signal.SIGKILL)

    async def invoke(self, function: str, qualifier: str | None, payload: bytes) -> Invocation:
        """Invoke a function through the emulator's Lambda API, waiting for a free slot."""
        limit = self._settings["concurrency"]
        async with self._slots.setdefault(function, asyncio.Semaphore(limit)):
            path = f"/2015-03-31/functions/{function}/invocations"
            query = f"Qualifier={qualifier}" if qualifier else ""
            status, headers, body = await self._call("POST", "lambda", path, query, payload)
        error = None
        if headers.get("x-amz-function-error"):
            try:
                error = str(json.loads(body).get("errorType", "Unhandled"))
            except (ValueError, AttributeError):
                error = "Unhandled"
        return Invocation(status, body, error)

    async def _call(
        self,
        method: str,
        service: str,
        path: str,
        query: str,
        body: bytes,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, dict[str, str], bytes]:
        """One signed AWS call to the emulator, in this process."""
        host = f"127.0.0.1:{os.environ['GATEWAY_PORT']}"
        url = f"http://{host}{path}" + (f"?{query}" if query else "")
        request = AWSRequest(method, url, {"host": host, **(headers or {})}, body)
        SigV4Auth(self._credentials, service, self._region).add_auth(request)
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "scheme": "https",
            "headers": [
                (name.lower().encode(), str(value).encode())
                for name, value in request.headers.items()
            ]
            + [(b"content-length", str(len(body)).encode())],
            "client": ("127.0.0.1", 0),
            "server": ("127.0.0.1", 0),
        }
        messages: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            messages.append(message)

        await ministack.application(scope, receive, send)
        answer_headers = {k.decode().lower(): v.decode() for k, v in messages[0]["headers"]}
        content = b"".join(message.get("body", b"") for message in messages[1:])
        return messages[0]["status"], answer_headers, content

    async def _observed(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The emulator's own application, with denied calls reported."""
        # Loopback stands for TLS here: without it the queues' TLS-only policies deny everything.
        scope["scheme"] = "https"
        target = ministack.header(scope, "x-amz-target")
        if target.startswith(codedeploy.TARGET):
            await self._deploy(target.removeprefix(codedeploy.TARGET), receive, send)
            return
        parts: list[bytes] = []
        refused = False

        async def receive_kept() -> dict[str, Any]:
            message = await receive()
            parts.append(message.get("body", b""))
            return message

        async def send_watched(message: dict[str, Any]) -> None:
            nonlocal refused
            if message["type"] == "http.response.start":
                refused = message["status"] in (400, 403)
            elif refused:
                denied = ministack.denial(scope, b"".join(parts), message.get("body", b""))
                if denied is not None:
                    self._stream.publish(denied)
            await send(message)

        await ministack.application(scope, receive_kept, send_watched)

    async def _deploy(self, operation: str, receive: Receive, send: Send) -> None:
        body = (await receive()).get("body", b"")  # the guard hands it on in one piece
        status, answer = await asyncio.to_thread(
            self._codedeploy.answer, operation, body, self._region
        )
        kind = [(b"content-type", b"application/x-amz-json-1.1")]
        await send({"type": "http.response.start", "status": status, "headers": kind})
        await send({"type": "http.response.body", "body": answer})

    @functools.cache  # noqa: B019 - there is one server
    def _cloud(self) -> codedeploy.Cloud:
        credentials = {
            "aws_access_key_id": self._credentials.access_key,
            "aws_secret_access_key": self._credentials.secret_key,
        }
        return codedeploy.Cloud(
            self._settings["endpoint"],
            credentials,
            self._stream,
            lambda role: ministack.service_session(role, "codedeploy"),
            self._alarm,
        )

    def _alarm(self, name: str) -> dict[str, Any] | None:
        return self._alarms.get(name)

    def _credentials_of(self, access_key: str) -> Credentials | None:
        if access_key == self._credentials.access_key:
            return self._credentials
        return ministack.session(access_key)

    def _record(self, request: events.RequestAnswered, line: str | None) -> None:
        if line is not None:
            self._access_lines.append({"timestamp": int(time.time() * 1000), "message": line})
        self._stream.publish(request)

    async def _write_access_log(self, group: str) -> None:
        stream = {"logGroupName": group, "logStreamName": "local-edge"}
        await self._logs("CreateLogStream", stream)
        while True:
            await asyncio.sleep(ACCESS_LOG_SECONDS)
            lines, self._access_lines = self._access_lines, []
            if lines:
                await self._logs("PutLogEvents", {**stream, "logEvents": lines})

    async def _logs(self, operation: str, request: dict[str, Any]) -> None:
        headers = {
            "x-amz-target": f"Logs_20140328.{operation}",
            "content-type": "application/x-amz-json-1.1",
        }
        status, _, body = await self._call(
            "POST", "logs", "/", "", json.dumps(request).encode(), headers
        )
        if status != 200:
            logging.getLogger("local").error("%s: %s", operation, body.decode(errors="replace"))


async def _published(url: str) -> bytes:
    """What an issuer of tokens publishes: a user pool of the emulator, or one elsewhere."""
    found = await asyncio.to_thread(ministack.published, url)  # which may have to make keys
    return await fetching.get(url) if found is None else found


async def _start_application() -> None:
    """Run the startup of the emulator's application; it is never shut down, only killed."""
    config = Config(ministack.application, lifespan="on", log_config=None)
    config.load()
    lifespan = LifespanOn(config)
    await lifespan.startup()
    if lifespan.should_exit:
        raise RuntimeError("the emulator's application did not start")


def _refusal(scope: Scope, refused: Refused) -> Answer:
    return ministack.refusal(scope, refused.code, refused.message)


def main() -> None:
    """Run the child process with the settings given as JSON in the first argument."""
    gc.disable()
    settings = json.loads(sys.argv[1])
    parent = os.dup(1)
    os.dup2(2, 1)  # only events go to the parent
    Path(settings["folder"]).joinpath("pid").write_text(str(os.getpid()))
    server = Server(settings, parent)
    ministack.prepare()
    threading.Thread(target=ministack.load_services, daemon=True).start()
    asyncio.run(server.run())


if __name__ == "__main__":
    main()
