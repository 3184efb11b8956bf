"""The answer of `python -m operations capacity`, as text and as JSON."""

import math
from collections.abc import Iterator
from typing import Any

from operations.capacity.stages import AT_ONCE, LASTING, OUTAGE, Stage, Stages
from operations.cost.estimate import ORDERS, Work, estimate
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


def document(stages: Stages, found: list[Stage], rate: float) -> dict[str, Any]:
    """The same for programs; a limit that no load reaches is null."""
    lasting = [each for each in found if each.holds == LASTING]
    return {
        "stack": stages.graph.stack,
        "region": stages.graph.settings.region,
        "quotas": stages.quotas.date,
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


def _shown(limit: float) -> str:
    return "any number" if math.isinf(limit) else f"{limit:,.0f}"
