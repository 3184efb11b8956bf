"""`python -m operations cost`: figures that follow from what is registered, one by one."""

import json
import tomllib
from typing import Any

import pytest

from functions import contract
from operations import graph
from operations.__main__ import main
from operations.cost import free, report, sizes, standing
from operations.cost.estimate import IDLE, KEPT, ORDERS, Estimate, Line, Work, assumptions, estimate
from operations.cost.flow import runs_a_month
from operations.cost.prices import TABLE, Prices
from operations.cost_command import settings, variants
from operations.graph import Graph, Registered
from operations.stacks import StackError
from tests.unit import stacks
from tests.variants import MANY, recording

MILLION = 1_000_000

REGIONAL = {"regions": stacks.EVERYTHING["regions"]}

# Each reading of the program takes most of a second, so the tests share a few.
OTHER: dict[str, Any] = {
    "architecture": "arm64",
    "logRetentionDays": 365,
    "bus.archiveDays": 60,
    "history.retentionDays": 0,
    "republish.rateMinutes": 10,
    "synthetic.rateMinutes": 5,
}


def read(stack: str = "dev", **overrides: Any) -> Graph:
    return stacks.graph(stack, overrides)


def table(**changed: dict[str, Any]) -> Prices:
    """The prices with some of them changed, as `{"sqs.request": {"usd": 1}}`."""
    whole = tomllib.loads(TABLE.read_text())
    for key, values in changed.items():
        whole["us-east-1"][key] |= values
    return Prices("us-east-1", whole)


def lines(found: Estimate, when: str, **wanted: str) -> list[Line]:
    return [
        line
        for line in found.lines
        if line.when == when and all(getattr(line, name) == value for name, value in wanted.items())
    ]


def quantity(found: Estimate, when: str, **wanted: str) -> float:
    return sum(line.quantity for line in lines(found, when, **wanted))


@pytest.mark.parametrize("variant", MANY)
def test_every_type_that_is_registered_is_priced_or_known_to_be_free(variant: str) -> None:
    types = {each.type for each in recording(variant).registrations if each.custom}
    assert types <= free.FREE | free.BY_USE | free.BY_THE_MONTH


def test_no_type_is_both_priced_and_free() -> None:
    assert not free.FREE & (free.BY_USE | free.BY_THE_MONTH)
    assert not free.BY_USE & free.BY_THE_MONTH


def test_each_order_is_billed_for_what_it_passes() -> None:
    found = estimate(read(), Work(MILLION, items=1))
    [api] = lines(found, ORDERS, service="API Gateway")
    assert (api.quantity, api.usd) == (MILLION, 1.00)
    # Put and confirmed, in the table; two changes, in the history.
    assert quantity(found, ORDERS, resource="orders", purpose="writes") == 2 * MILLION
    assert quantity(found, ORDERS, resource="orders-history", purpose="writes") == 2 * MILLION
    # Into the index over pending orders, and out of it.
    assert (
        quantity(found, ORDERS, purpose=f"writes of index {contract.PENDING_INDEX}") == 2 * MILLION
    )
    # A message of the order and two of its events, each sent, received and deleted.
    assert quantity(found, ORDERS, service="SQS") == 9 * MILLION
    assert quantity(found, ORDERS, unit="events") == 2 * MILLION
    # Placed, processed; two changes published, two recorded.
    assert quantity(found, ORDERS, service="Lambda", unit="requests") == 6 * MILLION
    assert found.total(ORDERS) == pytest.approx(sum(x.usd for x in lines(found, ORDERS)))


def test_a_grant_that_is_taken_away_takes_its_calls_out_of_the_bill() -> None:
    whole = read()
    without = Graph(
        whole.stack,
        whole.settings,
        [each for each in whole.resources if each.name != "orders-record-history-dynamodb-putitem"],
    )
    assert len(without.resources) == len(whole.resources) - 1
    usual, less = (estimate(each, Work(MILLION)) for each in (whole, without))
    assert quantity(usual, ORDERS, resource="orders-history", purpose="writes") == 2 * MILLION
    assert not lines(less, ORDERS, resource="orders-history", purpose="writes")
    changed = {"orders-history", "orders-record-history"}  # which also waits for the call
    for line in usual.lines:
        if line.resource not in changed:
            assert line in less.lines


def test_counting_a_callers_requests_is_billed_where_callers_have_limits() -> None:
    found = estimate(read(auth="cognito"), Work(MILLION))
    [limits] = [each for each in read(auth="cognito").of(stacks.TABLE) if "limits" in each.name]
    assert quantity(found, ORDERS, resource=limits.name, purpose="writes") == MILLION


def test_reads_are_billed_beside_the_orders() -> None:
    without, with_reads = (estimate(read(), Work(MILLION, reads=n)) for n in (0, 2))
    more = quantity(with_reads, ORDERS, service="API Gateway") / MILLION
    assert more == 1 + 2
    assert quantity(with_reads, ORDERS, unit="read units") == 2 * MILLION
    assert not lines(without, ORDERS, unit="read units")


def test_each_region_is_billed_for_each_write_and_for_all_that_is_kept() -> None:
    one, two = (estimate(each, Work()) for each in (read(), stacks.graph("dev", REGIONAL)))
    for name in ("orders", "orders-history"):
        written = {
            line.purpose: line.quantity
            for line in lines(two, ORDERS, resource=name, price="dynamodb.write")
        }
        here = {purpose for purpose in written if "replicas" not in purpose}
        assert {"writes"} <= here
        for purpose in here:
            alone = quantity(one, ORDERS, resource=name, purpose=purpose)
            assert written[purpose] == alone
            assert written[f"{purpose} in replicas"] == alone
        assert len(written) == 2 * len(here)
        kept = [
            sum(
                line.quantity
                for line in found.lines
                if line.resource == name and line.price == "dynamodb.storage"
            )
            for found in (one, two)
        ]
        assert kept[1] == pytest.approx(2 * kept[0])


def test_health_checkers_requests_are_billed() -> None:
    found = estimate(stacks.graph("dev", REGIONAL), Work())
    # Two checkers in each of three regions, every 30 seconds.
    asked = 2 * 3 * 2_628_000 / 30
    assert quantity(found, IDLE, purpose="requests", price="apigateway.http") == asked
    for resource, price in (
        ("orders-health", "lambda.request"),
        ("orders", "dynamodb.read"),
        ("orders-events", "sqs.request"),
    ):
        of_health = quantity(found, IDLE, resource=resource, price=price) - quantity(
            estimate(read(), Work()), IDLE, resource=resource, price=price
        )
        assert of_health == pytest.approx(asked), resource


def test_full_batches_take_fewer_invocations_and_requests() -> None:
    alone, full = (estimate(read(), Work(MILLION, full_batches=each)) for each in (False, True))
    for service in ("Lambda", "SQS"):
        assert full.by("service", ORDERS)[service] < alone.by("service", ORDERS)[service]
    size = read().of(stacks.EVENT_SOURCE)[0].inputs["batchSize"]
    assert quantity(full, ORDERS, resource="orders-process-order", unit="requests") == (
        MILLION / size
    )


def test_large_orders_cost_more_units() -> None:
    small, large = (estimate(read(), Work(MILLION, items=each)) for each in (1, 100))
    size = sizes.units(sizes.item(sizes.life(100, 365).placed), 1024)
    assert size > 3
    wanted = {"resource": "orders", "purpose": "writes"}
    assert quantity(large, ORDERS, **wanted) == size * quantity(small, ORDERS, **wanted)


@pytest.mark.parametrize(
    ("key", "when"),
    [
        ("lambda.request", ORDERS),
        ("dynamodb.write", ORDERS),
        ("dynamodb.storage", KEPT),
        ("sqs.request", IDLE),
        ("cloudwatch.alarm", IDLE),
        ("kms.key", IDLE),
        ("logs.ingested", ORDERS),
        ("xray.trace", ORDERS),
    ],
)
def test_a_changed_price_changes_what_it_is_the_price_of_and_no_more(key: str, when: str) -> None:
    before = estimate(read(), Work(), table())
    row = table()[key]
    after = estimate(read(), Work(), table(**{key: {"usd": row.usd * 3}}))
    share = sum(x.usd for x in lines(before, when, service=row.service, unit=row.unit))
    assert share > 0
    assert after.total(when) == pytest.approx(before.total(when) + 2 * share)


def test_memory_and_architecture_change_what_duration_costs() -> None:
    def duration(**overrides: Any) -> list[Line]:
        found = estimate(read(**overrides), Work())
        return lines(found, ORDERS, purpose="duration")

    usual, small, arm = (
        sum(each.usd for each in duration(**overrides))
        for overrides in ({}, {"memorySize": 512}, OTHER)
    )
    # Half the memory, but slower for want of CPU: less, and more than half.
    assert usual / 2 < small < usual
    assert arm == pytest.approx(usual * 0.8, rel=1e-4)


def test_retention_changes_what_storage_costs_and_not_what_is_written() -> None:
    def costs(**overrides: Any) -> dict[str, float]:
        found = estimate(read(**overrides), Work())
        return {
            unit: sum(x.usd for x in lines(found, ORDERS, unit=unit))
            for unit in ("GB ingested", "GB, compressed, a month", "GB of archive a month")
        }

    usual = costs()
    longer = costs(**OTHER)
    assert longer["GB ingested"] == usual["GB ingested"]
    stored = "GB, compressed, a month"
    assert longer[stored] == pytest.approx(usual[stored] * 365 / 14)
    assert longer["GB of archive a month"] == pytest.approx(usual["GB of archive a month"] * 2)
    assert "orders-history" in estimate(read(**OTHER), Work()).by("resource", KEPT)


def test_production_pays_for_recovery() -> None:
    kept = {
        each.unit: each.usd
        for each in lines(estimate(read("prod"), Work()), KEPT, resource="orders")
    }
    assert kept["GB of recovery a month"] == pytest.approx(0.8 * kept["GB a month"])
    assert not lines(estimate(read(), Work()), KEPT, unit="GB of recovery a month")


def test_what_is_left_out_costs_nothing() -> None:
    without = estimate(read(events=False), Work())
    assert "EventBridge" not in without.by("service", ORDERS)
    assert without.total(IDLE) < estimate(read(), Work()).total(IDLE)


def test_alarms_are_billed_by_the_metrics_they_evaluate() -> None:
    recorded = stacks.recording("dev")
    many = sum(
        len([q for q in each.inputs.get("metricQueries") or [] if "metric" in q]) or 1
        for each in recorded.of(stacks.ALARM)
    )
    assert many > len(recorded.of(stacks.ALARM))
    assert quantity(estimate(read(), Work()), IDLE, unit="metrics of alarms a month") == many


def test_our_own_metrics_are_billed_once_wherever_they_are_shown() -> None:
    found = quantity(estimate(read(), Work()), IDLE, purpose="custom metrics")
    named = {
        (line[0], line[1], *line[2:-1])
        for board in stacks.recording("dev").of(stacks.DASHBOARD)
        for widget in json.loads(board.inputs["dashboardBody"])["widgets"]
        for line in widget["properties"].get("metrics", [])
        if isinstance(line[0], str) and not line[0].startswith("AWS/")
    }
    assert found == len(named) > 10


def board(number: int, metrics: int) -> Registered:
    shown = [["AWS/SQS", f"m{each}", "QueueName", "q", {"stat": "Sum"}] for each in range(metrics)]
    # The same metric with another statistic is the same metric.
    shown += [["AWS/SQS", "m0", "QueueName", "q", {"stat": "Maximum"}], [{"expression": "1"}]]
    body = json.dumps({"widgets": [{"properties": {"metrics": shown}}]})
    return Registered(number, standing.DASHBOARD, f"b{number}", (), {"dashboardBody": body})


@pytest.mark.parametrize(
    ("sizes_of_boards", "billed"), [([50] * 3, 0), ([50] * 4, 1), ([51, 1], 1), ([60] * 2, 2)]
)
def test_three_dashboards_of_fifty_metrics_are_free(
    sizes_of_boards: list[int], billed: int
) -> None:
    boards = [board(number, metrics) for number, metrics in enumerate(sizes_of_boards)]
    made = Graph("dev", read().settings, boards)
    found = standing.standing(made, assumptions())
    assert sum(many for _, _, key, many in found if key == "cloudwatch.dashboard") == billed


def test_pollers_ask_empty_queues_and_schedules_run() -> None:
    found = estimate(read(), Work())
    # Five pollers, each asking every 20 s of a month of 730 hours.
    polls = lines(found, IDLE, purpose="polling")
    queues = [
        each for each in read().of(stacks.EVENT_SOURCE) if "startingPosition" not in each.inputs
    ]
    assert {each.quantity for each in polls} == {5 * 3 * 60 * 730}
    assert len(polls) == len(queues) == 2
    runs = {"resource": "orders-republish-pending", "unit": "scheduled invocations"}
    assert quantity(found, IDLE, **runs) == 60 * 730
    daily = {**runs, "resource": "orders-measure-table"}
    assert quantity(found, IDLE, **daily) == 365 / 12
    seldom = estimate(read(**OTHER), Work())
    assert quantity(seldom, IDLE, **runs) == 6 * 730


def test_synthetic_orders_cost_what_orders_cost() -> None:
    found = estimate(read(**OTHER), Work())
    runs = 12 * 730
    [api] = lines(found, IDLE, service="API Gateway")
    assert api.quantity == 2 * runs  # placed and read
    assert quantity(found, IDLE, resource="orders", purpose="writes") >= 2 * runs


@pytest.mark.parametrize(
    ("expression", "runs"),
    [
        ("rate(1 minute)", 43_800),
        ("rate(5 minutes)", 8_760),
        ("rate(1 hour)", 730),
        ("rate(1 day)", 730 / 24),
        ("cron(0 3 * * ? *)", 730 / 24),
        ("cron(0/15 * * * ? *)", 4 * 730),
        ("cron(0 8-17 ? * MON-FRI *)", 10 * 5 / 7 * 730 / 24),
        ("cron(0 0 1,15 * ? *)", 2 / 30 * 730 / 24),
        ("at(2027-01-01T00:00:00)", 0),
    ],
)
def test_a_schedule_runs_as_often_as_it_says(expression: str, runs: float) -> None:
    assert runs_a_month(expression) == pytest.approx(runs)


def test_few_requests_are_all_traced_and_of_many_a_share() -> None:
    few, many = (
        quantity(
            estimate(read(), Work(each)), ORDERS, resource="orders-create-order", unit="traces"
        )
        / each
        for each in (1_000, 10_000 * MILLION)
    )
    assert few == pytest.approx(1, abs=0.001)
    assert many == pytest.approx(0.05, abs=0.001)


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command reads what the tests have read already."""
    monkeypatch.setattr(graph, "read", stacks.graph)


@pytest.mark.usefixtures("shared")
def test_the_command_prints_every_figure_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cost", "--stack", "dev", "--orders", "2000000", "--items", "2", "--json"]) == 0
    [(name, found)] = json.loads(capsys.readouterr().out).items()
    assert (name, found["stack"], found["orders"], found["items"]) == ("as it is", "dev", 2e6, 2)
    whole = estimate(read(), Work(2 * MILLION, items=2))
    assert found["usd"]["orders"]["total"] == pytest.approx(whole.total(ORDERS), abs=0.001)
    assert sum(found["usd"]["idle"]["services"].values()) == pytest.approx(
        found["usd"]["idle"]["total"], abs=0.01
    )


@pytest.mark.usefixtures("shared")
def test_the_command_shows_variants_side_by_side(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cost", "--compare", "memorySize=512"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[1].split("  ")[-2:] == ["as it is", "memorySize=512"]
    [row] = [line for line in said if line.startswith("1,000,000 orders of 3 items")]
    figures = [
        f"{estimate(read(**o), Work()).total(ORDERS):.2f}" for o in ({}, {"memorySize": 512})
    ]
    assert row.split()[-2:] == figures
    assert figures[0] != figures[1]


def test_several_settings_are_compared_alone_and_together() -> None:
    compared = settings('memorySize=512,alarms={"topic": false, "emails": []},architecture=arm64')
    assert compared["alarms"] == {"topic": False, "emails": []}
    names = list(variants(compared))
    assert names[0] == "as it is"
    assert names[1::2] == ["memorySize=512", "architecture=arm64"]
    assert variants(compared)["all of these"] == compared


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--stack", "nowhere"], "no Pulumi.nowhere.yaml"),
        (["--compare", "memory=512"], "unknown configuration serverless-orders:memory"),
        (["--config", "region=eu-west-3"], "no prices of eu-west-3"),
    ],
)
def test_what_cannot_be_estimated_is_said(
    arguments: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cost", *arguments]) == 1
    assert named in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [["--orders", "0"], ["--items", "101"], ["--compare", "x"]])
def test_a_wrong_option_is_refused(wrong: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["cost", *wrong])


def test_a_price_that_is_missing_is_named() -> None:
    whole = tomllib.loads(TABLE.read_text())
    del whole["us-east-1"]["kms.key"]
    with pytest.raises(StackError, match=r"no price of kms\.key in us-east-1"):
        estimate(read(), Work(), Prices("us-east-1", whole))


def test_every_price_has_a_page_of_aws_as_its_source() -> None:
    whole = tomllib.loads(TABLE.read_text())
    assert whole.pop("date")
    for rows in whole.values():
        for key, row in rows.items():
            assert row["source"].startswith("https://aws.amazon.com/"), key
            assert row["usd"] >= 0


def test_it_is_said_on_how_many_prices_from_memory_an_estimate_rests() -> None:
    used = estimate(read(), Work(), table()).used()
    assert {"sqs.request", "xray.trace"} <= used.keys()
    assert "dynamodb.pitr" not in used  # of prod alone
    forgotten = estimate(read(), Work(), table(**{"sqs.request": {"read": ""}}))
    last = report.table(forgotten).splitlines()[-1]
    assert last.startswith(f"{len(used)} prices are behind this: ")
    assert last.endswith("1 from memory: sqs.request.")
    own = {key: price for key, price in used.items() if price.read.startswith("https://aws.")}
    assert f"{len(own)} read on AWS's own pages" in last
    assert report.document(forgotten)["prices"]["sqs.request"]["read"] == ""
