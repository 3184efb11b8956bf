"""The estimate: lines of what a stack costs idle, by the orders, and for what is kept of them."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from operations.cost import sizes
from operations.cost.flow import Flow, Usage
from operations.cost.free import BY_THE_MONTH, BY_USE, FREE
from operations.cost.prices import Price, Prices
from operations.cost.standing import standing
from operations.graph import Graph, Registered

ASSUMPTIONS = Path(__file__).with_name("assumptions.toml")

IDLE, ORDERS, KEPT = "idle", "orders", "kept"
"""A month without traffic; the orders, with the storage of what expires; a month of the rest that
stays for ever."""

GB = 1e9
_DAYS_A_MONTH = 365 / 12


@dataclass(frozen=True)
class Work:
    """What is done with a stack in a month."""

    orders: float = 1_000_000
    items: int = 3
    reads: float = 0
    full_batches: bool = False


@dataclass(frozen=True)
class Line:
    """One thing that is billed: when, which resource, what for, how much of it and for how much."""

    when: str
    service: str
    resource: str
    type: str
    purpose: str
    quantity: float
    unit: str
    usd: float
    price: str
    """The key of its price."""


@dataclass(frozen=True)
class Estimate:
    """All lines, and the types of resources that nothing here knows the price of."""

    stack: str
    prices: Prices
    work: Work
    lines: list[Line]
    unknown: list[str]

    def total(self, when: str) -> float:
        """US dollars of one of IDLE, ORDERS and KEPT."""
        return sum(line.usd for line in self.lines if line.when == when)

    def used(self) -> dict[str, Price]:
        """The prices that it rests on, by key."""
        return {key: self.prices[key] for key in sorted({line.price for line in self.lines})}

    def by(self, field: str, when: str) -> dict[str, float]:
        """US dollars by `service` or `resource`, the dearest first."""
        found: dict[str, float] = {}
        for line in self.lines:
            if line.when == when:
                name = getattr(line, field)
                found[name] = found.get(name, 0.0) + line.usd
        return dict(sorted(found.items(), key=lambda each: -each[1]))


def assumptions() -> dict[str, Any]:
    """What no program says, by assumptions.toml."""
    return tomllib.loads(ASSUMPTIONS.read_text(encoding="utf-8"))


def estimate(
    graph: Graph,
    work: Work,
    prices: Prices | None = None,
    assumed: Mapping[str, Any] | None = None,
) -> Estimate:
    """What the stack of a graph costs; raises StackError where a price is missing."""
    prices = prices or Prices(graph.settings.region)
    assumed = assumed or assumptions()
    days = int(graph.settings.system["history"]["retention_days"])
    life = sizes.life(work.items, days, owned=graph.settings.system["auth"] != "none")
    resting = Flow(graph, life, assumed)
    resting.idle()
    working = Flow(graph, life, assumed, work.full_batches)
    working.orders(work.orders, work.reads)
    lines = [
        _line(prices, IDLE, resource, purpose, key, quantity)
        for resource, purpose, key, quantity in standing(graph, assumed)
    ]
    for when, usage in ((IDLE, resting.usage), (ORDERS, working.usage)):
        billed = _Billed(graph, prices, assumed, days)
        lines += [line for line in billed.lines(when, usage) if line.quantity]
    known = FREE | BY_USE | BY_THE_MONTH
    unknown = sorted({each.type for each in graph.resources} - known)
    return Estimate(graph.stack, prices, work, lines, unknown)


def _line(
    prices: Prices, when: str, resource: Registered, purpose: str, key: str, quantity: float
) -> Line:
    price = prices[key]
    return Line(
        when,
        price.service,
        resource.name,
        resource.type,
        purpose,
        quantity,
        price.unit,
        price.of(quantity),
        key,
    )


@dataclass(frozen=True)
class _Billed:
    """Turns what was used into what is billed; bytes are billed as their place bills them."""

    graph: Graph
    prices: Prices
    assumed: Mapping[str, Any]
    history_days: int

    def lines(self, when: str, usage: Usage) -> Iterator[Line]:
        for (number, purpose, key), quantity in usage.items():
            resource = self.graph.by_number[number]
            if key == "bytes":
                yield from self._stored(when, resource, quantity / GB)
            else:
                yield _line(self.prices, when, resource, purpose, key, quantity)

    def _stored(self, when: str, resource: Registered, size: float) -> Iterator[Line]:
        match resource.type:
            case "aws:cloudwatch/logGroup:LogGroup":
                yield _line(self.prices, when, resource, "lines", "logs.ingested", size)
                kept = size * self.assumed["logs"]["stored_ratio"]
                days = resource.inputs.get("retentionInDays") or 0
                yield self._kept(when, resource, "logs.stored", kept, days)
            case "aws:cloudwatch/eventArchive:EventArchive":
                yield _line(self.prices, when, resource, "events", "events.archive", size)
                days = resource.inputs.get("retentionDays") or 0
                yield self._kept(when, resource, "events.archived", size, days)
            case _:
                days = self.history_days if (resource.inputs.get("ttl") or {}).get("enabled") else 0
                yield self._kept(when, resource, "dynamodb.storage", size, days)
                if (resource.inputs.get("pointInTimeRecovery") or {}).get("enabled"):
                    yield self._kept(when, resource, "dynamodb.pitr", size, days)

    def _kept(self, when: str, resource: Registered, key: str, size: float, days: int) -> Line:
        """Storage until it expires; for ever (0 days) a month of it."""
        if days:
            months = days / _DAYS_A_MONTH
            return _line(self.prices, when, resource, f"kept {days} days", key, size * months)
        forever = KEPT if when == ORDERS else when
        return _line(self.prices, forever, resource, "kept for good", key, size)
