"""Access tokens of a machine: the grant of client credentials (RFC 6749, section 4.4).

A token is kept until shortly before it expires, because each is billed.
"""

import json
import re
import time
from collections.abc import Sequence
from urllib.parse import urlencode, urlsplit

from . import http_request

ANSWER_SECONDS = 5  # after which the token endpoint counts as not answering

# How long a run takes at most, in which a token is not to expire.
SPARE_SECONDS = 60

# An error code as OAuth has it; anything else in an answer may repeat what was sent.
_ERROR = re.compile(r"[a-z_]{1,40}")


class NoTokenError(Exception):
    """There is no token; the text says why, and holds no secret."""


class MachineToken:
    """The token of one client with these scopes."""

    def __init__(self, url: str, client_id: str, secret: str, scopes: Sequence[str]) -> None:
        self._url = urlsplit(url)
        self._form = urlencode(
            {
                "grant_type": "client_credentials",
                "client_id": client_id,
                "client_secret": secret,
                "scope": " ".join(scopes),
            }
        )
        self.forget()

    def forget(self) -> None:
        """Take another token the next time: the one that is kept is refused."""
        self._token, self._until = "", 0.0

    def get(self) -> str:
        """A token, the same until SPARE_SECONDS before it expires; raises NoTokenError."""
        # The wall clock, because others may stand still while an environment is frozen.
        if time.time() >= self._until:
            self._token, seconds = self._ask()
            # One that says nothing of its end, or is short, is kept for a run all the same.
            self._until = time.time() + max(seconds - SPARE_SECONDS, SPARE_SECONDS)
        return self._token

    def _ask(self) -> tuple[str, float]:
        headers = {"content-type": "application/x-www-form-urlencoded"}
        try:
            answer = http_request.request(
                self._url, "POST", "", ANSWER_SECONDS, self._form, headers
            )
        except http_request.FAILURES as error:
            name = type(error).__name__
            raise NoTokenError(f"the token endpoint did not answer: {name}") from None
        try:
            told = json.loads(answer.content)
        except ValueError:
            told = {}
        told = told if isinstance(told, dict) else {}
        if answer.status != 200:
            code = str(told.get("error", ""))
            why = f" ({code})" if _ERROR.fullmatch(code) else ""
            raise NoTokenError(f"the token endpoint answered with {answer.status}{why}")
        token, seconds = told.get("access_token"), told.get("expires_in")
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise NoTokenError("the token endpoint answered without a token")
        return token, float(seconds) if isinstance(seconds, int) else 0.0
