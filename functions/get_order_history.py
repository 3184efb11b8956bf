"""GET /orders/{id}/history: what became of one order, the first change first."""

# isort: off
from .toolkit import bootstrap

# isort: on
from typing import TYPE_CHECKING, Any

from . import contract
from .orders import problems, resource
from .orders.history import History
from .orders.metrics import metrics
from .toolkit import api, environment
from .toolkit.problems import Problem

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

_history = History.connect()
_limit = api.rate_limit(metrics, **contract.CALLER_LIMIT)
_sign_in = environment.flag(contract.SIGN_IN_VARIABLE)


@api.announcing(contract.DEPRECATIONS_VARIABLE)
def handler(event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:
    """The Lambda function's entry."""
    return api.respond(get_order_history, event, context, metrics, problems.TYPE, limit=_limit)


def get_order_history(request: api.Request, _context: Any) -> api.Response:
    """200 with the order's changes; raises Problem."""
    caller = request.caller(required=_sign_in)
    order_id = resource.order_id(request)
    changes, owner = _history.of(order_id)
    if not changes or not resource.shows(owner, caller):
        # More is not known here: this function may not read orders.
        raise Problem(
            problems.HISTORY_NOT_FOUND,
            f"Nothing is recorded of an order {order_id}: there is none, it was placed only just "
            "now, or its history was kept long enough.",
            log={"order_id": order_id},
        )
    return api.Response(200, {"id": order_id, "changes": changes}, {}, {"order_id": order_id})


bootstrap.complete()
