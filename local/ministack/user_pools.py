"""What is known of user pools without a signature: where they are, and what Cognito publishes of
each, its discovery document and its keys."""

from __future__ import annotations

import re
import sys
from urllib.parse import urlsplit

_HOST = re.compile(r"cognito-idp\.(?P<region>[a-z0-9-]+)\.amazonaws\.com")


def region_of(url: str) -> str:
    """The region of the user pool that `url` is of; empty when it is of none."""
    found = _HOST.fullmatch(urlsplit(url).netloc)
    return found["region"] if found else ""


def region_of_client(client: str) -> str | None:
    """The region of the pool of the emulator that has this client; None when there is none."""
    # A run without a pool never loads the service.
    cognito = sys.modules.get("ministack.services.cognito")
    pools = cognito._user_pools.all_items() if cognito is not None else ()
    found = (region for (_, region, _), pool in pools if client in pool["_clients"])
    return next(found, None)


def published(url: str) -> bytes | None:
    """What is at `url`, where AWS serves it; None unless it is of a pool of the emulator."""
    parts = urlsplit(url)
    if not _HOST.fullmatch(parts.netloc):
        return None
    from ministack.services import cognito  # type: ignore[import-untyped]

    pool, _, document = parts.path.lstrip("/").partition("/")
    if cognito._get_pool_unscoped(pool) is None:
        return None
    if document == ".well-known/openid-configuration":
        _, _, body = cognito.well_known_openid_configuration(
            pool, host=parts.netloc, scheme="https"
        )
    elif document == ".well-known/jwks.json":
        _, _, body = cognito.well_known_jwks(pool)
    else:
        return None
    return bytes(body)
