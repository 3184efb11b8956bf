"""From the name of a stack to its queues and table, on AWS or on this machine."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]
from botocore.config import Config  # type: ignore[import-untyped]

from local import aws, state
from local.client import Api
from local.errors import LocalRunError
from local.naming import home_of
from local.sign_in import POOL_OUTPUT, Pool, kept, of_run, sending
from operations.archive import Archive
from operations.dead_letters import DeadLetterQueue
from operations.deployments import Deployments
from operations.given_up import GivenUp
from operations.imports import Imports
from operations.letters import ConsumerLetters, OrderLetters

ROOT = Path(__file__).resolve().parent.parent
LOCAL = "local"
ORDER_QUEUE = "order-events"
OUTPUTS = {
    "dlq_url": "orderEventsDlqUrl",
    "queue_url": "orderEventsQueueUrl",
    "table": "ordersTableName",
}
"""What is needed -> the stack output that holds it."""

BUS_OUTPUT = "orderEventsBusName"
GIVEN_UP_OUTPUT = "unpublishedEventsBucketName"
FUNCTIONS_OUTPUT = "functionNames"
IMPORTS_OUTPUT = "importsBucketName"
SIGN_IN_OUTPUT = "signInUrl"
API_OUTPUT = "apiUrl"
DEPLOYMENTS_OUTPUT = "deployments"
REGION_OUTPUT = "region"
TABLE_OUTPUT = OUTPUTS["table"]

TOKEN_VARIABLE = "ACCESS_TOKEN"  # noqa: S105
"""The environment variable with a token of another's provider, where the stack takes those."""

WITHOUT_EVENTS = "no events (setting events)"
LONGEST_INVOCATION = 900.0
"""Seconds that Lambda gives a function at most."""


class StackError(Exception):
    """The stack cannot be reached; the message says what to do."""


class Stack:
    """A stack's outputs, and clients for where it is: `is_local` those that `make run` serves."""

    def __init__(self, name: str) -> None:
        self._run = _local_run(name) if is_local(name) else None
        if self._run:
            self.where, self._outputs = f"the local run of stack {name}", self._run["outputs"]
        else:
            self.where, self._outputs = f"stack {name}", _pulumi_outputs(name)

    def client(self, service: str, longest_answer: float = 60) -> Any:
        """A client that waits for an answer for so many seconds."""
        if self._run:
            run = self._run
            return aws.client(service, run["endpoint"], run["region"], run["credentials"])
        # The region stands in the URL of the queue, and all of a stack is in one region.
        region = _region(self.queues()["queue_url"])
        config = Config(retries={"mode": "standard"}, read_timeout=longest_answer)
        return boto3.Session(region_name=region).client(service, config=config)

    def output(self, name: str, without: str) -> str:
        """An output; a stack that lacks it has what `without` says."""
        value = self._outputs.get(name)
        if not isinstance(value, str):
            raise StackError(f"{self.where} has no output {name}: it has {without}")
        return value

    def pool(self) -> Pool:
        """The stack's user pool."""
        if self._run:
            return of_run(self._run)
        pages = self.output(SIGN_IN_OUTPUT, "no sign-in pages")
        return Pool(self.client("cognito-idp"), sending(pages), self._outputs)

    def api(self) -> Api:
        """A client of the stack's API: with the token of the environment if there is one, else
        where the stack has a user pool, with those of its client for machines."""
        url = self.output(API_OUTPUT, "no API").rstrip("/")
        given = os.environ.get(TOKEN_VARIABLE)
        if given:
            return Api(url, token=lambda: given)
        if not isinstance(self.told(POOL_OUTPUT), str):
            return Api(url)
        return Api(url, token=kept(self.pool().token_of_machine))

    def told(self, name: str) -> Any:
        """An output as it is; None when there is none of this name."""
        return self._outputs.get(name)

    def function(self, name: str) -> str:
        """The physical name of one of the system's functions."""
        names = self._outputs.get(FUNCTIONS_OUTPUT)
        if not isinstance(names, dict) or name not in names:
            raise StackError(f"{self.where} has no function {name}: deploy it first")
        return str(names[name])

    def queues(self) -> dict[str, str]:
        """What the dead letters of orders need, as `OUTPUTS` names it."""
        found = {name: self._outputs.get(output) for name, output in OUTPUTS.items()}
        missing = [OUTPUTS[name] for name, value in found.items() if not isinstance(value, str)]
        if missing:
            raise StackError(f"{self.where} has no output {', '.join(missing)}: deploy it first")
        return found

    @property
    def on_aws(self) -> bool:
        """Whether it is not on this machine."""
        return self._run is None


def dead_letters(name: str) -> DeadLetterQueue:
    """The dead-letter queue of a stack's orders."""
    stack = Stack(name)
    queues = stack.queues()
    return DeadLetterQueue(
        stack.client("sqs"),
        OrderLetters(stack.client("dynamodb"), queues["table"]),
        queues["dlq_url"],
        queues["queue_url"],
        moves=stack.on_aws,
        waits=stack.on_aws,
    )


def consumer_letters(name: str, consumer: str, *, undelivered: bool) -> DeadLetterQueue:
    """The dead letters of a consumer of a stack's bus, or what its queue was not given; the
    consumer is called as its rule, a part of that, or as its queue's alarms call it."""
    stack = Stack(name)
    rules = _archive(stack)
    found = rules.consumer(consumer.removesuffix("-events"))
    sqs, delivery = stack.client("sqs"), rules.delivery(found)
    queue_url = _url(sqs, delivery.queue_arn)
    return DeadLetterQueue(
        sqs,
        ConsumerLetters(found.name),
        _url(sqs, delivery.undelivered_arn) if undelivered else _dlq_url(sqs, queue_url),
        queue_url,
        # SQS moves nothing out of a queue that EventBridge gives up into.
        moves=stack.on_aws and not undelivered,
        waits=stack.on_aws,
    )


def _dlq_url(sqs: Any, queue_url: str) -> str:
    answer = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["RedrivePolicy"])
    policy = json.loads(answer.get("Attributes", {}).get("RedrivePolicy", "{}"))
    return _url(sqs, policy.get("deadLetterTargetArn"))


def _url(sqs: Any, arn: str | None) -> str:
    """The URL of the queue of an ARN as arn:aws:sqs:<region>:<account>:<name>."""
    parts = (arn or "").split(":")
    if len(parts) != 6 or parts[2] != "sqs":
        raise StackError("this consumer has no such queue: it is not an EventConsumer")
    url: str = sqs.get_queue_url(QueueName=parts[5], QueueOwnerAWSAccountId=parts[4])["QueueUrl"]
    return url


def archive(name: str) -> Archive:
    """The archive of a stack's bus."""
    return _archive(Stack(name))


def _archive(stack: Stack) -> Archive:
    return Archive(stack.client("events"), stack.output(BUS_OUTPUT, WITHOUT_EVENTS))


def given_up(name: str) -> GivenUp:
    """What a stack's publish_changes gave up."""
    stack = Stack(name)
    bucket = stack.output(GIVEN_UP_OUTPUT, WITHOUT_EVENTS)
    publisher = stack.function("publish_changes")
    functions = stack.client("lambda", LONGEST_INVOCATION)
    return GivenUp(stack.client("s3"), functions, bucket, publisher)


def deployments(name: str) -> Deployments | None:
    """The progressive deployments of a stack; None where `pulumi up` moves the traffic itself."""
    stack = Stack(name)
    told = stack.told(DEPLOYMENTS_OUTPUT)
    return None if told is None else Deployments(stack.client, told, on_aws=stack.on_aws)


def imports(name: str) -> Imports:
    """The bucket of a stack's imports."""
    stack = Stack(name)
    bucket = stack.output(IMPORTS_OUTPUT, "no imports (setting imports)")
    return Imports(stack.client("s3"), bucket)


def sign_in(name: str) -> tuple[Pool, str]:
    """The user pool of a stack with sign-in, and the URL of its API."""
    stack = Stack(name)
    stack.output(POOL_OUTPUT, "no user pool of its own (setting auth)")
    url = stack.output(API_OUTPUT, "no API")
    return stack.pool(), url.rstrip("/")


def of_urls(dlq_url: str, queue_url: str, table: str) -> DeadLetterQueue:
    """The dead-letter queue at these addresses on AWS."""
    session = boto3.Session(region_name=_region(dlq_url))
    config = Config(retries={"mode": "standard"})
    letters = OrderLetters(session.client("dynamodb", config=config), table)
    sqs = session.client("sqs", config=config)
    return DeadLetterQueue(sqs, letters, dlq_url, queue_url, moves=True, waits=True)


def is_local(name: str) -> bool:
    """Whether a stack is one of this machine: `local`, or `local-eu-west-1` in another region."""
    return name == LOCAL or home_of(name) == LOCAL


def _local_run(name: str) -> Mapping[str, Any]:
    try:
        return state.read(name)
    except LocalRunError as error:
        raise StackError(str(error)) from error


def _pulumi_outputs(name: str) -> Mapping[str, Any]:
    pulumi = shutil.which("pulumi")
    if pulumi is None:
        raise StackError(
            f"stack {name}: its outputs are read with the Pulumi CLI, which is not installed here; "
            "or give dlq --dlq-url, --queue-url and --table instead of --stack"
        )
    command = [pulumi, "stack", "output", "--json", "--non-interactive", "--stack", name]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        why = done.stderr.strip() or f"exit code {done.returncode}"
        raise StackError(f"stack {name}: pulumi says: {why}")
    try:
        outputs = json.loads(done.stdout)
    except ValueError:
        outputs = None
    if not isinstance(outputs, dict):
        raise StackError(f"stack {name}: pulumi did not print its outputs as a JSON object")
    return outputs


def _region(queue_url: str) -> str:
    """The region in https://sqs.<region>.amazonaws.com/<account>/<name>."""
    parts = queue_url.split("/")
    host = parts[2].split(".") if len(parts) == 5 and parts[0] == "https:" else []
    if len(host) < 4 or host[0] != "sqs":
        raise StackError(
            f"queue address {queue_url!r}: expected https://sqs.<region>.amazonaws.com/<account>/<name>"
        )
    return host[1]
