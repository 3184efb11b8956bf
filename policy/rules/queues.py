"""Queues: dead letters, encryption, transport and the timing towards their consumers."""

from collections.abc import Sequence
from typing import Any

from pulumi_policy.proxy import UnknownValueError

from .functions import function_behind, timeout_of
from .rule import (
    ADVISORY,
    Findings,
    Resource,
    Setting,
    Settings,
    Stack,
    StackResource,
    as_list,
    as_number,
    as_object,
    as_texts,
    is_set,
    json_object,
    resource_rule,
    stack_rule,
)
from .types import (
    EVENT_INVOKE_CONFIG,
    EVENT_SOURCE_MAPPING,
    EVENT_TARGET,
    FUNCTION,
    QUEUE,
    QUEUE_POLICY,
    REDRIVE_POLICY,
    SCHEDULE,
)

# SQS's own values where a queue does not set its own:
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
DEFAULT_VISIBILITY_SECONDS = 30
DEFAULT_RETENTION_SECONDS = 345_600

# Where other resources name the queue that receives what they could not deliver.
FAILURE_DESTINATIONS = {
    FUNCTION: ("deadLetterConfig", "targetArn"),
    EVENT_INVOKE_CONFIG: ("destinationConfig", "onFailure", "destination"),
    EVENT_SOURCE_MAPPING: ("destinationConfig", "onFailure", "destinationArn"),
    EVENT_TARGET: ("deadLetterConfig", "arn"),
    SCHEDULE: ("target", "deadLetterConfig", "arn"),
}


def _redrives(stack: Stack, queue: StackResource) -> list[StackResource]:
    """The resources that say where a queue's dead letters go: it, or a RedrivePolicy on it."""
    separate = stack.of(REDRIVE_POLICY)
    return [queue] * is_set(queue.props, "redrivePolicy") + [
        policy for policy in separate if stack.refers(policy, "queueUrl", queue, "url", "id")
    ]


def dead_letter_queues(stack: Stack, queue: StackResource) -> list[StackResource]:
    """The queues of the stack that this queue's messages go to when they fail too often."""
    return [
        target
        for redrive in _redrives(stack, queue)
        for target in stack.of(QUEUE)
        if target.urn != queue.urn and _redrives_to(stack, redrive, target)
    ]


def _redrives_to(stack: Stack, redrive: StackResource, target: StackResource) -> bool:
    try:
        arn = json_object(redrive.props.get("redrivePolicy")).get("deadLetterTargetArn")
        return bool(arn) and arn == target.props.get("arn")
    except UnknownValueError:
        return stack.computed_from(redrive, "redrivePolicy", target)


def is_dead_letter_queue(stack: Stack, queue: StackResource) -> bool:
    """Whether a queue receives what fails elsewhere: another queue's, or a function's events."""
    if is_set(queue.props, "redriveAllowPolicy"):
        return True
    if any(queue in dead_letter_queues(stack, other) for other in stack.of(QUEUE)):
        return True
    return any(
        _sends_failures_to(stack, source, path, queue)
        for kind, path in FAILURE_DESTINATIONS.items()
        for source in stack.of(kind)
    )


def _sends_failures_to(
    stack: Stack, source: StackResource, path: Sequence[str], queue: StackResource
) -> bool:
    try:
        value: Any = source.props
        for key in path:
            # Terraform's single blocks may come as a list of one.
            holders = as_list(value) or [{}]
            value = as_object(holders[0]).get(key)
        return value is not None and value == queue.props.get("arn")
    except UnknownValueError:
        return stack.computed_from(source, path[0], queue)


def consumers(stack: Stack, queue: StackResource) -> list[StackResource]:
    """The event source mappings that read a queue."""
    return [
        mapping
        for mapping in stack.of(EVENT_SOURCE_MAPPING)
        if stack.refers(mapping, "eventSourceArn", queue, "arn")
    ]


@stack_rule(
    "queue-has-dead-letter-queue",
    [QUEUE],
    "A queue gives up on a message into a dead-letter queue.",
    "Set redrivePolicy with deadLetterTargetArn and maxReceiveCount.",
)
def has_dead_letter_queue(queue: StackResource, stack: Stack, _: Settings) -> Findings:
    if not _redrives(stack, queue) and not is_dead_letter_queue(stack, queue):
        yield "has no dead-letter queue, so a message that always fails blocks it until it expires"


def _retention(queue: StackResource) -> int:
    return int(as_number(queue.props.get("messageRetentionSeconds")) or DEFAULT_RETENTION_SECONDS)


@stack_rule(
    "queue-dead-letters-outlive-source",
    [QUEUE],
    "A dead-letter queue keeps messages at least as long as the queue they come from.",
    "A message keeps the time at which it was first sent: raise messageRetentionSeconds of the "
    "dead-letter queue, or lower it on the source.",
)
def dead_letters_outlive_source(queue: StackResource, stack: Stack, _: Settings) -> Findings:
    for target in dead_letter_queues(stack, queue):
        if _retention(target) < _retention(queue):
            yield (
                f"keeps messages for {_retention(queue)} s, its dead-letter queue {target.name} "
                f"only for {_retention(target)} s"
            )


@stack_rule(
    "queue-dead-letters-have-margin",
    [QUEUE],
    "A dead-letter queue keeps messages longer than the queue they come from.",
    "Lower messageRetentionSeconds of the source, so that a message that fails late is still "
    "kept for a while.",
    ADVISORY,
)
def dead_letters_have_margin(queue: StackResource, stack: Stack, _: Settings) -> Findings:
    for target in dead_letter_queues(stack, queue):
        if _retention(target) == _retention(queue):
            yield (
                f"and its dead-letter queue {target.name} both keep messages for "
                f"{_retention(queue)} s"
            )


@resource_rule(
    "queue-encrypted",
    [QUEUE],
    "A queue is encrypted at rest.",
    "Set sqsManagedSseEnabled to true, or kmsMasterKeyId.",
)
def encrypted(queue: Resource, _: Settings) -> Findings:
    if not is_set(queue.props, "sqsManagedSseEnabled") and not is_set(
        queue.props, "kmsMasterKeyId"
    ):
        yield "is not encrypted at rest"


def denies_plain_transport(document: Any, actions: str) -> bool:
    """Whether a policy refuses the actions of a service, as `sqs:*`, over plain HTTP to all."""
    for statement in map(as_object, as_list(json_object(document).get("Statement"))):
        condition = json_object(json_object(statement.get("Condition")).get("Bool"))
        secure = next((v for k, v in condition.items() if k.lower() == "aws:securetransport"), None)
        if (
            statement.get("Effect") == "Deny"
            and statement.get("Principal") in ("*", {"AWS": "*"})
            and {"*", actions} & {each.lower() for each in as_texts(statement.get("Action"))}
            and [str(value).lower() for value in as_list(secure)] == ["false"]
        ):
            return True
    return False


@stack_rule(
    "queue-tls-only",
    [QUEUE],
    "A queue refuses requests without TLS.",
    "Add a queue policy that denies sqs:* to everyone where aws:SecureTransport is false.",
)
def tls_only(queue: StackResource, stack: Stack, _: Settings) -> Findings:
    policies = [
        policy.props.get("policy")
        for policy in stack.of(QUEUE_POLICY)
        if stack.refers(policy, "queueUrl", queue, "url", "id")
    ]
    documents = [*policies, queue.props.get("policy")]
    if not any(denies_plain_transport(each, "sqs:*") for each in documents):
        yield "can be used without TLS"


def _visibility(queue: StackResource) -> int:
    value = as_number(queue.props.get("visibilityTimeoutSeconds"))
    return DEFAULT_VISIBILITY_SECONDS if value is None else int(value)


@stack_rule(
    "queue-visibility-covers-function",
    [QUEUE],
    "A message stays invisible at least as long as the function that reads it may run.",
    "Raise visibilityTimeoutSeconds or lower the function's timeout; Lambda refuses the event "
    "source otherwise.",
)
def visibility_covers_function(queue: StackResource, stack: Stack, _: Settings) -> Findings:
    for mapping in consumers(stack, queue):
        function = function_behind(stack, mapping, "functionName")
        if function and _visibility(queue) < timeout_of(function):
            yield (
                f"hides a message for {_visibility(queue)} s, but {function.name} may run for "
                f"{timeout_of(function)} s"
            )


@stack_rule(
    "queue-visibility-has-margin",
    [QUEUE],
    "A message stays invisible for several times the function's timeout and the batch window.",
    "Raise visibilityTimeoutSeconds, so that a batch that Lambda had to retry for throttling "
    "is not delivered again meanwhile.",
    ADVISORY,
    # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
    {"factor": Setting("integer", 6, "How many times the timeout, as AWS recommends")},
)
def visibility_has_margin(queue: StackResource, stack: Stack, settings: Settings) -> Findings:
    for mapping in consumers(stack, queue):
        function = function_behind(stack, mapping, "functionName")
        if not function:
            continue
        window = int(as_number(mapping.props.get("maximumBatchingWindowInSeconds")) or 0)
        wanted = settings["factor"] * timeout_of(function) + window
        if _visibility(queue) < wanted:
            yield (
                f"hides a message for {_visibility(queue)} s; for {function.name} AWS recommends "
                f"{wanted} s"
            )


@stack_rule(
    "queue-receive-count-has-margin",
    [QUEUE],
    "A message that a function reads is tried often enough before it is a dead letter.",
    "Raise maxReceiveCount, so that throttling alone does not end in the dead-letter queue.",
    ADVISORY,
    # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
    {"minimum": Setting("integer", 5, "The minimum maxReceiveCount, as AWS recommends")},
)
def receive_count_has_margin(queue: StackResource, stack: Stack, settings: Settings) -> Findings:
    if not consumers(stack, queue):
        return
    for redrive in _redrives(stack, queue):
        policy = json_object(redrive.props.get("redrivePolicy"))
        count = int(as_number(policy.get("maxReceiveCount")) or 0)
        if count < settings["minimum"]:
            yield f"gives up on a message after {count} receives"
