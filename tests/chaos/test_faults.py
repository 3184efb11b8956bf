"""The seeded decision and the named mixes."""

import random
from collections import Counter

import pytest

from tools.chaos.faults import ALL, APPLIES, MIXES, OUTAGES, READS, Fault, Mix, Plan

CALLS = [(operation, f"order {n}") for n in range(200) for operation in sorted(ALL)]


def draws(plan: Plan, calls: list[tuple[str, str]]) -> Counter[tuple[str, str, Fault | None]]:
    return Counter((operation, order, plan.draw(operation, order)) for operation, order in calls)


def test_one_seed_strikes_the_same_calls_in_whatever_order_they_come() -> None:
    calls = CALLS * 3
    shuffled = random.Random(1).sample(calls, len(calls))
    mix = MIXES["everything"]
    assert draws(Plan(mix, 7), calls) == draws(Plan(mix, 7), shuffled)


def test_another_seed_strikes_other_calls() -> None:
    mix = MIXES["everything"]
    assert draws(Plan(mix, 7), CALLS) != draws(Plan(mix, 8), CALLS)


def test_each_fault_strikes_at_its_rate_and_only_where_it_applies() -> None:
    plan = Plan(MIXES["everything"], 1)
    calls = Counter(operation for operation, _ in CALLS * 20)
    struck = Counter((plan.draw(operation, order), operation) for operation, order in CALLS * 20)
    for fault, operations in APPLIES.items():
        assert sum(struck[fault, other] for other in ALL - operations) == 0
        share = sum(struck[fault, operation] for operation in operations) / sum(
            calls[operation] for operation in operations
        )
        assert share == pytest.approx(0.05, abs=0.01)


def test_the_default_mix_has_every_fault_at_five_percent() -> None:
    assert MIXES["everything"].rates == dict.fromkeys(APPLIES, 0.05)
    assert set(MIXES["everything"].outages) == set(OUTAGES)
    assert {*APPLIES, *OUTAGES} == set(Fault)


def test_a_calm_mix_strikes_nothing() -> None:
    plan = Plan(MIXES["calm"], 1)
    assert {plan.draw(operation, order) for operation, order in CALLS} == {None}


def test_a_read_is_never_delivered_twice_nor_half_done() -> None:
    mix = Mix("m", "", {Fault.DUPLICATED: 0.5, Fault.RESET_AFTER: 0.5})
    plan = Plan(mix, 1)
    assert {plan.draw(operation, "o") for operation in READS} == {None}


@pytest.mark.parametrize(
    ("rates", "message"),
    [
        ({Fault.RESET: 1.5}, "rate of RESET is 1.5"),
        ({Fault.RESET: -0.1}, "rate of RESET is -0.1"),
        ({Fault.QUEUE_OUTAGE: 0.1}, "QUEUE_OUTAGE is not drawn"),
        ({Fault.RESET: 0.6, Fault.ERROR: 0.6}, "add up to more than 1"),
    ],
)
def test_a_mix_that_cannot_be_is_refused_by_name(rates: dict[Fault, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Mix("wrong", "", rates)


def test_what_is_drawn_is_no_outage() -> None:
    with pytest.raises(ValueError, match="RESET is not an outage"):
        Mix("wrong", "", outages={Fault.RESET: 1})


def test_a_scaled_mix_keeps_its_faults() -> None:
    mix = MIXES["refusals"].scaled(0.2)
    assert mix.rates == {Fault.THROTTLED: 0.2, Fault.ERROR: 0.2}
