"""Sign-in in the graph: nothing of it while `auth` is none, and what it puts before every route."""

import re
from typing import Any

import pytest

from components import HttpApi, UserPool
from settings import SettingsError
from tests.recorder import REGION, Recording, deploy, deploy_stack
from tests.unit import stacks
from tests.variants import VARIANTS

JWT: dict[str, Any] = VARIANTS["jwt"][1]
SYNTHETIC = "orders-users-synthetic"
READERS, WRITERS = ["orders/read", "orders/admin"], ["orders/write", "orders/admin"]


def cognito(**overrides: Any) -> Recording:
    return stacks.recording("dev", auth="cognito", **overrides)


def test_without_sign_in_nothing_of_it_is_registered() -> None:
    recorded = stacks.recording("dev")
    assert [each for each in recorded.registrations if "cognito" in each.type] == []
    assert recorded.of(stacks.AUTHORIZER) == []
    for route in recorded.of(stacks.ROUTE):
        assert not {key for key in route.inputs if key.startswith("authoriz")}, route
    assert "SIGN_IN" not in str([each.inputs for each in recorded.of(stacks.FUNCTION)])
    assert not {"issuer", "userPoolId", "signInUrl"} & recorded.outputs.keys()


@pytest.mark.parametrize("given", [{"auth": "cognito"}, JWT])
def test_every_route_asks_for_a_token_with_its_scope(given: dict[str, Any]) -> None:
    recorded = stacks.recording("dev", **given)
    authorizer = recorded.one(stacks.AUTHORIZER)
    assert authorizer.inputs["authorizerType"] == "JWT"
    assert authorizer.inputs["identitySources"] == ["$request.header.Authorization"]
    routes = recorded.of(stacks.ROUTE)
    assert len(routes) > 2
    for route in routes:
        assert route.inputs["authorizationType"] == "JWT", route
        assert route.inputs["authorizerId"] == authorizer.id, route
        reads = route.inputs["routeKey"].startswith("GET ")
        assert route.inputs["authorizationScopes"] == (READERS if reads else WRITERS), route


@pytest.mark.parametrize("given", [{"auth": "cognito"}, JWT])
def test_functions_behind_routes_know_that_nobody_comes_without_a_token(
    given: dict[str, Any],
) -> None:
    recorded = stacks.recording("dev", **given)
    targets = {each.inputs["integrationUri"] for each in recorded.of(stacks.INTEGRATION)}
    aliases = [each for each in recorded.of(stacks.ALIAS) if each.outputs["invokeArn"] in targets]
    answering = {each.inputs["functionName"] for each in aliases}
    told = {
        each.outputs["name"]
        for each in recorded.of(stacks.FUNCTION)
        if each.inputs["environment"]["variables"].get("SIGN_IN_REQUIRED") == "true"
    }
    assert answering <= told


def test_pages_may_send_the_header_that_a_star_leaves_out() -> None:
    for recorded, expected in (
        (stacks.recording("dev"), ["*"]),
        (cognito(), ["authorization", "*"]),
        (stacks.recording(**stacks.EVERYTHING), stacks.EVERYTHING["cors.headers"]),
    ):
        rules = recorded.one(stacks.API).inputs["corsConfiguration"]
        assert rules["allowHeaders"] == expected


def test_tokens_are_those_of_our_pool_for_our_clients() -> None:
    recorded = cognito()
    pool = recorded.one(stacks.USER_POOL)
    clients = {each.id for each in recorded.of(stacks.USER_POOL_CLIENT)}
    rules = recorded.one(stacks.AUTHORIZER).inputs["jwtConfiguration"]
    assert rules["issuer"] == f"https://cognito-idp.{REGION}.amazonaws.com/{pool.id}"
    assert set(rules["audiences"]) == clients
    assert len(clients) == 2


def test_tokens_of_another_provider_take_no_pool() -> None:
    recorded = stacks.recording("dev", **JWT)
    assert [each for each in recorded.registrations if "cognito" in each.type] == []
    rules = recorded.one(stacks.AUTHORIZER).inputs["jwtConfiguration"]
    assert rules == {"issuer": JWT["jwt"]["issuer"], "audiences": JWT["jwt"]["audience"]}
    assert recorded.outputs["issuer"] == JWT["jwt"]["issuer"]


def test_pages_get_codes_and_keep_no_secret() -> None:
    recorded = stacks.recording(**stacks.EVERYTHING)
    pages = recorded.one(stacks.USER_POOL_CLIENT, "orders-users-pages").inputs
    assert pages["generateSecret"] is False
    assert pages["allowedOauthFlows"] == ["code"]
    assert pages["callbackUrls"] == ["https://shop.example.com/in"]
    assert pages["allowedOauthScopes"] == ["openid", "orders/read", "orders/write"]
    assert pages["preventUserExistenceErrors"] == "ENABLED"
    assert pages["enableTokenRevocation"] is True
    assert pages["refreshTokenRotation"]["feature"] == "ENABLED"
    assert not [each for each in pages["explicitAuthFlows"] if "PASSWORD" in each]
    assert (pages["accessTokenValidity"], pages["refreshTokenValidity"]) == (60, 30)
    assert pages["tokenValidityUnits"] == {
        "accessToken": "minutes",
        "idToken": "minutes",
        "refreshToken": "days",
    }


def test_machines_get_what_they_are_given_by_their_secret() -> None:
    recorded = cognito()
    machines = recorded.one(stacks.USER_POOL_CLIENT, "orders-users-machines")
    assert machines.inputs["generateSecret"] is True
    assert machines.inputs["allowedOauthFlows"] == ["client_credentials"]
    assert machines.inputs["allowedOauthScopes"] == ["orders/read", "orders/write"]
    assert recorded.outputs["machineClientSecret"] == machines.outputs["clientSecret"]
    server = recorded.one(stacks.RESOURCE_SERVER)
    assert server.urn in machines.dependencies
    scopes = {f"{server.inputs['identifier']}/{s['scopeName']}" for s in server.inputs["scopes"]}
    assert scopes == {"orders/read", "orders/write", "orders/admin"}

    none = stacks.recording(**stacks.EVERYTHING)  # with userPool.machineScopes []
    names = [each.name for each in none.of(stacks.USER_POOL_CLIENT)]
    assert names == ["orders-users-pages", SYNTHETIC]
    assert "machineClientId" not in none.outputs


def test_pool_is_strict_with_passwords_and_quiet_about_who_is_in_it() -> None:
    pool = cognito().one(stacks.USER_POOL).inputs
    policy = pool["passwordPolicy"]
    assert policy["minimumLength"] == 12
    assert all(
        policy[f"require{kind}"] for kind in ("Lowercase", "Uppercase", "Numbers", "Symbols")
    )
    assert pool["mfaConfiguration"] == "OPTIONAL"
    assert pool["softwareTokenMfaConfiguration"] == {"enabled": True}
    recovery = pool["accountRecoverySetting"]["recoveryMechanisms"]
    assert [each["name"] for each in recovery] == ["verified_email"]
    # As a name, an address that somebody has would be refused at every sign-up.
    assert pool["aliasAttributes"] == ["email"]
    assert "usernameAttributes" not in pool
    # What costs by user.
    assert "userPoolAddOns" not in pool
    assert pool["userPoolTier"] == "ESSENTIALS"


def test_production_keeps_its_users() -> None:
    pool = stacks.recording("prod").one(stacks.USER_POOL)
    assert pool.inputs["deletionProtection"] == "ACTIVE"
    assert pool.protect
    assert cognito().one(stacks.USER_POOL).inputs["deletionProtection"] == "INACTIVE"


def test_sign_in_pages_have_an_address_of_their_own_and_a_style() -> None:
    recorded = cognito()
    domain = recorded.one(stacks.USER_POOL_DOMAIN)
    assert domain.inputs["managedLoginVersion"] == 2
    assert re.fullmatch(r"sign-in-[0-9a-f]{20}", domain.inputs["domain"])
    style = recorded.one(stacks.LOGIN_BRANDING)
    assert (
        style.inputs["clientId"] == recorded.one(stacks.USER_POOL_CLIENT, "orders-users-pages").id
    )
    assert style.inputs["useCognitoProvidedValues"] is True
    other = stacks.recording(**stacks.EVERYTHING)
    assert other.outputs["signInUrl"] == f"https://shop.auth.{REGION}.amazoncognito.com"


def test_scopes_of_clients_are_scopes_of_the_api() -> None:
    args: Any = {
        "resource_server": "letters",
        "scopes": {"read": "Read"},
        "page_scopes": ["a/read"],
    }
    with pytest.raises(
        ValueError, match=r"page_scopes\[0\]: expected one of letters/read, not 'a/"
    ):
        deploy(lambda: UserPool("users", args))


def test_a_further_route_asks_for_a_token_too() -> None:
    def program() -> None:
        route: Any = {
            "route_key": "GET /a",
            "function_name": "f",
            "alias_name": "live",
            "invoke_arn": "arn:f",
        }
        issued: Any = {"issuer": "https://login.example.com", "audience": ["letters"]}
        api = HttpApi("letters", {"routes": [route], "authorizer": issued})
        function: Any = type(
            "Function", (), {"name": "g", "alias_name": "l", "invoke_arn": "arn:g"}
        )
        api.add_route("GET /b", function, ["letters/read"])

    routes = {each.inputs["routeKey"]: each.inputs for each in deploy(program).of(stacks.ROUTE)}
    assert {each["authorizationType"] for each in routes.values()} == {"JWT"}
    assert routes["GET /b"]["authorizationScopes"] == ["letters/read"]
    assert "authorizationScopes" not in routes["GET /a"]


def test_synthetic_orders_are_placed_by_a_machine_of_their_own() -> None:
    recorded = stacks.recording(**stacks.EVERYTHING)
    client = recorded.one(stacks.USER_POOL_CLIENT, SYNTHETIC)
    assert client.inputs["generateSecret"] is True
    assert client.inputs["allowedOauthFlows"] == ["client_credentials"]
    assert sorted(client.inputs["allowedOauthScopes"]) == ["orders/read", "orders/write"]
    assert client.id in recorded.one(stacks.AUTHORIZER).inputs["jwtConfiguration"]["audiences"]
    function = stacks.function(recorded, "synthetic-order")
    given = function.inputs["environment"]["variables"]
    assert given["SYNTHETIC_TOKEN_URL"] == f"{recorded.outputs['signInUrl']}/oauth2/token"
    assert given["SYNTHETIC_CLIENT_ID"] == client.id
    assert given["SYNTHETIC_CLIENT_SECRET"] == client.outputs["clientSecret"]


def test_the_secret_of_that_machine_is_one_of_the_stack_and_of_its_function_alone() -> None:
    recorded = cognito(**{"synthetic.rateMinutes": 5})
    secret = recorded.one(stacks.USER_POOL_CLIENT, SYNTHETIC).outputs["clientSecret"]
    holders = [each for each in recorded.registrations if secret in str(each.inputs)]
    assert [each.name for each in holders] == ["orders-synthetic-order"]
    assert holders[0].secrets == {"environment"}
    assert secret not in str(recorded.outputs)


@pytest.mark.parametrize("given", [{"auth": "cognito"}, {"synthetic": {"rateMinutes": 5}}])
def test_without_one_of_both_settings_there_is_no_such_machine(given: dict[str, Any]) -> None:
    recorded = stacks.recording("dev", **given)
    clients = {each.name for each in recorded.of(stacks.USER_POOL_CLIENT)}
    assert SYNTHETIC not in clients
    assert "SYNTHETIC_CLIENT" not in str([each.inputs for each in recorded.of(stacks.FUNCTION)])


def test_synthetic_orders_with_tokens_of_another_provider_are_refused() -> None:
    with pytest.raises(
        SettingsError, match=r"synthetic: expected nothing, because auth \('jwt'\): "
    ):
        deploy_stack("dev", {"synthetic.rateMinutes": 5, **JWT})
