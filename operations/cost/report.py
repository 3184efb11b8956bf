"""Estimates as JSON and as tables for people."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from operations.cost.estimate import IDLE, KEPT, ORDERS, Estimate
from operations.cost.free import NOT_COUNTED
from operations.provenance import summary

MOST = 12
"""Services or resources that people are shown by name; JSON has all of them."""

_TITLES = {
    IDLE: "idle, a month",
    ORDERS: "{orders:,.0f} orders of {items} items",
    KEPT: "what stays of them, each month",
}


def document(found: Estimate) -> dict[str, Any]:
    """An estimate as JSON holds it."""
    return {
        "stack": found.stack,
        "region": found.prices.region,
        "pricesOf": found.prices.date,
        "orders": found.work.orders,
        "items": found.work.items,
        "usd": {
            when: {
                "total": round(found.total(when), 4),
                "services": {k: round(v, 4) for k, v in found.by("service", when).items()},
                "resources": {k: round(v, 4) for k, v in found.by("resource", when).items()},
            }
            for when in _TITLES
        },
        "lines": [asdict(line) for line in found.lines],
        "prices": {key: asdict(price) for key, price in found.used().items()},
        "notCounted": list(NOT_COUNTED),
    }


def table(found: Estimate) -> str:
    """An estimate as tables for people."""
    lines = [
        f"Stack {found.stack} in {found.prices.region}, US$ at the prices of {found.prices.date}"
    ]
    for when in _TITLES:
        lines += ["", f"{_title(found, when)}: {_usd(found.total(when))}"]
        for field in ("service", "resource"):
            shown = list(found.by(field, when).items())
            if shown:
                lines.append(f"  by {field}")
                lines += [f"    {name:<52}{_usd(usd):>10}" for name, usd in shown[:MOST]]
                rest = sum(usd for _, usd in shown[MOST:])
                if rest:
                    lines.append(f"    {f'{len(shown) - MOST} more':<52}{_usd(rest):>10}")
    return "\n".join([*lines, "", "Not counted: " + "; ".join(NOT_COUNTED) + ".", _read(found)])


def side_by_side(found: Mapping[str, Estimate]) -> str:
    """Estimates beside one another: the totals, and each service."""
    names = list(found)
    width = max(len(name) for name in names) + 2
    [first, *_] = found.values()
    lines = [
        f"Stack {first.stack} in {first.prices.region}, US$ at the prices of {first.prices.date}",
        f"{'':<36}" + "".join(f"{name:>{width}}" for name in names),
    ]
    for when in _TITLES:
        totals = [each.total(when) for each in found.values()]
        lines.append(_row(_title(first, when), totals, width))
        services = {name: None for each in found.values() for name in each.by("service", when)}
        for service in services:
            values = [each.by("service", when).get(service, 0.0) for each in found.values()]
            if max(values) >= 0.005:
                lines.append(_row(f"  {service}", values, width))
    return "\n".join([*lines, "", _read(*found.values())])


def _read(first: Estimate, *others: Estimate) -> str:
    used = [each.used() for each in (first, *others)]
    read = {key: price.read for prices in used for key, price in prices.items()}
    return summary("prices", first.prices.date, read)


def _row(label: str, values: list[float], width: int) -> str:
    return f"{label:<36}" + "".join(f"{_usd(value):>{width}}" for value in values)


def _title(found: Estimate, when: str) -> str:
    return _TITLES[when].format(orders=found.work.orders, items=found.work.items)


def _usd(value: float) -> str:
    return f"{value:,.2f}"
