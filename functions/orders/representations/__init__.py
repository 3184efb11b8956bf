"""How the versions of the API represent orders: a module each, over one domain that knows none.

The route says which one a request means: `/v2/orders...` version 2, `/orders...` the first. A
module is loaded when its version is asked for.
"""

import importlib
from typing import TYPE_CHECKING, Any

from ... import contract
from . import v1

if TYPE_CHECKING:
    from typing import Protocol

    from ...toolkit.api import Request
    from ..order import Found, Order
    from ..own_orders import Listed
    from .reading import Reader

    class Representation(Protocol):
        """What each module has."""

        def reader(self) -> "Reader":
            """What reads the body of a request to create an order; compiled at the first call."""

        def accepted(
            self, order_id: str, status: str, created_at: str, details: "Order"
        ) -> dict[str, Any]:
            """The answer to an order that was placed, now or by an earlier request."""

        def order(self, found: "Found") -> dict[str, Any]:
            """An order as it stands."""

        def listed(self, found: "Listed") -> dict[str, Any]:
            """An order in a list of orders."""


class Version:
    """A version as one of its routes names it.

    `prefix` is what the route's path begins with, as `/v2`; empty where that names no version.
    """

    __slots__ = ("form", "prefix")

    def __init__(self, prefix: str, form: "Representation") -> None:
        self.prefix = prefix
        self.form = form


# By route key. Only API Gateway writes those, so there are as many as routes.
_versions: dict[str, Version] = {}


def of(request: "Request") -> Version:
    """The version that a request means, by the route that led it here."""
    return _versions.get(request.route) or _found(request.route)


def _found(route: str) -> Version:
    prefix = route.partition(" ")[2].partition(contract.ORDERS_PATH)[0]
    name = prefix[1:]
    if name in contract.API_VERSIONS and name != contract.UNVERSIONED:
        form: Any = importlib.import_module(f"{__name__}.{name}")
    else:
        form = v1
    version = _versions[route] = Version(prefix if name in contract.API_VERSIONS else "", form)
    return version
