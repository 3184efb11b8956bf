"""Reads the body of a request: wholly, within a size and a time, or not at all."""

from __future__ import annotations

import asyncio

from local.edge.request import Receive

# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
MAX_BYTES = 10 * 1024 * 1024

DRAIN_BYTES = 64 * 1024 * 1024
"""What is still read, to be thrown away, of a body that is too large."""

MAX_SECONDS = 30.0
"""How long a body may take to arrive. AWS publishes no figure; an integration has as long."""


class IncompleteError(Exception):
    """The connection ended before the whole body had arrived."""


class TooSlowError(Exception):
    """The body had not arrived in time."""


class TooLargeError(Exception):
    """The body is larger than API Gateway takes; `read` when it was nevertheless all read."""

    def __init__(self, read: bool) -> None:
        super().__init__()
        self.read = read


async def read(receive: Receive, seconds: float = MAX_SECONDS) -> bytes:
    """The whole body."""
    try:
        async with asyncio.timeout(seconds):
            return await _read(receive)
    except TimeoutError as error:
        raise TooSlowError from error


async def _read(receive: Receive) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise IncompleteError
        chunk = message.get("body", b"")
        size += len(chunk)
        if size <= MAX_BYTES:
            chunks.append(chunk)
        more = message.get("more_body", False)
        if size > DRAIN_BYTES or (size > MAX_BYTES and not more):
            raise TooLargeError(read=not more)
        if not more:
            return b"".join(chunks)
