"""The table's stream: what was written to an order, read as a change of it.

The images are in DynamoDB's wire form, which this module and the store alone know. It stands
apart because only the function that reads the stream loads it.
"""

from typing import Any

from .. import contract
from . import changes, order, store
from .changes import Change, UnreadableError


class Record:
    """A record of the stream as Lambda hands it over; what is absent or odd is None, or empty."""

    __slots__ = ("_content", "_record")

    def __init__(self, record: Any) -> None:
        self._record: dict[str, Any] = record if isinstance(record, dict) else {}
        content = self._record.get("dynamodb")
        self._content: dict[str, Any] = content if isinstance(content, dict) else {}

    @property
    def sequence_number(self) -> str | None:
        """Where the record stands in its shard."""
        value = self._content.get("SequenceNumber")
        return value if isinstance(value, str) and value else None

    @property
    def order_id(self) -> str | None:
        """The id of the order that was written to."""
        try:
            value = self._content["Keys"]["id"]["S"]
        except (KeyError, TypeError):
            return None
        return value if isinstance(value, str) else None

    def change(self) -> Change | None:
        """The change of the order; None: its status is as before. Raises UnreadableError."""
        new, old = self._content.get("NewImage"), self._content.get("OldImage")
        if not isinstance(new, dict) or not isinstance(old, dict | None):
            raise UnreadableError("the record has no new image")
        try:
            return _change(new, old)
        except (KeyError, TypeError, ValueError, ArithmeticError, AttributeError):
            # What was raised may repeat what the order holds.
            raise UnreadableError("the images are not those of an order") from None


def _change(new: store.Item, old: store.Item | None) -> Change | None:
    status = new["status"]["S"]
    previous = None if old is None else old["status"]["S"]
    if status == previous:
        return None
    cause = changes.cause(previous, status)
    if cause is None:
        raise UnreadableError(f"nothing leads from {_known(previous)} to {_known(status)}")
    created_at = new[contract.CREATED_AT_ATTRIBUTE]["S"]
    return Change(
        new["id"]["S"],
        # Items of before orders had versions have none until they are changed.
        int(new["version"]["N"]) if "version" in new else 0,
        previous,
        status,
        cause,
        new["updatedAt"]["S"] if "updatedAt" in new else created_at,
        created_at,
        new["correlationId"]["S"] if "correlationId" in new else None,
        store.from_item(new) if previous is None else None,
        new["failedMessage"]["S"] if status == contract.FAILED and "failedMessage" in new else None,
        order.is_synthetic(new["customerName"]["S"]) if "customerName" in new else False,
        new[contract.OWNER_ATTRIBUTE]["S"] if contract.OWNER_ATTRIBUTE in new else None,
    )


def _known(status: Any) -> str:
    if status is None:
        return "nothing"
    return status if status in contract.CHANGE_EVENTS else "an unknown status"
