"""DynamoDB, SQS and EventBridge on the wire, as far as the functions use them: a loopback HTTP
server.

The table evaluates the very expressions that the functions send, so that a condition left out
or written differently shows in the outcome. Faults are queued by operation and used up one a
request, retries included.
"""

import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.functions import fake_objects
from tests.functions.fake_objects import FakeObjects

Item = dict[str, Any]


@dataclass(frozen=True)
class Fault:
    """What happens to one request. `applied`: it still takes effect before the answer is lost."""

    status: int = 0  # 0: the connection is closed without an answer
    code: str = ""
    message: str = ""
    raw: bytes | None = None
    applied: bool = False
    delay: float = 0.0  # seconds


DROPPED = Fault()
ANSWER_LOST = Fault(applied=True)
THROTTLED = Fault(400, "ThrottlingException", "Rate exceeded for SECRET")
SERVER_ERROR = Fault(500, "InternalServerError", "Internal SECRET")
UNREADABLE = Fault(503, raw=b"<html>Service Unavailable</html>")
DENIED = Fault(
    400,
    "AccessDeniedException",
    "User: arn:aws:sts::123456789012:assumed-role/some-role/some-function is not authorized to"
    " perform: some:Action on resource: arn:aws:some:us-east-1:123456789012:thing because no"
    " identity-based policy allows the some:Action action",
)
INVALID = Fault(400, "ValidationException", "One or more parameter values of SECRET were invalid")


@dataclass
class FakeAws:
    """Orders, their history, the limits of callers, one queue, one bus, and everything that was
    asked of them."""

    table: dict[str, Item] = field(default_factory=dict)
    limits: dict[str, Item] = field(default_factory=dict)
    history: dict[tuple[str, int], Item] = field(default_factory=dict)
    messages: list[dict[str, Any]] = field(default_factory=list)
    writes: list[tuple[Item | None, Item]] = field(default_factory=list)  # old and new images
    events: list[dict[str, Any]] = field(default_factory=list)  # that the bus accepted
    refusals: dict[str, list[str]] = field(default_factory=dict)  # event id -> its next error codes
    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    deployments: dict[str, dict[str, Any]] = field(default_factory=dict)  # CodeDeploy's, by id
    verdicts: list[tuple[str, str, str]] = field(default_factory=list)  # deployment, execution, it
    counts: dict[str, float] = field(default_factory=dict)  # by metric's name, of the last minute
    invoke: Callable[[str, Any], Any] | None = None  # answers invocations of other functions
    bucket: FakeObjects = field(default_factory=FakeObjects)
    faults: dict[str, list[Fault]] = field(default_factory=lambda: defaultdict(list))
    page_size: int = 1000
    batch_items: int = 100  # that one BatchGetItem reads; the others it leaves out
    lock: threading.RLock = field(default_factory=threading.RLock)

    def operations(self) -> list[str]:
        """Names of the operations asked for, in order, retries included."""
        return [name for name, _ in self.requests]

    def fail(self, operation: str, *faults: Fault) -> None:
        """Use up these faults on the next requests of an operation."""
        self.faults[operation].extend(faults)

    def recover(self) -> None:
        """Faults that no request has met yet are gone."""
        self.faults.clear()

    def bodies(self) -> list[dict[str, Any]]:
        """The messages' bodies, parsed."""
        return [json.loads(message["MessageBody"]) for message in self.messages]

    def answer(self, operation: str, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Status and body of one request that no fault stops."""
        with self.lock:
            handler = getattr(self, f"_{operation}")
            result: tuple[int, dict[str, Any]] = handler(request)
            return result

    def records(self) -> list[dict[str, Any]]:
        """All writes so far as the table's stream hands them to Lambda."""
        return [
            {
                "eventName": "MODIFY" if old else "INSERT",
                "dynamodb": {
                    "Keys": {"id": new["id"]},
                    "NewImage": new,
                    **({"OldImage": old} if old else {}),
                    "SequenceNumber": f"{number:021}",
                },
            }
            for number, (old, new) in enumerate(self.writes, 1)
        ]

    def _write(self, old: Item | None, new: Item) -> None:
        self.table[new["id"]["S"]] = new
        self.writes.append((old, new))

    def _PutItem(self, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:  # noqa: N802
        item = request["Item"]
        if "history" in request["TableName"]:
            return self._put_history(request)
        stored = self.table.get(item["id"]["S"])
        if stored is not None and request.get("ConditionExpression") == "attribute_not_exists(id)":
            return _refused(request, stored)
        self._write(stored, item)
        return 200, {}

    def _GetItem(self, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:  # noqa: N802
        item = self.table.get(request["Key"]["id"]["S"])
        return 200, {"Item": item} if item else {}

    def _UpdateItem(self, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:  # noqa: N802
        if "limits" in request["TableName"]:
            return self._count(request)
        names = request["ExpressionAttributeNames"]
        values = request["ExpressionAttributeValues"]
        stored = self.table.get(request["Key"]["id"]["S"])
        condition = request.get("ConditionExpression")
        if condition is not None:
            attribute, _, listed = condition.partition(" IN ")
            allowed = [values[name] for name in listed.strip("()").split(", ")]
            if stored is None or stored.get(names[attribute]) not in allowed:
                return _refused(request, stored)
        item = dict(stored or request["Key"])
        settings, _, removed = request["UpdateExpression"].partition(" REMOVE ")
        for assignment in settings.removeprefix("SET ").split(", "):
            if assignment.startswith("#version = if_not_exists(#version"):
                old = int(item.get("version", values[":zero"])["N"])
                item["version"] = {"N": str(old + int(values[":one"]["N"]))}
            elif " = " in assignment:
                name, _, value = assignment.partition(" = ")
                item[names.get(name, name)] = values[value]
        item.pop(removed, None)
        self._write(stored, item)
        return 200, {}

    def _count(self, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        assert request["ConditionExpression"] == "attribute_not_exists(#taken) OR #taken < :quota"
        assert request["UpdateExpression"] == "SET #expiry = :expiry ADD #taken :one"
        assert request["ReturnValues"] == "UPDATED_NEW"
        names, values = request["ExpressionAttributeNames"], request["ExpressionAttributeValues"]
        key = request["Key"]["id"]["S"]
        stored = self.limits.get(key, {})
        taken = int(stored.get(names["#taken"], {"N": "0"})["N"])
        if stored and taken >= int(values[":quota"]["N"]):
            return _refused(request, stored)
        counted = {"N": str(taken + int(values[":one"]["N"]))}
        updated = {names["#taken"]: counted, names["#expiry"]: values[":expiry"]}
        self.limits[key] = {"id": {"S": key}, **updated}
        return 200, {"Attributes": updated}

    def _DeleteItem(self, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:  # noqa: N802
        attribute, _, value = request["ConditionExpression"].partition(" = ")
        stored = self.table.get(request["Key"]["id"]["S"])
        if stored is None or stored.get(attribute) != request["ExpressionAttributeValues"][value]:
            return _refused(request, stored)
        del self.table[request["Key"]["id"]["S"]]
        return 200, {}

    def _Query(self, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:  # noqa: N802
        if "history" in request["TableName"]:
            return self._query_history(request)
        if request["IndexName"] == "owner":
            return self._query_owner(request)
        assert request["IndexName"] == "pending-keys"
        expected = "pendingShard = :shard AND createdAt <= :until"
        assert request["KeyConditionExpression"] == expected
        values = request["ExpressionAttributeValues"]
        found = sorted(
            (
                item
                for item in self.table.values()
                if item.get("pendingShard") == values[":shard"]
                and item["createdAt"]["S"] <= values[":until"]["S"]
            ),
            key=lambda item: (item["createdAt"]["S"], item["id"]["S"]),
        )
        start = request.get("ExclusiveStartKey")
        if start:
            after = (start["createdAt"]["S"], start["id"]["S"])
            found = [i for i in found if (i["createdAt"]["S"], i["id"]["S"]) > after]
        keys = ("id", "createdAt", "pendingShard")
        page = [
            {name: item[name] for name in keys}
            for item in found[: min(request["Limit"], self.page_size)]
        ]
        answer: dict[str, Any] = {"Items": page, "Count": len(page)}
        if len(page) < len(found):
            answer["LastEvaluatedKey"] = page[-1]
        return 200, answer

    def _DescribeTable(self, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:  # noqa: N802
        size = len(json.dumps(self.table))
        name = request["TableName"]
        table = {"TableName": name, "ItemCount": len(self.table), "TableSizeBytes": size}
        return 200, {"Table": table}

    def _BatchGetItem(self, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:  # noqa: N802
        ((name, asked),) = request["RequestItems"].items()
        keys = asked["Keys"]
        assert asked["ConsistentRead"]
        assert 1 <= len(keys) == len({key["id"]["S"] for key in keys}) <= 100
        now, left = keys[: self.batch_items], keys[self.batch_items :]
        found = [self.table[key["id"]["S"]] for key in now if key["id"]["S"] in self.table]
        # In any order, as DynamoDB answers.
        unprocessed = {name: {**asked, "Keys": left}} if left else {}
        return 200, {"Responses": {name: found[::-1]}, "UnprocessedKeys": unprocessed}

    def _query_owner(self, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        assert request["KeyConditionExpression"] == "#owner = :owner"
        assert request["ScanIndexForward"] is False
        names, values = request["ExpressionAttributeNames"], request["ExpressionAttributeValues"]
        carried = {"id", "owner", "createdAt", "customerName", "status", "updatedAt"}
        index = sorted(
            (
                {name: value for name, value in item.items() if name in carried}
                for item in self.table.values()
                if item.get(names["#owner"]) == values[":owner"]
            ),
            key=lambda item: (item["createdAt"]["S"], item["id"]["S"]),
            reverse=True,
        )
        start = request.get("ExclusiveStartKey")
        if start:
            assert start.keys() == {"id", "owner", "createdAt"}
            after = (start["createdAt"]["S"], start["id"]["S"])
            index = [i for i in index if (i["createdAt"]["S"], i["id"]["S"]) < after]
        page = index[: min(request["Limit"], self.page_size)]
        found = page
        if "FilterExpression" in request:
            assert request["FilterExpression"] == "#status = :status"
            found = [item for item in page if item[names["#status"]] == values[":status"]]
        answer: dict[str, Any] = {"Items": found, "Count": len(found)}
        # As in DynamoDB, a full page has a last key though nothing may lie behind it.
        if page and len(page) == min(request["Limit"], self.page_size):
            answer["LastEvaluatedKey"] = {
                name: page[-1][name] for name in ("id", "owner", "createdAt")
            }
        return 200, answer

    def _put_history(self, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        item = request["Item"]
        key = item["orderId"]["S"], int(item["version"]["N"])
        name = request.get("ExpressionAttributeNames", {}).get("#key")
        absent = request.get("ConditionExpression") == "attribute_not_exists(#key)"
        if key in self.history and absent and name in self.history[key]:
            return _refused(request, self.history[key])
        self.history[key] = item
        return 200, {}

    def _query_history(self, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        assert request["KeyConditionExpression"] == "#order = :order"
        assert request["ExpressionAttributeNames"] == {"#order": "orderId"}
        order_id = request["ExpressionAttributeValues"][":order"]["S"]
        return 200, {
            "Items": [self.history[key] for key in sorted(self.history) if key[0] == order_id]
        }

    def _SendMessage(self, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:  # noqa: N802
        self.messages.append(request)
        return 200, {"MessageId": "m", "MD5OfMessageBody": "d"}

    def _GetQueueAttributes(  # noqa: N802
        self, request: dict[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        assert request["AttributeNames"] == ["QueueArn"]
        return 200, {"Attributes": {"QueueArn": "arn:aws:sqs:us-east-1:123456789012:q"}}

    def _SendMessageBatch(self, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:  # noqa: N802
        entries = request["Entries"]
        size = sum(len(entry["MessageBody"]) for entry in entries)
        if len(entries) > 10 or size > 262_144:
            return _error(400, "AWS.SimpleQueueService.BatchRequestTooLong", "too long")
        failed = [
            {"Id": e["Id"], "Code": "InternalError", "SenderFault": False}
            for e in entries
            if "REFUSED-BY-SQS" in e["MessageBody"]
        ]
        refused = {entry["Id"] for entry in failed}
        self.messages.extend(entry for entry in entries if entry["Id"] not in refused)
        done = [{"Id": e["Id"], "MessageId": "m"} for e in entries if e["Id"] not in refused]
        return 200, {"Successful": done, "Failed": failed}

    def _PutEvents(self, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:  # noqa: N802
        entries = request["Entries"]
        size = sum(len(e["Source"] + e["DetailType"] + e["Detail"]) for e in entries)
        if not 1 <= len(entries) <= 10 or size > 262_144:
            return _error(400, "ValidationException", "Total size of the entries is too large")
        results = []
        for entry in entries:
            codes = self.refusals.get(json.loads(entry["Detail"])["eventId"])
            if codes:
                results.append({"ErrorCode": codes.pop(0), "ErrorMessage": "SECRET"})
            else:
                self.events.append(entry)
                results.append({"EventId": "e"})
        failed = sum("ErrorCode" in each for each in results)
        return 200, {"FailedEntryCount": failed, "Entries": results}

    def _GetDeployment(self, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:  # noqa: N802
        found = self.deployments.get(request["deploymentId"])
        if found is None:
            return _error(400, "DeploymentDoesNotExistException", "no such deployment")
        return 200, {"deploymentInfo": found}

    def _PutLifecycleEventHookExecutionStatus(  # noqa: N802
        self, request: dict[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        execution = request["lifecycleEventHookExecutionId"]
        self.verdicts.append((request["deploymentId"], execution, request["status"]))
        return 200, {"lifecycleEventHookExecutionId": execution}

    def _GetMetricData(self, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:  # noqa: N802
        results = []
        for query in request["MetricDataQueries"]:
            metric = query["MetricStat"]["Metric"]
            dimensions = {each["Name"]: each["Value"] for each in metric["Dimensions"]}
            value = self.counts.get(metric["MetricName"]) if dimensions else None
            values = [] if value is None else [value]
            times = [request["StartTime"]] * len(values)
            results.append({"Id": query["Id"], "Timestamps": times, "Values": values})
        return 200, {"MetricDataResults": results}


def _refused(request: dict[str, Any], stored: Item | None) -> tuple[int, dict[str, Any]]:
    status, body = _error(400, "ConditionalCheckFailedException", "The conditional request failed")
    if stored and request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD":
        body["Item"] = stored
    return status, body


def _error(status: int, code: str, message: str) -> tuple[int, dict[str, Any]]:
    return status, {"__type": f"com.amazonaws#{code}", "message": message}


class Server(ThreadingHTTPServer):
    """Serves `aws`, which a test may replace at any time."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.aws = FakeAws()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: Server

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        target = self.headers["X-Amz-Target"]
        if target is None:
            self._rest(fake_objects.operation(self.command, self.path), content)
            return
        operation, request = target.rpartition(".")[2], json.loads(content)
        fault = self._fault(operation, request)
        if fault is None or fault.applied:
            status, body = self.server.aws.answer(operation, request)
        if fault is not None:
            if self._late(fault):
                return
            status, body = _error(fault.status, fault.code, fault.message)
        raw = (
            fault.raw if fault is not None and fault.raw is not None else json.dumps(body).encode()
        )
        self._send(status, raw, {"Content-Type": "application/x-amz-json-1.0"})

    do_GET = do_PUT = do_POST  # noqa: N815

    def handle_expect_100(self) -> bool:
        """Answer at once: botocore waits a second for it before it sends an object."""
        answered = super().handle_expect_100()
        self.wfile.flush()
        return answered

    def _rest(self, operation: str, content: bytes) -> None:
        aws = self.server.aws
        fault = self._fault(operation, {})
        if fault is None and operation == "Invoke" and aws.invoke is not None:
            self._send(*fake_objects.invoked(aws.invoke, self.path, content))
            return
        if fault is None or fault.applied:
            with aws.lock:
                status, raw, headers = fake_objects.answer(
                    aws.bucket, operation, self.path, self.headers, content
                )
        if fault is not None:
            if self._late(fault):
                return
            status, raw, headers = fault.status, fake_objects.refusal(fault.code, fault.message), {}
        self._send(status, raw, headers)

    def _fault(self, operation: str, request: dict[str, Any]) -> Fault | None:
        """What is to happen to this request, which is recorded."""
        aws = self.server.aws
        with aws.lock:
            aws.requests.append((operation, request))
            return aws.faults[operation].pop(0) if aws.faults[operation] else None

    def _late(self, fault: Fault) -> bool:
        """Whether no answer is given, once the time is over."""
        time.sleep(fault.delay)
        if not fault.status:
            self.close_connection = True
            self.connection.close()
        return not fault.status

    def _send(self, status: int, raw: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("x-amzn-RequestId", "AWS-REQUEST-ID")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *args: Any) -> None:
        """Tests read the recorded requests."""
