"""The edge's JWT authorizer: which access tokens pass, as API Gateway has it, and attacks on it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import RSAAlgorithm

from local.deployer import Resource
from local.edge import keys
from local.edge.definition import define
from local.errors import DeployError
from local.inputs import Inputs
from local.resources import CREATORS, Creation
from tests.local.door import Door

ISSUER = "https://issuer.example/pool"
JWKS = f"{ISSUER}/keys"
DISCOVERY = f"{ISSUER}/.well-known/openid-configuration"
CLAIMS = {
    "iss": ISSUER,
    "sub": "ada",
    "client_id": "page",
    "scope": "orders/read openid",
    "exp": 4_000_000_000,
    "iat": 1_000_000_000,
}
KEY, OTHER = (rsa.generate_private_key(65537, 2048) for _ in range(2))


class Issuer:
    """Publishes `keys` by their kid; what a test puts at a URL of `instead` comes from there."""

    def __init__(self) -> None:
        self.keys = {"one": KEY}
        self.instead: dict[str, Callable[[], bytes]] = {}
        self.delay = 0.0
        self.asked: list[str] = []

    async def fetch(self, url: str) -> bytes:
        self.asked.append(url)
        await asyncio.sleep(self.delay)
        if url in self.instead:
            return self.instead[url]()
        documents = {
            DISCOVERY: {"issuer": ISSUER, "jwks_uri": JWKS},
            JWKS: {"keys": [{**jwk(key), "kid": kid} for kid, key in self.keys.items()]},
        }
        return json.dumps(documents[url]).encode()


def jwk(key: rsa.RSAPrivateKey) -> dict[str, Any]:
    return {**RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), "use": "sig", "alg": "RS256"}


def door(issuer: Issuer, **more: Any) -> Door:
    function = {"function": "f", "timeoutSeconds": 30, "permitted": True}
    signed = {**function, "authorizer": "pool"}
    routes = [
        {**signed, "key": "GET /orders/{id}", "scopes": ["orders/read", "orders/admin"]},
        {**signed, "key": "POST /orders", "scopes": ["orders/write", "orders/admin"]},
        {**signed, "key": "GET /anyone", "scopes": []},
        {**function, "key": "GET /open"},
    ]
    pool = {"issuer": ISSUER, "audience": ["machine", "page"], "header": "authorization"}
    return Door(fetch=issuer.fetch, routes=routes, authorizers={"pool": pool}, **more)


def token(
    key: Any = KEY,
    kid: Any = "one",
    headers: dict[str, Any] | None = None,
    algorithm: str = "RS256",
    **claims: Any,
) -> str:
    merged = {k: v for k, v in {**CLAIMS, **claims}.items() if v is not None}
    named = {} if kid is None else {"kid": kid}
    content = json.dumps(merged).encode()  # signed as it is, however odd
    return jwt.PyJWS().encode(content, key, algorithm, {**named, **(headers or {})})


def get(at: Door, authorization: str | None, path: str = "/orders/1") -> tuple[int, str | None]:
    """The status and the challenge."""
    headers = {} if authorization is None else {"authorization": authorization}
    status, answered, body = at.request("GET", path, b"", headers)
    if status in (401, 403):
        assert json.loads(body) == {"message": "Unauthorized" if status == 401 else "Forbidden"}
        assert answered["content-type"] == "application/json"
    return status, answered.get("www-authenticate")


def invalid(description: str) -> tuple[int, str]:
    challenge = f'error="invalid_token" error_description="{description}"'
    return 401, f'Bearer scope="orders/read orders/admin" {challenge}'


def test_function_is_told_the_claims_as_api_gateway_has_them() -> None:
    at = door(Issuer())
    groups = {"groups": ["a", "b"], "verified": True, "nothing": 0, "address": {"city": "é"}}
    assert get(at, f"Bearer {token(**groups)}") == (200, None)
    assert at.events[0]["requestContext"]["authorizer"] == {
        "jwt": {
            "claims": {
                **{k: str(v) for k, v in CLAIMS.items()},
                "groups": "[a b]",
                "verified": "true",
                "nothing": "0",
                "address": '{"city": "é"}',
            },
            "scopes": ["orders/read", "openid"],
        }
    }


def test_route_without_scopes_takes_every_token_and_tells_no_scopes() -> None:
    at = door(Issuer())
    assert get(at, f"Bearer {token(scope='else')}", "/anyone") == (200, None)
    assert at.events[0]["requestContext"]["authorizer"]["jwt"]["scopes"] is None


@pytest.mark.parametrize(
    "authorization",
    [
        token(),
        f"bearer {token()}",
        f"BEARER   {token()}",
        f"Bearer {token(aud='page', client_id='else')}",
        f"Bearer {token(aud=['else', 'machine'], client_id=None)}",
        f"Bearer {token(scope='orders/admin')}",
        f"Bearer {token(scope=None, scp=['orders/read'])}",
        f"Bearer {token(nbf=1_000_000_000, iat=None)}",
    ],
)
def test_token_of_the_issuer_passes(authorization: str) -> None:
    at = door(Issuer())
    assert get(at, authorization) == (200, None)
    assert len(at.called) == 1


def encoded(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def forged(header: dict[str, Any], secret: bytes | None = None) -> str:
    signing = f"{encoded({'kid': 'one', **header})}.{encoded(CLAIMS)}"
    digest = b"" if secret is None else hmac.digest(secret, signing.encode(), hashlib.sha256)
    return f"{signing}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def altered(**claims: Any) -> str:
    header, _, signature = token().split(".")
    return f"{header}.{encoded({**CLAIMS, **claims})}.{signature}"


def nested() -> str:
    """JSON that is deeper than a parser can go."""
    return f"{base64.urlsafe_b64encode(b'[' * 6000).rstrip(b'=').decode()}.b.c"


PEM = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
LATER = int(time.time()) + 3600
INVALID_METHOD = "signing method is invalid"


@pytest.mark.parametrize(
    ("attack", "description"),
    [
        pytest.param(forged({"alg": "none"}), INVALID_METHOD, id="no algorithm"),
        pytest.param(forged({"alg": "NonE"}), INVALID_METHOD, id="no algorithm, spelt otherwise"),
        pytest.param(
            forged({"alg": "HS256"}, PEM), INVALID_METHOD, id="the public key as a shared secret"
        ),
        pytest.param(
            forged({"alg": "HS256"}, json.dumps(jwk(KEY)).encode()),
            INVALID_METHOD,
            id="the public JWK as a shared secret",
        ),
        pytest.param(
            token(OTHER, headers={"jwk": jwk(OTHER), "jku": "https://evil.example/keys"}),
            "signature is invalid",
            id="a key of its own in the header",
        ),
        pytest.param(token(OTHER), "signature is invalid", id="another pool's key, our kid"),
        pytest.param(
            token(OTHER, "two"), "the issuer has no key of the token's kid", id="another pool's key"
        ),
        pytest.param(token(kid=None), "the issuer has no key of the token's kid", id="no kid"),
        pytest.param(altered(sub="eve"), "signature is invalid", id="another subject"),
        pytest.param(altered(scope="orders/admin"), "signature is invalid", id="more scopes"),
        pytest.param(token(iss=f"{ISSUER}/"), "issuer does not match", id="another issuer"),
        pytest.param(token(iss=[ISSUER]), "issuer does not match", id="a list of issuers"),
        pytest.param(
            token(client_id="else"), "the token does not have a valid audience", id="other client"
        ),
        pytest.param(
            token(aud="else"), "the token does not have a valid audience", id="aud over client_id"
        ),
        pytest.param(
            token(aud=[]), "the token does not have a valid audience", id="an empty audience"
        ),
        pytest.param(
            token(aud={"page": 1}), "the token does not have a valid audience", id="odd audience"
        ),
        pytest.param(token(exp=1_000_000_001), "the token has expired", id="expired"),
        pytest.param(token(exp=None), "the token is invalid", id="without an end"),
        pytest.param(token(exp="never"), "the token is invalid", id="an end that is no time"),
        pytest.param(token(exp=float("inf")), "the token is invalid", id="an infinite end"),
        pytest.param(token(nbf=LATER), "the token is not valid yet", id="not before later"),
        pytest.param(token(iat=LATER), "the token is not valid yet", id="issued in the future"),
        pytest.param("a.b", "token contains an invalid number of segments", id="two parts"),
        pytest.param("a.b.c", "the token cannot be decoded", id="no JSON"),
        pytest.param("é.é.é", "the token cannot be decoded", id="no ASCII"),
        pytest.param(nested(), "the token cannot be decoded", id="endless JSON"),
        pytest.param(
            f"{token()},Bearer {token()}",
            "token contains an invalid number of segments",
            id="two tokens in one header",
        ),
    ],
)
def test_attack_is_refused(attack: str, description: str) -> None:
    at = door(Issuer())
    assert get(at, f"Bearer {attack}") == invalid(description)
    assert at.called == []
    assert get(at, f"Bearer {token()}") == (200, None)  # and did no lasting harm


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer  "])
def test_request_without_a_token_is_asked_for_one(authorization: str | None) -> None:
    at = door(Issuer())
    assert (get(at, authorization), at.called) == ((401, "Bearer"), [])


def test_two_authorization_headers_are_not_one() -> None:
    at = door(Issuer())
    pair = ("authorization", f"Bearer {token()}")
    status, answered, _ = at.request("GET", "/orders/1", b"", [pair, pair])
    assert (status, answered["www-authenticate"]) == invalid(
        "token contains an invalid number of segments"
    )
    assert at.called == []


@pytest.mark.parametrize("scope", ["orders/write", "", None, "orders/reader", 7])
def test_token_without_a_scope_of_the_route_is_forbidden(scope: Any) -> None:
    at = door(Issuer())
    challenge = 'Bearer scope="orders/read orders/admin" error="insufficient_scope"'
    assert get(at, f"Bearer {token(scope=scope)}") == (403, challenge)
    assert at.called == []


def test_forged_headers_change_nobody() -> None:
    at = door(Issuer())
    names = ("x-amzn-oidc-identity", "x-amzn-requestcontext", "x-authorizer", "x-user", "sub")
    lies = [(name, '{"jwt":{"claims":{"sub":"eve"}}}') for name in names]
    signed = [*lies, ("authorization", f"Bearer {token()}")]
    assert at.request("GET", "/orders/1", b"", signed)[0] == 200
    assert at.request("GET", "/open", b"", lies)[0] == 200
    first, second = (event["requestContext"] for event in at.events)
    assert first["authorizer"]["jwt"]["claims"]["sub"] == "ada"
    assert "authorizer" not in second


def test_oversized_token_is_refused_before_anybody_is_asked() -> None:
    issuer = Issuer()
    at = door(issuer)
    assert get(at, f"Bearer {token(note='x' * 10_240)}") == (431, None)
    assert (issuer.asked, at.called) == ([], [])


def test_preflight_needs_no_token_and_a_page_may_read_the_refusal() -> None:
    at = door(Issuer(), cors={"allowOrigins": ["*"], "allowMethods": ["GET"]})
    page = {"origin": "https://a.example"}
    assert at.request("OPTIONS", "/orders/1", b"", page)[0] == 204
    status, answered, _ = at.request("GET", "/orders/1", b"", page)
    assert (status, answered["access-control-allow-origin"]) == (401, "*")


def test_access_log_tells_who_called_and_why_somebody_may_not() -> None:
    at = door(Issuer(), accessLogFormat="$context.authorizer.claims.sub|$context.authorizer.error")
    for authorization in (f"Bearer {token()}", f"Bearer {token(exp=1)}", None):
        get(at, authorization)
    assert [line for _, line in at.records] == [
        "ada|-",
        "-|invalid_token: the token has expired",
        "-|missing: token not provided",
    ]


def test_keys_are_asked_for_once() -> None:
    issuer = Issuer()
    at = door(issuer)
    assert [get(at, f"Bearer {token()}")[0] for _ in range(3)] == [200] * 3
    assert issuer.asked == [DISCOVERY, JWKS]


def test_requests_at_once_ask_together() -> None:
    issuer = Issuer()
    issuer.delay = 0.01
    known = keys.Keys(ISSUER, issuer.fetch, lambda: 0.0)

    async def ask() -> list[Any]:
        return await asyncio.gather(*(known.key("one") for _ in range(20)))

    assert None not in asyncio.run(ask())
    assert issuer.asked == [DISCOVERY, JWKS]


def test_rotated_key_is_found_and_the_former_one_counts_for_two_hours() -> None:
    issuer = Issuer()
    at = door(issuer)
    former, fresh = f"Bearer {token()}", f"Bearer {token(OTHER, 'two')}"
    assert get(at, former)[0] == 200
    issuer.keys = {"two": OTHER}
    at.now = keys.PAUSE_SECONDS
    assert [get(at, fresh)[0], get(at, former)[0]] == [200, 200]
    at.now = keys.KEPT_SECONDS
    assert [get(at, fresh)[0], get(at, former)[0]] == [200, 401]


def test_unknown_kids_do_not_multiply_requests() -> None:
    issuer = Issuer()
    at = door(issuer)
    for number in range(20):
        assert get(at, f"Bearer {token(OTHER, f'kid-{number}')}")[0] == 401
    assert issuer.asked == [DISCOVERY, JWKS]
    at.now = keys.PAUSE_SECONDS
    get(at, f"Bearer {token(OTHER, 'two')}")
    assert issuer.asked == [DISCOVERY, JWKS, JWKS]


def fails() -> bytes:
    raise OSError("connection refused")


@pytest.mark.parametrize("bad", [fails, lambda: b"<html>", lambda: b"[]", lambda: b'{"keys": 1}'])
@pytest.mark.parametrize(("url", "what"), [(DISCOVERY, "OIDC discovery endpoint"), (JWKS, "JWKS")])
def test_issuer_that_does_not_answer_refuses_until_it_does(
    url: str, what: str, bad: Callable[[], bytes]
) -> None:
    issuer = Issuer()
    issuer.instead[url] = bad
    at = door(issuer)
    refused = invalid(f"{what} communication error")
    assert [get(at, f"Bearer {token()}") for _ in range(3)] == [refused] * 3
    assert issuer.asked.count(url) == 1
    issuer.instead.clear()
    at.now = keys.PAUSE_SECONDS
    assert get(at, f"Bearer {token()}") == (200, None)


def test_issuer_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "FETCH_SECONDS", 0.01)
    issuer = Issuer()
    issuer.delay = 3600
    assert get(door(issuer), f"Bearer {token()}") == invalid(
        "OIDC discovery endpoint communication error"
    )


ODD: list[dict[str, Any]] = [
    *({"use": "enc"}, {"kty": "oct", "k": "AAAA"}, {"alg": "PS256"}, {"n": "%"}, {"kid": 1}),
]


@pytest.mark.parametrize("odd", ODD)
def test_key_that_api_gateway_verifies_nothing_with_is_passed_over(odd: dict[str, Any]) -> None:
    issuer = Issuer()
    published = [7, {**jwk(KEY), "kid": "one", **odd}, {**jwk(OTHER), "kid": "two"}]
    issuer.instead[JWKS] = lambda: json.dumps({"keys": published}).encode()
    at = door(issuer)
    assert get(at, f"Bearer {token(algorithm=odd.get('alg', 'RS256'))}")[0] == 401
    assert get(at, f"Bearer {token(OTHER, 'two')}")[0] == 200


def registered(kind: str, identity: str, **inputs: Any) -> Resource:
    outputs = {"executionArn": "arn:aws:execute-api:us-east-1:000000000000:abc", "name": "$default"}
    return Resource(f"aws:apigatewayv2/{kind.lower()}:{kind}", kind, identity, inputs, outputs)


def api_with(route: dict[str, Any]) -> list[Resource]:
    uri = "arn:aws:lambda:us-east-1:000000000000:function:f:live"
    return [
        registered("Api", "abc", protocolType="HTTP"),
        registered("Stage", "$default", apiId="abc"),
        registered("Integration", "one", apiId="abc", integrationUri=uri),
        registered(
            "Authorizer",
            "pool",
            apiId="abc",
            identitySources=["$request.header.Authorization"],
            jwtConfiguration={"issuer": ISSUER, "audiences": ["page"]},
        ),
        registered(
            "Route", "r", apiId="abc", routeKey="GET /a", target="integrations/one", **route
        ),
    ]


def test_routes_authorizer_is_the_one_that_the_program_registered() -> None:
    route = {"authorizationType": "JWT", "authorizerId": "pool", "authorizationScopes": ["a/b"]}
    defined = define(api_with(route), "000000000000")
    assert defined is not None
    assert defined["authorizers"] == {
        "pool": {"issuer": ISSUER, "audience": ["page"], "header": "authorization"}
    }
    [served] = defined["routes"]
    assert (served["authorizer"], served["scopes"]) == ("pool", ["a/b"])


def test_route_whose_authorizer_is_not_there_is_not_served_without_it() -> None:
    with pytest.raises(DeployError, match="GET /a: no authorizer"):
        define(api_with({"authorizationType": "JWT", "authorizerId": "gone"}), "000000000000")


TOKENS = {"issuer": ISSUER, "audiences": ["page"]}
HEADER = ["$request.header.Authorization"]


@pytest.mark.parametrize(
    ("kind", "inputs"),
    [
        ("authorizer:Authorizer", {"authorizerType": "REQUEST", "identitySources": HEADER}),
        (
            "authorizer:Authorizer",
            {"authorizerType": "JWT", "identitySources": ["$request.querystring.token"]},
        ),
        (
            "authorizer:Authorizer",
            {"authorizerType": "JWT", "identitySources": [*HEADER, "$request.header.X"]},
        ),
        ("route:Route", {"authorizationType": "AWS_IAM"}),
        ("route:Route", {"authorizationType": "CUSTOM"}),
    ],
)
def test_other_ways_to_ask_who_calls_stop_the_run(kind: str, inputs: dict[str, Any]) -> None:
    def clients(service: str) -> Any:
        raise AssertionError(f"{service} was asked")

    creation = Creation(
        type=f"aws:apigatewayv2/{kind}",
        logical_name="one",
        inputs=Inputs({**inputs, "apiId": "abc", "jwtConfiguration": TOKENS}),
        account="000000000000",
        region="us-east-1",
        edge_url="http://127.0.0.1",
        default_tags={},
        clients=clients,
        elsewhere=lambda service, _: clients(service),
        code=lambda _: {},
        batch_concurrency=2,
    )
    with pytest.raises(DeployError, match="has no local counterpart: only JWT"):
        CREATORS[creation.type](creation)
