"""JSON documents inside resources' inputs, each checked as what it is."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from tests.inputs import dashboard, iam
from tests.recorder import Recording, Registration

# Variables of an HTTP API's access log:
# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html
_CONTEXT = re.compile(
    r"\$context\.(accountId|apiId|authorizer\.[\w.]+|awsEndpointRequestId2?|"
    r"customDomain\.basePathMatched|dataProcessed|domainName|domainPrefix|extendedRequestId|"
    r"error\.(message|messageString|responseType)|httpMethod|identity\.\w+|"
    r"integration\.(error|integrationStatus|latency|requestId|status)|integrationErrorMessage|"
    r"integrationLatency|integrationStatus|path|protocol|requestId|requestTime|requestTimeEpoch|"
    r"responseLatency|responseLength|routeKey|stage|status)"
)
# Comparisons of an event pattern:
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
_COMPARISONS = {
    "anything-but",
    "cidr",
    "equals-ignore-case",
    "exists",
    "numeric",
    "prefix",
    "suffix",
    "wildcard",
}

Check = Callable[[str, Registration, Recording], list[str]]


def identity_policy(text: str, _: Registration, __: Recording) -> list[str]:
    return iam.problems(text)


def attached_policy(text: str, resource: Registration, _: Recording) -> list[str]:
    """A policy whose only possible resource is the one it belongs to."""
    return iam.problems(text, resource.outputs["arn"])


def redrive_policy(text: str, resource: Registration, recording: Recording) -> list[str]:
    policy = json.loads(text)
    found = []
    if set(policy) != {"deadLetterTargetArn", "maxReceiveCount"}:
        found.append(f"has {sorted(policy)}, not deadLetterTargetArn and maxReceiveCount alone")
    target = policy.get("deadLetterTargetArn")
    if target not in _queue_arns(recording) or target == resource.outputs.get("arn"):
        found.append(f"deadLetterTargetArn is {target!r}, not another queue of the stack")
    count = policy.get("maxReceiveCount")
    if type(count) is not int or not 1 <= count <= 1000:
        found.append(f"maxReceiveCount is {count!r}, not a whole number from 1 to 1000")
    return found


def redrive_allow_policy(text: str, _: Registration, recording: Recording) -> list[str]:
    policy = json.loads(text)
    permission, sources = policy.get("redrivePermission"), policy.get("sourceQueueArns", [])
    if permission not in ("allowAll", "byQueue", "denyAll"):
        return [f"redrivePermission is {permission!r}"]
    if (permission == "byQueue") != (1 <= len(sources) <= 10):
        return ["sourceQueueArns are 1 to 10 with byQueue, and none without"]
    return [f"{arn!r} is no queue" for arn in sources if arn not in _queue_arns(recording)]


def dashboard_body(text: str, _: Registration, __: Recording) -> list[str]:
    return dashboard.problems(text)


def access_log_format(text: str, _: Registration, __: Recording) -> list[str]:
    return [
        f"{name}: {variable!r} is no variable of an access log"
        for name, variable in json.loads(text).items()
        if not _CONTEXT.fullmatch(variable)
    ]


def event_pattern(text: str, _: Registration, __: Recording) -> list[str]:
    try:
        pattern = json.loads(text)
    except ValueError as error:
        return [f"no JSON: {error}"]
    if not isinstance(pattern, dict) or not pattern:
        return ["an event pattern is an object that names something"]
    return list(_in_pattern("", pattern))


def _in_pattern(path: str, pattern: dict[str, Any]) -> Iterator[str]:
    for key, value in pattern.items():
        where = f"{path}.{key}".lstrip(".")
        if key == "$or" and isinstance(value, list):
            for item in value:
                yield from _in_pattern(where, item)
        elif isinstance(value, dict):
            yield from _in_pattern(where, value)
        elif not isinstance(value, list) or not value:
            yield f"{where}: what may match is a list, and not an empty one"
        else:
            for item in value:
                if isinstance(item, list):
                    yield f"{where}: a list within a list"
                elif isinstance(item, dict) and not set(item) <= _COMPARISONS:
                    yield f"{where}: no comparison {', '.join(sorted(set(item) - _COMPARISONS))}"


def inputs_of_the_provider(text: str, _: Registration, __: Recording) -> list[str]:
    """A provider's nested inputs travel as JSON, and are checked by their types."""
    json.loads(text)
    return []


def log_filter(text: str, resource: Registration, recording: Recording) -> list[str]:
    """A metric filter over JSON lines: of the fields it compares, each is one of the line's.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
    """
    comparison = r"\$\.\w+ (=|!=|<|>|<=|>=) (\"[^\"]*\"|-?[0-9.]+)"
    if not re.fullmatch(rf"{{ {comparison}( (&&|\|\|) {comparison})* }}", text):
        return [f"{text} is no filter of JSON lines"]
    arns = {
        each.outputs["arn"]
        for each in recording.of("aws:cloudwatch/logGroup:LogGroup")
        if each.outputs["name"] == resource.inputs["logGroupName"]
    }
    lines = [
        json.loads(stage.inputs["accessLogSettings"]["format"])
        for stage in recording.of("aws:apigatewayv2/stage:Stage")
        if stage.inputs["accessLogSettings"]["destinationArn"] in arns
    ]
    if not lines:
        return [f"{resource.inputs['logGroupName']} is no access log's group"]
    fields = re.findall(r"\$\.(\w+)", text)
    return [f"the line has no {each}" for each in fields if each not in lines[0]]


def header_fields(text: str, _: Registration, recording: Recording) -> list[str]:
    """Fields of the answers to routes, by what the routes' paths begin with."""
    routes = recording.of("aws:apigatewayv2/route:Route")
    paths = [each.inputs["routeKey"].partition(" ")[2] for each in routes]
    found = []
    for beginning, fields in json.loads(text).items():
        if not any(path.startswith(beginning) for path in paths):
            found.append(f"no route begins with {beginning}")
        if not re.fullmatch(r"@[0-9]{9,10}", fields["deprecation"]):  # RFC 9745
            found.append(f"{fields['deprecation']} is no date")
    return found


def function_names(text: str, _: Registration, recording: Recording) -> list[str]:
    """Physical names of functions by their own."""
    there = {each.outputs["name"] for each in recording.of("aws:lambda/function:Function")}
    return [
        f"{own}: {name!r} is no function"
        for own, name in json.loads(text).items()
        if name not in there
    ]


CHECKS: dict[tuple[str, str], Check] = {
    ("aws:apigatewayv2/stage:Stage", "accessLogSettings.format"): access_log_format,
    ("aws:cloudwatch/dashboard:Dashboard", "dashboardBody"): dashboard_body,
    ("aws:cloudwatch/eventBusPolicy:EventBusPolicy", "policy"): identity_policy,
    ("aws:cloudwatch/eventRule:EventRule", "eventPattern"): event_pattern,
    ("aws:cloudwatch/logMetricFilter:LogMetricFilter", "pattern"): log_filter,
    ("aws:iam/role:Role", "assumeRolePolicy"): attached_policy,
    ("aws:iam/rolePolicy:RolePolicy", "policy"): identity_policy,
    ("aws:kms/key:Key", "policy"): attached_policy,
    ("aws:lambda/eventSourceMapping:EventSourceMapping", "filterCriteria.filters.pattern"): (
        event_pattern
    ),
    ("aws:lambda/function:Function", "environment.variables.API_DEPRECATIONS"): header_fields,
    ("aws:lambda/function:Function", "environment.variables.FUNCTION_NAMES"): function_names,
    ("aws:s3/bucketPolicy:BucketPolicy", "policy"): identity_policy,
    ("aws:sns/topicPolicy:TopicPolicy", "policy"): identity_policy,
    ("aws:sqs/queue:Queue", "redrivePolicy"): redrive_policy,
    ("aws:sqs/queuePolicy:QueuePolicy", "policy"): identity_policy,
    ("aws:sqs/redriveAllowPolicy:RedriveAllowPolicy", "redriveAllowPolicy"): redrive_allow_policy,
    ("pulumi:providers:aws", "allowedAccountIds"): inputs_of_the_provider,
    ("pulumi:providers:aws", "defaultTags"): inputs_of_the_provider,
}


def documents(resource: Registration) -> Iterator[tuple[str, str]]:
    """Each JSON object or list among a resource's inputs, with its path."""
    yield from _documents("", resource.inputs)


def _documents(path: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _documents(f"{path}.{key}".lstrip("."), item)
    elif isinstance(value, list):
        for item in value:
            yield from _documents(path, item)
    elif isinstance(value, str) and value.lstrip().startswith(("{", "[")):
        yield path, value


def _queue_arns(recording: Recording) -> set[str]:
    return {each.outputs["arn"] for each in recording.of("aws:sqs/queue:Queue")}
