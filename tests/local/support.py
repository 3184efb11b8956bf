"""The order that tests place, ways to look into a running system, and to break it."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from functions import contract
from local.system import System

ORDER = {"customerName": "Grace Hopper", "items": [{"sku": "NANO-1", "qty": 3, "price": 0.1}]}

# Three receives of a poison message would take 90 s with the default.
SHORT = {"queue.visibilityTimeoutSeconds": 2, "timeoutSeconds": 2}

SMALL = {"events": False, "imports": False}
"""Leaves out what a test that starts a system of its own has no use for."""

SECONDS = 120
"""How long a test waits for what will happen: reached only where it does not."""


def until(happened: Callable[[], Any], seconds: float = SECONDS) -> Any:
    """The first truthy result of `happened`, or its last one after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        result = happened()
        if result or time.monotonic() > deadline:
            return result
        time.sleep(0.02)


def queue_count(running: System, url: str) -> int:
    """Messages in a queue, those in flight included."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    answer = running.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)
    return sum(int(answer["Attributes"][name]) for name in names)


def item(running: System, order_id: str) -> dict[str, Any]:
    """An order as it lies in the table."""
    return running.client("dynamodb").get_item(
        TableName=running.outputs["ordersTableName"], Key={"id": {"S": order_id}}
    )["Item"]


def log_lines(running: System, function: str) -> list[dict[str, Any]]:
    """The JSON log lines of one of the system's functions."""
    lines = running.logs(running.outputs["functionNames"][function])
    return [json.loads(line) for line in lines if line.startswith("{")]


def listen(running: System, name: str) -> str:
    """The URL of a queue that hears everything on the bus from now on."""
    queues, events = running.client("sqs"), running.client("events")
    url: str = queues.create_queue(QueueName=name)["QueueUrl"]
    arn = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    bus = running.outputs["orderEventsBusName"]
    pattern = json.dumps({"source": [contract.EVENT_SOURCE]})
    events.put_rule(Name=name, EventBusName=bus, EventPattern=pattern)
    target = {"Id": name, "Arn": arn["Attributes"]["QueueArn"]}
    events.put_targets(Rule=name, EventBusName=bus, Targets=[target])
    return url


@contextmanager
def without_grant(running: System, function: str, service: str) -> Iterator[None]:
    """A time in which one of the system's functions may do nothing with a service."""
    client = running.client("lambda")
    name = running.outputs["functionNames"][function]
    role = client.get_function_configuration(FunctionName=name)["Role"].rpartition("/")[2]
    iam = running.client("iam")
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    policies = [iam.get_role_policy(RoleName=role, PolicyName=each) for each in names]
    dropped = [each for each in policies if f"{service}:" in json.dumps(each["PolicyDocument"])]
    assert dropped, f"{function} may do nothing with {service} at all"
    for each in dropped:
        iam.delete_role_policy(RoleName=role, PolicyName=each["PolicyName"])
    try:
        yield
    finally:
        for each in dropped:
            document = json.dumps(each["PolicyDocument"])
            iam.put_role_policy(
                RoleName=role, PolicyName=each["PolicyName"], PolicyDocument=document
            )


def without_action(policy_of: str, action: str) -> Callable[[str, str, dict[str, Any]], None]:
    """An edit that takes one action out of the policies of a function's role."""

    def edit(kind: str, name: str, inputs: dict[str, Any]) -> None:
        if kind != "aws:iam/rolePolicy:RolePolicy" or not name.startswith(policy_of):
            return
        document = json.loads(inputs["policy"])
        for statement in document["Statement"]:
            actions = statement["Action"]
            kept = [a for a in ([actions] if isinstance(actions, str) else actions) if a != action]
            statement["Action"] = kept or ["none:None"]
        inputs["policy"] = json.dumps(document)

    return edit
