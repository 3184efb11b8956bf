"""What can invoke a function besides an API, each source with all that is its own.

A source is a TypedDict of its inputs and a class that says what the function's role needs for
it, whether it gives up into the function's failure queue, and how it is connected. A further
source is those two and its key in `EventSources`; `function.py` knows none of them by name.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Annotated, Any, NamedTuple, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from . import iam
from .inputs import (
    Default,
    Key,
    Path,
    Problem,
    Text,
    Whole,
    ZeroOr,
    contradictions,
    problem,
    shown,
)
from .queues import DEAD_LETTER_RETENTION_DAYS, SECONDS_PER_DAY, QueueSender, tls_queue

# What Lambda's pollers need of a queue and of a table's stream:
# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
# https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html
QUEUE_ACTIONS = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
STREAM_ACTIONS = (
    "dynamodb:DescribeStream",
    "dynamodb:GetRecords",
    "dynamodb:GetShardIterator",
    "dynamodb:ListStreams",
)

# What Lambda needs to keep in a bucket what it gave up:
# https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
_KEPT_ACTIONS = (("s3:PutObject", "/*"), ("s3:ListBucket", ""))

# https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html
MOST_FILTERS = 5


KeyPart = Annotated[str, Text(r"[^\x00-\x1f]{1,1024}", "a part of objects' keys")]
# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
LEAST_CONCURRENCY = 2
Concurrency = Annotated[int, ZeroOr(LEAST_CONCURRENCY, 1000)]


class Batches(TypedDict):
    """How events are put together for one invocation."""

    batch_size: NotRequired[Annotated[int, Whole(1, 10_000, default=10)]]
    """Most events in one invocation."""
    batch_window_seconds: NotRequired[Annotated[int, Whole(0, 300, default=0)]]
    """How long a batch may be collected; a queue's batch of more than 10 needs it."""


class QueueEventSource(Batches):
    """An SQS queue that a function reads in batches, answering for each message."""

    arn: pulumi.Input[str]
    """ARN of the queue."""
    maximum_concurrency: NotRequired[Annotated[Concurrency, Default(default=0)]]
    """Most concurrent invocations by this queue; 0 is unlimited."""


class StreamEventSource(Batches):
    """A DynamoDB table's stream, read in batches; a batch that fails is halved, then given up."""

    arn: pulumi.Input[str]
    """ARN of the stream."""
    parallelization_factor: NotRequired[Annotated[int, Whole(1, 10, default=1)]]
    """Batches of one shard in work at once; the changes of one item are never in two of them."""
    maximum_retry_attempts: NotRequired[Annotated[int, Whole(0, 10_000, default=3)]]
    """Retries of a batch that failed, each holding up its shard."""
    maximum_record_age_seconds: NotRequired[Annotated[int, Whole(60, 86_400, default=86_400)]]
    """Age after which a record is given up; at most the stream's own."""
    filters: NotRequired[list[dict[str, Any]]]
    """Patterns of Lambda's event filtering, of which a record has to match one; all by default."""
    failure_bucket_arn: NotRequired[pulumi.Input[str]]
    """Bucket that keeps what is given up, whole; a queue gets to know only where it stood."""


class ScheduleEventSource(TypedDict):
    """A schedule that invokes a function."""

    expression: Annotated[
        str, Text(r"(rate|cron|at)\(.+\)", "`rate(5 minutes)`, `cron(0 3 * * ? *)` or `at(...)`")
    ]
    """When to invoke: `rate(5 minutes)`, `cron(0 3 * * ? *)` (UTC) or `at(...)`."""


Pattern = dict[str, pulumi.Input[Any]]


class RuleEventSource(TypedDict):
    """An EventBridge rule: events of a bus that match a pattern invoke a function."""

    pattern: Pattern
    """What matches, as `{"source": ["shop"], "detail-type": ["Sold"]}`."""
    bus: NotRequired[pulumi.Input[str]]
    """Name or ARN of the bus; by default the one that AWS's own services send to."""


class BucketEventSource(TypedDict):
    """Objects created in a bucket that tells EventBridge of them; any number of functions hear."""

    arn: pulumi.Input[str]
    """ARN of the bucket."""
    prefix: NotRequired[KeyPart]
    """Beginning of the keys that count, as `incoming/`."""
    suffix: NotRequired[KeyPart]
    """End of the keys that count, as `.csv`."""


class EventSources(TypedDict):
    """What invokes a function besides an API; what fails for good ends in its failure queue."""

    queue: NotRequired[QueueEventSource]
    """A queue to read; what fails ends in that queue's own dead-letter queue."""
    stream: NotRequired[StreamEventSource]
    """A table's stream to read."""
    schedule: NotRequired[ScheduleEventSource]
    """A schedule to run by."""
    rule: NotRequired[RuleEventSource]
    """Events of a bus to take."""
    bucket: NotRequired[BucketEventSource]
    """Created objects to take."""


class AsynchronousInvocation(TypedDict):
    """How often and how long an asynchronous invocation is tried again."""

    maximum_retry_attempts: NotRequired[Annotated[int, Whole(0, 2, default=2)]]
    """Retries of an invocation that failed."""
    maximum_event_age_seconds: NotRequired[Annotated[int, Whole(60, 21_600, default=3600)]]
    """Age after which a retry is pointless."""


@contradictions(QueueEventSource)
def large_batches_are_collected(batches: Batches) -> Iterator[Problem]:
    """A batch of more than ten messages is refused by Lambda unless it may be collected."""
    if batches["batch_size"] > 10 and batches["batch_window_seconds"] == 0:
        text = "expected at least 1, because {=batch_size} is more than 10"
        yield problem("batch_window_seconds", text)


def queue_is_not_throttled(
    path: str, maximum: int, reserved: int | None, quoted: str = "{=reserved_concurrency}"
) -> Iterator[Problem]:
    """The maximum concurrency at `path` is more than what is reserved for the function."""
    if reserved is not None and not 0 < maximum <= reserved:
        yield problem(
            path,
            f"expected at most {quoted}, not {maximum or '0 (none)'}: "
            "the rest would be throttled, and counted as receives",
        )


@contradictions(StreamEventSource)
def _filters_are_few(source: StreamEventSource) -> Iterator[Problem]:
    if not 1 <= len(source.get("filters", [{}])) <= MOST_FILTERS:
        yield problem("filters", f"expected 1 to {MOST_FILTERS} patterns, as Lambda takes them")


@contradictions(RuleEventSource)
def pattern_names_what_matches(source: Any) -> Iterator[Problem]:
    """A pattern that EventBridge would refuse."""
    if isinstance(source["pattern"], dict):
        yield from _pattern_problems(("pattern",), source["pattern"])


def _pattern_problems(path: Path, pattern: dict[str, Any]) -> Iterator[Problem]:
    """What EventBridge refuses: a field without a list of what may be there.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html
    """
    if not pattern:
        yield Problem(path, "expected a map that names what matches, not {}")
    for name, value in pattern.items():
        here = (*path, Key(name))
        if isinstance(value, dict):
            yield from _pattern_problems(here, value)
        elif not isinstance(value, pulumi.Output | list) or value == []:
            yield Problem(here, f"expected a list of what matches, not {shown(value)}")


class Target(NamedTuple):
    """The function that a source is connected to."""

    name: str
    component: pulumi.Resource
    function: aws.lambda_.Function
    alias: aws.lambda_.Alias
    retries: AsynchronousInvocation
    failures: aws.sqs.Queue | None
    boundary: str | None


class EventSource(ABC):
    """One source of a function's events."""

    asynchronous = False  # Lambda queues the events itself, retries them and gives up
    gives_up = False  # what fails for good goes to the function's failure queue
    named = ""  # what its resources' names have beyond the function's

    def __init__(self, args: Any) -> None:
        self.args = args

    def statements(self) -> list[dict[str, Any]]:
        """What the function's role needs for it, beyond the failure queue."""
        return []

    def prepare(self, name: str, component: pulumi.Resource) -> list[QueueSender]:
        """Register what is there before the function; what sends to its failure queue."""
        return []

    @abstractmethod
    def connect(self, target: Target) -> None:
        """Register what leads the source's events to the function's alias."""


class _Queue(EventSource):
    args: QueueEventSource

    def statements(self) -> list[dict[str, Any]]:
        return [iam.allow(QUEUE_ACTIONS, [self.args["arn"]])]

    def connect(self, target: Target) -> None:
        maximum = self.args["maximum_concurrency"]
        aws.lambda_.EventSourceMapping(
            target.name,
            event_source_arn=self.args["arn"],
            function_name=target.alias.arn,
            **_batches(self.args),
            scaling_config=(
                aws.lambda_.EventSourceMappingScalingConfigArgs(maximum_concurrency=maximum)
                if maximum
                else None
            ),
            opts=pulumi.ResourceOptions(parent=target.component),
        )


class _Stream(EventSource):
    args: StreamEventSource
    mapping: aws.lambda_.EventSourceMapping

    @property
    def gives_up(self) -> bool:  # type: ignore[override]
        return "failure_bucket_arn" not in self.args

    def statements(self) -> list[dict[str, Any]]:
        reads = iam.allow(STREAM_ACTIONS, [self.args["arn"]])
        if self.gives_up:
            return [reads]
        bucket = self.args["failure_bucket_arn"]
        kept = [
            iam.allow([action], [pulumi.Output.concat(bucket, objects)])
            for action, objects in _KEPT_ACTIONS
        ]
        return [reads, *kept]

    def connect(self, target: Target) -> None:
        destination = self.args.get("failure_bucket_arn")
        if destination is None:
            assert target.failures is not None  # noqa: S101
            destination = target.failures.arn
        patterns = self.args.get("filters")
        self.mapping = aws.lambda_.EventSourceMapping(
            f"{target.name}-stream",
            event_source_arn=self.args["arn"],
            function_name=target.alias.arn,
            # From the beginning: what was written while the mapping was made is not lost.
            starting_position="TRIM_HORIZON",
            parallelization_factor=self.args["parallelization_factor"],
            **_batches(self.args),
            filter_criteria=(
                aws.lambda_.EventSourceMappingFilterCriteriaArgs(
                    filters=[
                        aws.lambda_.EventSourceMappingFilterCriteriaFilterArgs(
                            pattern=json.dumps(pattern)
                        )
                        for pattern in patterns
                    ]
                )
                if patterns
                else None
            ),
            # A record that always fails would otherwise hold up its shard for a day.
            bisect_batch_on_function_error=True,
            maximum_retry_attempts=self.args["maximum_retry_attempts"],
            maximum_record_age_in_seconds=self.args["maximum_record_age_seconds"],
            destination_config=aws.lambda_.EventSourceMappingDestinationConfigArgs(
                on_failure=aws.lambda_.EventSourceMappingDestinationConfigOnFailureArgs(
                    destination_arn=destination
                )
            ),
            # Without these nothing tells that records were given up into a bucket, or dropped.
            metrics_config=aws.lambda_.EventSourceMappingMetricsConfigArgs(metrics=["EventCount"]),
            opts=pulumi.ResourceOptions(parent=target.component),
        )


class _Schedule(EventSource):
    """EventBridge hands the event over, Lambda runs it; each retries its own part."""

    args: ScheduleEventSource
    asynchronous = True
    gives_up = True
    named = "-schedule"

    def connect(self, target: Target) -> None:
        assert target.failures is not None  # noqa: S101
        child = pulumi.ResourceOptions(parent=target.component)
        account = aws.get_caller_identity_output(
            opts=pulumi.InvokeOutputOptions(parent=target.component)
        ).account_id
        role = aws.iam.Role(
            target.name + self.named,
            description=f"Lets the schedule invoke the function {target.name}",
            assume_role_policy=iam.trust("scheduler.amazonaws.com", account),
            permissions_boundary=target.boundary,
            opts=child,
        )
        policy = aws.iam.RolePolicy(
            target.name + self.named,
            role=role.name,
            policy=iam.document(
                [
                    iam.allow(["lambda:InvokeFunction"], [target.alias.arn]),
                    iam.allow(["sqs:SendMessage"], [target.failures.arn]),
                ]
            ),
            opts=child,
        )
        aws.scheduler.Schedule(
            target.name,
            description=f"Invokes the function {target.name}",
            schedule_expression=self.args["expression"],
            flexible_time_window=aws.scheduler.ScheduleFlexibleTimeWindowArgs(mode="OFF"),
            target=aws.scheduler.ScheduleTargetArgs(
                arn=target.alias.arn,
                role_arn=role.arn,
                retry_policy=aws.scheduler.ScheduleTargetRetryPolicyArgs(
                    maximum_retry_attempts=target.retries["maximum_retry_attempts"],
                    maximum_event_age_in_seconds=target.retries["maximum_event_age_seconds"],
                ),
                dead_letter_config=aws.scheduler.ScheduleTargetDeadLetterConfigArgs(
                    arn=target.failures.arn
                ),
            ),
            opts=pulumi.ResourceOptions(parent=target.component, depends_on=[policy]),
        )


class _Rule(EventSource):
    """EventBridge hands the event over, Lambda runs it; each retries its own part."""

    args: RuleEventSource
    asynchronous = True
    gives_up = True

    @property
    def bus(self) -> pulumi.Input[str] | None:
        """The bus that is listened to; None: the account's default one."""
        return self.args.get("bus")

    @property
    def pattern(self) -> pulumi.Input[Any]:
        """What matches."""
        return self.args["pattern"]

    def prepare(self, name: str, component: pulumi.Resource) -> list[QueueSender]:
        self._rule = aws.cloudwatch.EventRule(
            name + self.named,
            description=f"Invokes the function {name}",
            event_bus_name=self.bus,
            event_pattern=pulumi.Output.json_dumps(self.pattern),
            opts=pulumi.ResourceOptions(parent=component),
        )
        return [{"service": "events.amazonaws.com", "source_arn": self._rule.arn}]

    def connect(self, target: Target) -> None:
        assert target.failures is not None  # noqa: S101
        name = target.name + self.named
        permission = aws.lambda_.Permission(
            f"{name}-rule",
            action="lambda:InvokeFunction",
            function=target.function.name,
            qualifier=target.alias.name,
            principal="events.amazonaws.com",
            source_arn=self._rule.arn,
            opts=pulumi.ResourceOptions(parent=target.component),
        )
        aws.cloudwatch.EventTarget(
            name,
            rule=self._rule.name,
            event_bus_name=self.bus,
            arn=target.alias.arn,
            retry_policy=aws.cloudwatch.EventTargetRetryPolicyArgs(
                maximum_retry_attempts=target.retries["maximum_retry_attempts"],
                maximum_event_age_in_seconds=target.retries["maximum_event_age_seconds"],
            ),
            dead_letter_config=aws.cloudwatch.EventTargetDeadLetterConfigArgs(
                arn=target.failures.arn
            ),
            opts=pulumi.ResourceOptions(parent=target.component, depends_on=[permission]),
        )


class _Bucket(_Rule):
    """A rule of its own, since of S3's other notifications a bucket has one for each key."""

    args: BucketEventSource  # type: ignore[assignment]
    named = "-bucket"
    bus = None

    @property
    def pattern(self) -> pulumi.Input[Any]:
        created = {
            "source": ["aws.s3"],
            "detail-type": ["Object Created"],
            "resources": [self.args["arn"]],
        }
        key = _key_pattern(self.args.get("prefix"), self.args.get("suffix"))
        return {**created, "detail": {"object": {"key": [key]}}} if key else created


def _key_pattern(prefix: str | None, suffix: str | None) -> dict[str, str]:
    """What matches an object's key; of several matchers of a field one is enough, so both ends
    are one with a wildcard."""
    if prefix and suffix:
        begin, end = (part.replace("\\", "\\\\").replace("*", "\\*") for part in (prefix, suffix))
        return {"wildcard": f"{begin}*{end}"}
    return {"prefix": prefix} if prefix else {"suffix": suffix} if suffix else {}


_KINDS: dict[str, type[EventSource]] = {
    "queue": _Queue,
    "stream": _Stream,
    "schedule": _Schedule,
    "rule": _Rule,
    "bucket": _Bucket,
}


# A role's, a rule's and a function's name have at most 64 characters, the random part that Pulumi
# appends to a name takes 8:
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
_LONGEST_NAME = 64 - 8


def longest_name(sources: EventSources) -> int:
    """How long a function's name may be for all that is named after it."""
    return _LONGEST_NAME - max((len(_KINDS[kind].named) for kind in sources), default=0)


class Sources:
    """All sources of one function, with what they share: the retries and the failure queue."""

    def __init__(
        self,
        name: str,
        sources: EventSources,
        retries: AsynchronousInvocation,
        boundary: str | None = None,
    ) -> None:
        given: dict[str, Any] = dict(sources)
        self._name, self._boundary = name, boundary
        self._sources = {kind: _KINDS[kind](args) for kind, args in given.items()}
        self._asynchronous = any(each.asynchronous for each in self._sources.values())
        self._retries = retries
        self.failures: aws.sqs.Queue | None = None

    def prepare(self, component: pulumi.Resource) -> dict[str, list[dict[str, Any]]]:
        """Make the failure queue if one is needed; what the role needs, by grant."""
        grants = {
            kind if number == 1 else f"{kind}-{number}": [statement]
            for kind, source in self._sources.items()
            for number, statement in enumerate(source.statements(), 1)
        }
        senders = [
            sender
            for source in self._sources.values()
            for sender in source.prepare(self._name, component)
        ]
        if any(each.gives_up for each in self._sources.values()):
            self.failures = tls_queue(
                f"{self._name}-failures",
                parent=component,
                retention_seconds=SECONDS_PER_DAY * DEAD_LETTER_RETENTION_DAYS,
                senders=senders,
            )
            grants["failures"] = [iam.allow(["sqs:SendMessage"], [self.failures.arn])]
        return grants

    @property
    def stream_mapping_id(self) -> pulumi.Output[str] | None:
        """Id of the mapping that reads the stream, once connected; None without a stream."""
        stream = self._sources.get("stream")
        return stream.mapping.uuid if isinstance(stream, _Stream) else None

    def connect(
        self,
        component: pulumi.Resource,
        function: aws.lambda_.Function,
        alias: aws.lambda_.Alias,
    ) -> None:
        """Lead the events of every source to the alias."""
        target = Target(
            self._name,
            component,
            function,
            alias,
            self._retries,
            self.failures,
            self._boundary,
        )
        if self._asynchronous:
            self._configure(target)
        for source in self._sources.values():
            source.connect(target)

    def _configure(self, target: Target) -> None:
        assert target.failures is not None  # noqa: S101
        aws.lambda_.FunctionEventInvokeConfig(
            target.name,
            function_name=target.function.name,
            qualifier=target.alias.name,
            maximum_retry_attempts=target.retries["maximum_retry_attempts"],
            maximum_event_age_in_seconds=target.retries["maximum_event_age_seconds"],
            destination_config=aws.lambda_.FunctionEventInvokeConfigDestinationConfigArgs(
                on_failure=aws.lambda_.FunctionEventInvokeConfigDestinationConfigOnFailureArgs(
                    destination=target.failures.arn
                )
            ),
            opts=pulumi.ResourceOptions(parent=target.component),
        )


def _batches(args: QueueEventSource | StreamEventSource) -> dict[str, Any]:
    """How either is read: a batch's size and time, and an answer for each of its entries."""
    return {
        "batch_size": args["batch_size"],
        "maximum_batching_window_in_seconds": args["batch_window_seconds"],
        "function_response_types": ["ReportBatchItemFailures"],
    }
