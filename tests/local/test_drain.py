"""The simulation of a queue's drain against the running system's."""

from __future__ import annotations

import json

import pytest

from functions import contract
from local.client import Api
from local.events import BatchProcessed
from local.system import System
from operations.capacity.simulation import Load, Model, simulate
from tests.local.support import ORDER, queue_count, until

BACKLOG = 35

DELAY_SECONDS = 3
"""By then the poll is over that is under way when the mapping is disabled."""


def visible(running: System, url: str) -> int:
    name = "ApproximateNumberOfMessages"
    answer = running.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=[name])
    return int(answer["Attributes"][name])


@pytest.mark.long
def test_a_backlog_is_drained_in_as_many_batches_as_simulated(running: System, api: Api) -> None:
    order_id = api.create(ORDER).body["id"]
    api.wait_for(order_id, contract.CONFIRMED, 30)
    lambdas, sqs = running.client("lambda"), running.client("sqs")
    url = running.outputs["orderEventsQueueUrl"]
    function = running.outputs["functionNames"]["process_order"]
    (mapping,) = (
        each
        for each in lambdas.list_event_source_mappings()["EventSourceMappings"]
        if f":{function}" in each["FunctionArn"]
    )

    def processed() -> list[BatchProcessed]:
        return [each for each in running.events(BatchProcessed) if each.function == function]

    before = len(processed())
    lambdas.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    try:
        body = json.dumps({"type": contract.ORDER_CREATED, "detail": {"id": order_id, **ORDER}})
        for first in range(0, BACKLOG, 10):
            entries = [
                {"Id": str(number), "MessageBody": body, "DelaySeconds": DELAY_SECONDS}
                for number in range(first, min(BACKLOG, first + 10))
            ]
            sqs.send_message_batch(QueueUrl=url, Entries=entries)
        assert until(lambda: visible(running, url) == BACKLOG)
    finally:
        lambdas.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)
    until(lambda: queue_count(running, url) == 0)
    until(lambda: sum(each.messages for each in processed()[before:]) == BACKLOG)
    batches = processed()[before:]
    limits = Model(
        batch=mapping["BatchSize"],
        concurrency=mapping["ScalingConfig"]["MaximumConcurrency"],
        batch_seconds=0.05,
    )
    played = simulate(limits, Load(rate=1, seconds=0), BACKLOG)
    assert (len(batches), played.dead_letters) == (played.invocations, 0)
    assert sum(each.messages for each in batches) == BACKLOG == played.confirmed
