"""HTTP APIs (API Gateway v2). The local edge serves them from what is registered here."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

from local.errors import DeployError
from local.inputs import Inputs
from local.resources.registry import Creation, creates, updates

_HEADER = re.compile(r"\$request\.header\.[A-Za-z0-9-]+")


def _cors(item: Inputs) -> dict[str, Any]:
    names = {
        "allowCredentials": "AllowCredentials",
        "allowHeaders": "AllowHeaders",
        "allowMethods": "AllowMethods",
        "allowOrigins": "AllowOrigins",
        "exposeHeaders": "ExposeHeaders",
        "maxAge": "MaxAge",
    }
    return {parameter: item[key] for key, parameter in names.items() if key in item}


@creates("aws:apigatewayv2/api:Api")
def api(creation: Creation) -> tuple[str, dict[str, Any]]:
    request = _api(creation)
    created = creation.clients("apigatewayv2").create_api(
        ProtocolType="HTTP", Tags=creation.tags(), **request
    )
    api_id = created["ApiId"]
    return api_id, {
        "name": request["Name"],
        "apiEndpoint": creation.edge_url,
        "arn": f"arn:aws:apigateway:{creation.region}::/apis/{api_id}",
        "executionArn": creation.arn("execute-api", api_id),
    }


@updates("aws:apigatewayv2/api:Api", fixed=("protocolType",))
def api_update(creation: Creation) -> tuple[str, dict[str, Any]]:
    before = creation.before or {}
    api_id = before["arn"].rpartition("/")[2]
    creation.clients("apigatewayv2").update_api(ApiId=api_id, **_api(creation))
    return api_id, {key: before[key] for key in ("name", "apiEndpoint", "arn", "executionArn")}


def _api(creation: Creation) -> dict[str, Any]:
    name, inputs = creation.name(), creation.inputs
    if inputs["protocolType"] != "HTTP":
        raise DeployError(
            f"{creation.type} {creation.logical_name}: protocolType {inputs['protocolType']} "
            f"has no local counterpart: only HTTP has"
        )
    request = creation.given({"description": "Description", "version": "Version"})
    if "corsConfiguration" in inputs:
        request["CorsConfiguration"] = _cors(inputs["corsConfiguration"])
    creation.no_effect("disableExecuteApiEndpoint", "the local URL is the only one")
    creation.no_effect("ipAddressType", "the local edge listens on IPv4 loopback only")
    return {"Name": name, **request}


@creates("aws:apigatewayv2/integration:Integration")
def integration(creation: Creation) -> tuple[str, dict[str, Any]]:
    inputs = creation.inputs
    supported = {
        "integrationType": "AWS_PROXY",
        "payloadFormatVersion": "2.0",
        "connectionType": "INTERNET",
    }
    for key, only in supported.items():
        if inputs.get(key, only) != only:
            raise DeployError(
                f"{creation.type} {creation.logical_name}: {key} {inputs[key]!r} has no local "
                f"counterpart: only {only!r} has"
            )
    created = creation.clients("apigatewayv2").create_integration(
        ApiId=inputs["apiId"],
        **creation.given(
            {
                "integrationType": "IntegrationType",
                "integrationUri": "IntegrationUri",
                "integrationMethod": "IntegrationMethod",
                "payloadFormatVersion": "PayloadFormatVersion",
                "timeoutMilliseconds": "TimeoutInMillis",
                "description": "Description",
            }
        ),
    )
    return created["IntegrationId"], {}


@creates("aws:apigatewayv2/authorizer:Authorizer")
def authorizer(creation: Creation) -> tuple[str, dict[str, Any]]:
    inputs = creation.inputs
    sources = inputs["identitySources"]
    if inputs["authorizerType"] != "JWT" or not _HEADER.fullmatch(" ".join(sources)):
        raise DeployError(
            f"{creation.type} {creation.logical_name}: {inputs['authorizerType']} of {sources} has "
            f"no local counterpart: only JWT of one $request.header has"
        )
    token = inputs["jwtConfiguration"]
    created = creation.clients("apigatewayv2").create_authorizer(
        ApiId=inputs["apiId"],
        AuthorizerType="JWT",
        IdentitySource=sources,
        JwtConfiguration={"Issuer": token["issuer"], "Audience": token["audiences"]},
        Name=creation.name(),
    )
    return created["AuthorizerId"], {}


@creates("aws:apigatewayv2/route:Route")
def route(creation: Creation) -> tuple[str, dict[str, Any]]:
    inputs = creation.inputs
    authorization = inputs.get("authorizationType", "NONE")
    if authorization not in ("NONE", "JWT"):
        raise DeployError(
            f"{creation.type} {creation.logical_name}: authorizationType {authorization!r} has no "
            f"local counterpart: only JWT has"
        )
    created = creation.clients("apigatewayv2").create_route(
        ApiId=inputs["apiId"],
        RouteKey=inputs["routeKey"],
        Target=inputs["target"],
        **creation.given(
            {
                "authorizationScopes": "AuthorizationScopes",
                "authorizationType": "AuthorizationType",
                "authorizerId": "AuthorizerId",
                "operationName": "OperationName",
            }
        ),
    )
    return created["RouteId"], {}


def _throttle(item: Inputs) -> dict[str, Any]:
    names = {
        "throttlingBurstLimit": "ThrottlingBurstLimit",
        "throttlingRateLimit": "ThrottlingRateLimit",
        "detailedMetricsEnabled": "DetailedMetricsEnabled",
    }
    return {parameter: item[key] for key, parameter in names.items() if key in item}


@updates("aws:apigatewayv2/stage:Stage", fixed=("apiId",))
def stage_update(creation: Creation) -> tuple[str, dict[str, Any]]:
    return _staged(creation, creation.clients("apigatewayv2").update_stage)


@creates("aws:apigatewayv2/stage:Stage")
def stage(creation: Creation) -> tuple[str, dict[str, Any]]:
    create = creation.clients("apigatewayv2").create_stage
    return _staged(creation, functools.partial(create, Tags=creation.tags()))


def _staged(creation: Creation, call: Callable[..., Any]) -> tuple[str, dict[str, Any]]:
    name, inputs = creation.name(), creation.inputs
    request: dict[str, Any] = creation.given(
        {
            "autoDeploy": "AutoDeploy",
            "description": "Description",
            "stageVariables": "StageVariables",
            "deploymentId": "DeploymentId",
        }
    )
    if "accessLogSettings" in inputs:
        logs = inputs["accessLogSettings"]
        request["AccessLogSettings"] = {
            "DestinationArn": logs["destinationArn"],
            "Format": logs["format"],
        }
    if "defaultRouteSettings" in inputs:
        request["DefaultRouteSettings"] = _throttle(inputs["defaultRouteSettings"])
    if inputs.get("routeSettings"):
        request["RouteSettings"] = {
            item["routeKey"]: _throttle(item) for item in inputs["routeSettings"]
        }
    call(ApiId=inputs["apiId"], StageName=name, **request)
    path = "" if name == "$default" else name
    api_id = inputs["apiId"]
    return name, {
        "name": name,
        "arn": f"arn:aws:apigateway:{creation.region}::/apis/{api_id}/stages/{name}",
        "executionArn": creation.arn("execute-api", f"{api_id}/{name}"),
        "invokeUrl": f"{creation.edge_url}/{path}",
    }


@creates("aws:apigatewayv2/domainName:DomainName")
def domain_name(creation: Creation) -> tuple[str, dict[str, Any]]:
    creation.nothing("the local API has its own address alone")
    name = str(creation.inputs["domainName"])
    configured = {
        **creation.inputs["domainNameConfiguration"].plain(),
        "targetDomainName": f"local.execute-api.{creation.region}.amazonaws.com",
        "hostedZoneId": "ZLOCAL",
    }
    return name, {"domainNameConfiguration": configured}
