"""A response to the caller, and those that the gateway gives itself."""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(frozen=True)
class Response:
    """`reason` says in a few words what the gateway decided; `integration_status` is the
    function's own HTTP status, or Lambda's, if it was invoked; `closes` the connection.
    """

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    reason: str | None = None
    integration_status: int | None = None
    closes: bool = False


def gateway(
    status: int,
    message: str,
    reason: str | None = None,
    integration_status: int | None = None,
    closes: bool = False,
) -> Response:
    """A response of the gateway itself: `message` for the caller, `reason` for the logs."""
    body = json.dumps({"message": message}, separators=(",", ":")).encode()
    headers = [("content-type", "application/json")]
    return Response(status, headers, body, reason or message, integration_status, closes)
