"""Where the alarms ring, and who hears them."""

from collections.abc import Iterator
from typing import Annotated, NotRequired, TypedDict

import pulumi

from .inputs import Above, Default, Items, Problem, Text, contradictions, problem


class AlarmThresholds(TypedDict):
    """The values at which the alarms ring."""

    function_error_percent: NotRequired[Annotated[float, Above(0, 100, default=1)]]
    """Failed invocations of a function, in percent."""
    duration_percent_of_timeout: NotRequired[Annotated[float, Above(0, 100, default=80)]]
    """p99 duration of a function, in percent of its timeout."""
    api_error_percent: NotRequired[Annotated[float, Above(0, 100, default=1)]]
    """Requests answered with 5xx, in percent."""
    api_latency_milliseconds: NotRequired[Annotated[float, Above(0, default=3000)]]
    """p99 latency of the API."""
    queue_age_seconds: NotRequired[Annotated[float, Above(0, default=300)]]
    """Age of the oldest message."""
    drain_seconds: NotRequired[Annotated[float, Above(0, default=900)]]
    """Time that the consumer needs for the backlog."""
    stream_age_seconds: NotRequired[Annotated[float, Above(0, 72_000, default=600)]]
    """Age of what is read of a stream, which keeps it for 24 hours."""
    creation_success_percent: NotRequired[Annotated[float, Above(0, 100, default=99)]]
    """Valid orders that are accepted, in percent; the alarm rings below."""
    processing_time_milliseconds: NotRequired[Annotated[float, Above(0, default=60_000)]]
    """Average time from creation to CONFIRMED."""
    queue_lag_milliseconds: NotRequired[Annotated[float, Above(0, default=60_000)]]
    """Average wait of an event in the queue."""
    oldest_pending_seconds: NotRequired[Annotated[float, Above(0, default=600)]]
    """Age of the oldest order that is still PENDING."""
    replication_seconds: NotRequired[Annotated[float, Above(0, 3600, default=60)]]
    """Average time from a write to its replica in another region."""
    import_rejected_percent: NotRequired[Annotated[float, Above(0, 100, default=10)]]
    """Lines of imported files that cannot be orders, in percent."""


class DeclaredThresholds(dict[str, float]):
    """AlarmThresholds to look up; what an alarm names and nobody declares is asked for."""

    def __missing__(self, name: str) -> float:
        raise LookupError(
            f"an alarm needs the threshold {name}: declare it, with its default, in "
            "AlarmThresholds (components/thresholds.py)"
        )


class Alarms(TypedDict):
    """Who hears the alarms, and when they ring."""

    topic: NotRequired[Annotated[bool, Default(default=True)]]
    """Whether to make an encrypted SNS topic that every alarm is sent to."""
    emails: NotRequired[
        Annotated[
            list[Annotated[str, Text(r"[^@\s]+@[^@\s]+\.[^@\s]+", "an e-mail address")]],
            Items(different=True, default=()),
        ]
    ]
    """Addresses to subscribe to the topic; each has to confirm."""
    actions: NotRequired[Annotated[list[pulumi.Input[str]], Items(different=True, default=())]]
    """ARNs of further topics that every alarm is sent to."""
    thresholds: NotRequired[AlarmThresholds]
    """The values at which the alarms ring."""


@contradictions(Alarms)
def _emails_need_the_topic(alarms: Alarms) -> Iterator[Problem]:
    if alarms["emails"] and not alarms["topic"]:
        yield problem("topic", "expected true, because {=emails!} are given")
