"""Regions of one system: how each is, and the adoption of the orders of one that is down."""

import http.client
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from botocore.exceptions import ClientError  # type: ignore[import-untyped]

from functions import contract
from functions.orders import adoption, order
from local.client import Api

HEALTH_SECONDS = 5.0
"""How long an answer about health is waited for."""

HEALTH_ATTEMPTS = 3
"""A region is down when it answers none of so many requests."""


class RegionError(Exception):
    """What was asked is not done; the message says why."""


class Member(NamedTuple):
    """One region of a system, and the one whose stack is asked: what that stack tells of them."""

    here: str
    members: list[str]
    adopt_after: timedelta
    """Age from which the heir adopts orders, the margin included."""

    @classmethod
    def of(cls, told: Any, where: str) -> "Member":
        """From the output `region` of a stack; raises RegionError where there is none."""
        if not isinstance(told, dict):
            raise RegionError(f"{where} has no output region: it is the only one (setting regions)")
        return cls(
            str(told["here"]),
            [str(each) for each in told["members"]],
            timedelta(
                minutes=int(told["adoptAfterMinutes"]), seconds=int(told["adoptionMarginSeconds"])
            ),
        )


@dataclass(frozen=True)
class Health:
    """What a region's API says of itself; `status` is 0 where nothing answered."""

    status: int
    words: str

    @property
    def alive(self) -> bool:
        """Whether it takes orders."""
        return self.status == 200


def health(url: str, pause_seconds: float = 1) -> Health:
    """Ask an API how its region is, several times if nothing answers."""
    for attempt in range(HEALTH_ATTEMPTS):
        if attempt:
            time.sleep(pause_seconds)
        try:
            answer = Api(url, HEALTH_SECONDS).request("GET", contract.HEALTH_PATH)
        except (OSError, http.client.HTTPException) as error:
            found = Health(0, f"does not answer ({error})")
            continue
        body = answer.body if isinstance(answer.body, dict) else {}
        said = body.get("status") if answer.status == 200 else body.get("detail")
        return Health(answer.status, f"{answer.status}: {said or 'no health'}")
    return found


class Pending(NamedTuple):
    """An order that is PENDING, as the index over them has it."""

    item: dict[str, Any]
    created: str
    """When it was made, as its timestamp."""

    @property
    def moment(self) -> datetime:
        """When it was made."""
        return datetime.fromisoformat(self.created)


@dataclass
class Adopted:
    """What became of the orders that were to be adopted."""

    adopted: int = 0
    changed: int = 0
    """Not adopted: by now they are not pending or another's, or they were adopted before."""


class Replica:
    """The table of orders as the region of `member` has it."""

    def __init__(
        self,
        client: Any,
        table: str,
        member: Member,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client, self._table, self.member, self._now = client, table, member, now

    def owners(self, down: str) -> list[str]:
        """The regions whose orders are adopted here when one is down; raises RegionError unless
        this one is its heir."""
        member = self.member
        if down not in member.members:
            raise RegionError(f"{down} is none of the regions {', '.join(member.members)}")
        heir = adoption.heir(member.members, down)
        if heir != member.here:
            raise RegionError(
                f"the heir of {down} is {heir}, not {member.here}: give the stack of {heir}"
            )
        return adoption.adoptable(member.members, down)

    def pending(self, regions: Sequence[str]) -> list[Pending]:
        """All pending orders of these regions that this replica has, the oldest first."""
        found = [each for region in regions for each in self._of(region)]
        return sorted(found, key=lambda each: each.created)

    def until(self) -> str:
        """The timestamp before which an order has to be made to be adopted now."""
        return order.timestamp(self._now() - self.member.adopt_after)

    def adoptable_at(self, pending: Pending) -> datetime:
        """When an order is old enough."""
        return pending.moment + self.member.adopt_after

    def adopt(
        self,
        pending: Sequence[Pending],
        owners: Sequence[str],
        show: Callable[[int], None] = lambda _: None,
    ) -> Adopted:
        """Adopt these orders of their owners one by one; each is done whole, or not at all."""
        done = Adopted()
        for number, each in enumerate(pending, 1):
            request = adoption.request(
                self._table,
                each.item,
                self.member.members,
                adopts=self.member.here,
                owners=owners,
                until=self.until(),
                now=order.timestamp(self._now()),
            )
            try:
                self._client.update_item(**request)
            except ClientError as error:
                if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                    raise
                done.changed += 1
            else:
                done.adopted += 1
            show(number)
        return done

    def _of(self, region: str) -> Iterator[Pending]:
        first = self.member.members.index(region) * contract.MOST_PENDING_SHARDS
        for shard in range(first, first + contract.MOST_PENDING_SHARDS):
            asked: dict[str, Any] = {
                "TableName": self._table,
                "IndexName": contract.PENDING_INDEX,
                "KeyConditionExpression": f"{contract.PENDING_SHARD_ATTRIBUTE} = :shard",
                "ExpressionAttributeValues": {":shard": {"N": str(shard)}},
            }
            while True:
                answer = self._client.query(**asked)
                for item in answer["Items"]:
                    yield Pending(item, item[contract.CREATED_AT_ATTRIBUTE]["S"])
                if "LastEvaluatedKey" not in answer:
                    break
                asked["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
