"""A consumer of a bus's events: a function that has a queue of its own and robs nobody."""

from collections.abc import Iterator
from typing import Annotated, NotRequired, Optional

import pulumi
import pulumi_aws as aws

from .component import Component
from .event_sources import (
    LEAST_CONCURRENCY,
    Batches,
    Concurrency,
    Pattern,
    large_batches_are_collected,
    pattern_names_what_matches,
    queue_is_not_throttled,
)
from .function import PythonFunction, PythonFunctionArgs
from .inputs import Default, Problem, Whole, checked, contradictions, part, problem
from .observability import Observability, ObservabilityArgs
from .observability.queue import MonitoredQueue
from .observability.rule import MonitoredRule
from .queues import (
    DEAD_LETTER_RETENTION_DAYS,
    SECONDS_PER_DAY,
    Queue,
    QueueArgs,
    QueueSender,
    tls_queue,
)
from .thresholds import Alarms

# What AWS advises for a queue that a function reads, beside five receives:
# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
TIMEOUTS_HIDDEN = 6

MAXIMUM_CONCURRENCY = 10


class ConsumerDelivery(Batches):
    """How a consumer is given its events."""

    visibility_timeout_seconds: NotRequired[Annotated[int, Whole(1, 43_200)]]
    """How long an event in work stays hidden; by default six times the function's timeout and
    the batch window."""
    max_receive_count: NotRequired[Annotated[int, Whole(1, 1000, default=5)]]
    """Receives after which an event goes to the consumer's dead-letter queue."""
    message_retention_days: NotRequired[Annotated[int, Whole(1, 14, default=7)]]
    """How long events wait for a consumer that fails; dead letters are kept for 14 days."""
    maximum_concurrency: NotRequired[Concurrency]
    """Most concurrent invocations, 0 for no limit; by default 10, or the reserved concurrency."""


class ConsumerArgs(PythonFunctionArgs):
    """Inputs of a consumer whose bus is known."""

    pattern: Pattern
    """What is consumed, as `{"source": ["shop"], "detail-type": ["OrderConfirmed"]}`."""
    delivery: NotRequired[ConsumerDelivery]
    """How the consumer is given its events."""


class EventConsumerArgs(ConsumerArgs):
    """Inputs of EventConsumer."""

    bus_name: pulumi.Input[str]
    """Name or ARN of the bus."""
    observed: NotRequired[Annotated[bool, Default(default=True)]]
    """Whether it has alarms and a dashboard of its own."""
    alarms: NotRequired[Alarms]
    """Who hears its alarms, and when they ring."""
    service: NotRequired[str]
    """Dimension of the cold starts that the function counts itself, if it does."""


contradictions(ConsumerDelivery)(large_batches_are_collected)
contradictions(ConsumerArgs)(pattern_names_what_matches)


@contradictions(ConsumerArgs)
def _the_queue_is_its_own(args: ConsumerArgs) -> Iterator[Problem]:
    if "queue" in args["sources"]:
        yield problem("sources.queue", "expected none, because a consumer has a queue of its own")
    hidden = args["delivery"].get("visibility_timeout_seconds")
    if hidden is not None and hidden < args["timeout_seconds"]:
        yield problem(
            "delivery.visibility_timeout_seconds",
            f"expected at least {{=timeout_seconds}}, not {hidden}: "
            "an event would be consumed twice",
        )


@contradictions(ConsumerArgs)
def _concurrency_is_there_for_the_events(args: ConsumerArgs) -> Iterator[Problem]:
    yield from queue_is_not_throttled(
        "delivery.maximum_concurrency", _maximum_concurrency(args), args.get("reserved_concurrency")
    )


def _maximum_concurrency(args: ConsumerArgs) -> int:
    usual = usual_concurrency(args.get("reserved_concurrency"))
    return args["delivery"].get("maximum_concurrency", usual)


def usual_concurrency(reserved: int | None) -> int:
    """The maximum concurrency of a consumer that names none."""
    return max(LEAST_CONCURRENCY, min(MAXIMUM_CONCURRENCY, reserved or MAXIMUM_CONCURRENCY))


class EventConsumer(Component):
    """A function for the events of a bus, with its rule, queue, dead letters and alarms."""

    function_name: pulumi.Output[str]
    """Name of the function."""
    role_name: pulumi.Output[str]
    """Name of the function's role."""
    rule_name: pulumi.Output[str]
    """Name of the rule, which a replay can be given to alone."""
    rule_arn: pulumi.Output[str]
    """ARN of the rule."""
    queue_url: pulumi.Output[str]
    """URL of the consumer's queue."""
    queue_arn: pulumi.Output[str]
    """ARN of the consumer's queue."""
    dlq_url: pulumi.Output[str]
    """URL of the queue of events that the function could not consume."""
    undelivered_queue_url: pulumi.Output[str]
    """URL of the queue of events that did not get into the consumer's queue."""

    def __init__(
        self, name: str, args: EventConsumerArgs, opts: Optional[pulumi.ResourceOptions] = None
    ) -> None:
        args = checked(EventConsumerArgs, args, f"EventConsumer {name}")
        super().__init__("serverless-orders:index:EventConsumer", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        self._name = name
        self._args = args
        self._rule = aws.cloudwatch.EventRule(
            name,
            description=f"What the function {name} consumes",
            event_bus_name=args["bus_name"],
            event_pattern=pulumi.Output.json_dumps(args["pattern"]),
            opts=child,
        )
        rule: QueueSender = {
            "service": "events.amazonaws.com",
            "source_arn": self._rule.arn,
        }
        self._undelivered = tls_queue(
            f"{name}-undelivered",
            parent=self,
            retention_seconds=SECONDS_PER_DAY * DEAD_LETTER_RETENTION_DAYS,
            senders=[rule],
        )
        self._queue = Queue(name, self._delivery(rule), child)
        aws.cloudwatch.EventTarget(
            name,
            rule=self._rule.name,
            event_bus_name=args["bus_name"],
            arn=self._queue.arn,
            dead_letter_config=aws.cloudwatch.EventTargetDeadLetterConfigArgs(
                arn=self._undelivered.arn
            ),
            # With the queue its policy is there: no event comes before it may.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self._queue]),
        )
        self._function = self._make_function()
        if args["observed"]:
            self._observe()

        self.function_name, self.role_name = self._function.name, self._function.role_name
        self.rule_name, self.rule_arn = self._rule.name, self._rule.arn
        self.queue_url, self.queue_arn = self._queue.url, self._queue.arn
        self.dlq_url = self._queue.dlq_url
        self.undelivered_queue_url = self._undelivered.url
        self.register()

    @property
    def function(self) -> PythonFunction:
        """The function; it takes further grants."""
        return self._function

    def monitored_queue(self, label: str) -> MonitoredQueue:
        """Its queue, for an Observability."""
        return {"label": label, "name": self._queue.name, "dlq_name": self._queue.dlq_name}

    def monitored_rule(self, label: str) -> MonitoredRule:
        """Its rule, for an Observability."""
        return {
            "label": label,
            "name": self._rule.name,
            "bus_name": pulumi.Output.from_input(self._args["bus_name"]).apply(_name_of_bus),
            "undelivered_queue_name": self._undelivered.name,
        }

    def _delivery(self, rule: QueueSender) -> QueueArgs:
        delivery = self._args["delivery"]
        hidden = TIMEOUTS_HIDDEN * self._args["timeout_seconds"] + delivery["batch_window_seconds"]
        return {
            "visibility_timeout_seconds": delivery.get("visibility_timeout_seconds", hidden),
            "max_receive_count": delivery["max_receive_count"],
            "message_retention_days": delivery["message_retention_days"],
            "senders": [rule],
        }

    def _make_function(self) -> PythonFunction:
        delivery = self._args["delivery"]
        args: PythonFunctionArgs = {
            **part(PythonFunctionArgs, self._args),
            "sources": {
                **self._args["sources"],
                "queue": {
                    "arn": self._queue.arn,
                    "batch_size": delivery["batch_size"],
                    "batch_window_seconds": delivery["batch_window_seconds"],
                    "maximum_concurrency": _maximum_concurrency(self._args),
                },
            },
        }
        return PythonFunction(self._name, args, pulumi.ResourceOptions(parent=self))

    def _observe(self) -> None:
        args: ObservabilityArgs = {
            "queues": [self.monitored_queue(f"{self._name}-events")],
            "functions": [self._function.monitored(self._name, self._args.get("service"))],
            "rules": [self.monitored_rule(self._name)],
            "alarms": self._args["alarms"],
        }
        Observability(self._name, args, pulumi.ResourceOptions(parent=self))


def _name_of_bus(name: str) -> str:
    """The name in arn:aws:events:<region>:<account>:event-bus/<name>, or the name itself."""
    return name.rpartition(":event-bus/")[2]
