"""An order to try a system with, and the lines that do it."""

from __future__ import annotations

import json
import shlex

from functions import contract

EXAMPLE_ORDER = {
    "customerName": "Ada Lovelace",
    "items": [{"sku": "ENGINE-1", "qty": 2, "price": 19.99}],
}


def placing(url: str, token: str | None = None) -> str:
    """A `curl` line that places the order."""
    content = f"-H 'content-type: application/json' -d {shlex.quote(json.dumps(EXAMPLE_ORDER))}"
    return f"curl -i {url}{contract.ORDERS_PATH} {_signed(token)}{content}"


def reading(url: str, token: str) -> str:
    """A `curl` line that reads the caller's orders."""
    return f"curl -i {url}{contract.ORDERS_PATH} {_signed(token)}".rstrip()


def _signed(token: str | None) -> str:
    return "" if token is None else f"-H {shlex.quote(f'authorization: Bearer {token}')} "
