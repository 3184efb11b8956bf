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
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth  # type: ignore[import-untyped]
from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped]
from botocore.credentials import Credentials  # type: ignore[import-untyped]
from uvicorn.config import Config
from uvicorn.lifespan.on import LifespanOn

from local import codedeploy, events, ministack, traces
from local.door import Door, Way
from local.edge import Invocation, fetching, serving
from local.edge.request import Receive, Scope, Send
from local.guard import Answer, Guard, Refused, answer


class Server:
    """Everything that runs in the child process."""

    def __init__(self, settings: dict[str, Any], parent: int) -> None:
        self._settings = settings
        self._stream = events.Stream()
        self._parent = parent
        self._credentials = Credentials(
            os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
        )
        self._guard = Guard(
            self._observed,
            settings["hosts"],
            self._credentials_of,
            _refusal,
            ministack.region_of_client,
        )
        self._alarms: dict[str, Any] = {}
        self._codedeploy = codedeploy.CodeDeploy(self._cloud, settings["minuteSeconds"])
        self._slots: dict[str, asyncio.Semaphore] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._listening: list[asyncio.Server] = []
        self._doors: dict[str, Door] = {}
        self._regions = ministack.Regions()
        self._observing = False

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
        self._alarms |= command.get("alarms", {})
        if "functionsEndpoint" in command:
            self._lead_functions_to(command["functionsEndpoint"])
        elif "watchRights" in command:
            ministack.watch_rights(self._told)
        elif "down" in command:
            self._start(self._change_regions(command["down"], command["cut"]))
        elif "api" in command:
            self._serve(command)

    def _lead_functions_to(self, url: str | None) -> None:
        if url is not None:
            self._guard.permit(urlsplit(url).netloc)
        ministack.use_endpoint(url)

    def _serve(self, command: dict[str, Any]) -> None:
        region = command["region"]
        first = region not in self._doors
        if first:
            self._begin(Path(command["interpreter"]))
            listening = socket.socket(fileno=self._settings["edgeSockets"][len(self._doors)])
            self._doors[region] = Door(listening, self._way(region))
        self._doors[region].serve(command["api"])
        if first:
            self._start(self._open_door(region, command["stack"], command["url"]))
        else:
            self._tell(events.RoutesChanged(routes=len(command["api"]["routes"])), region)

    def _begin(self, interpreter: Path) -> None:
        if self._observing:
            return
        self._observing = True
        ministack.observe(self._told)
        if self._several:
            self._regions.install()
        ministack.use_interpreter(interpreter)
        gc.freeze()  # what is loaded by now stays: no collection need look at it again
        gc.enable()

    def _way(self, region: str) -> Way:
        return Way(
            invoke=functools.partial(self.invoke, region),
            write=functools.partial(self._logs, region),
            fetch=self._published,
            publish=lambda event: self._tell(event, region),
            start=self._start,
        )

    @property
    def _several(self) -> bool:
        """Whether the run has several regions."""
        return len(self._settings["edgeSockets"]) > 1

    def _tell(self, event: events.Event, region: str) -> None:
        self._stream.publish(events.in_region(event, region) if self._several else event)

    def _told(self, event: events.Event) -> None:
        """Publish what happens in the emulator, whose threads know in which region they are."""
        self._tell(event, ministack.current())

    async def _open_door(self, region: str, stack: str, url: str) -> None:
        await self._doors[region].open()
        self._tell(events.SystemStarted(stack=stack, url=url), region)

    async def _change_regions(self, down: list[str], cut: list[str]) -> None:
        """Have these regions be down, and these cut off, and no others; then say so."""
        for region in down:
            self._doors[region].close()
        await asyncio.to_thread(self._regions.set, frozenset(down), frozenset(cut))
        for region in self._doors.keys() - set(down):
            await self._doors[region].open()
        self._stream.publish(events.RegionsChanged(down=", ".join(down), cut=", ".join(cut)))

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

    async def invoke(
        self, region: str, function: str, qualifier: str | None, payload: bytes
    ) -> Invocation:
        """Invoke a function through the emulator's Lambda API, waiting for a free slot."""
        limit = self._settings["concurrency"]
        async with self._slots.setdefault(function, asyncio.Semaphore(limit)):
            path = f"/2015-03-31/functions/{function}/invocations"
            query = f"Qualifier={qualifier}" if qualifier else ""
            call = self._call(region, "POST", "lambda", path, query, payload)
            status, headers, body = await call
        error = None
        if headers.get("x-amz-function-error"):
            try:
                error = str(json.loads(body).get("errorType", "Unhandled"))
            except (ValueError, AttributeError):
                error = "Unhandled"
        return Invocation(status, body, error)

    async def _call(
        self,
        region: str,
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
        SigV4Auth(self._credentials, service, region).add_auth(request)
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
        if self._several and self._regions.is_down(place := _place(scope)):
            await answer(send, _unavailable(scope, place))
            return
        target = ministack.header(scope, "x-amz-target")
        if target.startswith(codedeploy.TARGET):
            operation = target.removeprefix(codedeploy.TARGET)
            await self._deploy(scope, operation, receive, send)
            return
        counts = target == codedeploy.GET_METRIC_DATA
        application = self._counted if counts else ministack.application
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
                    self._told(denied)
            await send(message)

        await application(scope, receive_kept, send_watched)

    async def _counted(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Metrics for whom the emulator lets ask; what it knows of them itself is nothing."""
        asked, told = await receive(), []  # the guard hands it on in one piece

        async def receive_again() -> dict[str, Any]:
            return asked

        async def send_later(message: dict[str, Any]) -> None:
            told.append(message)

        await ministack.application(scope, receive_again, send_later)
        if told[0]["status"] == HTTPStatus.OK:
            body = codedeploy.metric_data(asked.get("body", b""), self._cloud().metrics)
            kind = [(b"content-type", b"application/x-amz-json-1.0")]
            start = {"type": "http.response.start", "status": HTTPStatus.OK, "headers": kind}
            told = [start, {"type": "http.response.body", "body": body}]
        for message in told:
            await send(message)

    async def _deploy(self, scope: Scope, operation: str, receive: Receive, send: Send) -> None:
        body = (await receive()).get("body", b"")  # the guard hands it on in one piece
        action, group = f"codedeploy:{operation}", self._codedeploy.concerned(body)
        resource = f"{ministack.arn('codedeploy', scope)}:deploymentgroup:{group}" if group else "*"
        refused = ministack.denied(scope, action, resource)
        if refused is None:
            status, said = await asyncio.to_thread(
                self._codedeploy.answer, operation, body, ministack.region(scope)
            )
        else:
            who = refused.partition("User: ")[2].partition(" ")[0]
            self._told(events.CallDenied(action=action, resource=resource, principal=who))
            refusal = {"__type": "AccessDeniedException", "message": refused}
            status, said = HTTPStatus.BAD_REQUEST, json.dumps(refusal).encode()
        kind = [(b"content-type", b"application/x-amz-json-1.1")]
        await send({"type": "http.response.start", "status": status, "headers": kind})
        await send({"type": "http.response.body", "body": said})

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
            lambda role: ministack.service_session(role, codedeploy.SESSION),
            self._alarm,
        )

    def _alarm(self, name: str) -> dict[str, Any] | None:
        return self._alarms.get(name)

    def _credentials_of(self, access_key: str) -> Credentials | None:
        if access_key == self._credentials.access_key:
            return self._credentials
        return ministack.session(access_key)

    async def _published(self, url: str) -> bytes:
        """What an issuer of tokens publishes: a user pool of the emulator, or one elsewhere."""
        if self._regions.is_down(region := ministack.region_of(url)):
            raise OSError(f"{region} is down")
        found = await asyncio.to_thread(ministack.published, url)  # which may have to make keys
        return await fetching.get(url) if found is None else found

    async def _logs(self, region: str, operation: str, request: dict[str, Any]) -> None:
        headers = {
            "x-amz-target": f"Logs_20140328.{operation}",
            "content-type": "application/x-amz-json-1.1",
        }
        status, _, body = await self._call(
            region, "POST", "logs", "/", "", json.dumps(request).encode(), headers
        )
        if status != 200:
            logging.getLogger("local").error("%s: %s", operation, body.decode(errors="replace"))


async def _start_application() -> None:
    """Run the startup of the emulator's application; it is never shut down, only killed."""
    config = Config(ministack.application, lifespan="on", log_config=None)
    config.load()
    lifespan = LifespanOn(config)
    await lifespan.startup()
    if lifespan.should_exit:
        raise RuntimeError("the emulator's application did not start")


def _place(scope: Scope) -> str:
    """The region that a request is for: as the guard found, or as it is signed."""
    return str(scope.get("region") or ministack.region(scope))


def _refusal(scope: Scope, refused: Refused) -> Answer:
    return ministack.refusal(scope, refused.code, refused.message)


def _unavailable(scope: Scope, region: str) -> Answer:
    code = "ServiceUnavailable"
    _, fields, body = ministack.refusal(scope, code, f"{region} is down.")
    return 503, fields, body


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
