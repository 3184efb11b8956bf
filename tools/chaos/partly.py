"""Calls of several entries of which some are refused."""

from collections.abc import Callable
from typing import Any

from local.system import System
from tools.chaos.faults import Fault

Ask = Callable[[str, dict[str, Any]], dict[str, Any]]
"""Does an operation with the parameters that a boto3 client takes."""


def asking(local: System) -> Ask:
    """What asks a local system for the part that is not refused: the caller's own signature is
    good for the whole alone."""
    operations = {
        "PutEvents": local.client("events").put_events,
        "SendMessageBatch": local.client("sqs").send_message_batch,
    }
    return lambda operation, parameters: operations[operation](**parameters)


def partly(
    operation: str, body: dict[str, Any], ask: Callable[[dict[str, Any]], dict[str, Any]]
) -> tuple[dict[str, Any], set[int]]:
    """The answer to a call of BATCHES of which the first entry and every second after it are
    refused, and their indexes; `ask` does the rest."""
    entries = body["Entries"]
    refused = set(range(0, len(entries), 2))
    taken = [entry for index, entry in enumerate(entries) if index not in refused]
    answer = ask({**body, "Entries": taken}) if taken else {}
    if operation == "SendMessageBatch":
        failed = [
            {"Id": entries[index]["Id"], "Code": "InternalFailure", "SenderFault": False}
            for index in sorted(refused)
        ]
        return {"Successful": answer.get("Successful", []), "Failed": failed}, refused
    told = iter(answer.get("Entries", []))
    results = [
        {"ErrorCode": "InternalFailure", "ErrorMessage": f"injected: {Fault.PARTLY.value}"}
        if index in refused
        else next(told)
        for index in range(len(entries))
    ]
    return {"FailedEntryCount": len(refused), "Entries": results}, refused
