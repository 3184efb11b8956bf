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

ROOT = Path(__file__).resolve().parent.parent
LOCAL = "local"
OUTPUTS = {
    "dlq_url": "orderEventsDlqUrl",
    "queue_url": "orderEventsQueueUrl",
    "table": "ordersTableName",
}
"""What is needed -> the stack output that holds it."""


BUS_OUTPUT = "orderEventsBusName"


class StackError(Exception):
    """The stack cannot be reached; the message says what to do."""


def of_stack(name: str) -> DeadLetterQueue:
    """The dead-letter queue of a stack: `local` is the one `make run` serves."""
    if name == LOCAL:
        return _local()
    return of_urls(**_needed(_pulumi_outputs(name), f"stack {name}"))


def archive_of_stack(name: str) -> Archive:
    """The archive of a stack's bus: `local` is the one `make run` serves."""
    if name == LOCAL:
        run = _local_run()
        bus = _bus(run["outputs"], f"the local run of stack {LOCAL}")
        return Archive(
            aws.client("events", run["endpoint"], run["region"], run["credentials"]), bus
        )
    outputs = _pulumi_outputs(name)
    # The region stands in the URL of the queue, and the bus is where the queue is.
    region = _region(_needed(outputs, f"stack {name}")["queue_url"])
    client = boto3.Session(region_name=region).client(
        "events", config=Config(retries={"mode": "standard"})
    )
    return Archive(client, _bus(outputs, f"stack {name}"))


def _bus(outputs: Mapping[str, Any], where: str) -> str:
    name = outputs.get(BUS_OUTPUT)
    if not isinstance(name, str):
        raise StackError(f"{where} has no output {BUS_OUTPUT}: it has no events (setting events)")
    return name


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
            "or give --dlq-url, --queue-url and --table instead of --stack"
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
