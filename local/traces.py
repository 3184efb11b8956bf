"""Stands in for the X-Ray daemon: what functions send it becomes events of the run.

https://docs.aws.amazon.com/xray/latest/devguide/xray-api-sendingdata.html
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

from local.events import CallTraced

ADDRESS = "AWS_XRAY_DAEMON_ADDRESS"
"""The variable that tells a function where the daemon is."""

_NO_RESOURCE = ("operation", "region", "request_id", "account_id")


async def collect(publish: Callable[[CallTraced], None]) -> str:
    """Publish each subsegment from now on; the address to give to functions."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: _Daemon(publish), local_addr=("127.0.0.1", 0)
    )
    host, port = transport.get_extra_info("sockname")
    return f"{host}:{port}"


def read(datagram: bytes) -> CallTraced | None:
    """The call that a datagram tells of; None for any other."""
    try:
        document = json.loads(datagram.partition(b"\n")[2])
        aws = document["aws"]
        began = float(document["start_time"])
        resource = next((v for name, v in aws.items() if name not in _NO_RESOURCE), "")
        return CallTraced(
            at=time.time(),
            trace_id=str(document["trace_id"]),
            service=str(document["name"]),
            operation=str(aws["operation"]),
            began=began,
            milliseconds=round((float(document["end_time"]) - began) * 1000, 1),
            failure=_failure(document),
            resource=str(resource).rpartition("/")[2],
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _failure(document: dict[str, Any]) -> str:
    kinds = [kind for kind in ("throttle", "error", "fault") if document.get(kind)]
    if not kinds:
        return ""
    exceptions = document.get("cause", {}).get("exceptions") or [{}]
    status = document.get("http", {}).get("response", {}).get("status")
    words = [kinds[0], exceptions[0].get("type"), status]
    return " ".join(str(word) for word in words if word)


class _Daemon(asyncio.DatagramProtocol):
    def __init__(self, publish: Callable[[CallTraced], None]) -> None:
        self._publish = publish

    def datagram_received(self, data: bytes, _address: Any) -> None:
        call = read(data)
        if call is not None:
            self._publish(call)
