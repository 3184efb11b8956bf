"""How many requests each caller may make a minute, counted by all instances in one table.

A minute of a caller is an item, and a request one conditional update of it, before any other
work: it adds one unless the quota is used up. So the count is exact however many requests come
at once, and whichever instances they come to. In any 60 seconds there lies one turn of a minute at
most, so a caller gets through at most twice the quota in them: as much as from a token bucket of
the quota's size, which is full at first and filled again meanwhile. A sliding minute would let
through less, but takes a read or a second write: a condition of DynamoDB can compare what is
stored, not calculate with it.

What an instance has seen used up it refuses by itself until the minute is over, so a caller who
goes on costs nothing. Only callers who have one load this module.

The header fields are those of draft-ietf-httpapi-ratelimit-headers-10, and the problem is its
"quota exceeded": https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/
"""

import hashlib
import math
import time

from botocore.exceptions import ConnectionClosedError  # type: ignore[import-untyped]

from . import aws, telemetry, tracing
from .problems import QUOTA_EXCEEDED, Problem

MINUTE = 60

# Seconds for a connection, and for an answer. A request waits no longer for being counted than it
# does for an average order.
TIMEOUT = 0.5

# Windows that are remembered as used up; a caller has at most one that is not over.
_REMEMBERED = 1000

Fields = dict[str, str]


class RateLimit:
    """A quota of requests of one kind."""

    def __init__(
        self,
        table: str,
        policy: str,
        quota: int,
        metrics: telemetry.Metrics,
        *,
        key: str,
        taken: str,
        expiry: str,
        exceeded: str,
        failed: str,
    ) -> None:
        """`policy` is the quota's name in header fields and problems. `key`, `taken` and `expiry`
        are the table's attributes: its key, how many requests there were, and when DynamoDB drops
        the item. `exceeded` and `failed` are those of the metrics that count the requests which
        are refused, and those which pass because they could not be counted."""
        self._client = aws.impatient_client("dynamodb", TIMEOUT)
        self._table = table
        self._policy = policy
        self._quota = quota
        self._metrics = metrics
        self._key = key
        self._taken = taken
        self._expiry = expiry
        self._exceeded = exceeded
        self._failed = failed
        self._policy_field = f'"{policy}";q={quota};w={MINUTE}'
        self._used_up: dict[str, float] = {}  # window -> when it is over

    def take(self, subject: str) -> Fields:
        """Count a request of this caller; the header fields that its answer is to have.

        Raises Problem when the caller's quota is used up. A request that cannot be counted passes.
        """
        now = time.time()
        # The table knows no caller by name; and their minutes turn at different seconds, so that
        # not all who wait come back at once.
        caller = hashlib.sha256(subject.encode()).hexdigest()[:32]
        number, passed = divmod(now + int(caller[:8], 16) % MINUTE, MINUTE)
        left = MINUTE - passed
        window = f"{caller} {self._policy} {number:.0f}"
        if self._used_up.get(window, 0) > now:
            raise self._exhausted(left)
        try:
            taken = self._count(window, now + left)
        except aws.FAILURES as error:
            if aws.condition_failed(error) is None:
                return self._uncounted(error)
            self._remember(window, now, left)
            raise self._exhausted(left) from None
        return self._fields(max(0, self._quota - taken), left)

    def _count(self, window: str, over: float) -> int:
        try:
            return self._update(window, over)
        except ConnectionClosedError:
            # It was kept alive from an earlier request, and closed in the meantime.
            return self._update(window, over)

    def _update(self, window: str, over: float) -> int:
        with tracing.Subsegment("DynamoDB", "UpdateItem", table_name=self._table):
            answer = self._client.update_item(
                TableName=self._table,
                Key={self._key: {"S": window}},
                UpdateExpression="SET #expiry = :expiry ADD #taken :one",
                ConditionExpression="attribute_not_exists(#taken) OR #taken < :quota",
                ExpressionAttributeNames={"#expiry": self._expiry, "#taken": self._taken},
                ExpressionAttributeValues={
                    ":one": {"N": "1"},
                    ":quota": {"N": str(self._quota)},
                    ":expiry": {"N": str(math.ceil(over) + MINUTE)},
                },
                ReturnValues="UPDATED_NEW",
            )
        return int(answer["Attributes"][self._taken]["N"])

    def _uncounted(self, error: BaseException) -> Fields:
        self._metrics.count(self._failed)
        fields = aws.failure(error).fields
        telemetry.logger.error("request not counted", policy=self._policy, **fields)
        return {"ratelimit-policy": self._policy_field}

    def _remember(self, window: str, now: float, left: float) -> None:
        if len(self._used_up) >= _REMEMBERED:
            self._used_up = {each: over for each, over in self._used_up.items() if over > now}
        if len(self._used_up) < _REMEMBERED:
            self._used_up[window] = now + left

    def _exhausted(self, left: float) -> Problem:
        self._metrics.count(self._exceeded)
        seconds = math.ceil(left)
        return Problem(
            QUOTA_EXCEEDED,
            f"A caller may make {self._quota} requests of this kind ({self._policy}) a minute; "
            f"the next one in {seconds} s.",
            members={"violated-policies": [self._policy]},
            headers={"retry-after": str(seconds), **self._fields(0, left)},
            log={"policy": self._policy},
        )

    def _fields(self, remaining: int, left: float) -> Fields:
        return {
            "ratelimit-policy": self._policy_field,
            "ratelimit": f'"{self._policy}";r={remaining};t={math.ceil(left)}',
        }
