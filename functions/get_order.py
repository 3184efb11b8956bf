"""GET /orders/{id}: one order as it stands."""

# isort: off
from .toolkit import bootstrap

# isort: on
import re
from typing import TYPE_CHECKING, Any

from . import contract
from .orders import problems
from .orders.metrics import metrics
from .orders.store import Store
from .toolkit import api, aws, environment
from .toolkit.problems import Problem

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

_store = Store(aws.client("dynamodb"), environment.text(contract.TABLE_NAME_VARIABLE))


def handler(event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:
    """The Lambda function's entry."""
    return api.respond(get_order, event, context, metrics)


def get_order(request: api.Request, _context: Any) -> api.Response:
    """200 with the order; raises Problem."""
    order_id = request.path_parameter("id").lower()
    if not _UUID.fullmatch(order_id):
        raise Problem(
            problems.INVALID_ORDER_ID, "An order id is a UUID, as POST /orders returns it."
        )
    shown = _store.get(order_id)
    if shown is None:
        raise Problem(
            problems.ORDER_NOT_FOUND, f"There is no order {order_id}.", log={"order_id": order_id}
        )
    return api.Response(200, shown, {}, {"order_id": order_id})


bootstrap.complete()
