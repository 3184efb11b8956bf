"""The order that a request's path names, as `/orders/{id}`."""

from typing import TYPE_CHECKING

from .. import contract
from ..toolkit.api import Request
from ..toolkit.problems import Problem
from . import order, problems

if TYPE_CHECKING:
    from ..toolkit.caller import Caller


def order_id(request: Request) -> str:
    """The id in the path; raises Problem when it cannot be one."""
    named = request.path_parameter("id").lower()
    if not order.is_id(named):
        raise Problem(
            problems.INVALID_ORDER_ID, "An order id is a UUID, as POST /orders returns it."
        )
    return named


def shows(owner: str | None, caller: "Caller | None") -> bool:
    """Whether what belongs to an owner (None: to nobody) is shown to a caller (None: without
    sign-in, where it is to everybody)."""
    return caller is None or caller.subject == owner or contract.ADMIN_SCOPE in caller.scopes


def absent(order_id: str) -> Problem:
    """The answer when there is no such order."""
    return Problem(
        problems.ORDER_NOT_FOUND, f"There is no order {order_id}.", log={"order_id": order_id}
    )
