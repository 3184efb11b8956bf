"""Who calls, as the HTTP API's JWT authorizer found out; no header of a request is ever asked.

It stands apart because only requests that have passed an authorizer load it.
"""

from typing import Any, NamedTuple

from .problems import Kind, Problem

# OpenID Connect Core 1.0, section 2: a subject has at most 255 characters.
LONGEST_SUBJECT = 255

UNAUTHENTICATED = Kind("unauthenticated", 401, "Nobody is signed in")
UNIDENTIFIED = Kind("unidentified-caller", 403, "The access token names nobody")


class Caller(NamedTuple):
    """Whom the access token was issued to: a person, or a machine of its own."""

    subject: str
    """The issuer's name for them, of 1 to 255 printable characters; it is never reassigned."""
    scopes: frozenset[str]


def caller(event: dict[str, Any]) -> Caller | None:
    """The caller of an HTTP API's event (payload format 2.0); None: it has passed no authorizer.

    Raises Problem for a token without a usable subject.
    """
    authorizer = (event.get("requestContext") or {}).get("authorizer") or {}
    if "jwt" not in authorizer:
        return None
    claims: dict[str, Any] = (authorizer["jwt"] or {}).get("claims") or {}
    subject = claims.get("sub")
    if (
        not isinstance(subject, str)
        or not 0 < len(subject) <= LONGEST_SUBJECT
        or not subject.isprintable()
    ):
        raise Problem(UNIDENTIFIED, "The access token has no subject that could own an order.")
    return Caller(subject, frozenset(_words(claims.get("scope") or claims.get("scp"))))


def _words(value: Any) -> list[str]:
    """The scopes of a claim: RFC 8693 separates them by spaces; of a provider that lists them,
    API Gateway makes the text `[one two]`."""
    return value.strip("[]").split() if isinstance(value, str) else []
