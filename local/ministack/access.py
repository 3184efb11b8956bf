"""The sessions that the emulator's STS issued, and its words for who has none."""

from __future__ import annotations

import importlib
import secrets
import time
import uuid
from collections.abc import Mapping
from urllib.parse import parse_qs

from botocore.credentials import Credentials  # type: ignore[import-untyped]
from ministack.core import iam_actions, iam_evaluator  # type: ignore[import-untyped]
from ministack.core.responses import get_account_id  # type: ignore[import-untyped]
from ministack.core.router import (  # type: ignore[import-untyped]
    detect_service,
    extract_access_key_id,
    extract_region,
)

from local.edge.request import Scope


def session(access_key: str) -> Credentials | None:
    """The session with this key id that the emulator's STS issued; None when there is none."""
    sts = importlib.import_module("ministack.services.sts")
    issued = sts._sessions.get(access_key)
    if issued is None or time.time() > issued.get("Expiration", float("inf")):
        return None
    secret, token = issued.get("SecretAccessKey"), issued.get("SessionToken")
    return Credentials(access_key, secret, token) if secret and token else None


def service_session(role: str, service: str) -> dict[str, str]:
    """A session that a service has of a role, as boto3 takes it. The emulator's own AssumeRole is
    for its callers, and knows no services."""
    sts = importlib.import_module("ministack.services.sts")
    account, name = role.split(":")[4], role.rpartition("/")[2]
    key, secret, token = (secrets.token_hex(n).upper() for n in (8, 20, 40))
    sts.register_session(
        f"ASIA{key}",
        {
            "Arn": f"arn:aws:sts::{account}:assumed-role/{name}/{service}",
            "UserId": f"{name}:{service}",
            "SecretAccessKey": secret,
            "SessionToken": token,
        },
    )
    return {
        "aws_access_key_id": f"ASIA{key}",
        "aws_secret_access_key": secret,
        "aws_session_token": token,
    }


def arn(service: str, scope: Scope) -> str:
    """What the ARNs of a service begin with in a caller's account and region."""
    return f"arn:aws:{service}:{region(scope)}:{get_account_id()}"


def denied(scope: Scope, action: str, resource: str) -> str | None:
    """What IAM says to a caller that may not do something; None: they may. For services that the
    emulator itself has not got."""
    service, headers = action.partition(":")[0], header_fields(scope)
    key = extract_access_key_id(headers, {})
    found = iam_evaluator.enforce(key, action, service, region(scope), resource_arn=resource)
    if found is None:
        return None
    who = getattr(found, "principal_arn", "") or "anonymous"
    return str(iam_actions.identity_denial_message(action, who, resource, explicit_deny=False))


def refusal(scope: Scope, code: str, message: str) -> tuple[int, Mapping[str, str], bytes]:
    """Status, headers and body of an error, as the service that a request is meant for has it."""
    headers = header_fields(scope)
    service = detect_service(scope["method"], scope["path"], headers, {})
    status, fields, body = iam_actions.access_denied_response(
        service, "", "", str(uuid.uuid4()), error_code=code, message=message, headers=headers
    )
    return status, fields, body


def region(scope: Scope) -> str:
    """The region that a request is signed for."""
    query = parse_qs(scope["query_string"].decode("latin-1"))
    return str(extract_region(header_fields(scope), query))


def header(scope: Scope, name: str) -> str:
    """A header of a request by its name in lower case; empty when it has none of it."""
    wanted = name.encode()
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == wanted), "")


def header_fields(scope: Scope) -> dict[str, str]:
    """A request's headers as the emulator's functions take them."""
    return {
        name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
    }
