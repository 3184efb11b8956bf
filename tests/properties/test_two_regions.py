"""Whoever has which order when a region fails, comes back late, or stands still in mid-call: none
is confirmed or published twice, and none is left behind."""

from collections.abc import Iterator
from types import ModuleType

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from functions import contract
from tests.properties.double import Message
from tests.properties.two_regions import (
    ADOPT_AFTER,
    CLOCK,
    HOME,
    MARGIN,
    MEMBERS,
    OTHER,
    TwoRegions,
    functions_of_both,
)

FUNCTIONS: dict[str, dict[str, ModuleType]] = {}
OLD = ADOPT_AFTER + MARGIN + 60


@pytest.fixture(scope="module", autouse=True)
def functions() -> Iterator[None]:
    with functions_of_both() as found:
        FUNCTIONS.update(found)
        yield
    FUNCTIONS.clear()


@pytest.fixture
def system() -> TwoRegions:
    return TwoRegions(FUNCTIONS)


def status(system: TwoRegions, region: str, order_id: str) -> str:
    return str(system.item(region, order_id)["status"]["S"])


def adopted(system: TwoRegions, region: str = HOME) -> tuple[str, Message]:
    """An old order that its region's heir has adopted, and its event in that region's queue."""
    order_id = system.take(region)
    [message] = system.queues[region]
    system.replicate(region)
    system.down.add(region)
    CLOCK.now += OLD
    assert system.adopt(region) == 1
    return order_id, message


def test_an_order_is_of_the_region_that_took_it(system: TwoRegions) -> None:
    for place, region in enumerate(MEMBERS):
        item = system.item(region, system.take(region))
        assert item[contract.REGION_ATTRIBUTE] == {"S": region}
        shard = int(item[contract.PENDING_SHARD_ATTRIBUTE]["N"])
        assert shard // contract.MOST_PENDING_SHARDS == place


@pytest.mark.parametrize("region", MEMBERS)
def test_another_regions_order_is_left_alone_and_its_event_is_done(
    system: TwoRegions, region: str, capsys: pytest.CaptureFixture[str]
) -> None:
    order_id = system.take(region)
    [message] = system.queues[region]
    system.replicate(region)
    other = system.other(region)
    assert system.deliver(other, message)
    assert status(system, other, order_id) == contract.PENDING
    assert not system.pending[other]
    output = capsys.readouterr().out
    assert "OrdersConfirmed" not in output
    assert "QueueLag" not in output
    assert system.deliver(region, message)
    assert status(system, region, order_id) == contract.CONFIRMED


def test_a_young_order_takes_no_call_to_another_region(system: TwoRegions) -> None:
    system.take(HOME)
    assert system.deliver(HOME, system.queues[HOME][0])
    assert {region for region, _ in system.asked} == {HOME}


def test_an_order_of_before_there_were_regions_is_the_home_regions(system: TwoRegions) -> None:
    order_id = system.take(HOME)
    [message] = system.queues[HOME]
    item = system.item(HOME, order_id)
    del item[contract.REGION_ATTRIBUTE]
    for region in MEMBERS:
        system._put(region, order_id, item, CLOCK())
    assert system.deliver(OTHER, message)
    assert status(system, OTHER, order_id) == contract.PENDING
    assert system.deliver(HOME, message)
    assert status(system, HOME, order_id) == contract.CONFIRMED
    assert system.published[order_id, contract.CONFIRMED] == 1


def test_a_region_that_comes_back_late_confirms_nothing_that_was_adopted(
    system: TwoRegions,
) -> None:
    order_id, message = adopted(system)
    system.down.clear()  # and its replica knows nothing of the adoption
    assert system.item(HOME, order_id)[contract.REGION_ATTRIBUTE] == {"S": HOME}
    assert system.deliver(HOME, message)
    [sent] = system.repair(HOME)
    assert system.deliver(HOME, sent)
    assert status(system, HOME, order_id) == contract.PENDING
    [sent] = system.repair(OTHER)
    assert system.deliver(OTHER, sent)
    system.replicate(OTHER)
    assert {status(system, each, order_id) for each in MEMBERS} == {contract.CONFIRMED}
    assert system.confirmed[order_id] == 1
    assert system.published[order_id, contract.CONFIRMED] == 1


def test_what_was_adopted_is_confirmed_while_the_heirs_own_heir_is_down(
    system: TwoRegions,
) -> None:
    own = system.take(OTHER)
    order_id, _ = adopted_beside(system)
    sent = {each.order_id: each for each in system.repair(OTHER)}
    assert sent.keys() == {own, order_id}
    for each in sent.values():
        assert system.deliver(OTHER, each)
    assert {status(system, OTHER, each) for each in sent} == {contract.CONFIRMED}


def adopted_beside(system: TwoRegions) -> tuple[str, Message]:
    order_id = system.take(HOME)
    [message] = system.queues[HOME]
    system.replicate(HOME)
    system.down.add(HOME)
    CLOCK.now += OLD
    assert system.adopt(HOME) == 2  # with the heir's own, which would have to ask it
    return order_id, message


def test_an_old_order_waits_for_the_heir_that_might_have_adopted_it(system: TwoRegions) -> None:
    order_id = system.take(HOME)
    [message] = system.queues[HOME]
    CLOCK.now += OLD
    assert not system.deliver(HOME, message), "the heir's replica does not know it yet"
    system.down.add(OTHER)
    assert not system.deliver(HOME, message)
    assert status(system, HOME, order_id) == contract.PENDING
    system.down.clear()
    system.replicate(HOME)
    [sent] = system.repair(HOME)
    assert system.deliver(HOME, sent)
    assert status(system, OTHER, order_id) == contract.CONFIRMED
    system.replicate(OTHER)
    assert system.published[order_id, contract.CONFIRMED] == 1


def test_a_process_that_stood_still_in_mid_call_changes_nothing_any_more(
    system: TwoRegions,
) -> None:
    order_id = system.take(HOME)
    [message] = system.queues[HOME]
    system.replicate(HOME)

    def stand_still() -> None:
        CLOCK.now += OLD
        assert system.adopt(HOME, alive=True) == 1
        [sent] = system.repair(OTHER)
        assert system.deliver(OTHER, sent)

    system.failing, system.held_up = 1, stand_still
    assert not system.deliver(HOME, message)
    assert system.confirmed[order_id] == 1
    assert system.deliver(HOME, message)
    assert system.confirmed[order_id] == 1


def test_nobody_adopts_what_is_young_settled_or_anothers(system: TwoRegions) -> None:
    settled, young = system.take(HOME), None
    assert system.deliver(HOME, system.queues[HOME][0])
    system.take(OTHER)
    CLOCK.now += ADOPT_AFTER + MARGIN - 60
    young = system.take(HOME)
    CLOCK.now += 30
    system.replicate(HOME)
    assert system.adopt(HOME, alive=True) == 0
    assert status(system, OTHER, settled) == contract.CONFIRMED
    assert system.item(OTHER, young)[contract.REGION_ATTRIBUTE] == {"S": HOME}


def test_an_adoption_is_no_change_of_the_order_and_no_event(system: TwoRegions) -> None:
    order_id, _ = adopted(system)
    item, before = system.item(OTHER, order_id), system.item(HOME, order_id)
    different = {name for name in item if item[name] != before.get(name)}
    assert different == {"region", "regionSince", "pendingShard"}
    assert system.published == {(order_id, contract.PENDING): 1}
    assert system.adopt(HOME) == 0, "a second time nothing is left"


def test_another_regions_backlog_takes_nothing_of_a_repairs_allowance(system: TwoRegions) -> None:
    backlog = {system.take(HOME) for _ in range(12)}
    own = {system.take(OTHER) for _ in range(3)}
    system.replicate(HOME)
    system.replicate(OTHER)
    CLOCK.now += 120
    sent = {each.order_id for each in system.repair(OTHER)}
    assert sent == own
    assert {each.order_id for each in system.repair(HOME)} < backlog


def test_a_repeated_request_in_another_region_makes_no_second_order(system: TwoRegions) -> None:
    order_id = system.take(HOME, "key")
    system.replicate(HOME)
    assert system.take(OTHER, "key") == order_id
    assert not system.queues[OTHER], "the region that took it sees to it"
    assert not system.pending[OTHER]


class Regions(RuleBasedStateMachine):
    """Everything that can happen to orders of two regions, and what has to be true throughout.

    Taken for granted: while both are up, replication is behind by less than the margin; and a
    region goes down with nothing but new orders that the other does not know. The rest is what
    docs/regions.md says of tables without strong consistency.
    """

    def __init__(self) -> None:
        super().__init__()
        self.system = TwoRegions(FUNCTIONS)
        self.accepted: set[str] = set()
        self.since: dict[str, float] = dict.fromkeys(MEMBERS, CLOCK.now)

    def up(self) -> list[str]:
        return [each for each in MEMBERS if each not in self.system.down]

    def catch_up(self) -> None:
        """Replication is behind by less than the margin where both ends are up."""
        if not self.system.down:
            for region in MEMBERS:
                late = [
                    each
                    for each in self.system.pending[region]
                    if each.moment < CLOCK.now - MARGIN / 2
                ]
                self.system.replicate(region, len(late))

    @rule(pick=st.integers(0, 1))
    def take(self, pick: int) -> None:
        up = self.up()
        order_id = self.system.take(up[pick % len(up)])
        assert order_id is not None
        self.accepted.add(order_id)

    @rule(pick=st.integers(0, 1), message=st.integers(0, 9))
    def deliver(self, pick: int, message: int) -> None:
        up = self.up()
        region = up[pick % len(up)]
        queue = self.system.queues[region]
        if queue:
            self.system.deliver(region, queue[message % len(queue)])

    @rule(
        pick=st.integers(0, 1),
        message=st.integers(0, 9),
        seconds=st.sampled_from([1, 100, OLD]),
        adopt=st.booleans(),
    )
    def deliver_and_stand_still(self, pick: int, message: int, seconds: int, adopt: bool) -> None:
        """In mid-call, after an attempt that failed."""
        if self.system.down:
            return
        region = MEMBERS[pick]
        queue = self.system.queues[region]
        if not queue:
            return

        def stand_still() -> None:
            CLOCK.now += seconds
            self.catch_up()
            if adopt:
                self.system.adopt(region, alive=True)
                heir = self.system.other(region)
                for sent in self.system.repair(heir):
                    self.system.deliver(heir, sent)

        self.system.failing, self.system.held_up = 1, stand_still
        self.system.deliver(region, queue[message % len(queue)])
        self.system.failing, self.system.held_up = 0, None

    @rule(pick=st.integers(0, 1))
    def repair(self, pick: int) -> None:
        up = self.up()
        region = up[pick % len(up)]
        items = self.system.items(region)
        for sent in self.system.repair(region):
            assert sent.order_id is not None
            assert items[sent.order_id][contract.REGION_ATTRIBUTE] == {"S": region}

    @rule(seconds=st.sampled_from([1, 100, ADOPT_AFTER, OLD]))
    def wait(self, seconds: int) -> None:
        CLOCK.now += seconds
        self.catch_up()

    @precondition(lambda self: not self.system.down)
    @rule(pick=st.integers(0, 1), count=st.integers(1, 5))
    def replicate(self, pick: int, count: int) -> None:
        self.system.replicate(MEMBERS[pick], count)

    @precondition(lambda self: not self.system.down)
    @rule(pick=st.integers(0, 1))
    def outage(self, pick: int) -> None:
        region = MEMBERS[pick]
        unknown = []
        there = self.system.items(self.system.other(region))
        changed = {
            each.order_id
            for each in self.system.pending[region]
            if each.order_id in there or each.item["status"]["S"] != contract.PENDING
        }
        # Those that it had a part in are told first, with all that came before.
        for write in self.system.pending[region]:
            if write.order_id not in changed:
                unknown.append(write)
        told = [each for each in self.system.pending[region] if each.order_id in changed]
        self.system.pending[region] = told
        self.system.replicate(region)
        self.system.pending[region] = unknown
        self.system.down.add(region)

    @precondition(lambda self: self.system.down)
    @rule()
    def come_back(self) -> None:
        # With a replica that is behind: replication goes on when it goes on.
        self.system.down.clear()

    @precondition(lambda self: self.system.down)
    @rule()
    def adopt(self) -> None:
        [down] = self.system.down
        self.system.adopt(down)

    @precondition(lambda self: not self.system.down)
    @rule(pick=st.integers(0, 1))
    def adopt_from_a_living_one(self, pick: int) -> None:
        self.catch_up()
        self.system.adopt(MEMBERS[pick], alive=True)

    @invariant()
    def nothing_is_done_twice(self) -> None:
        assert not [each for each, count in self.system.confirmed.items() if count > 1]
        assert not [each for each, count in self.system.published.items() if count > 1]

    def teardown(self) -> None:
        if not FUNCTIONS:
            return
        system = self.system
        system.down.clear()
        for _ in range(200):
            for region in MEMBERS:
                system.replicate(region)
            if not any(
                status(system, region, each) == contract.PENDING
                for region in MEMBERS
                for each in system.items(region)
            ):
                break
            for region in MEMBERS:
                for message in [*system.queues[region], *system.repair(region)]:
                    if message in system.queues[region]:
                        system.deliver(region, message)
        self.nothing_is_done_twice()
        here, there = (system.items(region) for region in MEMBERS)
        assert here == there
        assert here.keys() == self.accepted
        for order_id, item in here.items():
            assert item["status"]["S"] == contract.CONFIRMED, item
            assert item["version"] == {"N": "2"}
            assert system.confirmed[order_id] == 1
            for each in (contract.PENDING, contract.CONFIRMED):
                assert system.published[order_id, each] == 1, each


@pytest.mark.long
def test_no_interleaving_of_two_regions_confirms_or_publishes_an_order_twice() -> None:
    run_state_machine_as_test(
        Regions,
        settings=settings(
            max_examples=60,
            stateful_step_count=30,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
