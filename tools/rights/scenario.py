"""Everything that a system does at least once: every route, source and failure path.

What it does not reach of a function is told by name: a grant that was not used.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from functions import contract
from local import events, sign_in
from local.client import Api
from local.deployer import Resource
from local.example import EXAMPLE_ORDER
from local.system import System
from operations.deployments import Deployments
from tools.rights.uses import SCHEDULED

_SHORT: dict[str, Any] = {
    "queue.visibilityTimeoutSeconds": 4,
    "processor.timeoutSeconds": 4,
    "republish.pendingThresholdSeconds": 1,
}

SYSTEMS: dict[str, dict[str, Any]] = {
    "everybody may call": {
        **_SHORT,
        "imports": True,
        "importing.timeoutSeconds": 6,
        "synthetic.rateMinutes": 1,
    },
    # Limits that nobody meets are counted all the same.
    "callers sign in": {
        **_SHORT,
        "imports": False,
        "auth": "cognito",
        "deployment": "canary20Percent1Minute",
        "limits": {"createPerMinute": 100_000, "readPerMinute": 100_000},
    },
}
"""Configurations that have all functions between them, with times short enough to be waited for."""

ELSEWHERE = ("health",)
"""Functions that are in none of them: a whole run is of one region, and these of several."""

LINES = (500, 2000, 8000)
"""Of imported files: until one has more than an invocation has the time for."""

MINUTE = 1.0
"""Seconds of a minute in which a new version has a part of the traffic."""

SECONDS = 300.0
"""How long each step may take."""


class NotReachedError(Exception):
    """A step did not come to what it should show; the message says to what."""


def steps(system: System) -> dict[str, Callable[[], None]]:
    """The steps by what they do; later ones may need what earlier ones left."""
    api = sign_in.api(system)
    found: dict[str, Callable[[], None]] = {
        "schedules are hurried": lambda: _hurry(system),
        "orders are placed, confirmed and read": lambda: _orders(system, api),
        "every route is asked": lambda: _routes(system, api),
        "a pending order is sent again": lambda: _repair(system, api),
        "what has a schedule runs": lambda: _scheduled(system),
        "a message dies in the queue": lambda: _poison(system),
    }
    if system.outputs.get("deployments"):
        found["new versions get the traffic"] = lambda: _deploy(system)
    if system.outputs.get("orderEventsBusName"):
        found["an order's history is read"] = lambda: _history(api)
        found["a record of the stream is given up"] = lambda: _given_up_record(system)
    if "list_orders" in system.outputs["functionNames"]:
        found["a caller's orders are listed"] = lambda: _list(api)
    found["what invokes a function fails for good"] = lambda: _failures(system)
    if system.outputs.get("importsBucketName"):
        found["a file is imported in several runs"] = lambda: _import(system)
    found["every schedule has run"] = lambda: _schedules(system)
    return found


def until(happened: Callable[[], Any], what: str) -> Any:
    """The first truthy answer; raises NotReachedError after SECONDS."""
    deadline = time.monotonic() + SECONDS
    while not (result := happened()):
        if time.monotonic() > deadline:
            raise NotReachedError(f"after {SECONDS:g} s: {what}")
        time.sleep(0.1)
    return result


def _place(api: Api) -> str:
    answer = api.create(EXAMPLE_ORDER)
    if answer.status != 201:
        raise NotReachedError(f"POST was answered with {answer.status}")
    return str(answer.body["id"])


def _orders(_system: System, api: Api) -> None:
    for order_id in [_place(api) for _ in range(3)]:
        status = api.wait_for(order_id, contract.CONFIRMED, SECONDS).body.get("status")
        if status != contract.CONFIRMED:
            raise NotReachedError(f"the order is {status}")


def _routes(system: System, api: Api) -> None:
    """What the function then makes of it is the tests' business."""
    order_id, body = _place(api), json.dumps(EXAMPLE_ORDER).encode()
    for route in system.of_type("apigatewayv2/route:Route"):
        method, _, path = str(route.inputs["routeKey"]).partition(" ")
        content = {"content-type": "application/json"} if method == "POST" else {}
        api.request(
            method, path.replace("{id}", order_id), body if method == "POST" else None, content
        )


def _repair(system: System, api: Api) -> None:
    """An order as it is when its event was never sent."""
    table, dynamodb = system.outputs["ordersTableName"], system.client("dynamodb")
    key = {"id": {"S": _place(api)}}
    api.wait_for(key["id"]["S"], contract.CONFIRMED, SECONDS)
    item = dynamodb.get_item(TableName=table, Key=key)["Item"]
    lost = str(uuid.uuid4())
    item |= {
        "id": {"S": lost},
        "status": {"S": contract.PENDING},
        "version": {"N": "1"},
        contract.CREATED_AT_ATTRIBUTE: {"S": "2026-01-01T00:00:00.000Z"},
        contract.PENDING_SHARD_ATTRIBUTE: {"N": "0"},
    }
    dynamodb.put_item(TableName=table, Item=item)
    _invoke(system, system.outputs["functionNames"]["republish_pending"])
    if api.wait_for(lost, contract.CONFIRMED, SECONDS).body.get("status") != contract.CONFIRMED:
        raise NotReachedError("the repair did not send the order's event")


def _history(api: Api) -> None:
    path = contract.HISTORY_PATH.format(id=_place(api))
    until(lambda: len(api.request("GET", path).body.get("changes", ())) == 2, "no history")


def _list(api: Api) -> None:
    answer = api.request("GET", contract.ORDERS_PATH)
    if answer.status != 200:
        raise NotReachedError(f"the list was answered with {answer.status}")


def _poison(system: System) -> None:
    before = len(system.events(events.MessageDeadLettered))
    url = system.outputs["orderEventsQueueUrl"]
    system.client("sqs").send_message(QueueUrl=url, MessageBody="not an event")
    until(lambda: len(system.events(events.MessageDeadLettered)) > before, "no dead letter")


def _import(system: System) -> None:
    bucket, s3 = system.outputs["importsBucketName"], system.client("s3")
    function = system.outputs["functionNames"]["import_orders"]
    line = json.dumps(EXAMPLE_ORDER) + "\n"

    def runs() -> int:
        return sum(each.function == function for each in system.events(events.FunctionInvoked))

    for lines in LINES:
        before, name = runs(), f"{uuid.uuid4()}.ndjson"
        s3.put_object(Bucket=bucket, Key=contract.INCOMING + name, Body=(line * lines).encode())

        def reported(name: str = name) -> Any:
            found = s3.list_objects_v2(Bucket=bucket, Prefix=contract.RESULTS + name)
            return found.get("KeyCount")

        until(reported, "no report of the file")
        # Told when it ends, which is after its report.
        until(lambda before=before: runs() > before, "the import did not end")  # type: ignore[misc]
        if runs() > before + 1:
            return
    raise NotReachedError(f"one run imports a file of {LINES[-1]} lines")


def _deploy(system: System) -> None:
    """A version of each function, by the order of a deployment, checked before it has traffic and
    when it has all, without waiting for what CloudWatch would count late."""
    check = system.outputs["functionNames"]["check_after_traffic"]
    system.publish(check, {contract.WATCHED_SECONDS_VARIABLE: "0"})
    deployments = Deployments(system.client, system.outputs["deployments"], on_aws=False)
    for stage in deployments.stages:
        started = {}
        for each in stage:
            system.publish(each.name, {"PUBLISHED": "again"})
            versions = deployments.versions(each)
            started[deployments.start(each, versions.current, versions.newest)] = each
        for ended in deployments.follow(started, lambda _: None):
            if ended.status != "Succeeded":
                raise NotReachedError(f"deployment of {ended.function}: {ended.why}")


def _given_up_record(system: System) -> None:
    """An item that is no order: its change can never be told on the bus."""
    client = system.client("lambda")
    [stream] = [
        each for each in system.of_type("EventSourceMapping") if "startingPosition" in each.inputs
    ]
    table = system.outputs["ordersTableName"]
    mapping, usual = stream.outputs["uuid"], stream.inputs["maximumRetryAttempts"]
    client.update_event_source_mapping(UUID=mapping, MaximumRetryAttempts=1)
    poison = {"id": {"S": "poison"}, "status": {"S": contract.PENDING}}
    try:
        given_up = len(system.events(events.EventGivenUp))
        system.client("dynamodb").put_item(TableName=table, Item=poison)
        until(lambda: len(system.events(events.EventGivenUp)) > given_up, "nothing was given up")
    finally:
        client.update_event_source_mapping(UUID=mapping, MaximumRetryAttempts=usual)
        system.client("dynamodb").delete_item(TableName=table, Key={"id": poison["id"]})


def _failures(system: System) -> None:
    """Each function that gives up asynchronous events, while it cannot be loaded."""
    for config in system.of_type("lambda/functionEventInvokeConfig:FunctionEventInvokeConfig"):
        name = str(config.inputs["functionName"]).rpartition(":function:")[2].partition(":")[0]
        given_up = len(system.events(events.EventGivenUp))
        with _broken(system, name):
            _invoke(system, name, asynchronously=True)
            until(
                lambda before=given_up: len(system.events(events.EventGivenUp)) > before,  # type: ignore[misc]
                f"nothing of {name} was given up",
            )


@contextmanager
def _broken(system: System, name: str) -> Iterator[None]:
    """A time in which the alias of a function leads to code that cannot be loaded."""
    client = system.client("lambda")
    alias = client.get_alias(FunctionName=name, Name="live")["FunctionVersion"]
    handler = client.get_function_configuration(FunctionName=name)["Handler"]
    client.update_function_configuration(FunctionName=name, Handler="functions.nothing.handler")
    broken = client.publish_version(FunctionName=name)["Version"]
    client.update_alias(FunctionName=name, Name="live", FunctionVersion=broken)
    try:
        yield
    finally:
        client.update_alias(FunctionName=name, Name="live", FunctionVersion=alias)
        client.update_function_configuration(FunctionName=name, Handler=handler)


def _scheduled(system: System) -> None:
    for schedule in system.of_type("scheduler/schedule:Schedule"):
        _invoke(system, _target(schedule))


def _hurry(system: System) -> None:
    """Have the slower ones run every minute for this once."""
    client = system.client("scheduler")
    for schedule in system.of_type("scheduler/schedule:Schedule"):
        present = client.get_schedule(Name=schedule.outputs["name"])
        if present["ScheduleExpression"] != "rate(1 minute)":
            client.update_schedule(
                Name=schedule.outputs["name"],
                ScheduleExpression="rate(1 minute)",
                FlexibleTimeWindow=present["FlexibleTimeWindow"],
                Target=present["Target"],
            )


def _schedules(system: System) -> None:
    """Each by itself; they were hurried at the beginning."""
    for schedule in system.of_type("scheduler/schedule:Schedule"):
        function = _target(schedule)
        until(
            lambda name=function: any(  # type: ignore[misc]
                each.function == name and each.source == SCHEDULED
                for each in system.events(events.FunctionInvoked)
            ),
            f"the schedule of {function} did not run",
        )


def _target(schedule: Resource) -> str:
    arn = str(schedule.inputs["target"]["arn"])
    return arn.rpartition(":function:")[2].partition(":")[0]


def _invoke(system: System, function: str, *, asynchronously: bool = False) -> None:
    system.client("lambda").invoke(
        FunctionName=f"{function}:live",
        InvocationType="Event" if asynchronously else "RequestResponse",
        Payload=b"{}",
    )
