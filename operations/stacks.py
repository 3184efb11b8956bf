"""From the name of a stack to its queues and table, on AWS or on this machine."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]
from botocore.config import Config  # type: ignore[import-untyped]

from local import aws, state
from local.errors import LocalRunError
from operations.archive import Archive
from operations.dead_letters import DeadLetterQueue
from operations.imports import Imports

ROOT = Path(__file__).resolve().parent.parent
LOCAL = "local"
OUTPUTS = {
    "dlq_url": "orderEventsDlqUrl",
    "queue_url": "orderEventsQueueUrl",
    "table": "ordersTableName",
}
"""What is needed -> the stack output that holds it."""


BUS_OUTPUT = "orderEventsBusName"
IMPORTS_OUTPUT = "importsBucketName"


class StackError(Exception):
    """The stack cannot be reached; the message says what to do."""


def of_stack(name: str) -> DeadLetterQueue:
    """The dead-letter queue of a stack: `local` is the one `make run` serves."""
    if name == LOCAL:
        return _local()
    return of_urls(**_needed(_pulumi_outputs(name), f"stack {name}"))


def archive_of_stack(name: str) -> Archive:
    """The archive of a stack's bus: `local` is the one `make run` serves."""
    client, bus = _client_and_output("events", name, BUS_OUTPUT, "no events (setting events)")
    return Archive(client, bus)


def imports_of_stack(name: str) -> Imports:
    """The bucket of a stack's imports: `local` is the one `make run` serves."""
    client, bucket = _client_and_output("s3", name, IMPORTS_OUTPUT, "no imports (setting imports)")
    return Imports(client, bucket)


def _client_and_output(service: str, name: str, output: str, without: str) -> tuple[Any, str]:
    """A client of a service where a stack is, and one of the stack's outputs; a stack that lacks
    the output has what `without` says."""
    if name == LOCAL:
        where, run = f"the local run of stack {LOCAL}", _local_run()
        outputs = run["outputs"]
        client = aws.client(service, run["endpoint"], run["region"], run["credentials"])
    else:
        where, outputs = f"stack {name}", _pulumi_outputs(name)
        # The region stands in the URL of the queue, and all of a stack is in one region.
        region = _region(_needed(outputs, where)["queue_url"])
        config = Config(retries={"mode": "standard"})
        client = boto3.Session(region_name=region).client(service, config=config)
    value = outputs.get(output)
    if not isinstance(value, str):
        raise StackError(f"{where} has no output {output}: it has {without}")
    return client, value


def of_urls(dlq_url: str, queue_url: str, table: str) -> DeadLetterQueue:
    """The dead-letter queue at these addresses on AWS."""
    session = boto3.Session(region_name=_region(dlq_url))
    config = Config(retries={"mode": "standard"})
    return DeadLetterQueue(
        session.client("sqs", config=config),
        session.client("dynamodb", config=config),
        dlq_url,
        queue_url,
        table,
        moves=True,
    )


def _local() -> DeadLetterQueue:
    run = _local_run()
    where = run["endpoint"], run["region"], run["credentials"]
    return DeadLetterQueue(
        aws.client("sqs", *where),
        aws.client("dynamodb", *where),
        **_needed(run["outputs"], f"the local run of stack {LOCAL}"),
        moves=False,
    )


def _local_run() -> Mapping[str, Any]:
    try:
        return state.read(LOCAL)
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


def _needed(outputs: Mapping[str, Any], where: str) -> dict[str, str]:
    missing = [output for output in OUTPUTS.values() if not isinstance(outputs.get(output), str)]
    if missing:
        raise StackError(f"{where} has no output {', '.join(missing)}: deploy it first")
    return {name: outputs[output] for name, output in OUTPUTS.items()}


def _region(queue_url: str) -> str:
    """The region in https://sqs.<region>.amazonaws.com/<account>/<name>."""
    parts = queue_url.split("/")
    host = parts[2].split(".") if len(parts) == 5 and parts[0] == "https:" else []
    if len(host) < 4 or host[0] != "sqs":
        raise StackError(
            f"queue address {queue_url!r}: expected https://sqs.<region>.amazonaws.com/<account>/<name>"
        )
    return host[1]
