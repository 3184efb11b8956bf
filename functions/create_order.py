"""POST /orders: check the order, store it, announce it on the queue.

With an Idempotency-Key the order's id follows from the key, so that the conditional put is
also the check for a repeated request: one put and one send, whatever happens.
"""

# isort: off
from .toolkit import bootstrap

# isort: on
import re
from typing import TYPE_CHECKING, Any

from . import contract
from .orders import order, problems, representations, schema
from .orders.events import Events, message
from .orders.metrics import metrics
from .orders.representations import v1
from .orders.store import New, Store, Stored
from .toolkit import api, aws, environment, json_text
from .toolkit.problems import INTERNAL_ERROR, UNREADABLE_BODY, UNSUPPORTED_MEDIA_TYPE, Problem

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

# Bytes. The longest valid order is about 90 KB, every character escaped; the rest is air.
LONGEST_BODY = 262_144

# Attempts with another random id; the second is never needed in practice.
_RANDOM_IDS = 3

_KEY = re.compile(schema.IDEMPOTENCY_KEY["pattern"])

_store = Store.connect()
_events = Events.connect()
_sign_in = environment.flag(contract.SIGN_IN_VARIABLE)
_id_secret = environment.text(contract.ORDER_ID_KEY_VARIABLE).encode()
_shards = environment.positive_integer(contract.PENDING_SHARDS_VARIABLE)
_limit = api.rate_limit(metrics, **contract.CALLER_LIMIT)

v1.reader()  # compiled by the start, not by the first request


@api.announcing(contract.DEPRECATIONS_VARIABLE)
def handler(event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:
    """The Lambda function's entry."""
    return api.respond(create_order, event, context, metrics, problems.TYPE, _metric, _limit)


def create_order(request: api.Request, _context: Any) -> api.Response:
    """201 for a new order or a repeated request; raises Problem."""
    caller = request.caller(required=_sign_in)
    owner = caller.subject if caller else None
    version = representations.of(request)
    details = version.form.reader()(_body(request))
    if not order.is_synthetic(details["customerName"]):
        response = _placed(request, details, version, owner)
        if not response.log["replayed"]:
            metrics.count(contract.ORDERS_CREATED)
        return response
    try:
        response = _placed(request, details, version, owner)
    except Problem as problem:
        problem.log["synthetic"] = True
        raise
    response.log["synthetic"] = True
    return response


def _placed(
    request: api.Request,
    details: order.Order,
    version: representations.Version,
    owner: str | None,
) -> api.Response:
    text = order.text(details)
    key = request.header("idempotency-key")
    if key is not None and not _KEY.fullmatch(key):
        raise Problem(
            problems.INVALID_IDEMPOTENCY_KEY,
            "Send one Idempotency-Key of 1 to 255 visible ASCII characters, without a comma.",
        )
    new = New(details, order.fingerprint(text), order.now(), request.id, owner)
    if key is None:
        order_id, stored = _store_new(new)
    else:
        order_id = order.derived_id(_id_secret, owner or "", key)
        stored = _store_keyed(new, order_id)
    replayed = stored is not None
    created_at = stored.created_at if stored else new.created_at
    if stored is None or stored.needs_event:
        _announce(order_id, text, created_at, request.id)
    headers = {"location": version.prefix + contract.ORDER_PATH.format(id=order_id)}
    if replayed:
        headers["idempotency-replayed"] = "true"
    return api.Response(
        201,
        version.form.accepted(order_id, contract.PENDING, created_at, details),
        headers,
        {"order_id": order_id, "replayed": replayed, "items": len(details["items"])},
    )


def _body(request: api.Request) -> Any:
    text = request.text(LONGEST_BODY)
    media_type, _, parameters = (request.header("content-type") or "").partition(";")
    charset = parameters.replace(" ", "").replace('"', "").lower()
    if media_type.strip().lower() != "application/json" or charset not in ("", "charset=utf-8"):
        raise Problem(
            UNSUPPORTED_MEDIA_TYPE,
            "Send the order with Content-Type: application/json, in UTF-8.",
        )
    try:
        return json_text.parse(text)
    except json_text.UnreadableError as error:
        raise Problem(UNREADABLE_BODY, f"The body is not valid JSON: {error}.") from None


def _store_new(new: New) -> tuple[str, None]:
    for _ in range(_RANDOM_IDS):
        order_id = order.random_id()
        stored = _put(order_id, new)
        # A refused put may be our own earlier attempt, whose answer was lost.
        if stored is None or _same_request(stored, new):
            return order_id, None
    raise Problem(
        INTERNAL_ERROR,
        "No free order id was found; please try again.",
        log={"error": "RandomIdTaken"},
    )


def _store_keyed(new: New, order_id: str) -> Stored | None:
    """None for an order stored now; what is stored when the request repeats an earlier one."""
    stored = _put(order_id, new)
    if stored is None or _same_request(stored, new):
        return None
    if stored.fingerprint != new.fingerprint:
        raise Problem(
            problems.IDEMPOTENCY_KEY_REUSED,
            "An order with other content was created with this Idempotency-Key.",
            log={"order_id": order_id},
        )
    return stored


def _put(order_id: str, new: New) -> Stored | None:
    try:
        return _store.put_new(order_id, new, _shards)
    except aws.FAILURES as error:
        raise api.unavailable(
            error,
            "The order may not have been stored; send it again with the same Idempotency-Key,"
            " or look it up by its orderId.",
            problems.of_order(order_id),
        ) from error


def _announce(order_id: str, order_text: str, created_at: str, correlation_id: str) -> None:
    try:
        _events.send(message(order_id, order_text, created_at, correlation_id))
    except aws.FAILURES as error:
        raise api.unavailable(
            error,
            "The order is stored, but not yet on its way. It will be, without your doing;"
            " sending it again with the same Idempotency-Key is safe.",
            problems.of_order(order_id),
        ) from error


def _same_request(stored: Stored, new: New) -> bool:
    theirs, ours = (
        (stored.correlation_id, stored.fingerprint),
        (new.correlation_id, new.fingerprint),
    )
    return theirs == ours


def _metric(status: int, log: dict[str, Any]) -> str | None:
    if log.get("synthetic"):
        return None
    if status >= 500:
        return contract.ORDERS_CREATE_FAILED
    return contract.ORDERS_REJECTED if status >= 400 else None


bootstrap.complete()
