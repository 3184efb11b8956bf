"""From when on the alarms ring."""

from dataclasses import dataclass, fields
from typing import NotRequired, TypedDict

from . import defaults


class AlarmThresholds(TypedDict):
    """Where the alarms' thresholds differ from the defaults."""

    function_error_percent: NotRequired[float]
    """Failed invocations of a function, in percent; 1 by default."""
    duration_percent_of_timeout: NotRequired[float]
    """p99 duration of a function, in percent of its timeout; 80 by default."""
    api_error_percent: NotRequired[float]
    """Requests answered with 5xx, in percent; 1 by default."""
    api_latency_milliseconds: NotRequired[float]
    """p99 latency of the API; 3000 by default."""
    queue_age_seconds: NotRequired[float]
    """Age of the oldest message; 300 by default."""
    drain_seconds: NotRequired[float]
    """Time that the consumer needs for the backlog; 900 by default."""
    creation_success_percent: NotRequired[float]
    """Valid orders that are accepted, in percent; 99 by default."""
    processing_time_milliseconds: NotRequired[float]
    """Average time from creation to CONFIRMED; 60000 by default."""
    queue_lag_milliseconds: NotRequired[float]
    """Average wait of an event in the queue; 60000 by default."""
    oldest_pending_seconds: NotRequired[float]
    """Age of the oldest order that is still PENDING; 600 by default."""


@dataclass(frozen=True)
class Thresholds:
    """AlarmThresholds with every default filled in."""

    function_error_percent: float = defaults.ALARM_FUNCTION_ERROR_PERCENT
    duration_percent_of_timeout: float = defaults.ALARM_DURATION_PERCENT_OF_TIMEOUT
    api_error_percent: float = defaults.ALARM_API_ERROR_PERCENT
    api_latency_milliseconds: float = defaults.ALARM_API_LATENCY_MILLISECONDS
    queue_age_seconds: float = defaults.ALARM_QUEUE_AGE_SECONDS
    drain_seconds: float = defaults.ALARM_DRAIN_SECONDS
    creation_success_percent: float = defaults.ALARM_CREATION_SUCCESS_PERCENT
    processing_time_milliseconds: float = defaults.ALARM_PROCESSING_TIME_MILLISECONDS
    queue_lag_milliseconds: float = defaults.ALARM_QUEUE_LAG_MILLISECONDS
    oldest_pending_seconds: float = defaults.ALARM_OLDEST_PENDING_SECONDS


def thresholds(given: AlarmThresholds) -> Thresholds:
    """The thresholds to use; whole numbers that came as floats read as such."""
    known = {field.name for field in fields(Thresholds)}
    unknown = sorted(set(given) - known)
    if unknown:
        raise ValueError(f"thresholds: unknown {', '.join(unknown)}; known: {sorted(known)}")
    return Thresholds(**{name: _number(value) for name, value in given.items()})


def _number(value: object) -> float:
    if not isinstance(value, int | float):
        raise ValueError(f"thresholds: {value!r} is not a number")
    return int(value) if value == int(value) else value
