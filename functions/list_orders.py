"""GET /orders: the caller's own orders, the newest first, page by page."""

# isort: off
from .toolkit import bootstrap

# isort: on
from typing import TYPE_CHECKING, Any

from . import contract
from .orders import order_query, problems, representations
from .orders.metrics import metrics
from .orders.own_orders import OwnOrders
from .toolkit import api, environment

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

_orders = OwnOrders.connect()
_cursor_key = environment.text(contract.CURSOR_KEY_VARIABLE).encode()
_limit = api.rate_limit(metrics, **contract.CALLER_LIMIT)


@api.announcing(contract.DEPRECATIONS_VARIABLE)
def handler(event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:
    """The Lambda function's entry."""
    return api.respond(list_orders, event, context, metrics, problems.TYPE, limit=_limit)


def list_orders(request: api.Request, _context: Any) -> api.Response:
    """200 with a page of orders, and a link to the next one if there is one; raises Problem."""
    version = representations.of(request)
    query = order_query.read(request.query, request.signed_in().subject, _cursor_key)
    found, place = _orders.page(query.owner, query.status, query.limit, query.after)
    headers = {}
    if place:
        following = order_query.following(query, place, _cursor_key)
        headers["link"] = f'<{version.prefix}{contract.ORDERS_PATH}?{following}>; rel="next"'
    shown = {"orders": [version.form.listed(each) for each in found]}
    return api.Response(200, shown, headers, {"orders": len(found), "more": place is not None})


bootstrap.complete()
