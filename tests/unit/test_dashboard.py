"""The dashboard: every metric of the specification, each one that is really emitted."""

from typing import Any

import pytest

from functions import contract
from local.metric_math import evaluate
from tests.recorder import REGION, Registration
from tests.unit import stacks
from tests.unit.test_alarms import COUNTED_IN_THE_LOG, Watched, assert_emitted, watched
from tests.variants import long

every_stack = pytest.mark.parametrize("stack", ["dev", "prod", "local"])


def widgets(stack: str = "dev", kind: str | None = None, **overrides: Any) -> list[dict[str, Any]]:
    boards = stacks.recording(stack, **overrides).of(stacks.DASHBOARD)
    found = [each for board in boards for each in widgets_of(board)]
    return [each for each in found if kind in (None, each["type"])]


def widgets_of(board: Registration) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = stacks.document(board.inputs["dashboardBody"])["widgets"]
    return found


def lines(widget: dict[str, Any]) -> list[tuple[Watched, dict[str, Any]]]:
    """The metrics of a widget, with their options; expressions left out."""
    found = []
    for line in widget["properties"]["metrics"]:
        if isinstance(line[0], dict):
            continue
        namespace, name, *dimensions, options = line
        pairs = dict(zip(dimensions[::2], dimensions[1::2], strict=True))
        found.append((Watched(namespace, name, pairs, options["stat"]), options))
    return found


def shown(stack: str = "dev", **overrides: Any) -> list[Watched]:
    found = widgets(stack, "metric", **overrides)
    return [metric for widget in found for metric, _ in lines(widget)]


# SPEC, "Monitoring": what is shown, as (namespace, metric).
SPECIFIED = {
    ("AWS/Lambda", "Invocations"),
    ("AWS/Lambda", "Duration"),
    ("AWS/Lambda", "Errors"),
    ("AWS/Lambda", "Throttles"),
    ("ServerlessOrders", "ColdStart"),
    ("AWS/ApiGateway", "Count"),
    ("AWS/ApiGateway", "Latency"),
    ("AWS/ApiGateway", "4xx"),
    ("AWS/ApiGateway", "5xx"),
    ("AWS/DynamoDB", "ConsumedReadCapacityUnits"),
    ("AWS/DynamoDB", "ConsumedWriteCapacityUnits"),
    ("AWS/DynamoDB", "ThrottledRequests"),
    ("AWS/SQS", "NumberOfMessagesSent"),
    ("AWS/SQS", "NumberOfMessagesReceived"),
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
    ("AWS/SQS", "ApproximateAgeOfOldestMessage"),
    ("ServerlessOrders", "OrdersStored"),
    ("ServerlessOrders", "OrdersTableSize"),
    ("ServerlessOrders", "OrderProcessingTime"),
    ("ServerlessOrders", "QueueLag"),
}


@pytest.mark.parametrize("metric", sorted(SPECIFIED), ids=" ".join)
def test_metric_of_the_specification_is_shown(metric: tuple[str, str]) -> None:
    assert metric in {(each.namespace, each.name) for each in shown()}


@every_stack
def test_every_metric_shown_is_one_that_aws_or_our_functions_emit(stack: str) -> None:
    for widget in widgets(stack, "metric"):
        for metric, _ in lines(widget):
            assert_emitted(metric, widget["properties"]["title"])


def test_every_metric_of_our_own_is_shown() -> None:
    everything = shown(**stacks.EVERYTHING)
    own = {each.name for each in everything if each.namespace == contract.METRIC_NAMESPACE}
    assert own == {*contract.METRIC_UNITS, contract.COLD_START, *COUNTED_IN_THE_LOG}


@pytest.mark.parametrize("metric", ["Invocations", "Errors", "Throttles", "Duration"])
def test_every_function_is_shown(metric: str) -> None:
    names = {each.outputs["name"] for each in stacks.recording().of(stacks.FUNCTION)}
    assert {e.dimensions["FunctionName"] for e in shown() if e.name == metric} == names


def test_cold_starts_are_shown_by_the_names_under_which_powertools_counts_them() -> None:
    recorded = stacks.recording()
    names = {each.outputs["name"] for each in recorded.of(stacks.FUNCTION)}
    cold = [each for each in shown() if each.name == contract.COLD_START]
    assert {each.dimensions["function_name"] for each in cold} == names
    assert {each.dimensions["service"] for each in cold} == {"serverless-orders-dev"}


def test_dead_letters_are_shown() -> None:
    assert (
        Watched(
            "AWS/SQS",
            "ApproximateNumberOfMessagesVisible",
            {"QueueName": "order-events-dlq"},
            "Maximum",
        )
        in shown()
    )


@pytest.mark.parametrize("missing", ["item count and table size", "cache hits and misses"])
def test_what_aws_has_no_metric_for_is_said_so(missing: str) -> None:
    texts = [each["properties"]["markdown"] for each in widgets(kind="text")]
    assert any(missing in text for text in texts)


@every_stack
def test_every_alarm_is_shown(stack: str) -> None:
    (widget,) = widgets(stack, "alarm")
    arns = {each.outputs["arn"] for each in stacks.recording(stack).of(stacks.ALARM)}
    assert set(widget["properties"]["alarms"]) == arns


def test_graphs_are_of_the_region_of_the_provider() -> None:
    assert {each["properties"]["region"] for each in widgets(kind="metric")} == {REGION}


@every_stack
def test_every_alarm_has_its_line_in_a_graph_of_what_it_watches(stack: str) -> None:
    graphs = widgets(stack, "metric")
    for each in stacks.recording(stack).of(stacks.ALARM):
        needed = watched(each).values()
        having = [
            graph["properties"].get("annotations", {"horizontal": []})["horizontal"]
            for graph in graphs
            if all(metric in [shown for shown, _ in lines(graph)] for metric in needed)
        ]
        values = [line["value"] for lines_ in having for line in lines_]
        assert each.inputs["threshold"] in values, f"{each.name}: no graph has its line"


def test_lines_of_alarms_are_at_their_configured_thresholds() -> None:
    def marked(**alarms: Any) -> dict[str, list[float]]:
        return {
            each["properties"]["title"]: [
                line["value"] for line in each["properties"]["annotations"]["horizontal"]
            ]
            for each in widgets(**alarms, kind="metric")
            if "annotations" in each["properties"]
        }

    usual = marked()
    changed = marked(**stacks.TWO_THRESHOLDS)
    queues = ("order-events", *(f"{each}-events" for each in stacks.consumers()))
    ages = {f"{each}: age of the oldest message (s)" for each in queues}
    assert {tuple(usual[title]) for title in ages} == {(300,)}
    assert {title: lines_ for title, lines_ in changed.items() if lines_ != usual[title]} == {
        "Functions: error rate (%)": [7],
        **{title: [120] for title in ages},
    }


def test_expressions_use_the_ids_of_their_own_widget_and_can_be_evaluated() -> None:
    seen = 0
    for widget in widgets(kind="metric"):
        options = [line[-1] for line in widget["properties"]["metrics"]]
        ids = [each["id"] for each in options if "id" in each]
        assert len(ids) == len(set(ids)), widget["properties"]["title"]
        hidden = {each["id"]: 1.0 for each in options if each.get("visible") is False}
        for each in options:
            if "expression" in each:
                seen += 1
                assert evaluate(each["expression"], hidden, 60) is not None
    assert seen > 0


@every_stack
def test_widgets_lie_within_the_grid_and_apart(stack: str) -> None:
    for board in stacks.recording(stack).of(stacks.DASHBOARD):
        taken: set[tuple[int, int]] = set()
        for widget in widgets_of(board):
            cells = {
                (x, y)
                for x in range(widget["x"], widget["x"] + widget["width"])
                for y in range(widget["y"], widget["y"] + widget["height"])
            }
            assert not cells & taken
            assert widget["x"] + widget["width"] <= 24
            taken |= cells


@pytest.mark.parametrize(
    ("stack", "overrides", "paid"),
    # The emulator is free.
    [
        ("dev", {}, 0),
        ("prod", {}, 0),
        ("dev", {"imports": True}, 0),
        ("prod", {"imports": True}, 1),
        long("prod", {"tableMetrics": {"rateHours": 0}}, 0),
    ],
)
def test_dashboards_are_free_but_for_the_one_that_imports_add_to_sign_in(
    stack: str, overrides: dict[str, Any], paid: int
) -> None:
    """Three an account, of 50 metrics at most: https://aws.amazon.com/cloudwatch/pricing/"""
    boards = stacks.recording(stack, **overrides).of(stacks.DASHBOARD)
    assert max(0, len(boards) - 3) == paid, (
        f"{len(boards)} dashboards, of which an account has three free of charge: if another one "
        "is worth 3 US$ a month, say so here and in the README"
    )
    for board in boards:
        graphs = [each for each in widgets_of(board) if each["type"] == "metric"]
        metrics = {repr(metric) for graph in graphs for metric, _ in lines(graph)}
        assert len(metrics) <= 50, board.name


def test_the_first_dashboard_shows_the_alarms_and_leads_to_the_others() -> None:
    first, *others = stacks.recording().of(stacks.DASHBOARD)
    assert first.name == "orders-observability"
    assert widgets_of(first)[0]["type"] == "alarm"
    text = " ".join(
        each["properties"]["markdown"] for each in widgets_of(first) if each["type"] == "text"
    )
    assert others
    for each in others:
        assert f"#dashboards:name={each.inputs['dashboardName']})" in text


def test_dashboard_is_named_after_the_service_and_linked() -> None:
    recorded = stacks.recording("prod")
    board = recorded.one(stacks.DASHBOARD, "orders-observability")
    assert board.inputs["dashboardName"] == "serverless-orders-prod"
    assert recorded.outputs["dashboardUrl"] == (
        f"https://console.aws.amazon.com/cloudwatch/home?region={REGION}"
        "#dashboards/dashboard/serverless-orders-prod"
    )
