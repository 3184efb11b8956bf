"""Event buses: what they keep, and what becomes of events that a target does not take."""

from .rule import (
    ADVISORY,
    PRODUCTION_STACKS,
    Findings,
    Resource,
    Setting,
    Settings,
    Stack,
    StackResource,
    in_production,
    is_set,
    resource_rule,
    stack_rule,
)
from .types import EVENT_ARCHIVE, EVENT_BUS, EVENT_BUS_POLICY, EVENT_TARGET

_PRODUCTION: dict[str, Setting] = {"productionStacks": PRODUCTION_STACKS}


@resource_rule(
    "rule-target-keeps-undelivered-events",
    [EVENT_TARGET],
    "What a rule cannot deliver to its target is kept.",
    "Set deadLetterConfig.arn to a queue whose policy names the rule.",
)
def keeps_undelivered_events(target: Resource, _: Settings) -> Findings:
    if not is_set(target.props, "deadLetterConfig", "arn"):
        yield "drops the events that its target does not take within a day"


@stack_rule(
    "bus-has-policy",
    [EVENT_BUS],
    "A bus of its own says who may put events on it.",
    "Add an aws.cloudwatch.EventBusPolicy that denies events:PutEvents to other accounts and "
    "without TLS.",
)
def has_policy(bus: StackResource, stack: Stack, _: Settings) -> Findings:
    if not any(
        stack.refers(policy, "eventBusName", bus, "name", "id")
        for policy in stack.of(EVENT_BUS_POLICY)
    ):
        yield "has no policy of its own"


@stack_rule(
    "bus-has-archive",
    [EVENT_BUS],
    "A production bus has an archive, from which a consumer catches up.",
    "Add an aws.cloudwatch.EventArchive of the bus with retentionDays.",
    ADVISORY,
    _PRODUCTION,
)
def has_archive(bus: StackResource, stack: Stack, settings: Settings) -> Findings:
    if in_production(bus, settings) and not any(
        stack.refers(archive, "eventSourceArn", bus, "arn") for archive in stack.of(EVENT_ARCHIVE)
    ):
        yield "keeps none of its events"
