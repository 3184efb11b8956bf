"""A run of two regions: what is apart, what is replicated, and one of them gone for a while."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError  # type: ignore[import-untyped]

from functions import contract
from local import events
from local.client import Api
from local.errors import LocalRunError
from local.regions import Regions, regions
from tests.local.support import ORDER, SECONDS, SHORT, SMALL, until

HOME, OTHER = "us-east-1", "eu-west-1"
TABLE = "shared"

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def two() -> Iterator[Regions]:
    """The stack `local` in two regions, and a global table that has nothing to do with it."""
    with regions([HOME, OTHER], overrides={**SMALL, **SHORT}) as running:
        home = running[HOME].client("dynamodb")
        home.create_table(
            TableName=TABLE,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )
        home.update_table(TableName=TABLE, ReplicaUpdates=[{"Create": {"RegionName": OTHER}}])
        yield running


@contextlib.contextmanager
def cut_off(running: Regions, region: str) -> Iterator[None]:
    running.cut_off(region)
    try:
        yield
    finally:
        running.reconnect(region)


@contextlib.contextmanager
def down(running: Regions, region: str) -> Iterator[None]:
    running.take_down(region)
    try:
        yield
    finally:
        running.bring_back(region)


def put(running: Regions, region: str, key: str, value: str) -> None:
    item = {"id": {"S": key}, "value": {"S": value}}
    running[region].client("dynamodb").put_item(TableName=TABLE, Item=item)


def read(running: Regions, region: str, key: str) -> str | None:
    client = running[region].client("dynamodb")
    item = client.get_item(TableName=TABLE, Key={"id": {"S": key}}).get("Item")
    return str(item["value"]["S"]) if item else None


def test_each_region_does_and_tells_what_is_its_own(two: Regions) -> None:
    placed: dict[str, str] = {}
    for running in two:
        placed[running.region] = Api(running.url).create(ORDER).body["id"]
    for region, order in placed.items():
        assert Api(two[region].url).wait_for(order, "CONFIRMED", SECONDS).body["id"] == order
        assert until(functools.partial(two[region].events, events.BatchProcessed))
        for kind in (events.RequestAnswered, events.FunctionInvoked, events.BatchProcessed):
            told: list[Any] = two[region].events(kind)
            assert {each.region for each in told} == {region}
        assert {each.orders for each in two[region].events(events.BatchProcessed)} == {order}
        assert two[region].logs(two[region].outputs["functionNames"]["create_order"])
        depths = two[region].events(events.QueueMeasured)
        assert "order-events" in {each.queue for each in depths if each.region == region}
        [stored] = (
            two[OTHER if region == HOME else HOME]
            .client("dynamodb")
            .query(
                TableName="Orders",
                KeyConditionExpression="id = :id",
                ExpressionAttributeValues={":id": {"S": order}},
            )["Items"]
        )
        assert stored["region"] == {"S": region}
    told = two.stream.history(events.RequestAnswered)
    assert {each.region for each in told} == {HOME, OTHER}


def test_health_is_each_regions_own(two: Regions) -> None:
    for running in two:
        answer = Api(running.url).request("GET", contract.HEALTH_PATH)
        assert (answer.status, answer.body["region"]) == (200, running.region)


def test_nothing_answers_or_runs_in_a_region_that_is_down(two: Regions) -> None:
    sqs = two[HOME].client("sqs")
    queue = two[HOME].outputs["orderEventsQueueUrl"]
    order = Api(two[HOME].url).create(ORDER).body["id"]
    with down(two, HOME):
        assert two.state()[0]["down"]
        with pytest.raises(ConnectionRefusedError):
            Api(two[HOME].url).get(order)
        with pytest.raises(ClientError, match=r"ServiceUnavailable.*us-east-1 is down"):
            sqs.send_message(QueueUrl=queue, MessageBody="{}")
        assert Api(two[OTHER].url).create(ORDER).status == 201
        with pytest.raises(LocalRunError, match="us-east-1 is down"):
            two.reconnect(HOME)
    answer = Api(two[HOME].url).wait_for(order, "CONFIRMED", SECONDS)
    assert answer.body["status"] == "CONFIRMED"
    changes = [(each.down, each.cut) for each in two.stream.history(events.RegionsChanged)]
    assert changes[-2:] == [(HOME, HOME), ("", "")]


def test_schedules_and_queues_of_a_region_that_is_down_wait(two: Regions) -> None:
    with down(two, OTHER):
        since = len(two[OTHER].events(events.FunctionInvoked))
        order = Api(two[HOME].url).create(ORDER).body["id"]
        assert Api(two[HOME].url).wait_for(order, "CONFIRMED", SECONDS).body["id"] == order
        assert len(two[OTHER].events(events.FunctionInvoked)) == since


def test_replicas_have_each_others_writes(two: Regions) -> None:
    put(two, HOME, "a", "1")
    assert read(two, OTHER, "a") == "1"
    put(two, OTHER, "a", "2")
    assert read(two, HOME, "a") == "2"


def test_writes_of_a_region_that_is_cut_off_come_late(two: Regions) -> None:
    with cut_off(two, HOME):
        put(two, HOME, "late", "1")
        put(two, OTHER, "late too", "2")
        assert read(two, OTHER, "late") is None
        assert read(two, HOME, "late too") is None
    assert read(two, OTHER, "late") == "1"
    assert read(two, HOME, "late too") == "2"


@pytest.mark.parametrize(("first", "second"), [(HOME, OTHER), (OTHER, HOME)])
def test_last_writer_wins_where_both_replicas_wrote(two: Regions, first: str, second: str) -> None:
    key = f"both, {first} first"
    with cut_off(two, HOME):
        put(two, first, key, "first")
        put(two, second, key, "second")
        assert read(two, first, key) == "first"
    assert [read(two, region, key) for region in (HOME, OTHER)] == ["second", "second"]


def test_region_is_back_before_its_replicas_are(two: Regions) -> None:
    two.take_down(HOME)
    put(two, OTHER, "meanwhile", "1")
    two.bring_back(HOME, connected=False)
    try:
        assert read(two, HOME, "meanwhile") is None
        assert Api(two[HOME].url).create(ORDER).status == 201
    finally:
        two.reconnect(HOME)
    assert read(two, HOME, "meanwhile") == "1"


def test_only_members_are_taken_down(two: Regions) -> None:
    with pytest.raises(LocalRunError, match="eu-west-9 is no region of this run; there are us-eas"):
        two.take_down("eu-west-9")
