"""AWS clients as the functions need them, and what an AWS failure means for an answer.

The clients are botocore's, but for two things that cost much and change no request (a test
compares each with the one of a complete session): of botocore's own event handlers only those
that matter here are registered, and bodies are encoded in one step. Both are made for services
with a JSON protocol, as DynamoDB and SQS are, and for parameters without binary values or times.
"""

import json
import os
import re
from typing import Any, NamedTuple

from aws_lambda_powertools.shared.constants import SERVICE_NAME_ENV
from botocore import handlers  # type: ignore[import-untyped]
from botocore.config import Config  # type: ignore[import-untyped]
from botocore.credentials import CredentialResolver, EnvProvider  # type: ignore[import-untyped]
from botocore.exceptions import (  # type: ignore[import-untyped]
    BotoCoreError,
    ClientError,
    ConnectionError,
    HTTPClientError,
)
from botocore.parsers import ResponseParserError  # type: ignore[import-untyped]
from botocore.session import Session  # type: ignore[import-untyped]

from . import environment

Client = Any  # botocore makes the client's class from its data at run time

# Seconds. Services such as DynamoDB and SQS answer within milliseconds in their own region; what
# does not answer by then is worth another attempt.
CONNECT_TIMEOUT = 1.0
READ_TIMEOUT = 2.0

# What botocore raises for a call: an error answer, no answer, an unreadable answer.
FAILURES = (ClientError, BotoCoreError, ResponseParserError)

_THROTTLING = {
    "LimitExceededException",
    "OverLimit",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
}
_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}
_DENIAL = (
    r"User: (?P<principal>\S+) is not authorized to perform: (?P<action>\S+)"
    r"(?: on resource: (?P<resource>\S+))?"
)

_encode = json.JSONEncoder(separators=(",", ":")).encode


# botocore turns a call's parameters into a body between two of its events, value by value after
# the service's description. In these protocols the body is the parameters themselves, as JSON. So
# the first event's handler sets them aside, leaving botocore none to walk through, and the second
# one's writes them where botocore's empty body stands. Handlers of these events may do so:
# https://docs.aws.amazon.com/boto3/latest/guide/events.html


def _set_parameters_aside(
    params: dict[str, Any], model: Any, context: dict[str, Any], **_: Any
) -> dict[str, Any]:
    context["parameters"] = params
    # What botocore goes on with: of a few operations it reads which tables they name.
    return params if model.operation_context_parameters else {}


def _write_body(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    # Here `params` are those of the HTTP request.
    params["body"] = _encode(context.pop("parameters")).encode()


# All that is registered, in the order of a call's events. botocore's own handlers are 127; the
# others are for other services, for documentation and for SQS's error codes of before 2023:
# registering them takes as long as making two clients, and running them 1 % of every call.
_HANDLERS = (
    ("provide-client-params", _set_parameters_aside),
    # Lambda stops functions that call each other for ever: by this header.
    ("before-call", handlers.add_recursion_detection_header),
    ("before-call", _write_body),
    ("request-created", handlers.add_retry_headers),
)


def _new_session() -> Session:
    session = Session(include_builtin_handlers=False)
    for event, handler in _HANDLERS:
        session.register(event, handler)
    # Lambda hands a role's credentials over as variables. Of the other places where botocore would
    # look, two each make an HTTP session with a TLS context, asked or not.
    if os.environ.get("AWS_ACCESS_KEY_ID"):
        session.register_component("credential_provider", CredentialResolver([EnvProvider()]))
    return session


_session = _new_session()


def client(service: str, attempts: int, region: str | None = None) -> Client:
    """A client of a service with keep-alive, time-outs and adaptive retries: at most so many
    attempts of one call; in another region than the function's, if one is given.

    Parameters are not checked again by botocore: what we send is made of checked input by our
    own code, and the service checks it anyway.
    """
    return _session.create_client(
        service,
        region_name=region,
        config=_config("adaptive", attempts, parameter_validation=False),
    )


def impatient_client(service: str, timeout: float) -> Client:
    """A client of a service for calls that a request can do without: one attempt, with so many
    seconds for a connection and as many for an answer."""
    # In adaptive mode even a first attempt waits, behind others that were throttled.
    config = _config(
        "standard",
        1,
        parameter_validation=False,
        connect_timeout=timeout,
        read_timeout=timeout,
    )
    return _session.create_client(service, config=config)


def complete_client(service: str, attempts: int, read_timeout: float = READ_TIMEOUT) -> Client:
    """A client with all of botocore's handlers, as services with another protocol need, S3 above
    all. It costs several times as much to make. An answer may take `read_timeout` seconds."""
    return Session().create_client(
        service,
        config=_config(
            "standard",
            attempts,
            # TLS keeps what is sent whole.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            # Not the global endpoint, which botocore takes in us-east-1 and the data leaves out.
            s3={"us_east_1_regional_endpoint": "regional"},
            read_timeout=read_timeout,
        ),
    )


def _config(retry_mode: str, attempts: int, **more: Any) -> Config:
    """What all clients have. The fixed user agent, the name of the system, spares its making for
    every call."""
    return Config(
        **{
            "connect_timeout": CONNECT_TIMEOUT,
            "read_timeout": READ_TIMEOUT,
            "retries": {"mode": retry_mode, "total_max_attempts": attempts},
            "tcp_keepalive": True,
            "user_agent": environment.text(SERVICE_NAME_ENV),
            **more,
        }
    )


def longest_call(attempts: int) -> float:
    """Seconds that one call of so many attempts can take at worst.

    Every attempt may wait for a token (2 s: adaptive mode never goes below one in 2 s) and run
    into both time-outs; between attempts lie up to 1 s, 2 s, 4 s ... of backoff.
    """
    backoff = sum(2.0**attempt for attempt in range(attempts - 1))
    return attempts * (2.0 + CONNECT_TIMEOUT + READ_TIMEOUT) + backoff


class Failure(NamedTuple):
    """An AWS failure: whether trying again may help, and fields that are safe to log."""

    temporary: bool
    fields: dict[str, Any]


def failure(error: BaseException) -> Failure:
    """What one of FAILURES means.

    Messages of AWS errors may repeat the request's content, so they are left out; the one
    that denies access names only the principal, the action and the resource.
    """
    name = type(error).__name__
    if not isinstance(error, ClientError):
        temporary = isinstance(error, ConnectionError | HTTPClientError | ResponseParserError)
        return Failure(temporary, {"error": name})
    answer = error.response.get("Error", {})
    metadata = error.response.get("ResponseMetadata", {})
    code, status = str(answer.get("Code", "")), metadata.get("HTTPStatusCode", 0)
    fields = {
        "error": code or name,
        "aws_operation": error.operation_name,
        "aws_status": status,
        "aws_request_id": metadata.get("RequestId"),
    }
    if code in _DENIED:
        message = str(answer.get("Message", ""))
        match = re.search(_DENIAL, message)
        fields["denied"] = match.groupdict() if match else message
    return Failure(status >= 500 or code.rpartition(".")[2] in _THROTTLING, fields)


def throttled(operation: str) -> ClientError:
    """The failure of an operation that AWS throttled without saying so by an error."""
    return ClientError({"Error": {"Code": "ThrottlingException"}}, operation)


def condition_failed(error: BaseException) -> dict[str, Any] | None:
    """The stored item ({}: there is none) when a conditional write was refused, else None."""
    if not isinstance(error, ClientError):
        return None
    if error.response.get("Error", {}).get("Code") != "ConditionalCheckFailedException":
        return None
    item: dict[str, Any] = error.response.get("Item") or {}
    return item
