"""Rules of EventBridge, which lead events to their targets.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html
"""

from collections.abc import Sequence
from typing import NotRequired, TypedDict

import pulumi

from . import queue
from .alarm import Alarm, at_once
from .dashboard import Graph, Row
from .metric import Metric


class MonitoredRule(TypedDict):
    """An EventBridge rule to watch."""

    label: str
    """What alarms and widgets call it."""
    name: pulumi.Input[str]
    """Name of the rule."""
    bus_name: NotRequired[pulumi.Input[str]]
    """Name of its bus; the account's default bus when absent."""
    undelivered_queue_name: NotRequired[pulumi.Input[str]]
    """Name of the queue of the events that its target did not take."""


def rows(rules: Sequence[MonitoredRule]) -> list[Row]:
    """What they lead on, what was not taken, and what is lost."""
    failed = {it["label"]: metric("FailedInvocations", it) for it in rules}
    lost = {it["label"]: metric("InvocationsFailedToBeSentToDlq", it) for it in rules}
    undelivered = {
        it["label"]: queue.metric(queue.WAITING, "Maximum", it["undelivered_queue_name"])
        for it in rules
        if "undelivered_queue_name" in it
    }
    return [
        [
            Graph("Rules: events", {it["label"]: metric("TriggeredRules", it) for it in rules}),
            Graph(
                "Rules: deliveries failed for good",
                failed,
                [_undeliverable(label, watched) for label, watched in failed.items()],
            ),
            Graph(
                "Rules: events lost",
                lost,
                [_lost(label, watched) for label, watched in lost.items()],
            ),
            *(
                [
                    Graph(
                        "Rules: events not delivered",
                        undelivered,
                        [_kept(label, watched) for label, watched in undelivered.items()],
                    )
                ]
                if undelivered
                else []
            ),
        ]
    ]


def metric(name: str, rule: MonitoredRule) -> Metric:
    """A metric of a rule; those of the default bus carry no name of a bus."""
    dimensions = {"RuleName": rule["name"]}
    if "bus_name" in rule:
        dimensions["EventBusName"] = rule["bus_name"]
    return Metric("AWS/Events", name, dimensions, "Sum")


def _undeliverable(label: str, failed: Metric) -> Alarm:
    return at_once(
        f"{label}-deliveries",
        f"EventBridge gave up delivering events to {label}. See whether the rule's target is "
        "there and its policy names the rule.",
        failed,
    )


def _lost(label: str, lost: Metric) -> Alarm:
    return at_once(
        f"{label}-lost-events",
        f"Events for {label} were neither delivered nor kept. Mend the policy of the queue of "
        "undelivered events, then replay the time from the bus's archive to this rule.",
        lost,
    )


def _kept(label: str, waiting: Metric) -> Alarm:
    return at_once(
        f"{label}-undelivered",
        f"Events for {label} lie in its queue of undelivered events. When the cause, which their "
        "attributes name, is mended, redrive them: `python -m operations dlq list --undelivered "
        f"--queue {label}` in the repository of serverless-orders; or replay the time from the "
        "bus's archive to this rule.",
        waiting,
    )
