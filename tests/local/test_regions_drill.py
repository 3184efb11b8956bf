"""One of two regions goes down in the middle of a load, and comes back with what it had.

Every order that was answered 201 ends CONFIRMED, none is changed twice, and no event is told twice.
"""

from __future__ import annotations

import functools
import http.client
import json
import threading
from collections import Counter
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions import contract
from functions.orders import changes
from local import events
from local.client import Api
from local.regions import Regions, regions
from local.system import System
from operations.regions import Member, Replica
from tests.local.support import ORDER, listen, log_lines, until

HOME, HEIR = MEMBERS = "us-east-1", "eu-west-1"

ADOPT_AFTER = timedelta(minutes=1)
MARGIN = timedelta(seconds=5)
"""The least that a system takes: a drill waits for both."""

CONFIG = {
    "imports": False,
    "timeoutSeconds": 10,
    "queue.visibilityTimeoutSeconds": 10,
    "queue.maxReceiveCount": 30,  # of what a region cannot decide while it is cut off
    "republish.pendingThresholdSeconds": 60,
    "regions.adoptAfterMinutes": int(ADOPT_AFTER.total_seconds() // 60),
    "regions.adoptionMarginSeconds": int(MARGIN.total_seconds()),
}

pytestmark = pytest.mark.long


class Load:
    """Clients of one region's door, who place orders until they are stopped; those that were
    answered 201, in their order."""

    def __init__(self, running: System, clients: int = 2) -> None:
        self._api, self._stopped = Api(running.url), threading.Event()
        self.placed: list[str] = []
        self.refused: Counter[str] = Counter()
        self._clients = [threading.Thread(target=self._place) for _ in range(clients)]
        for each in self._clients:
            each.start()

    def _place(self) -> None:
        while not self._stopped.wait(0.05):
            try:
                answer = self._api.create(ORDER)
            except (OSError, http.client.HTTPException) as error:
                self.refused[type(error).__name__] += 1
                continue
            if answer.status == 201:
                self.placed.append(answer.body["id"])
            else:
                self.refused[str(answer.status)] += 1

    def more(self, number: int) -> None:
        """Wait for so many orders more."""
        wanted = len(self.placed) + number
        assert until(lambda: len(self.placed) >= wanted), self.refused

    def stop(self) -> None:
        self._stopped.set()
        for each in self._clients:
            each.join()


def process(running: System, *, enabled: bool) -> None:
    """Have a region process orders, or none: then all that it takes stay pending."""
    client = running.client("lambda")
    queue = running.outputs["orderEventsQueueUrl"].rpartition("/")[2]
    function = f"{running.outputs['functionNames']['process_order']}:live"
    for each in client.list_event_source_mappings(FunctionName=function)["EventSourceMappings"]:
        if each["EventSourceArn"].endswith(f":{queue}"):
            client.update_event_source_mapping(UUID=each["UUID"], Enabled=enabled)


def stored(running: System) -> dict[str, dict[str, Any]]:
    """The orders in a region's replica, by id."""
    pages = running.client("dynamodb").get_paginator("scan")
    found = pages.paginate(TableName=running.outputs["ordersTableName"])
    return {each["id"]["S"]: each for page in found for each in page["Items"]}


def adopt(running: System, owner: str) -> list[str]:
    """Have a region adopt what is pending and old enough of another's, as operators do; the ids."""
    member = Member.of(running.outputs["region"], running.region)
    replica = Replica(running.client("dynamodb"), running.outputs["ordersTableName"], member)
    owners = replica.owners(owner)
    old = [each for each in replica.pending(owners) if each.created < replica.until()]
    assert replica.adopt(old, owners).adopted == len(old)
    return [each.item["id"]["S"] for each in old]


def told(running: System, url: str) -> list[changes.Change]:
    """What a queue of `listen` has heard since it was asked last."""
    client, found = running.client("sqs"), []
    while messages := client.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=600
    ).get("Messages"):
        found += [changes.read(json.loads(each["Body"])["detail"]) for each in messages]
    return found


def is_pending(item: dict[str, Any]) -> bool:
    return bool(item["status"]["S"] == contract.PENDING)


def statuses(running: System, ids: list[str]) -> Counter[str]:
    found = stored(running)
    return Counter(found[each]["status"]["S"] if each in found else "none" for each in ids)


def confirmed(running: System, ids: list[str]) -> bool:
    return statuses(running, ids) == {contract.CONFIRMED: len(ids)}


def states(running: System) -> Counter[str]:
    return statuses(running, list(stored(running)))


def all_confirmed(running: System) -> bool:
    return states(running).keys() == {contract.CONFIRMED}


def lose_home(running: Regions, loads: dict[str, Load]) -> None:
    """Have the home region go down with pending orders, some of which are nowhere else."""
    for load in loads.values():
        load.more(10)
    process(running[HOME], enabled=False)
    loads[HOME].more(10)
    running.cut_off(HOME)
    loads[HOME].more(5)
    running.take_down(HOME)
    loads[HEIR].more(10)


def wait_until_older(running: System, items: dict[str, dict[str, Any]], age: timedelta) -> None:
    latest = max(each["createdAt"]["S"] for each in items.values() if is_pending(each))
    end = datetime.fromisoformat(latest) + age + timedelta(seconds=1)
    while datetime.now(UTC) < end:
        running.wait(0.2)


def repair(running: System) -> None:
    """Have a region's repair run now, and not within the next minute."""
    function = running.outputs["functionNames"]["republish_pending"]
    answer = running.client("lambda").invoke(FunctionName=function, Qualifier="live")
    assert "FunctionError" not in answer


def others_orders(running: System) -> set[str]:
    """The orders whose messages a region has done with, because they are another region's."""
    lines = log_lines(running, "process_order")
    return {each["order_id"] for each in lines if each.get("message") == "order of another region"}


def check_events(running: Regions, ears: dict[str, str], placed: Collection[str]) -> None:
    """Each order's two changes were told, on one bus, once."""
    heard: Counter[tuple[str, int]] = Counter()
    by: dict[tuple[str, int], set[str]] = {}

    def all_told() -> bool:
        for region, url in ears.items():
            for change in told(running[region], url):
                which = change.order_id, change.version
                heard[which] += 1
                by.setdefault(which, set()).add(region)
        return len(heard) >= 2 * len(placed)

    assert until(all_told), Counter(version for _, version in heard)
    assert set(heard) == {(each, version) for each in placed for version in (1, 2)}
    assert {which for which, told_by in by.items() if len(told_by) > 1} == set()
    # A publisher that was ended between the bus's answer and its own tells the batch again.
    ended = {
        each
        for failed in running[HOME].events(events.FunctionFailed)
        if failed.function == running[HOME].outputs["functionNames"]["publish_changes"]
        for each in failed.orders.split(", ")
    }
    assert {order_id for (order_id, _), times in heard.items() if times > 1} <= ended


def test_region_goes_down_under_load_and_comes_back() -> None:
    with regions(MEMBERS, overrides=CONFIG) as running:
        home, heir = running[HOME], running[HEIR]
        ears = {each.region: listen(each, "drill") for each in running}
        loads = {each.region: Load(each) for each in running}
        try:
            lose_home(running, loads)
        finally:
            for load in loads.values():
                load.stop()
        of_home, of_heir = loads[HOME].placed, loads[HEIR].placed
        assert loads[HOME].refused["ConnectionRefusedError"]
        assert not loads[HEIR].refused

        there = stored(heir)
        not_replicated = [each for each in of_home if each not in there]
        left = [each for each in of_home if each in there and is_pending(there[each])]
        assert not_replicated
        assert left
        assert until(lambda: confirmed(heir, of_heir))

        wait_until_older(heir, there, ADOPT_AFTER + MARGIN)
        assert set(left) <= set(adopt(heir, HOME))
        repair(heir)
        assert until(lambda: confirmed(heir, left))

        # Its queue and its replica are as they were.
        running.bring_back(HOME, connected=False)
        assert statuses(home, left) == {contract.PENDING: len(left)}
        process(home, enabled=True)
        assert until(lambda: set(left) <= others_orders(home))
        assert statuses(home, left) == {contract.PENDING: len(left)}
        assert statuses(home, not_replicated) == {contract.PENDING: len(not_replicated)}

        running.reconnect(HOME)
        repair(home)  # of what was stored when its request was cut short
        for each in running:
            assert until(functools.partial(all_confirmed, each)), states(each)
        assert stored(home) == stored(heir)
        assert {each["version"]["N"] for each in stored(home).values()} == {"2"}
        assert {*of_home, *of_heir} <= stored(home).keys()
        check_events(running, ears, stored(home).keys())
