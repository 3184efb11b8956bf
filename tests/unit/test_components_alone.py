"""Each component in a program that is not ours, with inputs as other languages send them."""

import re
from collections.abc import Callable
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from components import HttpApi, Observability, OrderSystem, PythonFunction, Queue, Table
from tests.recorder import Recording, deploy, small_bundle
from tests.unit import stacks

CODE = small_bundle()


def test_queue_needs_no_inputs_and_has_the_defaults_of_the_system() -> None:
    recorded = deploy(lambda: Queue("jobs", {}))
    queue = recorded.one(stacks.QUEUE, "jobs")

    assert "name" not in queue.inputs
    assert "name" not in recorded.one(stacks.QUEUE, "jobs-dlq").inputs
    assert queue.inputs["visibilityTimeoutSeconds"] == 30
    assert queue.inputs["messageRetentionSeconds"] == 14 * 86_400
    assert not any(each.protect for each in recorded.registrations)


def test_dead_letters_outlive_a_queue_that_keeps_messages_for_less() -> None:
    recorded = deploy(lambda: Queue("jobs", {"message_retention_days": 2}))
    assert recorded.one(stacks.QUEUE, "jobs").inputs["messageRetentionSeconds"] == 2 * 86_400
    assert recorded.one(stacks.QUEUE, "jobs-dlq").inputs["messageRetentionSeconds"] == 14 * 86_400


def test_queue_shows_what_consumers_need() -> None:
    found: dict[str, Any] = {}

    def program() -> None:
        queue = Queue("jobs", {"queue_name": "jobs"})
        for name in ("url", "arn", "name", "dlq_url", "dlq_arn", "dlq_name"):
            pulumi.export(name, getattr(queue, name))

    recorded = deploy(program)
    queue, dead = (recorded.one(stacks.QUEUE, name).outputs for name in ("jobs", "jobs-dlq"))
    found = recorded.outputs
    assert found == {
        "url": queue["url"],
        "arn": queue["arn"],
        "name": "jobs",
        "dlq_url": dead["url"],
        "dlq_arn": dead["arn"],
        "dlq_name": "jobs-dlq",
    }


def test_table_needs_a_key_alone() -> None:
    table = deploy(lambda: Table("things", {"partition_key": "id"})).one(stacks.TABLE)
    assert table.inputs == {
        "hashKey": "id",
        "attributes": [{"name": "id", "type": "S"}],
        "billingMode": "PAY_PER_REQUEST",
        "serverSideEncryption": {"enabled": True},
        "pointInTimeRecovery": {"enabled": False},
        "deletionProtectionEnabled": False,
    }


def test_key_that_several_indexes_share_is_declared_once_with_its_own_type() -> None:
    table = deploy(
        lambda: Table(
            "things",
            {
                "partition_key": "id",
                "partition_key_type": "N",
                "indexes": [
                    {"name": "a", "partition_key": "owner"},
                    {"name": "b", "partition_key": "owner", "sort_key": "id"},
                ],
            },
        )
    ).one(stacks.TABLE)
    assert table.inputs["attributes"] == [
        {"name": "id", "type": "N"},
        {"name": "owner", "type": "S"},
    ]


def test_function_without_grants_may_log_and_trace_alone() -> None:
    recorded = deploy(lambda: PythonFunction("tool", {"code": CODE, "handler": "tool.handler"}))
    role = recorded.one(stacks.ROLE)

    actions = [a for each in stacks.statements(recorded, role) for a in each["Action"]]
    assert sorted(actions) == [
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "xray:PutTelemetryRecords",
        "xray:PutTraceSegments",
    ]
    assert "environment" not in recorded.one(stacks.FUNCTION).inputs
    assert recorded.of(stacks.EVENT_SOURCE) == recorded.of(stacks.SCHEDULE) == []


def test_function_without_tracing_has_no_permission_to_trace() -> None:
    recorded = deploy(
        lambda: PythonFunction("tool", {"code": CODE, "handler": "tool.handler", "tracing": False})
    )
    actions = [
        a for e in stacks.statements(recorded, recorded.one(stacks.ROLE)) for a in e["Action"]
    ]
    assert not [each for each in actions if each.startswith("xray:")]
    assert recorded.one(stacks.FUNCTION).inputs["tracingConfig"] == {"mode": "PassThrough"}


def test_a_new_consumer_can_be_attached_to_a_queue_of_somebody_else() -> None:
    def program() -> None:
        queue = aws.sqs.Queue("theirs")
        PythonFunction(
            "consumer",
            {
                "code": CODE,
                "handler": "consumer.handler",
                "sources": {
                    "queue": {"arn": queue.arn, "batch_size": 5.0, "maximum_concurrency": 2.0}  # type: ignore[typeddict-item]
                },
            },
        )

    source = deploy(program).one(stacks.EVENT_SOURCE)
    assert source.inputs["batchSize"] == 5
    assert source.inputs["scalingConfig"] == {"maximumConcurrency": 2}
    assert source.inputs["functionResponseTypes"] == ["ReportBatchItemFailures"]


def test_api_routes_without_limits_of_their_own_have_those_of_the_stage() -> None:
    def program() -> None:
        function = PythonFunction("tool", {"code": CODE, "handler": "tool.handler"})
        HttpApi(
            "tools",
            {
                "throttle_rate": 5,
                "throttle_burst": 6,
                "routes": [
                    {
                        "route_key": "DELETE /tools/{tool}/parts/{part}",
                        "function_name": function.name,
                        "alias_name": function.alias_name,
                        "invoke_arn": function.invoke_arn,
                    }
                ],
            },
        )

    recorded = deploy(program)
    limits = {"throttlingRateLimit": 5, "throttlingBurstLimit": 6}
    assert recorded.one(stacks.STAGE).inputs["routeSettings"] == [
        {"routeKey": "DELETE /tools/{tool}/parts/{part}", **limits}
    ]
    root = recorded.one(stacks.API).outputs["executionArn"]
    assert recorded.one(stacks.PERMISSION).inputs["sourceArn"] == (
        f"{root}/$default/DELETE/tools/*/parts/*"
    )


def test_observability_of_one_queue_has_its_alarms_and_a_dashboard_of_it() -> None:
    def program() -> None:
        queue = Queue("jobs", {})
        Observability(
            "watch",
            {"queues": [{"label": "jobs", "name": queue.name, "dlq_name": queue.dlq_name}]},
        )

    recorded = deploy(program)
    assert {each.name for each in recorded.of(stacks.ALARM)} == {
        "watch-jobs-age",
        "watch-jobs-drain",
        "watch-jobs-dlq-depth",
    }
    assert recorded.one(stacks.DASHBOARD).inputs["dashboardName"] == "watch"


def test_observability_sends_to_topics_that_exist_already() -> None:
    theirs = "arn:aws:sns:eu-west-1:123456789012:theirs"
    recorded = deploy(
        lambda: Observability(
            "watch",
            {
                "queues": [{"label": "jobs", "name": "jobs", "dlq_name": "dead"}],
                "alarm_topic": False,
                "alarm_actions": [theirs],
            },
        )
    )
    assert recorded.of(stacks.TOPIC) == []
    assert {each.inputs["alarmActions"][0] for each in recorded.of(stacks.ALARM)} == {theirs}


def test_observability_without_cold_starts_or_orders_shows_no_metric_of_ours() -> None:
    recorded = deploy(
        lambda: Observability(
            "watch", {"functions": [{"label": "tool", "name": "tool", "timeout_seconds": 3}]}
        )
    )
    assert "ServerlessOrders" not in recorded.one(stacks.DASHBOARD).inputs["dashboardBody"]


def test_observability_of_nothing_is_an_empty_dashboard() -> None:
    recorded = deploy(lambda: Observability("watch", {}))
    body = stacks.document(recorded.one(stacks.DASHBOARD).inputs["dashboardBody"])
    assert body == {"widgets": []}


def test_order_system_needs_no_inputs() -> None:
    recorded = deploy(lambda: OrderSystem("shop", {"code": CODE}))
    own = stacks.recording("dev")

    def kinds(each: Recording) -> list[str]:
        return sorted(r.type for r in each.registrations if r.type != stacks.PROVIDER)

    assert kinds(recorded) == kinds(own)
    variables = recorded.one(stacks.FUNCTION, "shop-create-order").inputs["environment"]
    assert variables["variables"]["POWERTOOLS_SERVICE_NAME"] == "shop"


def test_order_system_takes_whole_numbers_that_arrive_as_floats() -> None:
    floats: Any = {
        "code": CODE,
        "memory_size": 512.0,
        "timeout_seconds": 20.0,
        "log_retention_days": 30.0,
        "reserved_concurrency": {"process_order": 5.0},
        "throttle_rate": 300.0,
        "throttle_burst": 600.0,
        "create_throttle_rate": 10.0,
        "create_throttle_burst": 20.0,
        "visibility_timeout_seconds": 40.0,
        "message_retention_days": 7.0,
        "max_receive_count": 4.0,
        "batch_size": 5.0,
        "batch_window_seconds": 1.0,
        "processor_maximum_concurrency": 3.0,
        "republish_rate_minutes": 2.0,
        "pending_threshold_seconds": 90.0,
        "republish_limit": 50.0,
        "alarm_thresholds": {"queue_age_seconds": 60.0, "api_error_percent": 0.5},
    }
    recorded = deploy(lambda: OrderSystem("shop", floats))

    processor = recorded.one(stacks.FUNCTION, "shop-process-order").inputs
    repair = recorded.one(stacks.FUNCTION, "shop-republish-pending").inputs
    # Numbers inside texts show whether a float came through.
    assert processor["environment"]["variables"]["MAX_RECEIVE_COUNT"] == "4"
    assert repair["environment"]["variables"]["PENDING_THRESHOLD_SECONDS"] == "90"
    assert repair["environment"]["variables"]["REPUBLISH_LIMIT"] == "50"
    assert recorded.one(stacks.SCHEDULE).inputs["scheduleExpression"] == "rate(2 minutes)"
    redrive = recorded.one(stacks.QUEUE, "shop-events").inputs["redrivePolicy"]
    assert '"maxReceiveCount": 4}' in redrive
    latency = recorded.one(stacks.ALARM, "shop-observability-order-events-age").inputs
    assert "60 s" in latency["alarmDescription"]


# Inputs that cannot be meant


def function_with(**args: Any) -> Callable[[], Any]:
    return lambda: PythonFunction("tool", {"code": CODE, "handler": "tool.handler", **args})


REFUSED: list[tuple[Callable[[], Any], str]] = [
    (function_with(memory_size=512.5), "memory_size must be a whole number, not 512.5"),
    (function_with(timeout_seconds=True), "timeout_seconds must be a whole number, not True"),
    (function_with(memory_size="512"), "memory_size must be a whole number, not '512'"),
    (function_with(log_retention_days=float("inf")), "log_retention_days must be a whole number"),
    (function_with(reserved_concurrency=1.5), "reserved_concurrency must be a whole number"),
    (lambda: Queue("jobs", {"max_receive_count": 2.5}), "max_receive_count must be a whole"),  # type: ignore[typeddict-item]
    (
        lambda: Table(
            "things",
            {
                "partition_key": "id",
                "indexes": [{"name": "a", "partition_key": "id", "partition_key_type": "N"}],
            },
        ),
        "the attribute id is both S and N",
    ),
    (
        lambda: OrderSystem("shop", {"code": CODE, "reserved_concurrency": {"processOrder": 1}}),
        "reserved_concurrency: no function processOrder; there are create_order, get_order",
    ),
    (
        lambda: HttpApi(
            "tools",
            {
                "routes": [
                    {
                        "route_key": "/tools",
                        "function_name": "f",
                        "alias_name": "live",
                        "invoke_arn": "arn",
                    }
                ]
            },
        ),
        "route_key must be a method and a path, as `GET /orders/{id}`, not '/tools'",
    ),
    (
        lambda: Observability("watch", {"alarm_topic": False, "alarm_emails": ["a@b.example"]}),
        "alarm_emails need the alarm topic",
    ),
    (
        lambda: Observability("watch", {"alarm_emails": ["a@b.example", "A@b.example"]}),
        "alarm_emails: given twice: ",
    ),
    (
        lambda: Observability("watch", {"thresholds": {"queue_age": 3}}),  # type: ignore[typeddict-unknown-key]
        "thresholds: unknown queue_age",
    ),
    (
        lambda: Observability("watch", {"thresholds": {"queue_age_seconds": "3"}}),  # type: ignore[typeddict-item]
        "thresholds: '3' is not a number",
    ),
    (
        lambda: Observability(
            "watch",
            {
                "tables": [
                    {
                        "label": "t",
                        "name": "t",
                        "operations": ["Query"],
                        "indexes": ["a", "b", "c", "d", "e"],
                    }
                ]
            },
        ),
        "the alarm t-throttles needs 12 metrics, CloudWatch allows 10",
    ),
]


@pytest.mark.parametrize(("program", "message"), REFUSED, ids=[each for _, each in REFUSED])
def test_input_that_cannot_be_meant_is_refused_by_name(
    program: Callable[[], Any], message: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        deploy(program)
