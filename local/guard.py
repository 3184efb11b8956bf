"""Who may call the emulator: an ASGI application in front of the emulator's own.

The emulator itself trusts any key id that looks like root's, answers CORS `*` and serves any
`Host`, and whoever may create a function runs code as the user. So nothing reaches it without a
whole and fresh AWS Signature Version 4 by a key that this run gave out, in the `Authorization`
header or in the query string.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-signing-elements.html

Machines that ask a user pool for their tokens sign nothing, on AWS neither: there the client's
secret says who asks. They alone pass without a signature.
https://docs.aws.amazon.com/cognito/latest/developerguide/token-endpoint.html
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from botocore.auth import SIGV4_TIMESTAMP, UNSIGNED_PAYLOAD, SigV4Auth  # type: ignore[import-untyped]
from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped]
from botocore.credentials import Credentials  # type: ignore[import-untyped]

from local.edge.request import Receive, Scope, Send

CLOCK_SKEW = timedelta(minutes=5)
"""How old a signature may be, and how far ahead: AWS's bound for most services."""

LONGEST_PRESIGNED = timedelta(days=7)
"""AWS's bound of `X-Amz-Expires`."""

LARGEST_BODY = 256 * 1024 * 1024
"""Bytes; more than the 250 MB of code that Lambda takes, and the code is the largest we send."""

LARGEST_FORM = 16 * 1024
"""Bytes that a request for a token may have."""

TOKEN_PATH = "/oauth2/token"  # noqa: S105 - no secret

BODY_SECONDS = 60.0
"""How long a body may take to arrive."""

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<credential>[^,\s]+), ?"
    r"SignedHeaders=(?P<headers>[a-z0-9;-]+), ?Signature=(?P<signature>[0-9a-f]{64})"
)
_CREDENTIAL = re.compile(
    r"(?P<key>[A-Za-z0-9]+)/(?P<date>\d{8})/(?P<region>[a-z0-9-]+)/(?P<service>[a-z0-9-]+)"
    r"/aws4_request"
)
_QUERY_NAMES = (
    *("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires"),
    *("X-Amz-SignedHeaders", "X-Amz-Signature", "X-Amz-Security-Token"),
)
_FORM = ("grant_type", "client_id", "client_secret")
# All that a request for a token needs: any other could lead it to another service.
_FORM_HEADERS = (b"host", b"content-type", b"content-length")
_CREDENTIAL_NAMES = frozenset(name.lower() for name in (*_QUERY_NAMES, "AWSAccessKeyId"))

Answer = tuple[int, Mapping[str, str], bytes]


class Refused(Exception):  # noqa: N818 - AWS's word for it
    """A request that may not pass, with AWS's error code for the reason."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


@dataclass(frozen=True)
class _Claim:
    """Who a request says has signed it, and how; nothing of it is verified."""

    access_key: str
    date: str
    region: str
    service: str
    signed_headers: frozenset[str]
    signature: str
    timestamp: str
    token: str | None
    lifetime: timedelta
    query: str | None = None
    """The query string without its signature, where the query string is signed."""


class Guard:
    """Passes on to `application` what one of the run's own keys has signed.

    `hosts` are the values that `Host` may have. `credentials` finds the secret of an access key
    id, None for one that this run did not give out. `refusal` forms an error for the service
    that a request is meant for. `client_region` finds the region of the user pool that has a
    client, None for one that is in none: without any it is as if there were no pool.
    """

    def __init__(
        self,
        application: Callable[[Scope, Receive, Send], Any],
        hosts: Collection[str],
        credentials: Callable[[str], Credentials | None],
        refusal: Callable[[Scope, Refused], Answer],
        client_region: Callable[[str], str | None] = lambda _: None,
    ) -> None:
        self._application = application
        self._hosts = {host.encode() for host in hosts}
        self._credentials, self._refusal = credentials, refusal
        self._client_region = client_region

    def permit(self, host: str) -> None:
        """Have `Host` be this one as well from now on: that of a proxy."""
        self._hosts.add(host.encode())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        try:
            self._require_place(scope)
            if _asks_for_token(scope):
                scope, body = await self._for_token(scope, receive)
            else:
                body = await self._admit(scope, receive)
        except Refused as refused:
            await answer(send, self._refusal(scope, refused))
            return
        if body is None:
            return
        await self._application(scope, _replay(body, receive), _without_cors(send))

    def _require_place(self, scope: Scope) -> None:
        headers: list[tuple[bytes, bytes]] = list(scope["headers"])
        hosts = [value for name, value in headers if name == b"host"]
        if len(hosts) != 1 or hosts[0] not in self._hosts:
            raise Refused("AccessDenied", "The emulator answers to its loopback address only.")
        if any(name == b"origin" for name, _ in headers):
            raise Refused("AccessDenied", "The emulator answers no web page.")
        if scope["path"].startswith("/_"):
            raise Refused("AccessDenied", "The emulator's administration is closed.")

    async def _for_token(self, scope: Scope, receive: Receive) -> tuple[Scope, bytes | None]:
        """The request with what it needs alone, and the region of its pool; and its body."""
        body = await _body(receive, LARGEST_FORM)
        form = parse_qsl((body or b"").decode("latin-1"), keep_blank_values=True)
        given = [[value for key, value in form if key == name] for name in _FORM]
        region = self._client_region(given[1][0]) if given[1] else None
        if body is not None and (
            [len(each) for each in given] != [1] * len(_FORM)
            or given[0] != ["client_credentials"]
            or region is None
        ):
            raise Refused("MissingAuthenticationToken", "Request is missing Authentication Token")
        headers = [each for each in scope["headers"] if each[0] in _FORM_HEADERS]
        return {**scope, "headers": headers, "region": region}, body

    async def _admit(self, scope: Scope, receive: Receive) -> bytes | None:
        """The request's body; None when its sender has gone, `Refused` when it may not pass."""
        headers: list[tuple[bytes, bytes]] = list(scope["headers"])
        claim = _claim(scope, headers)
        credentials = self._credentials(claim.access_key)
        if credentials is None:
            raise Refused(
                "InvalidClientTokenId", "The security token included in the request is invalid."
            )
        if not _equal(claim.token or "", credentials.token or ""):
            raise Refused("InvalidToken", "The security token does not belong to the access key.")
        _require_fresh(claim, datetime.now(UTC))
        body = await _body(receive, LARGEST_BODY)
        if body is not None:
            _require_signature(claim, credentials, scope, headers, body)
        return body


def _asks_for_token(scope: Scope) -> bool:
    """Whether it is what a machine sends, unsigned, to have a token; whoever signs is served as
    everybody who does."""
    return (
        scope["method"] == "POST"
        and scope["path"] == TOKEN_PATH
        and scope["raw_path"] == TOKEN_PATH.encode()
        and not scope["query_string"]
        and not any(name == b"authorization" for name, _ in scope["headers"])
    )


def _claim(scope: Scope, headers: list[tuple[bytes, bytes]]) -> _Claim:
    query = scope["query_string"].decode("latin-1")
    parameters = parse_qsl(query, keep_blank_values=True, encoding="latin-1")
    in_query = [name for name, _ in parameters if name.lower() in _CREDENTIAL_NAMES]
    authorizations = [value for name, value in headers if name == b"authorization"]
    if not authorizations and not in_query:
        raise Refused("MissingAuthenticationToken", "Request is missing Authentication Token")
    if len(authorizations) + bool(in_query) > 1 or len(in_query) > len(set(in_query)):
        raise Refused("IncompleteSignature", "The request is signed more than once.")
    if authorizations:
        return _header_claim(authorizations[0].decode("latin-1"), headers)
    return _query_claim(query, dict(parameters))


def _header_claim(authorization: str, headers: list[tuple[bytes, bytes]]) -> _Claim:
    parts = _AUTHORIZATION.fullmatch(authorization)
    scope = _CREDENTIAL.fullmatch(parts["credential"]) if parts else None
    dates = [value.decode("latin-1") for name, value in headers if name == b"x-amz-date"]
    tokens = [v.decode("latin-1") for name, v in headers if name == b"x-amz-security-token"]
    if parts is None or scope is None or len(dates) != 1 or len(tokens) > 1:
        raise Refused("IncompleteSignature", "The request is not signed as Signature Version 4.")
    return _Claim(
        access_key=scope["key"],
        date=scope["date"],
        region=scope["region"],
        service=scope["service"],
        signed_headers=frozenset(parts["headers"].split(";")),
        signature=parts["signature"],
        timestamp=dates[0],
        token=tokens[0] if tokens else None,
        lifetime=CLOCK_SKEW,
    )


def _query_claim(query: str, parameters: Mapping[str, str]) -> _Claim:
    scope = _CREDENTIAL.fullmatch(parameters.get("X-Amz-Credential", ""))
    seconds = parameters.get("X-Amz-Expires", "")
    if (
        scope is None
        or parameters.get("X-Amz-Algorithm") != "AWS4-HMAC-SHA256"
        or not re.fullmatch(r"\d{1,6}", seconds)
        or timedelta(seconds=int(seconds)) > LONGEST_PRESIGNED
        or not set(_QUERY_NAMES[:-1]) <= parameters.keys()
        or any(n.lower() in _CREDENTIAL_NAMES and n not in _QUERY_NAMES for n in parameters)
    ):
        raise Refused("IncompleteSignature", "The query string is not signed as Version 4 has it.")
    unsigned = [pair for pair in query.split("&") if not pair.startswith("X-Amz-Signature=")]
    return _Claim(
        access_key=scope["key"],
        date=scope["date"],
        region=scope["region"],
        service=scope["service"],
        signed_headers=frozenset(parameters["X-Amz-SignedHeaders"].split(";")),
        signature=parameters["X-Amz-Signature"],
        timestamp=parameters["X-Amz-Date"],
        token=parameters.get("X-Amz-Security-Token"),
        lifetime=timedelta(seconds=int(seconds)),
        query="&".join(unsigned),
    )


def _require_fresh(claim: _Claim, now: datetime) -> None:
    try:
        signed = datetime.strptime(claim.timestamp, SIGV4_TIMESTAMP).replace(tzinfo=UTC)
    except ValueError as error:
        raise Refused("IncompleteSignature", "The date of the signature is malformed.") from error
    if claim.date != claim.timestamp[:8]:
        raise Refused("SignatureDoesNotMatch", "The credential is of another day than the request.")
    if not now - claim.lifetime <= signed <= now + CLOCK_SKEW:
        raise Refused("RequestTimeTooSkewed", "The signature has expired or is not yet current.")


async def _body(receive: Receive, largest: int) -> bytes | None:
    """The whole body, of `largest` bytes; None when the connection ended before it."""
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return None
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > largest:
                    raise Refused("RequestEntityTooLarge", "The body is too large.")
                if not message.get("more_body", False):
                    return b"".join(parts)
    except TimeoutError:
        raise Refused("RequestTimeout", "The body did not arrive in time.") from None


class _Signature(SigV4Auth):  # type: ignore[misc]
    """botocore's signer, over a body that is hashed already."""

    def __init__(self, claim: _Claim, credentials: Credentials) -> None:
        super().__init__(credentials, claim.service, claim.region)
        self._raw_path = claim.service == "s3"

    def payload(self, request: AWSRequest) -> str:
        return str(request.context["payload"])

    def _normalize_url_path(self, path: str) -> str:
        # S3 signs the path as it is sent.
        return path if self._raw_path else str(super()._normalize_url_path(path))


def _require_signature(
    claim: _Claim,
    credentials: Credentials,
    scope: Scope,
    headers: list[tuple[bytes, bytes]],
    body: bytes,
) -> None:
    names = {name.decode("latin-1") for name, _ in headers}
    must = {name for name in names if name == "host" or name.startswith("x-amz-")}
    if not must <= claim.signed_headers <= names:
        raise Refused("SignatureDoesNotMatch", "Host and all x-amz- headers must be signed.")
    payload = hashlib.sha256(body).hexdigest()
    stated = [value for name, value in headers if name == b"x-amz-content-sha256"]
    if stated and stated != [payload.encode()]:
        # Chunked and unsigned bodies among them: over plain HTTP no SDK of ours sends one.
        raise Refused("SignatureDoesNotMatch", "The body is not the one that was signed.")
    if claim.query is not None and claim.service == "s3" and not stated:
        payload = UNSIGNED_PAYLOAD
    query = scope["query_string"].decode("latin-1") if claim.query is None else claim.query
    host = next(value for name, value in headers if name == b"host").decode("latin-1")
    path = scope["raw_path"].decode("latin-1")
    request = AWSRequest(scope["method"], f"http://{host}{path}" + (f"?{query}" if query else ""))
    for name, value in headers:
        if name.decode("latin-1") in claim.signed_headers:
            request.headers.add_header(name.decode("latin-1"), value.decode("latin-1"))
    request.context |= {"timestamp": claim.timestamp, "payload": payload}
    signer = _Signature(claim, credentials)
    text = signer.string_to_sign(request, signer.canonical_request(request))
    if not _equal(signer.signature(text, request), claim.signature):
        raise Refused(
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided.",
        )


def _equal(left: str, right: str) -> bool:
    return hmac.compare_digest(left.encode(), right.encode())


def _replay(body: bytes, receive: Receive) -> Receive:
    """Gives the application the body that was read, then what the connection says."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> dict[str, Any]:
        return messages.pop() if messages else await receive()

    return replayed


def _without_cors(send: Send) -> Send:
    async def bare(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            kept = [
                (name, value)
                for name, value in message.get("headers", [])
                if not name.lower().startswith(b"access-control-")
            ]
            message = {**message, "headers": kept}
        await send(message)

    return bare


async def answer(send: Send, given: Answer) -> None:
    """Answer a request with what `refusal` formed."""
    status, headers, body = given
    fields = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
    fields.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": body, "more_body": False})
