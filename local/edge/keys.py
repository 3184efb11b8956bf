"""An issuer's public keys, found as API Gateway finds them: OIDC discovery, then its JWKS."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

Fetch = Callable[[str], Awaitable[bytes]]
"""Gets what is at a URL; raises `OSError` when it does not."""

FETCH_SECONDS = 1.5
"""How long an answer may take. AWS publishes no figure; this is what its users report."""

# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html
KEPT_SECONDS = 2 * 60 * 60.0
"""How long a key counts after the issuer named it last, as long as it is not named anew."""

PAUSE_SECONDS = 1.0
"""The least between two requests to the issuer: unknown keys and failures do not multiply them."""

MAX_KEYS = 100

ALGORITHMS = ("RS256", "RS384", "RS512")
"""RSA's alone, as for API Gateway: https://docs.aws.amazon.com/apigateway/latest/developerguide/
http-api-jwt-authorizer.html"""


class CommunicationError(Exception):
    """The issuer did not answer, or not with keys; the message is API Gateway's for it."""


class Key(NamedTuple):
    """A key, the algorithms that it may be used with, and until when it counts."""

    public: RSAPublicKey
    algorithms: tuple[str, ...]
    until: float


class Keys:
    """The keys of one issuer by their `kid`; `clock` gives seconds."""

    def __init__(self, issuer: str, fetch: Fetch, clock: Callable[[], float]) -> None:
        self._issuer, self._fetch, self._clock = issuer.rstrip("/"), fetch, clock
        self._jwks_uri: str | None = None
        self._keys: dict[str, Key] = {}
        self._failure: CommunicationError | None = None
        self._next = -math.inf
        self._asking = asyncio.Lock()

    async def key(self, kid: str) -> Key | None:
        """The key, or None when the issuer names no such key; raises `CommunicationError`."""
        if (known := self._known(kid)) is not None:
            return known
        async with self._asking:  # whoever waited has the other's answer
            if self._known(kid) is None and self._clock() >= self._next:
                await self._ask()
            if (known := self._known(kid)) is None and self._failure is not None:
                raise self._failure
            return known

    def _known(self, kid: str) -> Key | None:
        key = self._keys.get(kid)
        return key if key is not None and self._clock() < key.until else None

    async def _ask(self) -> None:
        self._failure = None
        try:
            if self._jwks_uri is None:
                self._jwks_uri = await self._discovered()
            self._keep(await self._named(self._jwks_uri))
        except CommunicationError as error:
            self._failure, self._jwks_uri = error, None
        finally:
            self._next = self._clock() + PAUSE_SECONDS

    async def _discovered(self) -> str:
        document = await self._object(
            f"{self._issuer}/.well-known/openid-configuration", "OIDC discovery endpoint"
        )
        uri = document.get("jwks_uri")
        if not isinstance(uri, str):
            raise CommunicationError("OIDC discovery endpoint communication error")
        return uri

    async def _named(self, uri: str) -> list[Any]:
        named = (await self._object(uri, "JWKS")).get("keys")
        if not isinstance(named, list):
            raise CommunicationError("JWKS communication error")
        return named

    async def _object(self, url: str, what: str) -> dict[str, Any]:
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                content = json.loads(await self._fetch(url))
        except (OSError, ValueError, RecursionError) as error:  # TimeoutError is an OSError
            raise CommunicationError(f"{what} communication error") from error
        if not isinstance(content, dict):
            raise CommunicationError(f"{what} communication error")
        return content

    def _keep(self, named: list[Any]) -> None:
        now = self._clock()
        kept = {kid: key for kid, key in self._keys.items() if now < key.until}
        for jwk in named[:MAX_KEYS]:
            if (read := _read(jwk)) is not None:
                kid, public, algorithms = read
                kept.pop(kid, None)  # the latest stand last
                kept[kid] = Key(public, algorithms, now + KEPT_SECONDS)
        self._keys = dict(list(kept.items())[-MAX_KEYS:])


def _read(jwk: Any) -> tuple[str, RSAPublicKey, tuple[str, ...]] | None:
    """kid, key and algorithms of a JWK (RFC 7517) that RSA signatures are verified with."""
    if not isinstance(jwk, dict) or jwk.get("kty") != "RSA" or jwk.get("use", "sig") != "sig":
        return None
    kid, algorithm = jwk.get("kid"), jwk.get("alg")
    if not isinstance(kid, str) or algorithm not in (None, *ALGORITHMS):
        return None
    try:
        public = jwt.PyJWK(jwk, algorithm or ALGORITHMS[0]).key
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    if not isinstance(public, RSAPublicKey):  # a private key has no place in a JWKS
        return None
    return kid, public, (algorithm,) if algorithm else ALGORITHMS
