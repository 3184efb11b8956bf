"""Functions: limits, runtime, tracing, event sources, who may invoke them, their environment."""

import re
from functools import cache
from typing import Any

from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
from detect_secrets.plugins.base import RegexBasedDetector
from detect_secrets.plugins.ip_public import IPPublicDetector
from pulumi_policy.proxy import UnknownValueError

from .rule import (
    Findings,
    Resource,
    Setting,
    Settings,
    Stack,
    StackResource,
    as_list,
    as_number,
    as_object,
    is_set,
    known,
    matches,
    resource_rule,
    stack_rule,
)
from .types import (
    ALIAS,
    EVENT_INVOKE_CONFIG,
    EVENT_SOURCE_MAPPING,
    FUNCTION,
    PERMISSION,
    SCHEDULE,
)

# Lambda's own timeout where a function does not set one:
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html
DEFAULT_TIMEOUT_SECONDS = 3

# The runtimes that AWS patches into 2027 and beyond:
# https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
RUNTIMES = (
    "dotnet10",
    "java17",
    "java21",
    "java25",
    "nodejs22.x",
    "nodejs24.x",
    "provided.al2023",
    "python3.11",
    "python3.12",
    "python3.13",
    "python3.14",
    "ruby3.3",
    "ruby3.4",
)

_SECRET_NAME = re.compile(
    r"passw(or)?d|passphrase|secret|token|api_?key|private_?key|access_?key|credential",
    re.IGNORECASE,
)
# What a name ends in when its value says where the secret is, not what it is.
_REFERENCE_NAME = re.compile(r"_(arn|id|name|parameter|path|url|ttl|seconds)$", re.IGNORECASE)


def timeout_of(function: StackResource) -> int:
    """Seconds that the function may run."""
    return int(as_number(function.props.get("timeout")) or DEFAULT_TIMEOUT_SECONDS)


def function_behind(stack: Stack, source: StackResource, *path: str) -> StackResource | None:
    """The function of the stack that a property names: by name or ARN, directly or by alias."""
    for function in stack.of(FUNCTION):
        if _names(stack, source, path, function):
            return function
    return None


def _names(
    stack: Stack, source: StackResource, path: tuple[str, ...], function: StackResource
) -> bool:
    try:
        value: Any = source.props
        for key in path:
            value = as_object(value).get(key)
        # function, function:alias, [arn:aws:lambda:region:account:]function:name[:alias]
        name = str(value or "").split(":function:")[-1].split(":")[0]
        return bool(name) and name == function.props.get("name")
    except UnknownValueError:
        return stack.computed_from(source, path[0], function, "name") or any(
            _names(stack, alias, ("functionName",), function)
            for alias in stack.of(ALIAS)
            if stack.computed_from(source, path[0], alias)
        )


@resource_rule(
    "function-timeout",
    [FUNCTION],
    "A function sets a timeout within bounds.",
    "Set timeout (seconds) to what the slowest call needs.",
    settings={"maximum": Setting("integer", 60, "The maximum timeout, in seconds")},
)
def timeout(function: Resource, settings: Settings) -> Findings:
    seconds = as_number(function.props.get("timeout"))
    if not seconds:
        yield f"sets no timeout, so Lambda ends it after {DEFAULT_TIMEOUT_SECONDS} s"
    elif seconds > settings["maximum"]:
        yield f"may run for {seconds:g} s; the maximum here is {settings['maximum']} s"


@resource_rule(
    "function-memory",
    [FUNCTION],
    "A function sets its memory within bounds.",
    "Set memorySize (MB) to what was measured; the CPU grows with it.",
    settings={
        "minimum": Setting("integer", 256, "The minimum memory, in MB"),
        "maximum": Setting("integer", 3008, "The maximum memory, in MB"),
    },
)
def memory(function: Resource, settings: Settings) -> Findings:
    size = as_number(function.props.get("memorySize"))
    least, most = settings["minimum"], settings["maximum"]
    if not size:
        yield "sets no memory, so Lambda gives it 128 MB"
    elif not least <= size <= most:
        yield f"has {size:g} MB; {least} to {most} MB are allowed here"


@resource_rule(
    "function-runtime",
    [FUNCTION],
    "A function uses a runtime that AWS patches.",
    "Set runtime to one of the allowed ones.",
    settings={"allowed": Setting("array", list(RUNTIMES), "The runtimes that may be used")},
)
def runtime(function: Resource, settings: Settings) -> Findings:
    if function.props.get("packageType") == "Image":
        return
    used = function.props.get("runtime")
    if used not in settings["allowed"]:
        allowed = ", ".join(settings["allowed"])
        yield f"uses the runtime {used}; allowed are {allowed}"


@resource_rule(
    "function-tracing",
    [FUNCTION],
    "A function is traced.",
    "Set tracingConfig.mode to Active.",
)
def tracing(function: Resource, _: Settings) -> Findings:
    if as_object(function.props.get("tracingConfig")).get("mode") != "Active":
        yield "is not traced"


@resource_rule(
    "function-reports-batch-item-failures",
    [EVENT_SOURCE_MAPPING],
    "A function that reads a queue or a stream says which of its messages or records failed.",
    "Set functionResponseTypes to ReportBatchItemFailures and return batchItemFailures.",
)
def reports_batch_item_failures(mapping: Resource, _: Settings) -> Findings:
    if "ReportBatchItemFailures" in as_list(mapping.props.get("functionResponseTypes")):
        return
    source = str(mapping.props.get("eventSourceArn") or "")
    if ":sqs:" in source or is_stream(source):
        yield "takes a batch as a whole: one bad message fails or loses the others with it"


def is_stream(arn: str) -> bool:
    """Whether it is the ARN of a DynamoDB table's stream or of one of Kinesis."""
    return ":kinesis:" in arn or (":dynamodb:" in arn and "/stream/" in arn)


@resource_rule(
    "function-stream-gives-up",
    [EVENT_SOURCE_MAPPING],
    "A function that reads a stream isolates what always fails, gives it up and keeps it.",
    "Set bisectBatchOnFunctionError, maximumRetryAttempts and destinationConfig.onFailure.",
)
def stream_gives_up(mapping: Resource, _: Settings) -> Findings:
    if not is_stream(str(mapping.props.get("eventSourceArn") or "")):
        return
    if not mapping.props.get("bisectBatchOnFunctionError"):
        yield "never halves a batch: what is good in it is given up with what is bad"
    retries = as_number(mapping.props.get("maximumRetryAttempts"))
    if retries is None or retries < 0:
        yield "tries a record that always fails until it expires: its shard stands still for a day"
    if not is_set(mapping.props, "destinationConfig", "onFailure", "destinationArn"):
        yield "keeps nothing of the records that it gives up"


@resource_rule(
    "function-permission-names-source",
    [PERMISSION],
    "A permission to invoke a function says which resource may use it.",
    "Set sourceArn to the ARN of the one API route, rule, bucket or topic that invokes it.",
)
def permission_names_source(permission: Resource, _: Settings) -> Findings:
    principal = permission.props.get("principal")
    if principal == "*":
        yield "lets everyone invoke the function"
    if not str(principal).endswith(".amazonaws.com"):
        return
    if not is_set(permission.props, "sourceArn"):
        yield f"lets {principal} invoke the function for anybody's resources"
        return
    source = known(permission.props, "sourceArn")
    if not isinstance(source, str):
        return
    # A bucket's ARN has neither region nor account, and its names are global.
    parts = source.split(":", 5)
    service, account, name = (parts[2], *parts[4:]) if len(parts) == 6 else ("", "*", "*")
    of_bucket = service == "s3" and name.strip("*?")
    if "*" in account or not (account or of_bucket):
        yield f"lets {principal} invoke the function for {source!r}, in whatever account"


@cache
def _detectors() -> list[RegexBasedDetector]:
    # Detectors of entropy and of keywords guess from a whole source line, which there is none of.
    classes: list[Any] = list(get_mapping_from_secret_type_to_class().values())
    return [
        detector()
        for detector in classes
        if issubclass(detector, RegexBasedDetector) and detector is not IPPublicDetector
    ]


def _kind_of_secret(value: str) -> str | None:
    return next((d.secret_type for d in _detectors() if any(d.analyze_string(value))), None)


@resource_rule(
    "function-no-secrets-in-environment",
    [FUNCTION],
    "A function's environment holds no secret.",
    "Keep it in Secrets Manager or as an SSM SecureString, and give the function its ARN.",
    settings={
        "exemptVariables": Setting(
            "array",
            # The system's one credential there: of a client that may place and read orders of its
            # own and nothing else, encrypted in the state and at rest.
            ["SYNTHETIC_CLIENT_SECRET"],
            "Names (patterns) of variables that are not secrets, or that may be there",
        )
    },
)
def no_secrets_in_environment(function: Resource, settings: Settings) -> Findings:
    variables = as_object(as_object(function.props.get("environment")).get("variables"))
    for name in variables:
        if matches(name, settings["exemptVariables"]):
            continue
        # The value itself must never reach a message.
        if _SECRET_NAME.search(name) and not _REFERENCE_NAME.search(name):
            yield f"has the variable {name}, which by its name is a secret"
            continue
        try:
            kind = _kind_of_secret(str(variables[name]))
        except UnknownValueError:
            continue
        if kind:
            yield f"has the variable {name}, whose value looks like this kind of secret: {kind}"


@stack_rule(
    "function-keeps-failed-events",
    [PERMISSION, SCHEDULE],
    "A function that is invoked asynchronously keeps the events it could not handle.",
    "Set deadLetterConfig on the function, or an onFailure destination on its alias.",
    settings={
        "asynchronous": Setting(
            "array",
            ["events.amazonaws.com", "s3.amazonaws.com", "sns.amazonaws.com"],
            "The principals that invoke asynchronously (schedules always do)",
        )
    },
)
def keeps_failed_events(source: StackResource, stack: Stack, settings: Settings) -> Findings:
    if source.resource_type == SCHEDULE:
        function = function_behind(stack, source, "target", "arn")
    elif source.props.get("principal") in settings["asynchronous"]:
        function = function_behind(stack, source, "function")
    else:
        return
    if function is None or is_set(function.props, "deadLetterConfig", "targetArn"):
        return
    for config in stack.of(EVENT_INVOKE_CONFIG):
        if _names(stack, config, ("functionName",), function) and is_set(
            config.props, "destinationConfig", "onFailure", "destination"
        ):
            return
    yield f"invokes {function.name} asynchronously, and what that cannot handle is lost"
