"""The order in which new versions of functions get traffic: whoever reads something goes before
whoever writes it, so that a message of a new form meets nobody who does not know it.

It follows from what the functions are declared with: what they are granted to write to, and what
they are invoked by.
"""

from collections.abc import Iterable, Iterator
from graphlib import TopologicalSorter
from typing import Any

from .order_functions import OrderFunction, Parts


def stages(functions: Iterable[OrderFunction], parts: Parts) -> list[list[str]]:
    """The names of functions, in stages; those of one do not read what another of it writes.

    Raises graphlib.CycleError for functions that write to each other.
    """
    declared = list(functions)
    readers: dict[int, set[str]] = {}
    for each in declared:
        for channel in _read(each, parts):
            readers.setdefault(id(channel), set()).add(each.name)
    order = TopologicalSorter(
        {
            each.name: {
                reader
                for channel in _written(each, parts)
                for reader in readers.get(id(channel), ())
                if reader != each.name
            }
            for each in declared
        }
    )
    order.prepare()
    found: list[list[str]] = []
    position = [each.name for each in declared].index
    while order.is_active():
        ready = sorted(order.get_ready(), key=position)
        order.done(*ready)
        found.append(ready)
    return found


def _read(function: OrderFunction, parts: Parts) -> Iterator[Any]:
    """What invokes a function, each as the one output that its component has of it."""
    if function.consumes and parts.bus is not None:
        yield parts.bus.arn
    sources: dict[str, Any] = dict(function.sources(parts))
    yield from (source["arn"] for source in sources.values() if "arn" in source)


def _written(function: OrderFunction, parts: Parts) -> Iterator[Any]:
    """What a function may write to; a table's changes are told by its stream."""
    tables = [parts.table] if parts.history is None else [parts.table, parts.history]
    for grant in function.grants:
        if grant.operations[0].startswith(("Get", "BatchGet", "Query", "Describe")):
            continue
        for resource in grant.resources(parts):
            streams: list[Any] = [each.stream_arn for each in tables if each.arn is resource]
            yield from streams or [resource]
