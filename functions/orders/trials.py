"""What the new version of each function has to do before it has traffic: its part in the way of a
synthetic order, or a run of its own that harms nobody.

The function that is deployed is invoked at its new version, all others as callers reach them. An
order that was placed is deleted in the end, whatever came of it; what the history has of it stays
as long as all history does.
"""

import json
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from .. import contract
from ..toolkit import aws, tracing
from ..toolkit.deadline import Deadline
from ..toolkit.traffic_check import Deployment, NotAsExpectedError
from . import events, order
from .store import New, Store
from .stream import Record

PAUSE_SECONDS = 0.5  # between two looks at what takes its time

CREATE, READ, LIST, HISTORY = "create_order", "get_order", "list_orders", "get_order_history"
PROCESS, PUBLISH, RECORD = "process_order", "publish_changes", "record_history"
HEALTH = "health"

# Of a file that is empty and was never in the bucket.
_NO_FILE = {"key": f"{contract.INCOMING}new-version.ndjson", "version-id": "none", "size": 0}


class System(NamedTuple):
    """The system that a version is tried in."""

    client: aws.Client
    """Lambda's."""
    names: Mapping[str, str]
    """The functions' names on AWS, by their own."""
    store: Store
    shards: int
    customer: str
    """Whose synthetic orders are."""
    sign_in: bool
    """Whether every request of the API has a caller."""


class Trial:
    """One new version in its system, until the deadline."""

    def __init__(self, system: System, deployment: Deployment, deadline: Deadline) -> None:
        self._system, self._deployment, self._deadline = system, deployment, deadline
        # The same for each attempt at one deployment: none leaves an order that the next does not
        # find, and none of a caller whom another deployment has brought to a limit.
        self.caller = f"{contract.SYNTHETIC_PREFIX}{deployment.id}"
        self.order_id = str(uuid.uuid5(uuid.NAMESPACE_OID, deployment.id))
        self.details = {
            "customerName": system.customer,
            "items": [{"sku": "SYNTHETIC", "qty": 1, "price": 0}],
        }

    @property
    def owner(self) -> str | None:
        """Whose the order is; None where nobody signs in."""
        return self.caller if self._system.sign_in else None

    def new(self) -> New:
        """The order, as the function that creates orders would store it."""
        text = order.text(self.details)
        owner, id_ = self.owner, self._deployment.id
        return New(self.details, order.fingerprint(text), order.now(), id_, owner)

    def put(self, new: New) -> None:
        """Store the order without telling the queue of it."""
        self.delete(self.order_id)
        self._system.store.put_new(self.order_id, new, self._system.shards)

    def item(self, new: New) -> dict[str, Any]:
        """The order as the table's stream tells it."""
        return self._system.store.new_item(self.order_id, new, self._system.shards)

    def delete(self, order_id: str) -> None:
        """Delete the order; one that is not ours stays."""
        self._system.store.delete(order_id, self._system.customer)

    def invoke(self, function: str, event: Mapping[str, Any]) -> Any:
        """What a function returns, the one that is deployed at its new version."""
        own = function == self._deployment.function
        version = self._deployment.target if own else self._deployment.alias
        with tracing.Subsegment("Lambda", "Invoke", function_name=self._system.names[function]):
            answer = self._system.client.invoke(
                FunctionName=f"{self._system.names[function]}:{version}",
                Payload=json.dumps(event).encode(),
            )
        content = json.loads(answer["Payload"].read() or b"null")
        if "FunctionError" in answer:
            kind = content.get("errorType") if isinstance(content, dict) else None
            raise NotAsExpectedError(f"{function} {version} fails: {kind or 'Unhandled'}")
        return content

    def request(
        self, function: str, method: str, path: str, order_id: str = "", **more: Any
    ) -> tuple[int, dict[str, Any]]:
        """Status and document of a function's answer to a request of the API.

        https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
        """
        context: dict[str, Any] = {
            "requestId": self._deployment.id,
            "http": {"method": method, "path": path.format(id=order_id)},
        }
        if self._system.sign_in:
            scopes = [contract.READ_SCOPE, contract.WRITE_SCOPE]
            claims = {"sub": self.caller, "scope": " ".join(scopes)}
            context["authorizer"] = {"jwt": {"claims": claims, "scopes": scopes}}
        event = {
            "version": "2.0",
            "routeKey": f"{method} {path}",
            "rawPath": path.format(id=order_id),
            "headers": {},
            "pathParameters": {"id": order_id} if order_id else {},
            "requestContext": context,
            "isBase64Encoded": False,
            **more,
        }
        answer = self.invoke(function, event)
        try:
            status, document = int(answer["statusCode"]), json.loads(answer["body"])
        except (KeyError, TypeError, ValueError):
            raise NotAsExpectedError(f"{function} gives the API no answer") from None
        if status >= 500:
            raise NotAsExpectedError(f"{function} answers {status}")
        return status, document if isinstance(document, dict) else {}

    def until(self, happened: Callable[[], bool], otherwise: str) -> None:
        """Look until something has happened; raises NotAsExpectedError when the time is up."""
        while not happened():
            if self._deadline.passed():
                raise NotAsExpectedError(otherwise)
            time.sleep(PAUSE_SECONDS)

    def place(self) -> str:
        """Have the order placed: its id."""
        status, answer = self.request(
            CREATE,
            "POST",
            contract.ORDERS_PATH,
            headers={"content-type": "application/json", "idempotency-key": self._deployment.id},
            body=json.dumps(self.details),
        )
        order_id = answer.get("id")
        if status != 201 or not isinstance(order_id, str) or not order.is_id(order_id):
            raise NotAsExpectedError(f"{CREATE} answers {status}")
        return order_id

    def see_confirmed(self, order_id: str) -> None:
        """Read the order until it is CONFIRMED, with everything that was ordered."""
        found: dict[str, Any] = {}

        def confirmed() -> bool:
            status, answer = self.request(READ, "GET", contract.ORDER_PATH, order_id)
            if status == 429:  # the caller's limit: it is read again later
                return False
            if status != 200:
                raise NotAsExpectedError(f"{READ} answers {status}")
            found.update(answer)
            return bool(answer.get("status") == contract.CONFIRMED)

        self.until(confirmed, "the order does not become CONFIRMED")
        if {name: found.get(name) for name in self.details} != self.details:
            raise NotAsExpectedError(f"{READ} does not answer what was ordered")

    def see_history(self, order_id: str, changes: int) -> None:
        """Read the order's history until it has so many changes."""

        def there() -> bool:
            status, answer = self.request(HISTORY, "GET", contract.HISTORY_PATH, order_id)
            if status not in (200, 404, 429):
                raise NotAsExpectedError(f"{HISTORY} answers {status}")
            return len(answer.get("changes", ())) >= changes

        self.until(there, f"the history does not come to {changes} changes")

    def deliver(self, function: str, record: Mapping[str, Any]) -> None:
        """Hand a function a batch of one record, which it has to take."""
        answer = self.invoke(function, {"Records": [record]})
        if answer != {"batchItemFailures": []}:
            raise NotAsExpectedError(f"{function} does not take the record")

    def inserted(self) -> dict[str, Any]:
        """A record of the table's stream: the order is new."""
        image = self.item(self.new())
        change = {"Keys": {"id": image["id"]}, "NewImage": image, "SequenceNumber": "1"}
        return {"eventName": "INSERT", "eventSource": "aws:dynamodb", "dynamodb": change}


def _placed_and_read(trial: Trial) -> None:
    order_id = trial.place()
    try:
        trial.see_confirmed(order_id)
    finally:
        trial.delete(order_id)


def _listed(trial: Trial) -> None:
    order_id = trial.place()

    def there() -> bool:
        status, answer = trial.request(LIST, "GET", contract.ORDERS_PATH)
        if status not in (200, 429):
            raise NotAsExpectedError(f"{LIST} answers {status}")
        return order_id in [each.get("id") for each in answer.get("orders", ())]

    try:
        trial.until(there, "the order is in no list")
    finally:
        trial.delete(order_id)


def _history_read(trial: Trial) -> None:
    order_id = trial.place()
    try:
        trial.see_history(order_id, changes=2)
    finally:
        trial.delete(order_id)


def _healthy(trial: Trial) -> None:
    status, _ = trial.request(HEALTH, "GET", contract.HEALTH_PATH)
    if status != 200:
        raise NotAsExpectedError(f"{HEALTH} answers {status}")


def _confirmed(trial: Trial) -> None:
    """The queue would bring the order to the version that has the traffic."""
    new = trial.new()
    trial.put(new)
    sent = events.message(
        trial.order_id, order.text(new.details), new.created_at, new.correlation_id
    )
    record = {
        "messageId": trial.order_id,
        "body": sent.body,
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": str(round(time.time() * 1000)),
        },
        "messageAttributes": {
            name: {"dataType": value["DataType"], "stringValue": value["StringValue"]}
            for name, value in sent.attributes.items()
        },
        "eventSource": "aws:sqs",
    }
    try:
        trial.deliver(PROCESS, record)
        trial.see_confirmed(trial.order_id)
    finally:
        trial.delete(trial.order_id)


def _published(trial: Trial) -> None:
    trial.deliver(PUBLISH, trial.inserted())
    trial.see_history(trial.order_id, changes=1)


def _recorded(trial: Trial) -> None:
    change = Record(trial.inserted()).change()
    assert change is not None  # noqa: S101
    event = {
        "source": contract.EVENT_SOURCE,
        "detail-type": change.type,
        "detail": json.loads(change.detail()),
    }
    trial.deliver(
        RECORD,
        {
            "messageId": trial.order_id,
            "body": json.dumps(event),
            "attributes": {"ApproximateReceiveCount": "1"},
            "eventSource": "aws:sqs",
        },
    )
    trial.see_history(trial.order_id, changes=1)


def _returns(function: str, member: str, event: Mapping[str, Any]) -> Callable[[Trial], None]:
    """A check that a function takes an event, and returns what has a member."""

    def check(trial: Trial) -> None:
        answer = trial.invoke(function, event)
        if not isinstance(answer, dict) or member not in answer:
            raise NotAsExpectedError(f"{function} does not return {member}")

    return check


TRIALS: dict[str, Callable[[Trial], None]] = {
    CREATE: _placed_and_read,
    READ: _placed_and_read,
    LIST: _listed,
    HISTORY: _history_read,
    HEALTH: _healthy,
    PROCESS: _confirmed,
    PUBLISH: _published,
    RECORD: _recorded,
    # A run more than the schedule's.
    "republish_pending": _returns("republish_pending", "republished", {}),
    "measure_table": _returns("measure_table", "items", {}),
    "import_orders": _returns(
        "import_orders", "complete", {"id": "new-version", "detail": {"object": _NO_FILE}}
    ),
}
"""By function; raises NotAsExpectedError, and what AWS calls raise."""
