"""`python -m operations capacity`: limits that follow from the graph, a quota, an assumption."""

import json
import math
from typing import Any

import pytest

from operations import graph
from operations.__main__ import main
from operations.capacity import stages as module
from operations.capacity.quotas import Quotas
from operations.capacity.stages import Stage, Stages
from tests.unit import stacks

# What a stack says, and an account was given, for 10,000 orders a second.
LARGE = {
    "throttle": {"rate": 20_000, "burst": 20_000, "createRate": 10_000, "createBurst": 10_000},
    "processor.maximumConcurrency": 60,
    "history.maximumConcurrency": 200,
}
RAISED = {"api_requests": 25_000, "lambda_concurrency": 3000, "events_invocations": 25_000}


def found(
    stack: str = "dev",
    overrides: dict[str, Any] | None = None,
    quotas: dict[str, float] | None = None,
    rate: float = 250,
    **options: Any,
) -> dict[str, Stage]:
    read = stacks.graph(stack, overrides)
    every = Stages(read, Quotas(read.settings.region, quotas), **options).all(rate)
    assert [each.limit for each in every] == sorted(each.limit for each in every)
    return {each.name: each for each in every}


def limit(name: str, *given: Any, **more: Any) -> float:
    return found(*given, **more)[name].limit


@pytest.mark.parametrize("stack", ["dev", "prod", "local"])
def test_the_api_of_every_stack_is_the_first_to_refuse(stack: str) -> None:
    lasting = [each for each in found(stack).values() if each.holds == module.LASTING]
    assert (lasting[0].name, lasting[0].limit) == ("API: throttle of new orders", 250)


def test_the_default_design_takes_10000_orders_a_second_with_quotas_raised() -> None:
    every = found("prod", LARGE, RAISED, rate=10_000).values()
    assert [each.name for each in every if each.holds == "lasting" and each.limit < 10_000] == []


def test_what_an_account_that_asked_for_nothing_lacks_for_10000() -> None:
    short = found("prod", LARGE, rate=10_000).values()
    lacking = [each for each in short if each.holds == module.LASTING and each.limit < 10_000]
    assert {each.remedy for each in lacking} == {f"the quota {key}" for key in RAISED}
    by_name = {each.name: each for each in lacking}
    assert by_name["API: account"].needs(10_000) == "20,000 requests"
    assert by_name["API: account"].limit == 5000


@pytest.mark.parametrize(
    ("name", "quota", "value", "before", "after"),
    [
        ("API: account", "api_requests", 20_000, 5000, 10_000),
        ("EventBridge: targets", "events_invocations", 1000, 9375, 500),
        ("DynamoDB: table orders", "dynamodb_writes", 10_000, 20_000, 5000),
        ("DynamoDB: reads of orders", "dynamodb_reads", 5000, 40_000, 5000),
        ("SQS: in flight, while process_order fails", "sqs_in_flight", 30_000, 4000, 1000),
    ],
)
def test_a_quota_changes_the_limits_that_follow_from_it(
    name: str, quota: str, value: float, before: float, after: float
) -> None:
    usual, changed = found(), found(quotas={quota: value})
    assert (usual[name].limit, changed[name].limit) == (before, after)
    moved = {each for each in usual if usual[each].limit != changed[each].limit}
    assert all(usual[each].remedy == f"the quota {quota}" for each in moved)


def test_quotas_are_those_of_the_region() -> None:
    assert Quotas("us-east-1")["events_puts"].value == 10_000
    assert Quotas("eu-south-1")["events_puts"].value == 400
    assert Quotas("eu-north-1")["events_puts"].value == 600
    # Where AWS names the regions that have more, one that it does not name has the least.
    assert Quotas("eu-central-2")["events_puts"].value == 400


def test_each_quota_has_a_page_of_aws_and_says_where_it_was_read(
    capsys: pytest.CaptureFixture[str],
) -> None:
    quotas = Quotas("us-east-1")
    for key, where in quotas.read().items():
        assert quotas[key].source.startswith("https://docs.aws.amazon.com/")
        assert where, f"{key} is from memory: read it, or say so here"
    assert main(["capacity", "--stack", "dev"]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith(f"{len(quotas.read())} quotas are behind this: ")
    assert last.endswith("0 from memory.")


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "overrides", "factor"),
    [
        ("SQS: process_order", {"processor.maximumConcurrency": 20}, 2),
        ("SQS: record_history", {"history.maximumConcurrency": 30}, 3),
        ("DynamoDB: shards of pending orders", {"pending.shards": 8}, 2),
        ("API: throttle of other requests", {"throttle.rate": 1000}, 2),
        ("Repair: events sent again", {"republish.rateMinutes": 2}, 0.5),
    ],
)
def test_a_setting_moves_its_own_limit_and_no_other(
    name: str, overrides: dict[str, Any], factor: float
) -> None:
    usual, changed = found(), found(overrides=overrides)
    assert changed[name].limit == pytest.approx(factor * usual[name].limit)
    others = {each: usual[each].limit for each in usual if each != name}
    assert {each: changed[each].limit for each in others} == pytest.approx(others)


def test_many_bytes_of_logs_take_more_calls_than_environments_make() -> None:
    quota = "CloudWatch Logs: puts"
    usual = found()[quota]
    by_bytes = found(assumed={**module.assumptions(), "log_puts": 1e-9})[quota]
    # An order writes some 3 KB, so that a call of 1 MiB holds those of hundreds.
    assert 100 * usual.limit > by_bytes.limit > 5 * usual.limit


def test_smaller_batches_and_less_memory_take_less() -> None:
    usual = found()
    small = found(overrides={"processor.batchSize": 1})
    assert small["SQS: process_order"].limit < 0.3 * usual["SQS: process_order"].limit
    slow = found(overrides={"memorySize": 128})
    for name in ("SQS: process_order", "SQS: record_history", "Lambda: concurrency"):
        assert slow[name].limit < usual[name].limit
    assert math.isinf(usual["Stream: publish_changes"].limit)
    assert found(overrides={"memorySize": 128})["Stream: publish_changes"].limit < math.inf


def test_large_orders_take_more_of_the_table_and_no_more_of_its_index() -> None:
    small, large = found(items=1), found(items=100)
    assert large["DynamoDB: table orders"].limit < 0.3 * small["DynamoDB: table orders"].limit
    for name in ("DynamoDB: shards of pending orders", "DynamoDB: index pending-keys of orders"):
        assert large[name].limit == small[name].limit


def test_a_stack_without_events_has_no_stages_of_them() -> None:
    names = set(found(overrides={"events": False}))
    assert not {each for each in names if each.startswith(("EventBridge", "Stream"))}
    assert "SQS: record_history" not in names


def test_what_is_reserved_bounds_a_function() -> None:
    reserved = found(overrides={"reservedConcurrency": {"create_order": 20}})
    assert reserved["Lambda: create_order"].limit == 200  # ten requests a second each


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command reads what the tests have read already."""
    monkeypatch.setattr(graph, "read", stacks.graph)


@pytest.mark.usefixtures("shared")
def test_the_command_says_what_to_raise_and_whether_the_rate_is_held(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["capacity", "--stack", "prod"]) == 0
    assert "First bottleneck: API: throttle of new orders, at 250 orders" in capsys.readouterr().out
    assert main(["capacity", "--stack", "prod", "--rate", "5000", "--json"]) == 3
    told = json.loads(capsys.readouterr().out)
    assert (told["rate"], told["held"]) == (5000, False)
    assert told["first"] == "API: throttle of new orders"
    assert told["usdAnHour"] > 0
    assert all(each["source"] and each["costs"] and each["raise"] for each in told["stages"])
    shards = next(each for each in told["stages"] if each["name"].startswith("DynamoDB: shards"))
    assert (shards["ordersPerSecond"], shards["needs"]) == (2000, "10 shards")


@pytest.mark.usefixtures("shared")
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--quota", "nonsense=5"], "no quota that can be raised is called nonsense"),
        (["--quota", "dynamodb_partition_writes=5"], "no quota that can be raised"),
        (["--stack", "nowhere"], "no Pulumi.nowhere.yaml"),
    ],
)
def test_what_cannot_be_is_said(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["capacity", *arguments]) == 1
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [["--rate", "0"], ["--rate", "nan"], ["--quota", "a=-1"]])
def test_a_command_that_cannot_be_ends_with_2(wrong: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["capacity", *wrong])
    assert ended.value.code == 2
