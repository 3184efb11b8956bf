"""The AWS calls of the functions, where nothing fails: what estimates and benchmarks count on.

tests/functions/test_calls.py runs each handler and counts them.
"""

from collections.abc import Mapping

from functions import contract

CALLS: dict[str, dict[str, float]] = {
    "create_order": {"PutItem": 1, "SendMessage": 1},
    "get_order": {"GetItem": 1},
    "get_order_history": {"Query": 1},
    "process_order": {"UpdateItem": 1},
    "publish_changes": {"PutEvents": 1},
    "record_history": {"PutItem": 1},
    "republish_pending": {"Query": 1, "BatchGetItem": 0, "SendMessage": 0},
}
"""Calls by function and operation, for each request, message, record or run; an entry of a call
counts as the call. What is granted and not named here, as the count of a caller's limit, is one."""


def calls(function: str, operation: str, environment: Mapping[str, str]) -> float:
    """How often a function that is granted an operation makes it, for each unit of its work; the
    repair's depends on the shards that its environment names."""
    times = CALLS.get(function, {}).get(operation, 1)
    if function == "republish_pending":
        shards = int(environment[contract.PENDING_SHARDS_VARIABLE])
        times *= shards + (contract.MOST_PENDING_SHARDS - shards) / contract.PENDING_CYCLE
    return times
