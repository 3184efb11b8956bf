"""GET /orders/{id}: one order as it stands."""

# isort: off
from .toolkit import bootstrap

# isort: on
from typing import TYPE_CHECKING, Any

from . import contract
from .orders import problems, representations, resource
from .orders.metrics import metrics
from .orders.store import Store
from .toolkit import api, environment

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

_store = Store.connect()
_sign_in = environment.flag(contract.SIGN_IN_VARIABLE)
_limit = api.rate_limit(metrics, **contract.CALLER_LIMIT)


@api.announcing(contract.DEPRECATIONS_VARIABLE)
def handler(event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:
    """The Lambda function's entry."""
    return api.respond(get_order, event, context, metrics, problems.TYPE, limit=_limit)


def get_order(request: api.Request, _context: Any) -> api.Response:
    """200 with the order; raises Problem."""
    caller = request.caller(required=_sign_in)
    order_id = resource.order_id(request)
    found = _store.get(order_id)
    if found is None or not resource.shows(found.owner, caller):
        raise resource.absent(order_id)
    shown = representations.of(request).form.order(found)
    return api.Response(200, shown, {}, {"order_id": order_id})


bootstrap.complete()
