"""The running system under faults on the wire: nothing lost, stuck or doubled."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from functions import contract
from local.sign_in import AUTH
from tools.chaos import __main__ as command
from tools.chaos.audit import KINDS
from tools.chaos.faults import MIXES, OUTAGES, Fault, Mix
from tools.chaos.load import customer
from tools.chaos.run import Arena, Options, Result, arena, stored

pytestmark = pytest.mark.long

SHORT = {
    "republish.pendingThresholdSeconds": 4,
    # A message of a worker that died is delivered again after this. On a busy machine a batch takes
    # seconds, and one that outlives it counts as a failure that no fault explains.
    "queue.visibilityTimeoutSeconds": 8,
    "timeoutSeconds": 8,
}


@pytest.fixture(scope="module")
def stage() -> Iterator[Arena]:
    with arena(SHORT) as running:
        assert running.follower is not None
        # As for the order queue; a consumer's follows from its function's timeout, and is longer.
        running.local.client("sqs").set_queue_attributes(
            QueueUrl=running.follower.queue,
            Attributes={"VisibilityTimeout": str(SHORT["queue.visibilityTimeoutSeconds"])},
        )
        yield running


def survive(
    stage: Arena, mix: Mix, orders: int, seed: int, say: Callable[[str], None] = print
) -> Result:
    options = Options(mix, orders, seed, concurrency=16, repair_seconds=4, settle_seconds=180)
    result = stage.run(options, say)
    report = result.report
    assert report.holds, {kind: getattr(report, kind) for kind in KINDS}
    assert report.recorded == 2 * (report.confirmed + report.failed_in_dlq) > 0
    assert report.published >= report.recorded
    return result


def test_every_kind_of_fault_at_once(stage: Arena) -> None:
    # Lower rates than in make chaos, since each strike costs this test seconds.
    mix = replace(MIXES["everything"].scaled(0.03), outages=dict.fromkeys(OUTAGES, 3))
    result = survive(stage, mix, orders=24, seed=101)
    assert len(result.struck) > 5, "hardly a fault struck"
    assert result.struck[Fault.QUEUE_OUTAGE] > 0, "the queue was never down"
    assert result.struck[Fault.TABLE_OUTAGE] > 0, "the table was never down"
    assert result.struck[Fault.BUS_OUTAGE] > 0, "the bus was never down"
    # Every second client has a key and asks again until it has its 201.
    assert result.report.accepted >= 12


def test_events_delivered_twice_change_an_order_once(stage: Arena) -> None:
    result = survive(stage, Mix("twice", "", {Fault.DUPLICATED: 1.0}), orders=30, seed=102)
    assert result.report.confirmed == 30
    assert result.report.published > 90, "hardly an event was put on the bus twice"
    sends = Counter(
        order
        for entry in stage.proxy.journal
        if entry.operation == "SendMessage" and entry.done
        for order in entry.orders
    )
    assert len(sends) == 30
    assert min(sends.values()) >= 2, "an event was not sent twice"


def test_orders_refused_by_a_queue_that_is_down_are_confirmed_by_the_repair(stage: Arena) -> None:
    result = survive(
        stage, Mix("down", "", outages={Fault.QUEUE_OUTAGE: 4}, retries=False), orders=20, seed=103
    )
    assert result.report.refused > 0, "the queue was never down"
    assert result.report.confirmed == 20, "an order answered 503 was not completed"


def test_a_table_that_is_down_while_orders_are_processed_costs_none_of_them(stage: Arena) -> None:
    result = survive(
        stage, replace(MIXES["table-outage"], outages={Fault.TABLE_OUTAGE: 4}), 20, 107
    )
    struck = {entry.operation for entry in stage.proxy.journal if entry.fault}
    assert "UpdateItem" in struck
    assert result.report.confirmed + result.report.absent == 20


@pytest.mark.parametrize(
    ("mix", "operation"),
    [("bus-outage", "PutEvents"), ("history-outage", "PutItem"), ("partial-failures", "PutEvents")],
)
def test_a_bus_or_consumer_that_is_down_costs_no_event_and_keeps_their_order(
    stage: Arena, mix: str, operation: str
) -> None:
    seed = 109 + len(mix)
    result = survive(stage, MIXES[mix].lasting(1), orders=8, seed=seed)
    assert operation in {entry.operation for entry in stage.proxy.journal if entry.fault}
    assert result.report.confirmed == 8


def test_the_audit_sees_a_recorder_that_hears_of_nothing(stage: Arena) -> None:
    bus, events = stage.local.outputs["orderEventsBusName"], stage.local.client("events")
    [rule] = [
        each["Name"]
        for each in events.list_rules(EventBusName=bus)["Rules"]
        if "record-history" in each["Name"]
    ]
    events.disable_rule(Name=rule, EventBusName=bus)
    try:
        report = stage.run(Options(MIXES["calm"], 2, seed=108, settle_seconds=4)).report
    finally:
        events.enable_rule(Name=rule, EventBusName=bus)
    broken = {kind: len(getattr(report, kind)) for kind in KINDS if getattr(report, kind)}
    assert broken == {"misrecorded": 2}


def test_workers_killed_during_load_lose_nothing(stage: Arena) -> None:
    kills = []

    def kill_now_and_then(progress: str) -> None:
        if "have their answer" in progress and len(kills) < 3:
            kills.append(stage.killer.kill_all())

    result = survive(stage, MIXES["calm"], orders=60, seed=104, say=kill_now_and_then)
    assert len(kills) == 3
    assert result.killed == sum(kills) > 0, "no worker was killed"


def test_the_orders_of_a_run_are_really_in_the_table(stage: Arena) -> None:
    survive(stage, MIXES["calm"], orders=5, seed=105)
    names = {item["customerName"] for item in stored(stage.local)}
    assert {customer(105, index) for index in range(5)} <= names


def test_the_command_fails_when_an_invariant_is_broken(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], stage: Arena
) -> None:
    good = survive(stage, MIXES["calm"], orders=3, seed=106)

    class Staged:
        def __init__(self, configuration: dict[str, Any]) -> None:
            assert configuration == AUTH["cognito"]

        def __enter__(self) -> "Staged":
            return self

        def __exit__(self, *details: object) -> None:
            """Nothing to end."""

        def run(self, options: Options, say: object) -> Result:
            assert (options.orders, options.seed, options.mix.name) == (3, 9, "refusals")
            return good

    monkeypatch.setattr(command, "arena", Staged)
    monkeypatch.setenv("MIX", "refusals")
    monkeypatch.setenv("SEED", "9")
    monkeypatch.setenv("AUTH", "cognito")
    assert command.main(["--orders", "3"]) == 0
    assert "Every invariant holds." in capsys.readouterr().out
    good.report.lost.append("o-1: gone")
    assert command.main(["--orders", "3"]) == 1
    assert "lost: o-1: gone" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--mix", "storm"], "no mix 'storm'; there are everything, calm"),
        (["--orders", "0"], "expected a number of 1 or more"),
        (["--orders", "many"], "many: expected a number of 1 or more"),
        (["--rate", "2"], "rate of THROTTLED is 2.0"),
        (["--outage", "0"], "expected a number of 1 or more"),
        (["--auth", "basic"], "no auth 'basic'; there are none, cognito"),
    ],
)
def test_a_wrong_option_is_named(
    arguments: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        command.main(arguments)
    assert named in capsys.readouterr().err


def test_two_callers_who_use_the_same_keys_each_have_their_own_orders() -> None:
    with arena({**SHORT, **AUTH["cognito"], "events": False}) as signed_in:
        mix = replace(MIXES["everything"].scaled(0.03), outages={})
        options = Options(mix, 24, 111, 16, 4, 180)
        result = signed_in.run(options)
        report = result.report
        assert report.holds, {kind: getattr(report, kind) for kind in KINDS}
        assert report.accepted >= 12
        assert result.struck, "no fault struck"
        owners = Counter(item[contract.OWNER_ATTRIBUTE] for item in stored(signed_in.local))
    assert len(owners) == 2
    assert min(owners.values()) >= 6


def test_statuses_of_the_audit_are_those_of_the_contract() -> None:
    ends = {target for _, target in contract.TRANSITIONS}
    assert ends == {contract.CONFIRMED, contract.FAILED}
