"""The system at work, shown in a minute: orders, a file, a poison message, a forbidden call."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError  # type: ignore[import-untyped]

from functions import contract
from local import events, sign_in
from local.example import EXAMPLE_ORDER
from local.screen import Screen
from local.system import System

ORDERS = 5
IMPORT = "of a file's two lines one is an order, the other is reported"
IMPORTS_OUTPUT = "importsBucketName"
BROKEN = "a broken version gets a part of the traffic, and loses it by itself"
DEPLOYMENTS_OUTPUT = "deployments"
SECONDS_FOR_EACH_STEP = 45

SHORT_TIMES = {"queue.visibilityTimeoutSeconds": 2, "timeoutSeconds": 2}
"""Three receives of a poison message take three visibility timeouts: 90 s with the default."""

PROGRESSIVE = {"deployment": "canary10Percent5Minutes"}
MINUTE_SECONDS = 3.0
"""How long a minute of a deployment takes."""


def run(system: System, screen: Screen) -> bool:
    """Show each step; True when everything was seen that should be."""
    steps: dict[str, Callable[[System], str]] = {
        f"{ORDERS} orders are created and CONFIRMED": _orders,
        "an invalid order is refused, with every field named": _invalid,
        IMPORT: _import,
        "a poison message ends in the dead-letter queue": _poison,
        "changes of an order reach its history, and a consumer added now": _changes,
        BROKEN: _broken_version,
        "a function's role is denied what it was not given": _forbidden,
    }
    for output, title in ((IMPORTS_OUTPUT, IMPORT), (DEPLOYMENTS_OUTPUT, BROKEN)):
        if output not in system.outputs:  # a stack without
            steps.pop(title)
    rows = []
    for title, step in steps.items():
        try:
            seen, detail = True, step(system)
        except (NotSeenError, OSError, ClientError) as error:
            seen, detail = False, str(error)
        system.wait(0)
        rows.append((title, seen, detail))
    screen.catch_up()
    screen.line()
    width = max(len(title) for title, _, _ in rows)
    for title, seen, detail in rows:
        screen.line(f"  {'seen    ' if seen else 'NOT SEEN'}  {title:<{width}}  {detail}")
    screen.line()
    return all(seen for _, seen, _ in rows)


class NotSeenError(Exception):
    """What a step should show did not happen; the message says what did."""


def _orders(system: System) -> str:
    api = sign_in.api(system)
    ids = []
    for _ in range(ORDERS):
        created = api.create(EXAMPLE_ORDER)
        if created.status != 201:
            raise NotSeenError(f"POST answered {created.status}")
        ids.append(created.body["id"])
    for order_id in ids:
        order = api.wait_for(order_id, contract.CONFIRMED, SECONDS_FOR_EACH_STEP)
        if order.body.get("status") != contract.CONFIRMED:
            raise NotSeenError(f"order {order_id} is {order.body.get('status')}")
    return f"{len(ids)} x 201, {len(ids)} CONFIRMED"


def _invalid(system: System) -> str:
    answer = sign_in.api(system).create({"customerName": "", "items": [{"sku": "A", "qty": 0}]})
    pointers = [error["pointer"] for error in answer.body.get("errors", [])]
    if answer.status != 400 or len(pointers) < 3:
        raise NotSeenError(f"POST answered {answer.status} {answer.body}")
    return f"400 {' '.join(pointers)}"


def _import(system: System) -> str:
    s3, bucket, name = system.client("s3"), system.outputs[IMPORTS_OUTPUT], "demo.ndjson"
    lines = (EXAMPLE_ORDER, {**EXAMPLE_ORDER, "customerName": ""})
    body = "".join(json.dumps(line) + "\n" for line in lines).encode()
    table = system.outputs["ordersTableName"]
    s3.put_object(Bucket=bucket, Key=contract.INCOMING + name, Body=body)

    def report() -> Any:
        try:
            return s3.get_object(Bucket=bucket, Key=contract.RESULTS + name)["Body"].read()
        except s3.exceptions.NoSuchKey:
            return None

    entries = [json.loads(line) for line in (_until(report) or b"").splitlines()]
    match entries:
        case [{"line": 1, "orderId": order_id}, {"line": 2, "errors": [{"pointer": pointer}]}]:
            pass
        case _:
            raise NotSeenError(f"the report of the file is {entries}")

    def confirmed() -> Any:
        # Where callers sign in, the order of a file is nobody's that the API would show it to.
        key = {"id": {"S": order_id}}
        item = system.client("dynamodb").get_item(TableName=table, Key=key)["Item"]
        return item["status"]["S"] == contract.CONFIRMED

    if not _until(confirmed):
        raise NotSeenError(f"order {order_id} is not {contract.CONFIRMED}")
    return f"line 1 CONFIRMED, line 2 {pointer}"


def _poison(system: System) -> str:
    queues = system.client("sqs")
    queues.send_message(QueueUrl=system.outputs["orderEventsQueueUrl"], MessageBody="not an event")
    url = system.outputs["orderEventsDlqUrl"]
    name = "ApproximateNumberOfMessages"

    def arrived() -> Any:
        attributes = queues.get_queue_attributes(QueueUrl=url, AttributeNames=[name])
        return int(attributes["Attributes"][name])

    count = _until(arrived)
    if not count:
        raise NotSeenError("no message arrived in the dead-letter queue")
    failures = sum(batch.failures for batch in system.events(events.BatchProcessed))
    return f"after {failures} failed receives"


def _changes(system: System) -> str:
    bus, late = system.outputs["orderEventsBusName"], "added-just-now"
    queues, buses = system.client("sqs"), system.client("events")
    url = queues.create_queue(QueueName=late)["QueueUrl"]
    arn = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    pattern = {"source": [contract.EVENT_SOURCE]}
    buses.put_rule(Name=late, EventBusName=bus, EventPattern=json.dumps(pattern))
    buses.put_targets(Rule=late, EventBusName=bus, Targets=[{"Id": late, "Arn": arn["QueueArn"]}])
    api = sign_in.api(system)
    order_id = api.create(EXAMPLE_ORDER).body["id"]
    heard: set[str] = set()

    def heard_all() -> bool:
        for message in queues.receive_message(QueueUrl=url).get("Messages", []):
            event = json.loads(message["Body"])
            if event["detail"]["orderId"] == order_id:
                heard.add(event["detail-type"])
        return len(heard) == 2

    def changes() -> list[str]:
        answer = api.request("GET", contract.HISTORY_PATH.format(id=order_id))
        return [each["to"] for each in answer.body.get("changes", ())]

    if not _until(lambda: len(changes()) == 2):
        raise NotSeenError(f"the history has {changes() or 'nothing'}")
    if not _until(heard_all):
        raise NotSeenError(f"the consumer heard {sorted(heard) or 'nothing'}")
    return f"{' → '.join(changes())}; {len(heard)} events"


def _broken_version(system: System) -> str:
    api, functions = sign_in.api(system), system.client("lambda")
    order = contract.ORDER_PATH.format(id=api.create(EXAMPLE_ORDER).body["id"])
    told = system.outputs[DEPLOYMENTS_OUTPUT]
    (reader,) = (
        each for stage in told["stages"] for each in stage if each["function"] == "get_order"
    )
    live = {"FunctionName": reader["name"], "Name": reader["alias"]}
    before = functions.get_alias(**live)["FunctionVersion"]
    # It passes the check before traffic, which reads an order as the first version of the API does.
    broken = system.publish(reader["name"], {contract.CURRENCY_VARIABLE: "none"})
    path = f"/{contract.VERSION_OF_CURRENCY}{order}"
    properties = {"Name": reader["name"], "Alias": reader["alias"]}
    properties |= {"CurrentVersion": before, "TargetVersion": broken}
    resource = {"get_order": {"Type": "AWS::Lambda::Function", "Properties": properties}}
    hooks = [{event: name} for event, name in told["checks"].items()]
    content = json.dumps({"version": 0.0, "Resources": [resource], "Hooks": hooks})
    client = system.client("codedeploy")
    started = client.create_deployment(
        applicationName=told["application"],
        deploymentGroupName=reader["group"],
        revision={"revisionType": "AppSpecContent", "appSpecContent": {"content": content}},
    )["deploymentId"]
    statuses: list[int] = []

    def ended() -> Any:
        statuses.append(api.request("GET", path).status)
        found = client.get_deployment(deploymentId=started)["deploymentInfo"]
        return found if found["status"] not in ("Created", "InProgress") else None

    ending = (_until(ended) or {}).get("errorInformation", {}).get("code")
    failed = sum(status >= 500 for status in statuses)
    now = functions.get_alias(**live)
    if ending != "ALARM_ACTIVE" or now["FunctionVersion"] != before or "RoutingConfig" in now:
        raise NotSeenError(f"it ended with {ending}, version {now['FunctionVersion']} is live")
    if any(api.request("GET", path).status >= 500 for _ in range(ORDERS)):
        raise NotSeenError("requests fail after the rollback")
    return f"{failed} of {len(statuses)} requests failed, version {before} has them all again"


def _forbidden(system: System) -> str:
    reader = system.outputs["functionNames"]["get_order"]
    role = system.client("lambda").get_function_configuration(FunctionName=reader)["Role"]
    try:
        system.role_client("dynamodb", role).put_item(
            TableName=system.outputs["ordersTableName"], Item={"id": {"S": "forbidden"}}
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "AccessDeniedException":
            raise
    else:
        raise NotSeenError(f"{role} may write to the table")

    def reported() -> list[events.CallDenied]:
        found = system.events(events.CallDenied)
        return [call for call in found if call.action == "dynamodb:PutItem"]

    denied = _until(reported)
    if not denied:
        raise NotSeenError("the denied call was not reported")
    call: events.CallDenied = denied[-1]
    return f"{call.action} for {call.principal.split('/')[1]}"


def _until(happened: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + SECONDS_FOR_EACH_STEP
    while True:
        result = happened()
        if result or time.monotonic() > deadline:
            return result
        time.sleep(0.1)
