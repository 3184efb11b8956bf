"""The README's figures of what a stack costs, as `python -m operations cost` has them."""

from collections.abc import Iterator
from typing import Any

from operations import graph
from operations.cost.estimate import IDLE, KEPT, ORDERS, Work, estimate

STACKS: dict[str, tuple[str, dict[str, Any]]] = {
    "`dev`": ("dev", {}),
    "`dev`, without `events`": ("dev", {"events": False}),
    "`dev`, arm64 with 512 MB": ("dev", {"architecture": "arm64", "memorySize": 512}),
    "`prod`": ("prod", {}),
}


def rows() -> Iterator[str]:
    """A table of the stacks: idle, by a million orders, and what stays of them."""
    heads = "a million orders, each alone | in full batches | kept, each month"
    yield f"| US$ | idle, a month | {heads} |"
    yield "|---|---|---|---|---|"
    for name, (stack, overrides) in STACKS.items():
        read = graph.read(stack, overrides)
        alone, full = (estimate(read, Work(full_batches=each)) for each in (False, True))
        figures = [alone.total(IDLE), alone.total(ORDERS), full.total(ORDERS), alone.total(KEPT)]
        yield f"| {name} | {' | '.join(f'{each:,.2f}' for each in figures)} |"
    yield ""
    yield (
        f"Orders of {Work.items} items at the prices of {alone.prices.date} in "
        f"{alone.prices.region}, before free tiers."
    )
