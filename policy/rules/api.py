"""APIs: throttling, access logs, cross-origin access and authorisation."""

from .rule import (
    PRODUCTION_STACKS,
    Findings,
    Resource,
    Setting,
    Settings,
    Stack,
    StackResource,
    as_object,
    as_texts,
    is_set,
    matches,
    only_in_production,
    project_of,
    resource_rule,
    stack_rule,
)
from .types import (
    FUNCTION_URL,
    HTTP_API,
    HTTP_ROUTE,
    HTTP_STAGE,
    REST_METHOD,
    REST_METHOD_SETTINGS,
    REST_STAGE,
)

_THROTTLE = ("throttlingRateLimit", "throttlingBurstLimit")


@resource_rule(
    "api-throttled",
    [HTTP_STAGE],
    "An API's stage limits the rate of requests.",
    "Set defaultRouteSettings.throttlingRateLimit (requests per second) and throttlingBurstLimit.",
)
def throttled(stage: Resource, _: Settings) -> Findings:
    missing = [key for key in _THROTTLE if not is_set(stage.props, "defaultRouteSettings", key)]
    if missing:
        yield f"sets no {' and no '.join(missing)}, so one client can use up the account's limit"


@stack_rule(
    "api-rest-throttled",
    [REST_STAGE],
    "A REST API's stage limits the rate of requests.",
    "Add aws.apigateway.MethodSettings for '*/*' with throttlingRateLimit and "
    "throttlingBurstLimit.",
)
def rest_throttled(stage: StackResource, stack: Stack, _: Settings) -> Findings:
    for method_settings in stack.of(REST_METHOD_SETTINGS):
        if (
            stack.refers(method_settings, "stageName", stage, "stageName")
            and method_settings.props.get("methodPath") == "*/*"
            and all(is_set(method_settings.props, "settings", key) for key in _THROTTLE)
        ):
            return
    yield "sets no throttling for all its methods, so one client can use up the account's limit"


@resource_rule(
    "api-access-logs",
    [HTTP_STAGE, REST_STAGE],
    "An API's stage writes an access log.",
    "Set accessLogSettings.destinationArn to a log group's ARN, and format.",
)
def access_logs(stage: Resource, _: Settings) -> Findings:
    if not all(is_set(stage.props, "accessLogSettings", k) for k in ("destinationArn", "format")):
        yield "writes no access log"


@resource_rule(
    "api-named-origins",
    [HTTP_API],
    "In production, an API names the origins whose pages may call it.",
    "List the origins in corsConfiguration.allowOrigins, each with https:// and its host.",
    settings={"productionStacks": PRODUCTION_STACKS},
)
def named_origins(api: Resource, settings: Settings) -> Findings:
    only_in_production(api, settings)
    cors = as_object(api.props.get("corsConfiguration"))
    for origin in as_texts(cors.get("allowOrigins")):
        if "*" in origin:
            yield f"lets pages of the origin {origin!r} call it"


def _unauthorised(resource: Resource) -> str | None:
    """What can be called without authorisation, named as a route key; None where nothing can."""
    props = resource.props
    if resource.resource_type == HTTP_ROUTE:
        if props.get("authorizationType") in (None, "", "NONE"):
            return str(props.get("routeKey"))
    elif resource.resource_type == FUNCTION_URL:
        if props.get("authorizationType") == "NONE":
            return "function URL"
    # A browser's preflight request carries no credentials.
    elif (
        props.get("httpMethod") != "OPTIONS"
        and props.get("authorization") == "NONE"
        and not is_set(props, "apiKeyRequired")
    ):
        return str(props.get("httpMethod"))
    return None


@resource_rule(
    "api-route-authorised",
    [HTTP_ROUTE, REST_METHOD, FUNCTION_URL],
    "Every route is authorised, or listed as open.",
    "Set an authorizer (authorizationType JWT, AWS_IAM or CUSTOM), or list the route in this "
    "rule's `exemptRoutes`.",
    settings={
        "exemptRoutes": Setting(
            "array", [], "Open routes (patterns), as `<project>:<METHOD> <path>`"
        )
    },
)
def route_authorised(route: Resource, settings: Settings) -> Findings:
    open_route = _unauthorised(route)
    if open_route is None:
        return
    if not matches(f"{project_of(route.urn)}:{open_route}", settings["exemptRoutes"]):
        yield f"lets everyone call {open_route}"


@resource_rule(
    "api-production-authorised",
    [HTTP_ROUTE, REST_METHOD, FUNCTION_URL],
    "In production, every route is authorised, or listed as public.",
    "Set an authorizer (`auth: cognito` or `jwt` of this project), or list the route in this "
    "rule's `publicRoutes`.",
    settings={
        "productionStacks": PRODUCTION_STACKS,
        "publicRoutes": Setting(
            "array", [], "Public routes (patterns), as `<project>:<METHOD> <path>`"
        ),
    },
)
def production_authorised(route: Resource, settings: Settings) -> Findings:
    only_in_production(route, settings)
    open_route = _unauthorised(route)
    if open_route is not None and not matches(
        f"{project_of(route.urn)}:{open_route}", settings["publicRoutes"]
    ):
        yield f"lets everyone call {open_route}"
