"""Conditions that grants could have and have not: what all calls said alike, and what is left open.

A grant whose every use said the same few things is wider than it is used.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from tools.rights.grants import Grant
from tools.rights.uses import Said

FEW = 10
"""So many different values are a list that a condition could hold; more are data."""

_DYNAMODB = (
    "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html"
)

OPEN: dict[tuple[str, str], tuple[str, str]] = {
    ("dynamodb:*", "dynamodb:Select"): (
        "who reads takes whole items, and the indexes hold what is read of them alone",
        _DYNAMODB,
    ),
    ("dynamodb:*", "dynamodb:LeadingKeys"): (
        "an order's id is no caller's, and the shards of pending orders are all read",
        _DYNAMODB,
    ),
    ("dynamodb:UpdateItem", "dynamodb:Attributes"): (
        "would keep names and items from the processor; no local run can show that AWS then still "
        "answers a refused condition with the item",
        _DYNAMODB,
    ),
    ("sns:Publish", "aws:SourceArn"): (
        "alarms name the topic they tell, so it cannot name them; only this account's may",
        "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html",
    ),
}
"""Conditions on an action that are left out on purpose, with the reason and AWS's documentation."""


def wider(grants: Iterable[Grant], said: Mapping[Said, set[str]]) -> Iterator[str]:
    """Grants that a condition on what their calls said would narrow, each with that condition."""
    for grant in grants:
        heard: dict[str, set[str]] = {}
        for (role, action, resource, key), values in said.items():
            if role == grant.holder and grant.covers(action, resource):
                heard.setdefault(key, set()).update(values)
        for key, values in sorted(heard.items()):
            there = {each.strip().lower() for each in grant.condition.split(",")}
            if key.lower() not in there and len(values) <= FEW and not left_open(grant, key):
                yield (
                    f"granted wider than used: {grant.label} {grant.action} on {grant.resource} "
                    f"({grant.statement}): {key} was always one of {', '.join(sorted(values))}; "
                    "make it a condition, or say in tools/rights/conditions.py why not"
                )


def left_open(grant: Grant, key: str) -> bool:
    """Whether a condition is left out on purpose."""
    service = grant.action.partition(":")[0]
    names = {name.lower() for action, name in OPEN if action in (grant.action, f"{service}:*")}
    return key.lower() in names
