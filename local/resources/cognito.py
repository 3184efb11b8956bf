"""Cognito user pools, with the clients and the resource servers that are in them."""

from __future__ import annotations

import re
from typing import Any

from local.inputs import Inputs
from local.resources.registry import Creation, creates

_PASSWORD_POLICY = {
    "minimumLength": "MinimumLength",
    "requireLowercase": "RequireLowercase",
    "requireNumbers": "RequireNumbers",
    "requireSymbols": "RequireSymbols",
    "requireUppercase": "RequireUppercase",
    "passwordHistorySize": "PasswordHistorySize",
    "temporaryPasswordValidityDays": "TemporaryPasswordValidityDays",
}
_PAGES = re.compile(
    r"https://(?P<domain>[a-z0-9-]+)\.auth\.(?P<region>[a-z0-9-]+)\.amazoncognito\.com(?=/|$)"
)
_TOKENS = {"accessToken": "AccessToken", "idToken": "IdToken", "refreshToken": "RefreshToken"}


@creates("aws:cognito/userPool:UserPool")
def user_pool(creation: Creation) -> tuple[str, dict[str, Any]]:
    inputs, client, name = creation.inputs, creation.clients("cognito-idp"), creation.name()
    request = creation.given(
        {
            "aliasAttributes": "AliasAttributes",
            "autoVerifiedAttributes": "AutoVerifiedAttributes",
            "deletionProtection": "DeletionProtection",
            "usernameAttributes": "UsernameAttributes",
            "userPoolTier": "UserPoolTier",
        }
    )
    if "passwordPolicy" in inputs:
        policy = _named(inputs["passwordPolicy"], _PASSWORD_POLICY)
        request["Policies"] = {"PasswordPolicy": policy}
    if "accountRecoverySetting" in inputs:
        mechanisms = inputs["accountRecoverySetting"].get("recoveryMechanisms") or []
        request["AccountRecoverySetting"] = {
            "RecoveryMechanisms": [
                {"Name": each["name"], "Priority": each["priority"]} for each in mechanisms
            ]
        }
    if "usernameConfiguration" in inputs:
        configuration = inputs["usernameConfiguration"]
        request["UsernameConfiguration"] = {"CaseSensitive": configuration["caseSensitive"]}
    if "adminCreateUserConfig" in inputs:
        only = inputs["adminCreateUserConfig"].get("allowAdminCreateUserOnly", False)
        request["AdminCreateUserConfig"] = {"AllowAdminCreateUserOnly": only}
    if "userAttributeUpdateSettings" in inputs:
        before = inputs["userAttributeUpdateSettings"]["attributesRequireVerificationBeforeUpdates"]
        request["UserAttributeUpdateSettings"] = {
            "AttributesRequireVerificationBeforeUpdate": before
        }
    if "schemas" in inputs:
        request["Schema"] = [_attribute(each) for each in inputs["schemas"]]
    creation.no_effect("emailConfiguration", "the emulator sends no e-mail")
    pool = client.create_user_pool(PoolName=name, UserPoolTags=creation.tags(), **request)
    identity = pool["UserPool"]["Id"]
    if "mfaConfiguration" in inputs or "softwareTokenMfaConfiguration" in inputs:
        software = inputs.get("softwareTokenMfaConfiguration")
        client.set_user_pool_mfa_config(
            UserPoolId=identity,
            MfaConfiguration=inputs.get("mfaConfiguration", "OFF"),
            SoftwareTokenMfaConfiguration={"Enabled": bool(software and software["enabled"])},
        )
    return identity, {
        "name": name,
        "arn": creation.arn("cognito-idp", f"userpool/{identity}"),
        "region": creation.region,
        "endpoint": f"cognito-idp.{creation.region}.amazonaws.com/{identity}",
    }


@creates("aws:cognito/resourceServer:ResourceServer")
def resource_server(creation: Creation) -> tuple[str, dict[str, Any]]:
    inputs = creation.inputs
    pool, identifier = inputs["userPoolId"], inputs["identifier"]
    scopes = [
        {"ScopeName": scope["scopeName"], "ScopeDescription": scope["scopeDescription"]}
        for scope in inputs.get("scopes") or []
    ]
    creation.clients("cognito-idp").create_resource_server(
        UserPoolId=pool, Identifier=identifier, Name=creation.name(), Scopes=scopes
    )
    names = [f"{identifier}/{scope['ScopeName']}" for scope in scopes]
    return f"{pool}|{identifier}", {"scopeIdentifiers": names}


@creates("aws:cognito/userPoolClient:UserPoolClient")
def user_pool_client(creation: Creation) -> tuple[str, dict[str, Any]]:
    inputs, name = creation.inputs, creation.name()
    request = creation.given(
        {
            "accessTokenValidity": "AccessTokenValidity",
            "allowedOauthFlows": "AllowedOAuthFlows",
            "allowedOauthFlowsUserPoolClient": "AllowedOAuthFlowsUserPoolClient",
            "allowedOauthScopes": "AllowedOAuthScopes",
            "authSessionValidity": "AuthSessionValidity",
            "callbackUrls": "CallbackURLs",
            "defaultRedirectUri": "DefaultRedirectURI",
            "enableTokenRevocation": "EnableTokenRevocation",
            "explicitAuthFlows": "ExplicitAuthFlows",
            "generateSecret": "GenerateSecret",
            "idTokenValidity": "IdTokenValidity",
            "logoutUrls": "LogoutURLs",
            "preventUserExistenceErrors": "PreventUserExistenceErrors",
            "readAttributes": "ReadAttributes",
            "refreshTokenValidity": "RefreshTokenValidity",
            "supportedIdentityProviders": "SupportedIdentityProviders",
            "writeAttributes": "WriteAttributes",
        }
    )
    if "tokenValidityUnits" in inputs:
        request["TokenValidityUnits"] = _named(inputs["tokenValidityUnits"], _TOKENS)
    creation.no_effect("refreshTokenRotation", "the emulator's refresh tokens stay good")
    client = creation.clients("cognito-idp").create_user_pool_client(
        UserPoolId=inputs["userPoolId"], ClientName=name, **request
    )["UserPoolClient"]
    return client["ClientId"], {"name": name, "clientSecret": client.get("ClientSecret", "")}


def reached_here(creation: Creation, value: Any) -> Any:
    """The address of sign-in pages of this run as one that answers: the emulator's; any other
    value as it is."""
    found = _PAGES.match(value) if isinstance(value, str) else None
    if found is None:
        return value
    idp = creation.elsewhere("cognito-idp", found["region"])
    description = idp.describe_user_pool_domain(Domain=found["domain"])["DomainDescription"]
    if not description.get("UserPoolId"):
        return value
    return f"{idp.meta.endpoint_url}{value.removeprefix(found[0])}"


@creates("aws:cognito/userPoolDomain:UserPoolDomain")
def user_pool_domain(creation: Creation) -> tuple[str, dict[str, Any]]:
    domain = creation.inputs["domain"]
    creation.clients("cognito-idp").create_user_pool_domain(
        Domain=domain,
        UserPoolId=creation.inputs["userPoolId"],
        **creation.given({"managedLoginVersion": "ManagedLoginVersion"}),
    )
    return domain, {"awsAccountId": creation.account}


def _attribute(item: Inputs) -> dict[str, Any]:
    names = {
        "name": "Name",
        "attributeDataType": "AttributeDataType",
        "mutable": "Mutable",
        "required": "Required",
    }
    attribute = _named(item, names)
    if "stringAttributeConstraints" in item:
        bounds = {"minLength": "MinLength", "maxLength": "MaxLength"}
        attribute["StringAttributeConstraints"] = _named(item["stringAttributeConstraints"], bounds)
    return attribute


def _named(item: Inputs, names: dict[str, str]) -> dict[str, Any]:
    return {parameter: item[name] for name, parameter in names.items() if name in item}
