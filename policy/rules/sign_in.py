"""Sign-in: pools of users, and the clients by which pages and machines get their tokens."""

import re

from .rule import (
    PRODUCTION_STACKS,
    Findings,
    Resource,
    Settings,
    as_texts,
    known,
    only_in_production,
    resource_rule,
)
from .types import USER_POOL, USER_POOL_CLIENT

# Cognito takes plain HTTP from the machine alone that the page runs on.
_PLAIN = re.compile(r"http://(?!localhost([:/]|$))")


@resource_rule(
    "user-pool-deletion-protection",
    [USER_POOL],
    "AWS refuses to delete a production pool of users.",
    "Set deletionProtection to ACTIVE.",
    settings={"productionStacks": PRODUCTION_STACKS},
)
def deletion_protection(pool: Resource, settings: Settings) -> Findings:
    only_in_production(pool, settings)
    if pool.props.get("deletionProtection") != "ACTIVE":
        yield "can be deleted by one call, with all its users"


@resource_rule(
    "app-client-no-implicit-flow",
    [USER_POOL_CLIENT],
    "No client gets its tokens in the address of a page.",
    "Take `implicit` out of allowedOauthFlows; pages use `code`, with PKCE.",
)
def no_implicit_flow(client: Resource, _: Settings) -> Findings:
    if "implicit" in as_texts(client.props.get("allowedOauthFlows")):
        yield "gets tokens by the implicit flow, which leaves them in histories and logs"


@resource_rule(
    "app-client-exact-redirects",
    [USER_POOL_CLIENT],
    "A client names in full, and encrypted, where its users are sent back to.",
    "List each address in callbackUrls and logoutUrls, as https://shop.example.com/signed-in.",
)
def exact_redirects(client: Resource, _: Settings) -> Findings:
    for kind in ("callbackUrls", "logoutUrls"):
        for address in as_texts(known(client.props, kind)):
            if "*" in address or _PLAIN.match(address):
                yield f"sends users to {address!r}, which is no exact and encrypted address"
