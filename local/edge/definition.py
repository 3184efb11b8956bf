"""What the edge serves, read from the API resources that the program registered."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any

from local.errors import DeployError

# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
MAX_INTEGRATION_SECONDS = 30.0

_FUNCTION = re.compile(r"function:(?P<name>[^:/]+)(?::(?P<qualifier>[^/]+))?")


def define(resources: Sequence[Any], account: str) -> dict[str, Any] | None:
    """The definition of the one HTTP API among `resources`, or None when there is none.

    It is plain JSON, since it crosses a process boundary. Raises `DeployError` for more than
    one API, or an API without exactly one stage: one URL can serve one of each.
    """

    def of(kind: str, api_id: str | None = None) -> list[Any]:
        return [
            r
            for r in resources
            if r.type.endswith(f":{kind}")
            and r.type.startswith("aws:apigatewayv2/")
            and (api_id is None or r.inputs["apiId"] == api_id)
        ]

    apis = of("Api")
    if not apis:
        return None
    if len(apis) > 1:
        names = ", ".join(api.name for api in apis)
        raise DeployError(f"the local run serves one HTTP API, and the program has {names}")
    api = apis[0]
    stages = of("Stage", api.id)
    if len(stages) != 1:
        raise DeployError(f"HTTP API {api.name}: expected one stage, not {len(stages)}")
    stage = stages[0]
    integrations = {f"integrations/{i.id}": i for i in of("Integration", api.id)}
    permissions = [r for r in resources if r.type == "aws:lambda/permission:Permission"]
    authorizers = {a.id: a.inputs for a in of("Authorizer", api.id)}
    routes = []
    for route in of("Route", api.id):
        integration = integrations.get(route.inputs["target"])
        if integration is None:
            raise DeployError(f"route {route.inputs['routeKey']}: no integration at its target")
        name, qualifier = _function(integration.inputs["integrationUri"])
        key = route.inputs["routeKey"]
        milliseconds = integration.inputs.get("timeoutMilliseconds")
        routes.append(
            {
                "key": key,
                "function": name,
                "qualifier": qualifier,
                "timeoutSeconds": milliseconds / 1000 if milliseconds else MAX_INTEGRATION_SECONDS,
                "permitted": any(
                    _permits(p.inputs, name, qualifier, _source_arn(api, stage, key))
                    for p in permissions
                ),
                **_authorization(route.inputs, authorizers),
            }
        )
    logs = stage.inputs.get("accessLogSettings") or {}
    return {
        "apiId": api.id,
        "region": api.outputs["executionArn"].split(":")[3],
        "account": account,
        "stage": stage.outputs["name"],
        "stageVariables": stage.inputs.get("stageVariables"),
        "cors": api.inputs.get("corsConfiguration"),
        "accessLogFormat": logs.get("format"),
        "accessLogGroup": _log_group(logs.get("destinationArn")),
        "throttle": _throttle(stage.inputs.get("defaultRouteSettings") or {}),
        "routeThrottles": {
            item["routeKey"]: _throttle(item) for item in stage.inputs.get("routeSettings") or []
        },
        "routes": routes,
        "authorizers": {name: _authorizer(inputs) for name, inputs in authorizers.items()},
    }


def _authorization(route: dict[str, Any], authorizers: Collection[str]) -> dict[str, Any]:
    if route.get("authorizationType", "NONE") == "NONE":
        return {}
    if route.get("authorizerId") not in authorizers:
        raise DeployError(f"route {route['routeKey']}: no authorizer of this API at authorizerId")
    return {
        "authorizer": route["authorizerId"],
        "scopes": route.get("authorizationScopes") or [],
    }


def _authorizer(inputs: dict[str, Any]) -> dict[str, Any]:
    source = inputs["identitySources"][0]
    return {
        "issuer": inputs["jwtConfiguration"]["issuer"],
        "audience": inputs["jwtConfiguration"]["audiences"],
        "header": source.removeprefix("$request.header.").lower(),
    }


def _function(uri: str) -> tuple[str, str | None]:
    found = _FUNCTION.search(uri)
    if found is None:
        raise DeployError(f"integration {uri}: expected the ARN of a function")
    return found["name"], found["qualifier"]


def _source_arn(api: Any, stage: Any, key: str) -> str:
    # A Lambda permission for a route names arn:.../<api>/<stage>/<METHOD>/<path>.
    method, _, path = key.partition(" ")
    tail = f"{'*' if method == 'ANY' else method}{path}" if path else key
    return f"{api.outputs['executionArn']}/{stage.outputs['name']}/{tail}"


def _permits(inputs: dict[str, Any], name: str, qualifier: str | None, source: str) -> bool:
    function = inputs["function"]
    if function != name and not function.endswith(f":function:{name}"):
        return False
    pattern = inputs.get("sourceArn", "*")
    return (
        inputs.get("qualifier") == qualifier
        and inputs["action"] in ("lambda:InvokeFunction", "lambda:*")
        and inputs["principal"] in ("apigateway.amazonaws.com", "*")
        and re.fullmatch(_wildcards(pattern), source) is not None
    )


def _wildcards(pattern: str) -> str:
    return "".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in pattern)


def _log_group(arn: str | None) -> str | None:
    return None if arn is None else arn.split(":log-group:", 1)[1].removesuffix(":*")


def _throttle(item: dict[str, Any]) -> dict[str, Any]:
    limits = {
        "rate": item.get("throttlingRateLimit"),
        "burst": item.get("throttlingBurstLimit"),
    }
    return {key: value for key, value in limits.items() if value is not None}
