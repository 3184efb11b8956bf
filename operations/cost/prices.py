"""The table of AWS's prices, one region at a time."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from operations.stacks import StackError

TABLE = Path(__file__).with_name("prices.toml")


@dataclass(frozen=True)
class Price:
    """What one thing costs: `usd` for `per` units."""

    service: str
    usd: float
    per: int
    unit: str
    source: str
    """Where AWS publishes it."""
    read: str = ""
    """Where it was read on the table's date; empty for nowhere."""

    def of(self, quantity: float) -> float:
        """US dollars for a quantity of units."""
        return quantity * self.usd / self.per


class Prices:
    """The prices of one region, and the date that they are of."""

    def __init__(self, region: str, table: Mapping[str, Any] | None = None) -> None:
        read = tomllib.loads(TABLE.read_text(encoding="utf-8")) if table is None else table
        regions = sorted(set(read) - {"date"})
        if region not in regions:
            raise StackError(
                f"no prices of {region}: {TABLE.name} has those of {', '.join(regions)}. Add a "
                "table of the region there, or say --config region=us-east-1 for an idea"
            )
        self.region, self.date = region, str(read["date"])
        self._rows = {key: Price(**row) for key, row in read[region].items()}

    def __getitem__(self, key: str) -> Price:
        if key not in self._rows:
            raise StackError(f"no price of {key} in {self.region}: add it to {TABLE.name}")
        return self._rows[key]
