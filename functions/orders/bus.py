"""The bus that tells the changes of orders: each call puts a few of them, and says which it took.

Raises what botocore raises (`aws.FAILURES`).
"""

from typing import NamedTuple

from .. import contract
from ..toolkit import aws, environment, tracing
from .changes import Change

# Attempts of one call; what fails then is put again by who puts it.
ATTEMPTS = 2
LONGEST_CALL = aws.longest_call(ATTEMPTS)

# EventBridge takes 10 events in one call, and of all regions and times at least 256 KiB:
# https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
CALL_EVENTS = 10
CALL_BYTES = 262_144

# Codes of entries for which the same entry may do another time; of all others it is the event or
# a permission that is wrong.
_TEMPORARY = {"InternalException", "InternalFailure", "ServiceUnavailable", "ThrottlingException"}


class Event(NamedTuple):
    """A change as the bus takes it."""

    order_id: str
    event_id: str
    type: str
    detail: str

    @property
    def size(self) -> int:
        """Bytes that EventBridge counts; all of them are ASCII."""
        return len(contract.EVENT_SOURCE) + len(self.type) + len(self.detail)


class Refusal(NamedTuple):
    """Why the bus did not take an event, and whether it may take it another time."""

    code: str
    temporary: bool


def event_of(change: Change) -> Event:
    """The event that tells a change."""
    return Event(change.order_id, change.event_id, change.type, change.detail())


class Bus:
    """One EventBridge bus."""

    @classmethod
    def connect(cls) -> "Bus":
        """The bus that the infrastructure names."""
        return cls(aws.client("events", ATTEMPTS), environment.text(contract.BUS_NAME_VARIABLE))

    def __init__(self, client: aws.Client, name: str) -> None:
        self._client = client
        self._name = name

    def put(self, events: list[Event]) -> dict[int, Refusal]:
        """Put up to CALL_EVENTS events; those that were refused, by their index."""
        entries = [
            {
                "EventBusName": self._name,
                "Source": contract.EVENT_SOURCE,
                "DetailType": event.type,
                "Detail": event.detail,
            }
            for event in events
        ]
        with tracing.Subsegment("Events", "PutEvents"):
            answer = self._client.put_events(Entries=entries)
        return {
            index: Refusal(entry["ErrorCode"], entry["ErrorCode"] in _TEMPORARY)
            for index, entry in enumerate(answer["Entries"])
            if "ErrorCode" in entry
        }
