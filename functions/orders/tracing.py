"""AWS X-Ray subsegments of the AWS calls, sent to the daemon that Lambda runs beside a function.

The daemon's protocol is one UDP datagram a document:
https://docs.aws.amazon.com/xray/latest/devguide/xray-api-sendingdata.html
A few lines instead of the X-Ray SDK, whose import costs more than the rest of a handler.
Tracing never fails a request: what cannot be sent is dropped. No customer data goes in.
"""

import contextlib
import json
import os
import socket
import time
from typing import Any

_HEADER = b'{"format": "json", "version": 1}\n'

_socket: socket.socket | None = None


class Subsegment:
    """The context of one AWS call; does nothing unless Lambda has sampled the invocation.

    `aws` are fields of X-Ray's `aws` block, such as table_name or queue_url.
    """

    __slots__ = ("_aws", "_id", "_name", "_operation", "_parent", "_root", "_start")

    def __init__(self, name: str, operation: str, **aws: str) -> None:
        self._root = self._parent = self._id = ""
        header = os.environ.get("_X_AMZN_TRACE_ID")
        if header and "Sampled=1" in header:
            fields = dict(part.split("=", 1) for part in header.split(";") if "=" in part)
            self._root, self._parent = fields.get("Root", ""), fields.get("Parent", "")
        if self._root and self._parent:
            self._id = os.urandom(8).hex()
            self._name, self._operation, self._aws = name, operation, aws

    @property
    def header(self) -> str | None:
        """The trace header that makes what follows a child of this call; None: not sampled."""
        return f"Root={self._root};Parent={self._id};Sampled=1" if self._id else None

    def __enter__(self) -> "Subsegment":
        if self._id:
            self._start = time.time()
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if self._id:
            with contextlib.suppress(Exception):
                _emit(self._document(error))

    def _document(self, error: BaseException | None) -> dict[str, Any]:
        document: dict[str, Any] = {
            "name": self._name,
            "id": self._id,
            "trace_id": self._root,
            "parent_id": self._parent,
            "type": "subsegment",
            "namespace": "aws",
            "start_time": self._start,
            "end_time": time.time(),
            "aws": {
                "operation": self._operation,
                "region": os.environ.get("AWS_REGION", ""),
                **self._aws,
            },
        }
        if error is not None:
            response: dict[str, Any] = getattr(error, "response", None) or {}
            status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            if status:
                document["http"] = {"response": {"status": status}}
            if 400 <= status < 500:
                document["error"] = True
                document["throttle"] = status == 429 or "Throttl" in str(response.get("Error"))
            else:
                document["fault"] = True
            document["cause"] = {
                "exceptions": [{"id": os.urandom(8).hex(), "type": type(error).__name__}]
            }
        return document


def _emit(document: dict[str, Any]) -> None:
    global _socket
    if _socket is None:
        _socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        _socket.setblocking(False)
    _socket.sendto(_HEADER + json.dumps(document).encode(), _daemon())


def _daemon() -> tuple[str, int]:
    # "host:port", or "tcp:host:port udp:host:port"
    address = os.environ.get("AWS_XRAY_DAEMON_ADDRESS") or "127.0.0.1:2000"
    for part in address.split():
        if not part.startswith("tcp:"):
            address = part.removeprefix("udp:")
    host, _, port = address.rpartition(":")
    return host, int(port)
