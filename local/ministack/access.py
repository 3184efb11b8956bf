"""The sessions that the emulator's STS issued, and its words for who has none."""

from __future__ import annotations

import importlib
import time
import uuid
from collections.abc import Mapping

from botocore.credentials import Credentials  # type: ignore[import-untyped]
from ministack.core import iam_actions  # type: ignore[import-untyped]
from ministack.core.router import detect_service  # type: ignore[import-untyped]

from local.edge.request import Scope


def session(access_key: str) -> Credentials | None:
    """The session with this key id that the emulator's STS issued; None when there is none."""
    sts = importlib.import_module("ministack.services.sts")
    issued = sts._sessions.get(access_key)
    if issued is None or time.time() > issued.get("Expiration", float("inf")):
        return None
    secret, token = issued.get("SecretAccessKey"), issued.get("SessionToken")
    return Credentials(access_key, secret, token) if secret and token else None


def refusal(scope: Scope, code: str, message: str) -> tuple[int, Mapping[str, str], bytes]:
    """Status, headers and body of an error, as the service that a request is meant for has it."""
    headers = header_fields(scope)
    service = detect_service(scope["method"], scope["path"], headers, {})
    status, fields, body = iam_actions.access_denied_response(
        service, "", "", str(uuid.uuid4()), error_code=code, message=message, headers=headers
    )
    return status, fields, body


def header_fields(scope: Scope) -> dict[str, str]:
    """A request's headers as the emulator's functions take them."""
    return {
        name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
    }
