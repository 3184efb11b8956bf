"""AWS X-Ray subsegments of the AWS calls, sent to the daemon that Lambda runs beside a function.

The daemon's protocol is one UDP datagram a document:
https://docs.aws.amazon.com/xray/latest/devguide/xray-api-sendingdata.html
A few lines instead of the X-Ray SDK, whose import costs more than the rest of a handler.
Tracing never fails a request: what cannot be sent is dropped. No customer data goes in.
"""

import contextlib
import functools
import json
import os
import re
import socket
import time
from typing import Any

_HEADER = b'{"format": "json", "version": 1}\n'

# Root and parent of the trace header, as Lambda writes it for a sampled invocation.
_SAMPLED = re.compile(r"Root=([\w-]+);Parent=(\w+);Sampled=1")

_socket: socket.socket | None = None


class Subsegment:
    """The context of one AWS call; does nothing unless Lambda has sampled the invocation.

    `aws` are fields of X-Ray's `aws` block, such as table_name or queue_url.
    """

    __slots__ = ("_aws", "_id", "_name", "_operation", "_start", "_trace")

    def __init__(self, name: str, operation: str, **aws: str) -> None:
        header = os.environ.get("_X_AMZN_TRACE_ID", "")
        self._trace = _SAMPLED.match(header) if header else None
        if self._trace:
            self._id = os.urandom(8).hex()
            self._name, self._operation, self._aws = name, operation, aws

    @property
    def header(self) -> str | None:
        """The trace header that makes what follows a child of this call; None: not sampled."""
        return f"Root={self._trace[1]};Parent={self._id};Sampled=1" if self._trace else None

    def __enter__(self) -> "Subsegment":
        if self._trace:
            self._start = time.time()
        return self

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        if self._trace:
            with contextlib.suppress(Exception):
                _emit(self._document(self._trace, error))

    def _document(self, trace: re.Match[str], error: BaseException | None) -> str:
        # Put together as text: it is written twice an order, and its values need no escaping.
        return (
            f'{{"trace_id":"{trace[1]}","parent_id":"{trace[2]}","id":"{self._id}",'
            f'"start_time":{self._start},"end_time":{time.time()},'
            f"{_call(self._name, self._operation, *self._aws.items())}"
            f"{_failure(error) if error is not None else ''}}}"
        )


@functools.cache
def _call(name: str, operation: str, *aws: tuple[str, str]) -> str:
    """The members that are the same for every call of an operation."""
    fields = {"operation": operation, "region": os.environ.get("AWS_REGION", ""), **dict(aws)}
    members = {"name": name, "type": "subsegment", "namespace": "aws", "aws": fields}
    return json.dumps(members, separators=(",", ":"))[1:-1]


def _failure(error: BaseException) -> str:
    members: dict[str, Any] = {
        "cause": {"exceptions": [{"id": os.urandom(8).hex(), "type": type(error).__name__}]}
    }
    response: dict[str, Any] = getattr(error, "response", None) or {}
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if status:
        members["http"] = {"response": {"status": status}}
    if 400 <= status < 500:
        members["error"] = True
        members["throttle"] = status == 429 or "Throttl" in str(response.get("Error"))
    else:
        members["fault"] = True
    return "," + json.dumps(members, separators=(",", ":"))[1:-1]


def _emit(document: str) -> None:
    global _socket
    if _socket is None:
        _socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        _socket.setblocking(False)
    # Lambda always says where its daemon is.
    address = _daemon(os.environ["AWS_XRAY_DAEMON_ADDRESS"])
    _socket.sendto(_HEADER + document.encode(), address)


@functools.cache
def _daemon(address: str) -> tuple[str, int]:
    # "host:port", or "tcp:host:port udp:host:port"
    for part in address.split():
        if not part.startswith("tcp:"):
            address = part.removeprefix("udp:")
    host, _, port = address.rpartition(":")
    return host, int(port)
