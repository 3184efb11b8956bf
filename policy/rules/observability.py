"""Log groups that are owned and end, and alarms on everything that can fail."""

from collections.abc import Iterator, Mapping
from typing import Any

from pulumi_policy.proxy import UnknownValueError

from .queues import is_dead_letter_queue
from .rule import (
    PRODUCTION_STACKS,
    REMEDIATE,
    Findings,
    Resource,
    Setting,
    Settings,
    Stack,
    StackResource,
    as_list,
    as_number,
    as_object,
    in_production,
    is_set,
    only_in_production,
    resource_rule,
    set_input,
    stack_rule,
)
from .types import FUNCTION, HTTP_API, LOG_GROUP, METRIC_ALARM, QUEUE, REST_API


def _least_days(resource: Resource, settings: Settings) -> int:
    key = "productionMinimum" if in_production(resource, settings) else "minimum"
    return int(settings[key])


def _retain(group: Resource, settings: Settings) -> Mapping[str, Any] | None:
    if is_set(group.props, "retentionInDays"):
        return None
    days = max(settings["remedy"], _least_days(group, settings))
    set_input(group, days, "retentionInDays")
    return group.props


@resource_rule(
    "log-group-retention",
    [LOG_GROUP],
    "A log group keeps its events for a finite time, and long enough.",
    "Set retentionInDays to a number of days that CloudWatch Logs knows (1, 3, 5, 7, 14, 30, "
    "60, 90, 120, 150, 180, 365, ...).",
    REMEDIATE,
    {
        "minimum": Setting("integer", 7, "The minimum retention, in days"),
        "productionMinimum": Setting("integer", 90, "The same for production stacks"),
        "productionStacks": PRODUCTION_STACKS,
        # Long, because a shorter one would delete what a group has kept so far.
        "remedy": Setting("integer", 365, "The retention that is set where there is none"),
    },
    _retain,
)
def log_group_retention(group: Resource, settings: Settings) -> Findings:
    days = as_number(group.props.get("retentionInDays"))
    least = _least_days(group, settings)
    if not days:
        yield "keeps its events forever"
    elif days < least:
        yield f"keeps its events for {days:g} days; the minimum here is {least}"


@resource_rule(
    "log-group-encrypted",
    [LOG_GROUP],
    "A log group is encrypted with a key of the account's own, where that is required.",
    "Set kmsKeyId to the ARN of a key whose policy lets CloudWatch Logs use it.",
    settings={
        "requireOwnKey": Setting(
            "boolean",
            False,
            "Whether a key of the account's own is needed (CloudWatch Logs always encrypts)",
        )
    },
)
def log_group_encrypted(group: Resource, settings: Settings) -> Findings:
    if not settings["requireOwnKey"]:
        group.not_applicable("requireOwnKey is off, and CloudWatch Logs encrypts by itself")
    if not is_set(group.props, "kmsKeyId"):
        yield "is encrypted with a key that is not the account's own"


def _logs_into(stack: Stack, function: StackResource, group: StackResource) -> bool:
    if not is_set(function.props, "loggingConfig", "logGroup"):
        return bool(group.props.get("name") == f"/aws/lambda/{function.props.get('name')}")
    try:
        named = as_object(function.props.get("loggingConfig")).get("logGroup")
        return bool(named == group.props.get("name"))
    except UnknownValueError:
        return stack.computed_from(function, "loggingConfig", group, "name")


@stack_rule(
    "function-owns-log-group",
    [FUNCTION],
    "The stack owns the log group of each of its functions.",
    "Create a log group with a retention and name it in loggingConfig.logGroup; the one that "
    "Lambda makes by itself stays forever and outlives the stack.",
)
def function_owns_log_group(function: StackResource, stack: Stack, _: Settings) -> Findings:
    if not any(_logs_into(stack, function, group) for group in stack.of(LOG_GROUP)):
        yield "logs into a group that the stack does not own"


def _watched(alarm: StackResource) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The metrics that an alarm is computed from, each with the property that holds it."""
    if is_set(alarm.props, "metricName"):
        yield "dimensions", alarm.props
    for query in as_list(alarm.props.get("metricQueries")):
        if is_set(query, "metric"):
            yield "metricQueries", as_object(query["metric"])


def _alarmed(
    stack: Stack,
    target: StackResource,
    namespace: str,
    dimension: str,
    identity: str,
) -> set[str]:
    """The names of the target's metrics that an alarm of the stack watches."""
    found = set()
    for alarm in stack.of(METRIC_ALARM):
        for source, metric in _watched(alarm):
            if metric.get("namespace") != namespace:
                continue
            try:
                value = as_object(metric.get("dimensions")).get(dimension)
                same = value is not None and value == target.props.get(identity)
            except UnknownValueError:
                same = stack.computed_from(alarm, source, target, identity)
            if same:
                found.add(str(metric.get("metricName")))
    return found


def _missing(wanted: list[str], alarmed: set[str]) -> Findings:
    for metric in wanted:
        if metric not in alarmed:
            yield f"has no alarm on {metric}"


_ALARM_MEND = "Add an aws.cloudwatch.MetricAlarm on that metric with its dimensions."


@stack_rule(
    "function-has-alarms",
    [FUNCTION],
    "Each function has its alarms.",
    _ALARM_MEND,
    settings={
        "metrics": Setting("array", ["Errors", "Throttles", "Duration"], "Metrics of AWS/Lambda")
    },
)
def function_has_alarms(function: StackResource, stack: Stack, settings: Settings) -> Findings:
    alarmed = _alarmed(stack, function, "AWS/Lambda", "FunctionName", "name")
    yield from _missing(settings["metrics"], alarmed)


@stack_rule(
    "queue-has-alarms",
    [QUEUE],
    "Each queue has its alarms.",
    _ALARM_MEND,
    settings={
        "metrics": Setting("array", ["ApproximateAgeOfOldestMessage"], "Metrics of AWS/SQS"),
        "deadLetterMetrics": Setting(
            "array", ["ApproximateNumberOfMessagesVisible"], "The same for a dead-letter queue"
        ),
    },
)
def queue_has_alarms(queue: StackResource, stack: Stack, settings: Settings) -> Findings:
    kind = "deadLetterMetrics" if is_dead_letter_queue(stack, queue) else "metrics"
    alarmed = _alarmed(stack, queue, "AWS/SQS", "QueueName", "name")
    yield from _missing(settings[kind], alarmed)


@stack_rule(
    "api-has-alarms",
    [HTTP_API, REST_API],
    "Each API has its alarms.",
    _ALARM_MEND,
    settings={
        "metrics": Setting("array", ["5xx", "Latency"], "Metrics of an HTTP API"),
        "restMetrics": Setting("array", ["5XXError", "Latency"], "Metrics of a REST API"),
    },
)
def api_has_alarms(api: StackResource, stack: Stack, settings: Settings) -> Findings:
    if api.resource_type == HTTP_API:
        alarmed = _alarmed(stack, api, "AWS/ApiGateway", "ApiId", "id")
        yield from _missing(settings["metrics"], alarmed)
    else:
        alarmed = _alarmed(stack, api, "AWS/ApiGateway", "ApiName", "name")
        yield from _missing(settings["restMetrics"], alarmed)


@resource_rule(
    "alarm-notifies",
    [METRIC_ALARM],
    "In production, an alarm tells somebody.",
    "Set alarmActions to the ARN of a topic, and leave actionsEnabled on.",
    settings={"productionStacks": PRODUCTION_STACKS},
)
def alarm_notifies(alarm: Resource, settings: Settings) -> Findings:
    only_in_production(alarm, settings)
    if not is_set(alarm.props, "alarmActions") or alarm.props.get("actionsEnabled") is False:
        yield "changes its state and tells nobody"
