"""The table of AWS's quotas, one region at a time, with what an account had raised."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from operations.stacks import StackError

TABLE = Path(__file__).with_name("quotas.toml")


@dataclass(frozen=True)
class Quota:
    """One quota: its value for this account and region, and where AWS publishes it."""

    key: str
    value: float
    unit: str
    adjustable: bool
    source: str
    read: str
    """Where its value was read on the table's date; empty for nowhere."""


class Quotas:
    """The quotas of one region; `raised` holds those that the account has other ones of."""

    def __init__(self, region: str, raised: Mapping[str, float] | None = None) -> None:
        table: dict[str, Any] = tomllib.loads(TABLE.read_text(encoding="utf-8"))
        self.date = str(table.pop("date"))
        raised = raised or {}
        self._quotas = {
            key: Quota(
                key,
                raised.get(key, row.get("regions", {}).get(region, row["value"])),
                row["unit"],
                row["adjustable"],
                row["source"],
                row.get("read", ""),
            )
            for key, row in table.items()
        }
        adjustable = sorted(key for key, each in self._quotas.items() if each.adjustable)
        wrong = sorted(set(raised) - set(adjustable))
        if wrong:
            raise StackError(
                f"no quota that can be raised is called {', '.join(wrong)}: {', '.join(adjustable)}"
            )

    def read(self) -> dict[str, str]:
        """Where each was read."""
        return {key: each.read for key, each in self._quotas.items()}

    def __getitem__(self, key: str) -> Quota:
        return self._quotas[key]
