"""Bursts and outages that are played: held against what can be computed by hand."""

import json
from typing import Any

import pytest

from operations import graph
from operations.__main__ import main
from operations.capacity import simulation
from operations.capacity.quotas import Quotas
from operations.capacity.simulation import Load, Model, Outcome, model_of, simulate
from operations.capacity.stages import Stages
from tests.unit import stacks

NOTHING = Load(rate=1, seconds=0)


def model(**changed: Any) -> Model:
    usual: dict[str, Any] = {"batch": 10, "concurrency": 2, "batch_seconds": 0.5}
    return Model(**{**usual, **changed})


@pytest.mark.parametrize(
    ("backlog", "batch", "concurrency", "invocations", "rounds"),
    [(35, 10, 2, 4, 2), (35, 10, 1, 4, 4), (35, 1, 5, 35, 7), (0, 10, 2, 0, 0), (41, 10, 5, 5, 1)],
)
def test_a_backlog_takes_so_many_batches_in_so_many_rounds(
    backlog: int, batch: int, concurrency: int, invocations: int, rounds: int
) -> None:
    played = simulate(model(batch=batch, concurrency=concurrency), NOTHING, backlog)
    assert (played.invocations, played.confirmed) == (invocations, backlog)
    assert played.drained == pytest.approx(0.5 * rounds)
    assert played.lag(1) == pytest.approx(max(0.0, 0.5 * (rounds - 1)))


def test_pollers_begin_with_five_and_grow() -> None:
    played = simulate(model(batch=1, concurrency=1000, batch_seconds=1.0), NOTHING, 5 + 10 + 15 + 1)
    assert played.drained == pytest.approx(4.0)
    assert simulate(
        model(batch=1, concurrency=7, batch_seconds=1.0), NOTHING, 5 + 7 + 7
    ).drained == pytest.approx(3.0)


def test_a_burst_is_let_in_as_far_as_the_throttle_has_tokens() -> None:
    limits = model(rate=10, burst=50, batch_seconds=0.01)
    played = simulate(limits, Load(rate=100, seconds=10))
    assert played.sent == 1000
    assert played.accepted == pytest.approx(50 + 10 * 10, abs=2)
    assert played.throttled == played.sent - played.accepted
    assert played.confirmed == played.accepted


def test_a_queue_that_is_read_too_slowly_lags_by_its_backlog() -> None:
    """10 seconds of 20 orders a second, of which 2 batches of 1 in 0.2 s confirm half."""
    slow = model(batch=1, batch_seconds=0.2)
    played = simulate(slow, Load(rate=20, seconds=10))
    assert (played.confirmed, played.dead_letters) == (200, 0)
    assert played.drained == pytest.approx(10, abs=0.5)
    assert played.lag(1) == pytest.approx(10, abs=0.5)
    assert played.lag(0.5) == pytest.approx(5, abs=0.5)
    assert played.deepest == pytest.approx(100, abs=3)


def outage(of: str, lasts: float, **changed: Any) -> Outcome:
    limits = model(batch_seconds=0.1, visibility=10, receives=3, threshold=40, **changed)
    return simulate(limits, Load(10, float("inf"), of, begins=5, lasts=lasts))


def test_an_outage_that_is_over_before_the_receives_are_makes_no_dead_letters() -> None:
    played = outage("processor", lasts=15)
    assert (played.dead_letters, played.repaired) == (0, 0)
    assert played.drained == pytest.approx(10, abs=0.5)  # until the last is visible again


def test_an_outage_that_outlasts_the_receives_makes_dead_letters_which_the_repair_mends() -> None:
    played = outage("processor", lasts=60)
    # Those of the 5 s to 45 s were received three times, in 20 s, and so were some sent again.
    assert played.dead_letters >= 400
    assert played.repaired >= 400
    assert played.drained is not None
    assert played.drained == pytest.approx(55, abs=2)  # the repair's run at 120 s


def test_what_a_queue_was_not_told_is_sent_by_the_repair_at_its_rate() -> None:
    played = outage("queue", lasts=30, repair_limit=100)
    assert played.failed == played.repaired == 300
    assert played.drained == pytest.approx(180 - 35, abs=1)  # runs at 60 s, 120 s, 180 s
    assert played.dead_letters == 0


def test_a_table_that_is_down_stores_nothing() -> None:
    played = outage("table", lasts=30)
    assert played.failed == 300
    # Only the one in work when it went down was stored, and is a dead letter by its end.
    assert played.repaired == played.dead_letters == 1


def test_a_backlog_that_only_grows_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulation, "HORIZON", 60.0)
    slow = model(batch=1, batch_seconds=1.0)
    assert simulate(slow, Load(10, float("inf"), "processor", 5, 5)).drained is None


def test_the_model_is_the_stacks() -> None:
    overrides = {"processor.batchSize": 7, "processor.maximumConcurrency": 3, "republish.limit": 9}
    read = stacks.graph("prod", overrides)
    made = model_of(Stages(read, Quotas("us-east-1")))
    assert (made.batch, made.concurrency, made.repair_limit, made.receives) == (7, 3, 9, 5)
    assert (made.visibility, made.threshold, made.rate, made.burst) == (30, 180, 250, 500)
    assert 0.03 < made.batch_seconds < 0.1


def test_the_command_plays_and_says_what_came_of_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph, "read", stacks.graph)
    arguments = ["capacity", "--rate", "20", "--seconds", "2", "--simulate"]
    assert main([*arguments, "burst", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["ordersSent"], told["confirmed"], told["deadLetters"]) == (40, 40, 0)
    assert main([*arguments, "outage", "--of", "queue"]) == 0
    out = capsys.readouterr().out
    assert "the queue down for 2 s" in out
    assert "events sent again by the repair: 40" in out
