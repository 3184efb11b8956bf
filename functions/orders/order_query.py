"""What a request to list orders asks for: the parameters of its query, checked."""

from typing import NamedTuple
from urllib.parse import urlencode

from ..toolkit import signed_text
from ..toolkit.problems import Problem
from . import problems, schema
from .own_orders import Place

DEFAULT_LIMIT = 20
MOST = 100

STATUSES: list[str] = schema.STATUS["enum"]


class OrderQuery(NamedTuple):
    """A page of one owner's orders."""

    owner: str
    status: str | None
    limit: int
    after: Place | None


def read(given: dict[str, str], owner: str, key: bytes) -> OrderQuery:
    """The query of a request by this owner; raises Problem, which names every wrong parameter.

    A parameter that is given twice has both values, joined by a comma.
    """
    wrong = {name: "is not a known parameter" for name in given if name not in _NAMES}
    status, limit, after = given.get("status"), given.get("limit", str(DEFAULT_LIMIT)), None
    if status is not None and status not in STATUSES:
        wrong["status"] = f"must be one of {', '.join(STATUSES)}"
    if not (limit.isascii() and limit.isdigit() and len(limit) < 10 and 1 <= int(limit) <= MOST):
        wrong["limit"] = f"must be a whole number from 1 to {MOST}"
    if "cursor" in given:
        place = signed_text.unseal(key, _purpose(owner, status), given["cursor"])
        if place is None:
            wrong["cursor"] = "must be the one of a `next` link, with its status, for its caller"
        else:
            after = Place(*place.split(" "))
    if wrong:
        raise Problem(
            problems.INVALID_QUERY,
            f"Errors found: {len(wrong)}; each is listed with its parameter.",
            members={
                "parameters": [{"name": name, "detail": text} for name, text in wrong.items()]
            },
            log={"errors": len(wrong)},
        )
    return OrderQuery(owner, status, int(limit), after)


def following(query: OrderQuery, place: Place, key: bytes) -> str:
    """The parameters that ask for the page behind a place."""
    cursor = signed_text.seal(key, _purpose(query.owner, query.status), " ".join(place))
    status = {"status": query.status} if query.status else {}
    return urlencode({**status, "limit": query.limit, "cursor": cursor})


_NAMES = ("status", "limit", "cursor")


def _purpose(owner: str, status: str | None) -> tuple[str, ...]:
    """What a cursor is good for: this owner's orders, with this status or with any."""
    return ("orders after", owner, status or "")
