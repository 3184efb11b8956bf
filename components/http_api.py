"""The front door: an HTTP API (API Gateway v2) in front of functions."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Annotated, NotRequired, Optional, TypedDict

import pulumi
import pulumi_aws as aws

from .component import Component
from .function import PythonFunction
from .inputs import (
    Default,
    InputError,
    Items,
    OneOf,
    Problem,
    Text,
    Whole,
    checked,
    contradictions,
    problem,
)
from .logs import LogRetention

STAGE = "$default"

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "*")

# The longest that an HTTP API waits for an integration:
# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
INTEGRATION_TIMEOUT_MILLISECONDS = 30_000

# Neither addresses nor user agents, which would be personal data. The variables:
# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html
ACCESS_LOG_FORMAT = json.dumps(
    {
        "apiId": "$context.apiId",
        "requestId": "$context.requestId",
        "requestTime": "$context.requestTime",
        "routeKey": "$context.routeKey",
        "method": "$context.httpMethod",
        "path": "$context.path",
        "status": "$context.status",
        "responseLength": "$context.responseLength",
        "responseLatency": "$context.responseLatency",
        "integrationLatency": "$context.integrationLatency",
        "integrationStatus": "$context.integration.status",
        "integrationError": "$context.integrationErrorMessage",
        "error": "$context.error.message",
    }
)

# What a browser's script may read of an answer beyond the few headers that it always may.
EXPOSED_HEADERS = (
    *("location", "retry-after", "idempotency-replayed"),
    *("deprecation", "sunset", "link"),
    *("ratelimit", "ratelimit-policy"),
)
AUTHORIZATION = "authorization"
PREFLIGHT_AGE_SECONDS = 300


class HttpApiRoute(TypedDict):
    """One route and the function that answers it."""

    route_key: Annotated[str, Text(r"\$default|[A-Z]+ /\S*", "a route as `GET /orders/{id}`")]
    """Method and path, as `GET /orders/{id}`."""
    function_name: pulumi.Input[str]
    """Name of the function."""
    alias_name: pulumi.Input[str]
    """Alias of the function that the route targets."""
    invoke_arn: pulumi.Input[str]
    """ARN by which API Gateway invokes the alias."""
    throttle_rate: NotRequired[Annotated[int, Whole(1, 100_000)]]
    """Requests per second for this route, over all callers; the stage's by default."""
    throttle_burst: NotRequired[Annotated[int, Whole(1, 100_000)]]
    """Requests in a burst for this route; the stage's by default."""
    scopes: NotRequired[
        Annotated[list[Annotated[str, Text(r"\S+", "a scope without spaces")]], Items(default=())]
    ]
    """Scopes of which a token needs one for this route; any will do without them."""
    public: NotRequired[Annotated[bool, Default(default=False)]]
    """Whether everybody may call the route, without a token, where others take them."""


Methods = list[Annotated[str, OneOf(METHODS)]]


class CorsOfPages(TypedDict):
    """Which web pages may call an API, and with which headers."""

    origins: NotRequired[
        Annotated[
            list[
                Annotated[
                    str,
                    Text(r"\*|https?://[^/\s*]+", "`*` or an origin as https://shop.example.com"),
                ]
            ],
            Items(1, default=("*",)),
        ]
    ]
    """Origins of web pages that may call the API; `*` is every one."""
    headers: NotRequired[
        Annotated[
            list[Annotated[str, Text(r"\*|[A-Za-z0-9-]+", "`*` or a header's name")]],
            Items(1, default=("*",)),
        ]
    ]
    """Request headers that such pages may send; `*` is every one."""


class Cors(CorsOfPages):
    """Which web pages may call an API, and how."""

    methods: NotRequired[Annotated[Methods, Items(1, default=("GET", "POST"))]]
    """Methods that such pages may use."""


class Throttle(TypedDict):
    """How much an API takes before it answers 429."""

    rate: NotRequired[Annotated[int, Whole(1, 100_000, default=500)]]
    """Requests per second, over all callers."""
    burst: NotRequired[Annotated[int, Whole(1, 100_000, default=1000)]]
    """Requests in a burst."""


# API Gateway takes no plain HTTP; an emulator of it may, from the machine that it runs on.
Issuer = Annotated[
    str,
    Text(
        r"(https://[^/\s?#@]+|http://(localhost|127\.0\.0\.1)(:[0-9]{1,5})?)(/[^\s?#]*)?",
        "an issuer as https://login.example.com/tenant",
    ),
]
Audience = Annotated[
    list[Annotated[str, Text(r"\S{1,1000}", "an audience as https://orders.example.com")]],
    Items(1, different=True),
]


class JwtAuthorizer(TypedDict):
    """Whose access tokens an API takes."""

    issuer: pulumi.Input[str]
    """The OpenID Connect provider, exactly as its tokens name it (`iss`)."""
    audience: Annotated[list[pulumi.Input[str]], Items(1)]
    """For whom the tokens have to be (`aud`, or without one `client_id`): one of these."""


class HttpApiArgs(TypedDict):
    """Inputs of HttpApi."""

    routes: Annotated[list[HttpApiRoute], Items(1)]
    """The routes; any other path is answered with 404."""
    authorizer: NotRequired[JwtAuthorizer]
    """Whose access tokens every route takes; without it, everybody may call."""
    cors: NotRequired[Cors]
    """Which web pages may call the API, and how."""
    throttle: NotRequired[Throttle]
    """How much the API takes before it answers 429."""
    log_retention_days: NotRequired[LogRetention]
    """How long the access log keeps events, in days."""


@contradictions(HttpApiArgs)
def _routes_within_the_stage(args: HttpApiArgs) -> Iterator[Problem]:
    seen: set[str] = set()
    for number, route in enumerate(args["routes"]):
        if route["route_key"] in seen:
            text = f"expected each only once, not {route['route_key']!r} again"
            yield Problem(("routes", number, "route_key"), text)
        seen.add(route["route_key"])
        rate, burst = args["throttle"]["rate"], args["throttle"]["burst"]
        for name, given, limit in (
            ("rate", route.get("throttle_rate", rate), rate),
            ("burst", route.get("throttle_burst", burst), burst),
        ):
            if given > limit:
                yield Problem(
                    ("routes", number, f"throttle_{name}"),
                    f"expected at most {{=throttle.{name}}}, not {given}",
                )


class _Authorization(TypedDict, total=False):
    """The part of a route's inputs that says who may call it."""

    authorization_type: str
    authorizer_id: pulumi.Output[str]
    authorization_scopes: list[str] | None


class HttpApi(Component):
    """An HTTP API with one automatically deployed stage, throttling, CORS and access logs."""

    api_id: pulumi.Output[str]
    """Id of the API."""
    url: pulumi.Output[str]
    """Where the API answers, without a slash at the end."""
    stage_name: pulumi.Output[str]
    """Name of the stage."""
    execution_arn: pulumi.Output[str]
    """ARN that permissions to be invoked by this API begin with."""
    log_group_name: pulumi.Output[str]
    """Name of the access log's group."""

    def __init__(
        self, name: str, args: HttpApiArgs, opts: Optional[pulumi.ResourceOptions] = None
    ) -> None:
        args = checked(HttpApiArgs, args, f"HttpApi {name}")
        cors, throttle = args["cors"], args["throttle"]
        super().__init__("serverless-orders:index:HttpApi", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        api = aws.apigatewayv2.Api(
            name,
            protocol_type="HTTP",
            cors_configuration=aws.apigatewayv2.ApiCorsConfigurationArgs(
                allow_origins=cors["origins"],
                allow_headers=_headers(cors["headers"], signed_in="authorizer" in args),
                allow_methods=cors["methods"],
                expose_headers=list(EXPOSED_HEADERS),
                max_age=PREFLIGHT_AGE_SECONDS,
            ),
            opts=child,
        )
        # Under this prefix the account's log resource policy stays short, whatever the number
        # of APIs: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-and-resource-policy.html
        log_group = aws.cloudwatch.LogGroup(
            name,
            name_prefix=f"/aws/vendedlogs/{name}-",
            retention_in_days=args["log_retention_days"],
            opts=child,
        )
        self._prefix, self._api, self._cors = name, api, cors
        self._authorizer = (
            self._make_authorizer(args["authorizer"]) if "authorizer" in args else None
        )
        routes = [self._route(route) for route in args["routes"]]
        stage = aws.apigatewayv2.Stage(
            name,
            api_id=api.id,
            name=STAGE,
            auto_deploy=True,
            default_route_settings=aws.apigatewayv2.StageDefaultRouteSettingsArgs(
                throttling_rate_limit=throttle["rate"], throttling_burst_limit=throttle["burst"]
            ),
            route_settings=[
                aws.apigatewayv2.StageRouteSettingArgs(
                    route_key=route["route_key"],
                    throttling_rate_limit=route.get("throttle_rate", throttle["rate"]),
                    throttling_burst_limit=route.get("throttle_burst", throttle["burst"]),
                )
                for route in args["routes"]
            ],
            access_log_settings=aws.apigatewayv2.StageAccessLogSettingsArgs(
                destination_arn=log_group.arn, format=ACCESS_LOG_FORMAT
            ),
            # The settings of a route are refused while the route does not exist.
            opts=pulumi.ResourceOptions(parent=self, depends_on=routes),
        )
        self.api_id = api.id
        self.url = api.api_endpoint
        self.stage_name = stage.name
        self.execution_arn = api.execution_arn
        self.log_group_name = log_group.name
        self.register()

    def add_route(
        self, route_key: str, function: PythonFunction, scopes: Sequence[str] = ()
    ) -> None:
        """Lead the requests of a further route, as `DELETE /orders/{id}`, to a function.

        The limits of the stage hold for it. Where the API takes access tokens, the route takes
        those with one of the scopes; any without scopes.
        """
        further: HttpApiRoute = {
            "route_key": route_key,
            "function_name": function.name,
            "alias_name": function.alias_name,
            "invoke_arn": function.invoke_arn,
            "scopes": list(scopes),
        }
        further = checked(HttpApiRoute, further, f"the route {route_key} of HttpApi {self._prefix}")
        method = route_key.partition(" ")[0]
        allowed = self._cors["methods"]
        if method not in (*allowed, "ANY") and "*" not in allowed:
            text = f"expected {method} too, for the route {route_key}: no page could call it"
            raise InputError(f"HttpApi {self._prefix}", [problem("cors.methods", text)])
        self._route(further)

    def _make_authorizer(self, issued: JwtAuthorizer) -> aws.apigatewayv2.Authorizer:
        return aws.apigatewayv2.Authorizer(
            self._prefix,
            api_id=self._api.id,
            authorizer_type="JWT",
            identity_sources=["$request.header.Authorization"],
            jwt_configuration=aws.apigatewayv2.AuthorizerJwtConfigurationArgs(
                issuer=issued["issuer"], audiences=issued["audience"]
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _authorization(self, route: HttpApiRoute) -> _Authorization:
        if self._authorizer is None or route["public"]:
            return {}
        return {
            "authorization_type": "JWT",
            "authorizer_id": self._authorizer.id,
            "authorization_scopes": route["scopes"] or None,
        }

    def _route(self, route: HttpApiRoute) -> aws.apigatewayv2.Route:
        child = pulumi.ResourceOptions(parent=self)
        name, api = self._prefix, self._api
        method, _, path = route["route_key"].partition(" ")
        route_name = f"{name}-{_slug(route['route_key'])}"
        permission = aws.lambda_.Permission(
            route_name,
            action="lambda:InvokeFunction",
            function=route["function_name"],
            qualifier=route["alias_name"],
            principal="apigateway.amazonaws.com",
            source_arn=pulumi.Output.concat(
                api.execution_arn, f"/{STAGE}/{method}", re.sub(r"\{[^}]*\}", "*", path)
            ),
            opts=child,
        )
        integration = aws.apigatewayv2.Integration(
            route_name,
            api_id=api.id,
            integration_type="AWS_PROXY",
            integration_method="POST",
            integration_uri=route["invoke_arn"],
            payload_format_version="2.0",
            timeout_milliseconds=INTEGRATION_TIMEOUT_MILLISECONDS,
            opts=child,
        )
        # A deployed route that may not invoke its function would answer 500.
        return aws.apigatewayv2.Route(
            route_name,
            api_id=api.id,
            route_key=route["route_key"],
            target=pulumi.Output.concat("integrations/", integration.id),
            **self._authorization(route),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[permission]),
        )


def _headers(allowed: list[str], *, signed_in: bool) -> list[str]:
    """The request headers that pages may send; `*` is every one but Authorization:
    https://fetch.spec.whatwg.org/#cors-non-wildcard-request-header-name."""
    if not signed_in or AUTHORIZATION in (each.lower() for each in allowed):
        return allowed
    return [AUTHORIZATION, *allowed]


def _slug(route_key: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", route_key.lower()).strip("-")
