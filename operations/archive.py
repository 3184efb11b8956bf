"""The archive of the bus of order events, and the way from there to one of its consumers."""

import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

POLL_SECONDS = 2.0
_UNDER_WAY = ("STARTING", "RUNNING", "CANCELLING")


class ArchiveError(Exception):
    """What was asked could not be done; the message says why."""


class Span(NamedTuple):
    """What an archive holds: its events, their bytes, and from when on they are kept."""

    name: str
    events: int
    size: int
    since: datetime
    days: int


class Consumer(NamedTuple):
    """A rule of the bus, to which a replay can be given."""

    name: str
    arn: str
    pattern: str


class Delivery(NamedTuple):
    """Where a consumer's events go, and where those that do not get there: ARNs."""

    queue_arn: str
    undelivered_arn: str | None


class Archive:
    """The archive of one bus; `events` is a boto3 client of EventBridge."""

    def __init__(self, events: Any, bus_name: str) -> None:
        self._events = events
        self._bus_name = bus_name
        self._bus_arn: str = events.describe_event_bus(Name=bus_name)["Arn"]

    def span(self) -> Span:
        """What can be replayed; ArchiveError when the bus has no archive."""
        found = self._archive()
        created, days = _utc(found["CreationTime"]), found.get("RetentionDays", 0)
        kept = datetime.now(UTC) - timedelta(days=days)
        return Span(
            found["ArchiveName"],
            found.get("EventCount", 0),
            found.get("SizeBytes", 0),
            max(created, kept) if days else created,
            days,
        )

    def consumers(self) -> list[Consumer]:
        """The rules of the bus, but for those of AWS itself (the archive is one)."""
        return [
            Consumer(rule["Name"], rule["Arn"], rule.get("EventPattern", ""))
            for page in self._pages("list_rules", "Rules", EventBusName=self._bus_name)
            for rule in page
            if not rule.get("ManagedBy")
        ]

    def consumer(self, named: str) -> Consumer:
        """The one consumer of this name or with it in its name; ArchiveError if there is none, or
        several."""
        rules = self.consumers()
        exact = [rule for rule in rules if rule.name == named]
        found = exact or [rule for rule in rules if named.replace("_", "-") in rule.name]
        if len(found) != 1:
            names = ", ".join(rule.name for rule in found or rules) or "none"
            raise ArchiveError(
                f"{len(found)} consumers are called {named}; name one of these: {names}"
            )
        return found[0]

    def delivery(self, consumer: Consumer) -> Delivery:
        """Where a consumer's events go; ArchiveError when that is nowhere."""
        for page in self._pages(
            "list_targets_by_rule", "Targets", Rule=consumer.name, EventBusName=self._bus_name
        ):
            for target in page:
                return Delivery(target["Arn"], target.get("DeadLetterConfig", {}).get("Arn"))
        raise ArchiveError(f"the rule {consumer.name} has no target")

    def replay(
        self,
        consumer: Consumer,
        since: datetime,
        until: datetime,
        progress: Callable[[float], None],
    ) -> None:
        """Hand the events of a time to one consumer again; `progress` gets the share (0 to 1) of
        the time that is done. ArchiveError when AWS gives up."""
        if since >= until:
            raise ArchiveError("the time to replay has to begin before it ends")
        name = f"replay-{uuid.uuid4()}"
        self._events.start_replay(
            ReplayName=name,
            Description=f"To {consumer.name} alone",
            EventSourceArn=self._arn(),
            EventStartTime=since,
            EventEndTime=until,
            Destination={"Arn": self._bus_arn, "FilterArns": [consumer.arn]},
        )
        while True:
            state = self._events.describe_replay(ReplayName=name)
            if state["State"] not in _UNDER_WAY:
                break
            reached = state.get("EventLastReplayedTime")
            progress((_utc(reached) - since) / (until - since) if reached else 0.0)
            time.sleep(POLL_SECONDS)
        if state["State"] != "COMPLETED":
            why = state.get("StateReason", "no reason is given")
            raise ArchiveError(f"the replay {name} is {state['State']}: {why}")
        progress(1.0)

    def _archive(self) -> dict[str, Any]:
        archives = [
            archive
            for page in self._pages("list_archives", "Archives", EventSourceArn=self._bus_arn)
            for archive in page
        ]
        if not archives:
            raise ArchiveError(
                f"the bus {self._bus_name} has no archive (its setting bus.archiveDays is 0)"
            )
        described: dict[str, Any] = self._events.describe_archive(
            ArchiveName=archives[0]["ArchiveName"]
        )
        return described

    def _arn(self) -> str:
        arn: str = self._archive()["ArchiveArn"]
        return arn

    def _pages(self, operation: str, key: str, **request: Any) -> Iterator[list[dict[str, Any]]]:
        while True:
            answer = getattr(self._events, operation)(**request)
            yield answer[key]
            if not answer.get("NextToken"):
                return
            request["NextToken"] = answer["NextToken"]


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)
