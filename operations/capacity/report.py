"""The answer of `python -m operations capacity`, as text and as JSON."""

import math
from collections.abc import Iterator
from typing import Any

from operations.capacity.simulation import HORIZON, Load, Outcome
from operations.capacity.stages import AT_ONCE, LASTING, OUTAGE, Stage, Stages
from operations.cost.estimate import ORDERS, Work, estimate
from operations.provenance import summary
from operations.stacks import StackError

_TITLES = {
    LASTING: "what it takes for good",
    AT_ONCE: "what it takes at once, until AWS has grown with the load",
    OUTAGE: "what it takes while something fails",
}


def text(stages: Stages, found: list[Stage], rate: float) -> str:
    """A table of each kind of limits, the narrowest first, and what to do about the first."""
    return "\n".join(_lines(stages, found, rate))


def _lines(stages: Stages, found: list[Stage], rate: float) -> Iterator[str]:
    graph = stages.graph
    yield (
        f"Stack {graph.stack} in {graph.settings.region}, {rate:,.0f} orders a second wanted, "
        f"each read {stages.reads:g} times; quotas of {stages.quotas.date}"
    )
    for holds, title in _TITLES.items():
        yield f"\n{title}:"
        for each in found:
            if each.holds == holds:
                sign = " " if each.limit >= rate else "!"
                yield f"{sign} {_shown(each.limit):>12}/s  {each.name}: {each.because}"
    first = next(each for each in found if each.holds == LASTING)
    short = [each for each in found if each.limit < rate]
    yield f"\nFirst bottleneck: {first.name}, at {_shown(first.limit)} orders a second"
    for each in short or [first]:
        yield (
            f"- {each.name} ({each.holds}): raise {each.remedy}; {rate:,.0f} a second take "
            f"{each.needs(rate)}. Costs: {each.costs}. {each.source}"
        )
    cost = an_hour(stages, rate)
    if cost is not None:
        yield f"An hour of {rate:,.0f} orders a second costs {cost:,.2f} US$ (operations cost)."
    yield summary("quotas", stages.quotas.date, stages.quotas.read())


def document(stages: Stages, found: list[Stage], rate: float) -> dict[str, Any]:
    """The same for programs; a limit that no load reaches is null."""
    lasting = [each for each in found if each.holds == LASTING]
    return {
        "stack": stages.graph.stack,
        "region": stages.graph.settings.region,
        "quotas": stages.quotas.date,
        "quotasRead": stages.quotas.read(),
        "rate": rate,
        "held": all(each.limit >= rate for each in lasting),
        "first": lasting[0].name,
        "usdAnHour": an_hour(stages, rate),
        "stages": [
            {
                "name": each.name,
                "ordersPerSecond": None if math.isinf(each.limit) else each.limit,
                "holds": each.holds,
                "because": each.because,
                "raise": each.remedy,
                "needs": each.needs(rate),
                "costs": each.costs,
                "source": each.source,
            }
            for each in found
        ],
    }


def an_hour(stages: Stages, rate: float) -> float | None:
    """US dollars that an hour of so many orders a second costs; None where no prices are known."""
    work = Work(rate * 3600, stages.items, stages.reads, full_batches=True)
    try:
        return estimate(stages.graph, work).total(ORDERS)
    except StackError:
        return None


def played(load: Load, outcome: Outcome) -> dict[str, Any]:
    """What a simulation came to; times in seconds, and null for a backlog that stays."""
    return {
        "ordersSent": outcome.sent,
        "accepted": outcome.accepted,
        "throttled": outcome.throttled,
        "failed": outcome.failed,
        "confirmed": outcome.confirmed,
        "deadLetters": outcome.dead_letters,
        "eventsSentAgain": outcome.repaired,
        "invocations": outcome.invocations,
        "mostWaiting": outcome.deepest,
        "lagMedian": round(outcome.lag(0.5), 3),
        "lag99": round(outcome.lag(0.99), 3),
        "lagLongest": round(outcome.lag(1), 3),
        "drainedAfter": None if outcome.drained is None else round(outcome.drained, 1),
    }


def played_text(load: Load, figures: dict[str, Any]) -> str:
    """The same as people read it."""
    what = (
        f"{load.rate:,.0f} orders a second for {load.seconds:,.0f} s"
        if not load.down
        else f"{load.rate:,.0f} orders a second, the {load.down} down for {load.lasts:,.0f} s"
    )
    drained = figures["drainedAfter"]
    end = (
        f"the last of its orders is confirmed {drained:,.0f} s after the end"
        if drained is not None
        else f"orders of it are still pending {HORIZON / 3600:.0f} hours after the end"
    )
    return "\n".join(
        [
            f"{what}: {figures['ordersSent']:,} sent, {figures['accepted']:,} accepted, "
            f"{figures['throttled']:,} refused with 429, {figures['failed']:,} with 503",
            f"queue: at most {figures['mostWaiting']:,} messages wait; half of them are received "
            f"within {figures['lagMedian']:g} s, 99 % within {figures['lag99']:g} s, all within "
            f"{figures['lagLongest']:g} s; {figures['invocations']:,} invocations",
            f"dead letters: {figures['deadLetters']:,}; events sent again by the repair: "
            f"{figures['eventsSentAgain']:,}",
            f"drained: {end}",
        ]
    )


def _shown(limit: float) -> str:
    return "any number" if math.isinf(limit) else f"{limit:,.0f}"
