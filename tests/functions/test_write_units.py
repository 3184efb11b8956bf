"""Write units of one order, as DynamoDB counts them, from what the functions send.

Sizes: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
"""

from math import ceil
from typing import Any

import pytest

from components.pending_index import UNITS_PER_ORDER
from tests.functions.support import Functions, created, record
from tests.unit import stacks

KEYS = ("id", "pendingShard", "createdAt")


def size(value: dict[str, Any]) -> int:
    """Bytes of a value."""
    ((kind, held),) = value.items()
    match kind:
        case "S":
            return len(held.encode())
        case "N":
            digits = len(held.replace("-", "").replace(".", "").strip("0"))
            return ceil(digits / 2) + 1
        case "L":
            return 3 + sum(1 + size(each) for each in held)
        case "M":
            return 3 + sum(1 + len(name) + size(each) for name, each in held.items())
    raise AssertionError(kind)


def units(old: dict[str, Any], new: dict[str, Any]) -> int:
    """Units of a write that changes an item, or of an index's entry; the larger one counts."""
    sizes = [sum(len(name) + size(held) for name, held in it.items()) for it in (old, new)]
    return 0 if old == new else max(1, ceil(max(sizes) / 1024))


def entry(item: dict[str, Any] | None, projected: tuple[str, ...] | None) -> dict[str, Any]:
    """What the index holds of an item; all of it, or these attributes."""
    if not item or "pendingShard" not in item:
        return {}
    return {name: item[name] for name in projected or item}


@pytest.mark.parametrize(
    ("items", "table", "whole", "keys"), [(1, 2, 2, 2), (20, 4, 4, 2), (100, 14, 14, 2)]
)
def test_an_order_costs_its_index_two_units_whatever_its_size(
    functions: Functions, items: int, table: int, whole: int, keys: int
) -> None:
    """Before, the index carried whole orders: as much again as the table."""
    order = {
        "customerName": "Ada Lovelace",
        "items": [{"sku": f"SKU-{n:032}", "qty": 2, "price": 12.99} for n in range(items)],
    }
    order_id = functions.create(order).body["id"]
    body = created(order_id)
    body["detail"] |= order
    functions.process(record(body))
    assert [new["status"]["S"] for _, new in functions.aws.writes] == ["PENDING", "CONFIRMED"]

    (index,) = stacks.recording().one(stacks.TABLE, "orders").inputs["globalSecondaryIndexes"]
    assert (index["projectionType"], UNITS_PER_ORDER) == ("KEYS_ONLY", keys)
    for projected, expected in ((None, whole), (KEYS, keys)):
        counted = [
            units(entry(old, projected), entry(new, projected)) for old, new in functions.aws.writes
        ]
        assert sum(counted) == expected
    assert sum(units(old or {}, new) for old, new in functions.aws.writes) == table
