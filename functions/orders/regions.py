"""Where there are several regions: which orders are this one's, and how it changes them.

Loaded by such systems alone. An order is its region's that took it, until that region's heir, the
next one, adopts it: `region` says so. Conditions hold at one replica only, and replication takes
its time, so both have to decide at the same one. For orders of a certain age, from which on they
may be adopted, that is the heir's replica: there the heir adopts them, and there their own region
changes them. Younger ones nobody adopts: they are changed here.

An adopted order is as a new one of its region's: its age counts from `regionSince`.
"""

import os
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]

from .. import contract
from ..toolkit import aws, environment
from . import adoption, order

Write = Callable[[aws.Client, dict[str, Any]], order.Transition]

_ATTRIBUTE, _SINCE = contract.REGION_ATTRIBUTE, contract.REGION_SINCE_ATTRIBUTE


class TooLateError(BotoCoreError):  # type: ignore[misc]
    """A change was held up, by a process that stood still above all: by now the order may be old
    enough to have been adopted."""

    fmt = "The time to change an order here is over"


class OwnRegion:
    """The region that this process runs in, among all of the system.

    `attempts` are those of one call, `longest_call` how long it can take at worst, in seconds.
    """

    def __init__(self, attempts: int, longest_call: float) -> None:
        members = environment.text(contract.REGIONS_VARIABLE).split(",")
        self._here = os.environ["AWS_REGION"]
        place = members.index(self._here)
        self._is_home = place == 0
        self._heir = adoption.heir(members, self._here)
        self._attempts, self._longest_call = attempts, longest_call
        self.first_shard = place * contract.MOST_PENDING_SHARDS
        """This region's first shard of the index over pending orders."""
        self._adopted_after = (
            environment.positive_integer(contract.ADOPT_AFTER_VARIABLE)
            if environment.flag(contract.ADOPT_AFTER_VARIABLE)
            else 0
        )
        self._lock = threading.Lock()
        self._heirs_client: aws.Client = None
        self._until = threading.local()

    def attributes(self, shard: int) -> dict[str, Any]:
        """What a new order has beside its own, in the shard of the region with this number."""
        return {
            _ATTRIBUTE: {"S": self._here},
            contract.PENDING_SHARD_ATTRIBUTE: {"N": str(self.first_shard + shard)},
        }

    def owns(self, region: str | None) -> bool:
        """Whether an order with this attribute (None: without it) is this region's."""
        return region == self._here or (region is None and self._is_home)

    def watch(self, client: aws.Client) -> None:
        """Let a client send no change of an order when the time for it is over."""
        client.meta.events.register("before-send.dynamodb.UpdateItem", self._in_time)

    def change(
        self, client: aws.Client, update: dict[str, Any], sources: list[str], write: Write
    ) -> order.Transition:
        """Change an order if it is this region's; `update` is UpdateItem's request for that of any
        region, `client` the one of the replica here. Raises as `write`."""
        checked = time.time()
        bound = datetime.fromtimestamp(checked, UTC) - timedelta(seconds=self._adopted_after)
        # A process that stands still between the check and the call finds out when it goes on.
        self._until.moment = checked + self._longest_call
        done = write(client, self._if_ours(update, younger_than=order.timestamp(bound)))
        if done.applied or done.status is None:
            return done
        if not self.owns(done.region):
            return done._replace(elsewhere=True)
        if done.status not in sources:
            return done
        done = write(self._heirs(), self._if_ours(update))
        if done.applied:
            return done
        if done.status is None:
            raise _not_there_yet()
        return done if self.owns(done.region) else done._replace(elsewhere=True)

    def _if_ours(self, update: dict[str, Any], younger_than: str | None = None) -> dict[str, Any]:
        ours = "#region = :region"
        if self._is_home:
            ours = f"({ours} OR attribute_not_exists(#region))"
        conditions = [update["ConditionExpression"], ours]
        values = {**update["ExpressionAttributeValues"], ":region": {"S": self._here}}
        if younger_than is not None:
            conditions.append(f"({contract.CREATED_AT_ATTRIBUTE} > :bound OR {_SINCE} > :bound)")
            values[":bound"] = {"S": younger_than}
        return {
            **update,
            "ConditionExpression": " AND ".join(conditions),
            "ExpressionAttributeNames": {
                **update["ExpressionAttributeNames"],
                "#region": _ATTRIBUTE,
            },
            "ExpressionAttributeValues": values,
        }

    def _heirs(self) -> aws.Client:
        """The client of the heir's replica; made when it is needed, which is seldom."""
        with self._lock:
            if self._heirs_client is None:
                self._heirs_client = aws.client("dynamodb", self._attempts, self._heir)
            return self._heirs_client

    def _in_time(self, **_: Any) -> None:
        if time.time() > self._until.moment:
            raise TooLateError


def _not_there_yet() -> ClientError:
    """An order is old, and its heir's replica does not have it: this region was cut off."""
    return ClientError({"Error": {"Code": "NotReplicatedYet"}}, "UpdateItem")
