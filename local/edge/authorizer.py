"""API Gateway's JWT authorizer: which tokens it takes, and what a function gets of them.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import jwt

from local.edge.keys import CommunicationError, Fetch, Key, Keys
from local.edge.request import Request
from local.edge.response import Response, gateway

_DESCRIPTIONS: dict[type[Exception], str] = {
    jwt.ExpiredSignatureError: "the token has expired",
    jwt.ImmatureSignatureError: "the token is not valid yet",
    jwt.InvalidAlgorithmError: "signing method is invalid",
    jwt.InvalidSignatureError: "signature is invalid",
    jwt.InvalidIssuerError: "issuer does not match",
}
"""Of what PyJWT finds. Like the other words here they are API Gateway's where its own are known,
and never hold anything of the token."""

_OPTIONS: Any = {
    "require": ["exp", "iss"],
    "verify_aud": False,  # `client_id` counts as well, which PyJWT does not know
}


class TokenError(Exception):
    """A token that does not count; the message says why."""


class Authorizer:
    """One JWT authorizer, as `definition.define` has it: `issuer`, `audience` and the `header`
    (in lower case) that brings the token."""

    def __init__(
        self, definition: Mapping[str, Any], fetch: Fetch, clock: Callable[[], float]
    ) -> None:
        self._issuer: str = definition["issuer"]
        self._audience = frozenset(definition["audience"])
        self._header: str = definition["header"]
        self._keys = Keys(self._issuer, fetch, clock)

    async def admit(self, request: Request, scopes: Sequence[str]) -> Response | None:
        """Tell `request` who calls; the answer when it may not pass a route with `scopes`."""
        token = _token(request.headers.get(self._header, ""))
        if not token:
            request.authorizer_error = "missing: token not provided"
            return _refusal(401, "Unauthorized", "Bearer", "no token")
        challenge = f'Bearer scope="{" ".join(scopes)}"'
        try:
            claims = await self._claims(token)
        except (TokenError, CommunicationError) as error:
            request.authorizer_error = f"invalid_token: {error}"
            challenge += f' error="invalid_token" error_description="{error}"'
            return _refusal(401, "Unauthorized", challenge, str(error))
        granted = _scopes(claims)
        if scopes and not set(scopes) & set(granted):
            request.authorizer_error = "insufficient_scope"
            challenge += ' error="insufficient_scope"'
            return _refusal(403, "Forbidden", challenge, "no scope of the route")
        request.claims = {k: _shown(v) for k, v in claims.items() if v is not None}
        # All of the token's on a route with scopes, and null on one without.
        request.scopes = granted if scopes else None
        return None

    async def _claims(self, token: str) -> dict[str, Any]:
        claims = _verified(token, await self._key(token), self._issuer)
        audience = claims["aud"] if "aud" in claims else claims.get("client_id")
        named = audience if isinstance(audience, list) else [audience]
        if not any(isinstance(each, str) and each in self._audience for each in named):
            raise TokenError("the token does not have a valid audience")
        return claims

    async def _key(self, token: str) -> Key:
        if token.count(".") != 2:
            raise TokenError("token contains an invalid number of segments")
        try:
            kid = jwt.get_unverified_header(token).get("kid")
        except (jwt.PyJWTError, ValueError) as error:
            raise TokenError("the token cannot be decoded") from error
        key = await self._keys.key(kid) if isinstance(kid, str) else None
        if key is None:
            raise TokenError("the issuer has no key of the token's kid")
        return key


def _token(header: str) -> str:
    """What a header brings: a token, alone or after `Bearer`."""
    scheme, _, rest = header.strip().partition(" ")
    return rest.strip() if scheme.lower() == "bearer" else header.strip()


def _verified(token: str, key: Key, issuer: str) -> dict[str, Any]:
    try:
        claims: dict[str, Any] = jwt.decode(
            token, key.public, algorithms=key.algorithms, issuer=issuer, options=_OPTIONS
        )
    except jwt.PyJWTError as error:
        raise TokenError(_DESCRIPTIONS.get(type(error), "the token is invalid")) from error
    return claims


def _scopes(claims: Mapping[str, Any]) -> list[str]:
    """`scope` (RFC 8693) is a text; some providers name it `scp`, or list them."""
    given = claims.get("scope", claims.get("scp"))
    if isinstance(given, str):
        return given.split()
    return [each for each in given if isinstance(each, str)] if isinstance(given, list) else []


def _shown(value: Any) -> str:
    """A claim as functions get it: numbers as text, lists as Go prints them."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return f"[{' '.join(_shown(each) for each in value)}]"
    return json.dumps(value, ensure_ascii=False)


def _refusal(status: int, message: str, challenge: str, reason: str) -> Response:
    answer = gateway(status, message, reason)
    return replace(answer, headers=[*answer.headers, ("www-authenticate", challenge)])
