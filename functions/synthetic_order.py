"""The sign of life: a synthetic order goes the way of a customer's, through the API to CONFIRMED.

Runs on a schedule, where the stack asks for it; with sign-in as a machine of its own. Its
customerName tells it apart from every order of a customer: no metric of orders counts it, and log
lines about it say `synthetic`.

All runs use one Idempotency-Key, so there is one synthetic order at most: a run that could not
tidy up leaves its order to the next, which finds it as a replay.
"""

# isort: off
from .toolkit import bootstrap

# isort: on
import json
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from . import contract
from .orders.metrics import metrics
from .orders.store import LONGEST_CALL, Store
from .toolkit import aws, environment, http_request, telemetry
from .toolkit.deadline import Deadline
from .toolkit.machine_token import MachineToken, NoTokenError

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

IDEMPOTENCY_KEY = "synthetic-order"
ANSWER_SECONDS = 10  # after which a request counts as not answered
PAUSE_SECONDS = 0.5  # between two looks at the order

_store = Store.connect()
_api = urlsplit(environment.text(contract.API_URL_VARIABLE))
_customer = environment.text(contract.SYNTHETIC_CUSTOMER_VARIABLE)
_token = (
    MachineToken(
        environment.text(contract.SYNTHETIC_TOKEN_URL_VARIABLE),
        environment.text(contract.SYNTHETIC_CLIENT_ID_VARIABLE),
        environment.text(contract.SYNTHETIC_CLIENT_SECRET_VARIABLE),
        contract.SYNTHETIC_SCOPES,
    )
    if environment.flag(contract.SYNTHETIC_TOKEN_URL_VARIABLE)
    else None
)
_order = {"customerName": _customer, "items": [{"sku": "SYNTHETIC", "qty": 1, "price": 0}]}


class NotConfirmedError(Exception):
    """The order did not become CONFIRMED; the text says why."""


def handler(_event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:
    """The Lambda function's entry: whether an order placed by this run was CONFIRMED in time."""
    deadline = Deadline(context, LONGEST_CALL)
    log: dict[str, Any] = {}
    try:
        started = time.monotonic()
        _confirmed(log, deadline)
        log["milliseconds"] = round((time.monotonic() - started) * 1000)
    except (NotConfirmedError, NoTokenError) as error:
        log["reason"] = str(error)
    except http_request.FAILURES as error:
        log["reason"] = f"the API did not answer: {type(error).__name__}"
    confirmed = "reason" not in log
    if "order_id" in log:
        log |= _tidy(log["order_id"])
    metrics.count(
        contract.SYNTHETIC_ORDERS_CONFIRMED if confirmed else contract.SYNTHETIC_ORDERS_FAILED
    )
    write = telemetry.logger.info if confirmed else telemetry.logger.error
    what = "synthetic order confirmed" if confirmed else "synthetic order not confirmed"
    write(what, synthetic=True, function_request_id=context.aws_request_id, **log)
    metrics.flush(context)
    return {"confirmed": confirmed}


def _confirmed(log: dict[str, Any], deadline: Deadline) -> None:
    """Place an order and see it CONFIRMED; raises NotConfirmedError, and what `_call` does."""
    if _place(log):
        # What an earlier run left behind shows nothing of the present.
        _tidy(log["order_id"])
        if _place(log):
            raise NotConfirmedError("the order of an earlier run cannot be deleted")
    status = ""
    while status != contract.CONFIRMED:
        if status == contract.FAILED or deadline.passed():
            raise NotConfirmedError(f"the order is {status}")
        if status:
            time.sleep(PAUSE_SECONDS)
        path = contract.ORDER_PATH.format(id=log["order_id"])
        status = str(_call("GET", path, 200)[1]["status"])


def _place(log: dict[str, Any]) -> bool:
    """Place the order, and note its id; whether it is one that was there already."""
    headers = {"content-type": "application/json", "idempotency-key": IDEMPOTENCY_KEY}
    replayed, answer = _call("POST", contract.ORDERS_PATH, 201, json.dumps(_order), headers)
    log["order_id"] = answer["id"]
    return replayed


def _tidy(order_id: str) -> dict[str, Any]:
    """Delete the order; whether it is gone, and what went wrong, as fields to log."""
    try:
        _store.delete(order_id, _customer)
    except aws.FAILURES as error:
        return {"tidied": False, **aws.failure(error).fields}
    return {"tidied": True}


def _call(
    method: str,
    path: str,
    expected: int,
    body: str | None = None,
    headers: dict[str, str] | None = None,
) -> tuple[bool, dict[str, Any]]:
    """One request, as a customer sends it: whether it is answered as a replay, and the answer.

    Raises NotConfirmedError for another status than the one expected, NoTokenError, and what
    `http_request` does.
    """
    answer = _ask(method, path, body, headers or {})
    if answer.status == 401 and _token is not None:
        # One that was kept may have been revoked, or its key replaced.
        _token.forget()
        answer = _ask(method, path, body, headers or {})
    if answer.status != expected:
        raise NotConfirmedError(f"{method} {path} was answered with {answer.status}")
    try:
        document: dict[str, Any] = json.loads(answer.content)
    except ValueError:
        raise NotConfirmedError(f"{method} {path} was answered with no JSON") from None
    return answer.headers["idempotency-replayed"] is not None, document


def _ask(method: str, path: str, body: str | None, headers: dict[str, str]) -> http_request.Answer:
    if _token is not None:
        headers = headers | {"authorization": f"Bearer {_token.get()}"}
    return http_request.request(_api, method, path, ANSWER_SECONDS, body, headers)


bootstrap.complete()
