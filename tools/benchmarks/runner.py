"""One subject in one fresh interpreter: python -S -E runner.py MODE CODE FUNCTION EVENT [COUNT].

Modes: `empty` only starts; `init` imports the handler; `first` also handles one event, and
`memory` then prints the pages that it holds (Linux only);
`warm` times COUNT events with the HTTP layer answered in this process, `billed` the same with
every answer taking LATENCY; `own` with the AWS calls answered instead. The last three print
JSON: seconds of CPU and of wall clock for each event.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time

TYPE_CHECKING = False  # typing's own would have to be imported, which weighs on what is measured
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

MODE, CODE, FUNCTION, EVENT = sys.argv[1:5]
MODULE = f"functions.{FUNCTION}" if os.path.isdir(f"{CODE}/functions") else FUNCTION

# Seconds. DynamoDB promises "single-digit millisecond" answers:
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Introduction.html
LATENCY = 0.005


class Context:
    """What Lambda passes beside the event."""

    function_name = FUNCTION
    function_version = "1"
    memory_limit_in_mb = 1024
    invoked_function_arn = f"arn:aws:lambda:us-east-1:123456789012:function:{FUNCTION}:live"
    aws_request_id = "6bc28136-xmpl-4365-b021-0ce6b2e64ab0"
    log_group_name = f"/aws/lambda/{FUNCTION}"
    log_stream_name = "2026/11/23/[1]abcdef"

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 30_000


def answer_http() -> list[str]:
    """Answer at botocore's HTTP session, the last step before the network; returns the calls."""
    import botocore.awsrequest  # type: ignore[import-untyped]
    import botocore.httpsession  # type: ignore[import-untyped]

    sys.path.append(os.path.dirname(os.path.abspath(__file__)))
    from aws_answers import answer  # type: ignore[import-not-found]

    calls: list[str] = []

    class Raw:
        def __init__(self, body: bytes) -> None:
            self.body = body

        def stream(self, *args: object, **kwargs: object) -> Iterator[bytes]:
            yield self.body

        def read(self, *args: object, **kwargs: object) -> bytes:
            return self.body

    def send(self: object, request: Any) -> Any:
        target = request.headers["X-Amz-Target"]
        operation = (target.decode() if isinstance(target, bytes) else target).rpartition(".")[2]
        calls.append(operation)
        if MODE == "billed":
            time.sleep(LATENCY)
        body = answer(operation, request.body)
        headers = {"content-type": "application/x-amz-json-1.0", "content-length": str(len(body))}
        return botocore.awsrequest.AWSResponse(request.url, 200, headers, Raw(body))

    botocore.httpsession.URLLib3Session.send = send
    return calls


def answer_calls() -> list[str]:
    """Answer at the client's method, so that only the handler's own logic is left."""
    import botocore.client  # type: ignore[import-untyped]

    sys.path.append(os.path.dirname(os.path.abspath(__file__)))
    from aws_answers import answer

    calls: list[str] = []
    parsed = {
        name: {**json.loads(answer(name, b'{"MessageBody": ""}')), "ResponseMetadata": {}}
        for name in ("PutItem", "GetItem", "UpdateItem", "SendMessage")
    }

    def call(self: object, operation: str, arguments: object) -> Any:
        calls.append(operation)
        return parsed[operation]

    botocore.client.BaseClient._make_api_call = call
    return calls


def main() -> None:
    if MODE == "empty":
        return
    sys.path.insert(0, CODE)
    calls = {"warm": answer_http, "billed": answer_http, "own": answer_calls}.get(MODE, list)()
    if MODE in ("warm", "billed", "own"):
        sys.stdout, out = open(os.devnull, "w"), sys.stdout
    handler = importlib.import_module(MODULE).handler
    if MODE == "init":
        print(len(sys.modules))
        return
    with open(EVENT, encoding="utf-8") as file:
        text = file.read()
    if MODE in ("first", "memory"):
        handler(json.loads(text), Context())
        if MODE == "memory":
            # https://man7.org/linux/man-pages/man5/proc_pid_statm.5.html
            with open("/proc/self/statm", encoding="ascii") as pages:
                print(pages.read(), end="")
        return
    count = int(sys.argv[5])
    for _ in range(count // 10 + 5):
        handler(json.loads(text), Context())
    calls.clear()
    cpu, wall = [], []
    for _ in range(count):
        event = json.loads(text)
        cpu_start, wall_start = time.process_time(), time.perf_counter()
        handler(event, Context())
        wall.append(time.perf_counter() - wall_start)
        cpu.append(time.process_time() - cpu_start)
    counted = {name: calls.count(name) / count for name in sorted(set(calls))}
    json.dump({"cpu": cpu, "wall": wall, "calls": counted}, out)


main()
