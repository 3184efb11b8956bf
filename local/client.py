"""A small HTTP client of a running API."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from functions import contract


@dataclass(frozen=True)
class Answer:
    """An HTTP answer; `body` is parsed when it is JSON, else the text."""

    status: int
    headers: dict[str, str]
    body: Any


class Api:
    """The API at `url`, called with the access token that `token` gives, if it is given."""

    def __init__(
        self, url: str, timeout: float = 60, token: Callable[[], str] | None = None
    ) -> None:
        parts = urlsplit(url)
        self._token = token
        self._host, self._port, self._timeout = parts.hostname or "", parts.port, timeout
        secure = parts.scheme == "https"
        self._connection = http.client.HTTPSConnection if secure else http.client.HTTPConnection

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request as it is; raises `OSError` when no answer comes."""
        signed_in = {} if self._token is None else {"authorization": f"Bearer {self._token()}"}
        connection = self._connection(self._host, self._port, timeout=self._timeout)
        try:
            connection.request(method, path, body, {**signed_in, **(headers or {})})
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        fields = {name.lower(): value for name, value in answer.getheaders()}
        text = content.decode("utf-8", errors="replace")
        try:
            parsed = json.loads(text) if "json" in fields.get("content-type", "") else text
        except ValueError:
            parsed = text
        return Answer(answer.status, fields, parsed)

    def create(self, order: Any, headers: Mapping[str, str] | None = None) -> Answer:
        """Place an order."""
        content = {"content-type": "application/json", **(headers or {})}
        return self.request("POST", contract.ORDERS_PATH, json.dumps(order).encode(), content)

    def get(self, order_id: str) -> Answer:
        """Read an order."""
        return self.request("GET", contract.ORDER_PATH.replace("{id}", order_id))

    def wait_for(self, order_id: str, status: str, seconds: float) -> Answer:
        """Read an order until it has `status`, for at most `seconds`; the last answer."""
        deadline = time.monotonic() + seconds
        while True:
            answer = self.get(order_id)
            reached = isinstance(answer.body, dict) and answer.body.get("status") == status
            if reached or time.monotonic() > deadline:
                return answer
            time.sleep(0.01)
