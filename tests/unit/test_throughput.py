"""Settings that contradict each other in what a second can take: the program says so."""

from typing import Any

import pytest

from components.inputs import camel_case
from components.throughput import contradictions_in
from local import program
from tests.unit.stacks import LEAST, OTHER_VALUES, STACKS, recording


def told(**overrides: Any) -> list[str]:
    """What is found in the settings of a stack."""
    settings = program.settings("dev", overrides).system
    return [each.line(camel_case) for each in contradictions_in(settings)]


@pytest.mark.parametrize("stack", STACKS)
def test_no_stack_contradicts_itself(stack: str) -> None:
    assert recording(stack).warnings == []


@pytest.mark.parametrize("settings", [OTHER_VALUES, LEAST])
def test_the_program_warns_of_what_is_found(settings: dict[str, Any]) -> None:
    assert recording("dev", **settings).warnings == told(**settings) != []


def test_what_just_suffices_is_not_told() -> None:
    assert not told(
        throttle={"rate": 10_000, "createRate": 2500},
        pending={"shards": 5},
        reservedConcurrency={"create_order": 250, "process_order": 48},
        processor={"batchSize": 1, "maximumConcurrency": 48},
        history={"maximumConcurrency": 28},
        queue={"maxReceiveCount": 4},
    )


def test_every_contradiction_is_told_with_its_figures() -> None:
    """Each at the least value that is too much."""
    assert told(
        throttle={"rate": 10_001, "createRate": 2501},
        pending={"shards": 5},
        reservedConcurrency={"create_order": 250, "get_order": 603, "process_order": 48},
        processor={"batchSize": 1, "maximumConcurrency": 47},
        history={"maximumConcurrency": 27},
        queue={"maxReceiveCount": 5},
    ) == [
        "reservedConcurrency.create_order: 250 environments take 2500 requests a second, 10 each, "
        "and throttle.createRate (2501) lets more in: the rest is answered with 503",
        "reservedConcurrency.get_order: 603 environments take 6030 requests a second, 10 each, "
        "and throttle.rate (10001) lets more in: the rest is answered with 503",
        "throttle.rate: 10001 a second is beyond API Gateway's quota of 10000 for an account: the "
        "rest is answered with 429, unless the quota was raised",
        "reservedConcurrency: 901 in all, and of an account's quota of 1000 Lambda keeps 100 for "
        "other functions: it refuses the rest, unless the quota was raised",
        "pending.shards: 5 shards of the index over pending orders take 2500 orders a second, and "
        "throttle.createRate (2501) lets more in: the index would throttle the table",
        "processor.maximumConcurrency: 47 batches of 1 at once, each of 19 ms at least, confirm "
        "2474 orders a second, and throttle.createRate (2501) lets more in: they wait in the queue",
        "throttle.createRate: 2501 orders a second make 5002 events, and record_history takes 4909 "
        "with 27 batches of 10 at once: they wait in its queue",
        "reservedConcurrency.process_order: 48 environments are kept for the processor, and "
        "processor.maximumConcurrency (47) uses no more: 1 kept from other functions for "
        "nothing",
        "republish.pendingThresholdSeconds: an order is delivered for 150 s (5 times 30 s), and "
        "the repair sends its event again after republish.pendingThresholdSeconds (120): another "
        "one beside those still to come",
    ]


@pytest.mark.parametrize("more", [0, 1])
def test_batches_are_held_against_the_time_that_there_is_for_them(more: int) -> None:
    found = told(
        processor={"batchSize": 10_000, "batchWindowSeconds": 200, "timeoutSeconds": 7 + more},
        queue={"visibilityTimeoutSeconds": 201, "maxReceiveCount": 1},
        republish={"pendingThresholdSeconds": 200 + more},
    )
    repaired = "the repair sends its event again after republish.pendingThresholdSeconds (200)"
    assert found == [
        "processor.batchSize: a batch of 10000 takes 8 s at least, processor.timeoutSeconds (7) "
        "ends it before: the rest is delivered again, until it is a dead letter",
        f"republish.pendingThresholdSeconds: an order is delivered for 201 s (1 times 201 s), and "
        f"{repaired}: another one beside those still to come",
        f"processor.batchWindowSeconds: an order may wait 200 s for its first delivery, and "
        f"{repaired}",
    ] * (1 - more)
