"""One HTTP request, for what is no AWS service with a client of its own."""

import http.client
from http.client import HTTPMessage
from typing import NamedTuple
from urllib.parse import SplitResult

FAILURES = (OSError, http.client.HTTPException)
"""What `request` raises: no answer, or none that is HTTP."""


class Answer(NamedTuple):
    """What was answered; a redirect is an answer as any other, which nobody follows."""

    status: int
    headers: HTTPMessage
    content: bytes


def request(
    url: SplitResult,
    method: str,
    path: str,
    seconds: float,
    body: str | None = None,
    headers: dict[str, str] | None = None,
) -> Answer:
    """Ask for `path` below `url`; raises one of FAILURES, also when nothing comes for so many
    seconds."""
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    connection = kind(url.hostname or "", url.port, timeout=seconds)
    try:
        connection.request(method, url.path + path, body, headers or {})
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read())
    finally:
        connection.close()
