"""Each component in a program that is not ours, with inputs as other languages send them."""

from collections.abc import Callable
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from components import HttpApi, Observability, OrderSystem, PythonFunction, Queue, Table
from components.inputs import InputError
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


def test_table_shows_its_stream_where_it_has_one() -> None:
    def program() -> None:
        table = Table("told", {"partition_key": "id", "stream": True})
        assert Table("silent", {"partition_key": "id"}).stream_arn is None
        assert table.stream_arn is not None
        pulumi.export("stream", table.stream_arn)

    recorded = deploy(program)
    told, silent = (recorded.one(stacks.TABLE, name) for name in ("told", "silent"))
    assert told.inputs["streamEnabled"] is True
    assert told.inputs["streamViewType"] == "NEW_AND_OLD_IMAGES"
    assert recorded.outputs["stream"] == told.outputs["streamArn"]
    assert not {"streamEnabled", "streamViewType"} & silent.inputs.keys()


def test_key_that_several_indexes_share_is_declared_once_with_its_own_type() -> None:
    table = deploy(
        lambda: Table(
            "things",
            {
                "partition_key": "id",
                "partition_key_type": "N",
                "indexes": [
                    {"name": "by-owner", "partition_key": "owner"},
                    {"name": "by-owner-and-id", "partition_key": "owner", "sort_key": "id"},
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
                "throttle": {"rate": 5, "burst": 6},
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
                "alarms": {"topic": False, "actions": [theirs]},
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
        "events": False,  # which take half of the time, and none of these numbers
        "memory_size": 512.0,
        "timeout_seconds": 20.0,
        "log_retention_days": 30.0,
        "reserved_concurrency": {"process_order": 5.0},
        "throttle": {"rate": 300.0, "burst": 600.0, "create_rate": 10.0, "create_burst": 20.0},
        "queue": {
            "visibility_timeout_seconds": 40.0,
            "message_retention_days": 7.0,
            "max_receive_count": 4.0,
        },
        "processor": {"batch_size": 5.0, "batch_window_seconds": 1.0, "maximum_concurrency": 3.0},
        "republish": {"rate_minutes": 2.0, "pending_threshold_seconds": 90.0, "limit": 50.0},
        "alarms": {"thresholds": {"queue_age_seconds": 60.0, "api_error_percent": 0.5}},
    }
    recorded = deploy(lambda: OrderSystem("shop", floats))

    processor = recorded.one(stacks.FUNCTION, "shop-process-order").inputs
    repair = recorded.one(stacks.FUNCTION, "shop-republish-pending").inputs
    # Numbers inside texts show whether a float came through.
    assert processor["environment"]["variables"]["MAX_RECEIVE_COUNT"] == "4"
    assert repair["environment"]["variables"]["PENDING_THRESHOLD_SECONDS"] == "90"
    assert repair["environment"]["variables"]["REPUBLISH_LIMIT"] == "50"
    repairing = recorded.one(stacks.SCHEDULE, "shop-republish-pending").inputs
    assert repairing["scheduleExpression"] == "rate(2 minutes)"
    redrive = recorded.one(stacks.QUEUE, "shop-events").inputs["redrivePolicy"]
    assert '"maxReceiveCount": 4}' in redrive
    latency = recorded.one(stacks.ALARM, "shop-observability-order-events-age").inputs
    assert "60 s" in latency["alarmDescription"]


# Inputs that cannot be meant


def function_with(**args: Any) -> Callable[[], Any]:
    return lambda: PythonFunction("tool", {"code": CODE, "handler": "tool.handler", **args})


def test_function_with_too_many_metrics_for_an_alarm_is_refused_by_name() -> None:
    table = {"label": "t", "name": "t", "operations": ["Query"], "indexes": list("abcde")}
    with pytest.raises(ValueError, match="the alarm t-throttles needs 12 metrics"):
        deploy(lambda: Observability("watch", {"tables": [table]}))  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("sources", "longest"), [({}, 56), ({"schedule": {"expression": "rate(1 hour)"}}, 47)]
)
def test_function_whose_name_is_too_long_for_its_roles_is_refused(
    sources: Any, longest: int
) -> None:
    args: Any = {"code": CODE, "handler": "main.handler", "sources": sources}
    recorded = deploy(lambda: PythonFunction("n" * longest, args))
    # Pulumi appends a dash and seven random digits, IAM takes 64 characters.
    assert max(len(each.name) for each in recorded.of(stacks.ROLE)) == 56
    with pytest.raises(
        InputError, match=f"name: expected at most {longest} characters, not {longest + 1}: AWS"
    ):
        deploy(lambda: PythonFunction("n" * (longest + 1), args))


ROUTE: Any = {"function_name": "f", "alias_name": "live", "invoke_arn": "arn"}

# A component, its inputs and the lines of the error.
REFUSED: list[tuple[Any, Any, list[str]]] = [
    (
        PythonFunction,
        {
            "code": "folder",
            "memory_size": 512.5,
            "timeout_seconds": True,
            "log_retention_days": float("inf"),
            "reserved_concurrency": 1.5,
            "memory_sise": 512,
        },
        [
            "memory_sise: expected no such key; did you mean memory_size?",
            "memory_size: expected a whole number from 128 to 10240, not 512.5",
            "timeout_seconds: expected a whole number from 1 to 900, not true",
            "log_retention_days: expected a number of days that CloudWatch Logs knows: 1, 3, ",
            "code: expected an archive, not 'folder'",
            "handler: expected a module and a function as main.handler, but it is missing",
            "reserved_concurrency: expected a whole number from 1 to 10000, not 1.5",
        ],
    ),
    (
        PythonFunction,
        {
            "code": CODE,
            "handler": "main.handler",
            "reserved_concurrency": 3,
            "vpc": {"subnet_ids": ["subnet-0a", "subnet-0a", "vpc-1"], "security_group_ids": []},
            "sources": {
                "queue": {"arn": "arn", "batch_size": 100, "maximum_concurrency": 1},
                "schedule": {"expression": "daily"},
                "rule": {"pattern": {"source": "shop", "detail": {}, "detail-type": []}},
                "bucket": {"name": "files", "arn": "arn", "suffix": ""},
                "topic": {"arn": "arn"},
            },
        },
        [
            "vpc.subnet_ids[2]: expected a subnet id as subnet-0abc, not 'vpc-1'",
            "vpc.subnet_ids[1]: expected each only once, not 'subnet-0a' again",
            "vpc.security_group_ids: expected a list with at least 1 entry, not []",
            "sources.topic: expected no such key; there are queue, stream, schedule, rule, bucket",
            "sources.rule.pattern.source: expected a list of what matches, not 'shop'",
            "sources.rule.pattern.detail: expected a map that names what matches, not {}",
            "sources.rule.pattern.detail-type: expected a list of what matches, not []",
            "sources.bucket.name: expected no such key; there are arn, prefix, suffix",
            "sources.bucket.suffix: expected a part of objects' keys, not ''",
            "sources.queue.maximum_concurrency: expected 0 (none) or a whole number from 2",
            "sources.queue.batch_window_seconds: expected at least 1, because batch_size (100)",
            "sources.schedule.expression: expected `rate(5 minutes)`, ",
        ],
    ),
    (
        PythonFunction,
        {
            "code": CODE,
            "handler": "main.handler",
            "reserved_concurrency": 3,
            "sources": {"queue": {"arn": "arn", "maximum_concurrency": 4}},
        },
        [
            "sources.queue.maximum_concurrency: expected at most reserved_concurrency (3), not 4: "
            "the rest would be throttled, and counted as receives"
        ],
    ),
    (
        Queue,
        {"max_receive_count": 0, "visibility_timeout_seconds": 2.5, "queue_name": "a.fifo"},
        [
            "visibility_timeout_seconds: expected a whole number from 1 to 43200, not 2.5",
            "max_receive_count: expected a whole number from 1 to 1000, not 0",
            "queue_name: expected 1 to 76 letters, digits, - and _, not 'a.fifo'",
        ],
    ),
    (
        Table,
        {},
        ["partition_key: expected an attribute's name, but it is missing"],
    ),
    (
        Table,
        {
            "partition_key": "id",
            "indexes": [{"name": "pending", "partition_key": "id", "partition_key_type": "N"}],
        },
        ["indexes[0]: expected one type for the attribute id, not S and N"],
    ),
    (
        HttpApi,
        {"routes": [{**ROUTE, "route_key": "/tools"}], "cors": {"methods": ["get"]}},
        [
            "routes[0].route_key: expected a route as `GET /orders/{id}`, not '/tools'",
            "cors.methods[0]: expected one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, *, "
            "not 'get'",
        ],
    ),
    (
        HttpApi,
        {
            "throttle": {"rate": 10},
            "routes": [
                {**ROUTE, "route_key": "GET /tools", "throttle_rate": 11},
                {**ROUTE, "route_key": "GET /tools"},
            ],
        },
        [
            "routes[0].throttle_rate: expected at most throttle.rate (10), not 11",
            "routes[1].route_key: expected each only once, not 'GET /tools' again",
        ],
    ),
    (
        Observability,
        {
            "alarms": {
                "topic": False,
                "emails": ["a@b.example"],
                "thresholds": {"queue_age": 3, "drain_seconds": "3", "api_error_percent": 101},
            }
        },
        [
            "alarms.thresholds.queue_age: expected no such key; did you mean queue_age_seconds?",
            "alarms.thresholds.api_error_percent: expected a number greater than 0 and at most 100",
            "alarms.thresholds.drain_seconds: expected a number greater than 0, not '3'",
            "alarms.topic: expected true, because emails are given",
        ],
    ),
    (
        OrderSystem,
        {
            "memory_size": 5,
            "memory_sise": 512,
            "processor": {"batch_size": 100},
            "queue": {"visibility_timeout_seconds": 5},
            "reserved_concurrency": {"processOrder": 1},
        },
        [
            "memory_sise: expected no such key; did you mean memory_size?",
            "memory_size: expected a whole number from 128 to 10240, not 5",
            "reserved_concurrency.processOrder: expected one of create_order, get_order, ",
            "processor.batch_window_seconds: expected at least 1, because batch_size (100)",
            "queue.visibility_timeout_seconds: expected at least timeout_seconds (30), not 5: ",
        ],
    ),
]


@pytest.mark.parametrize(
    ("component", "given", "lines"), REFUSED, ids=[each[2][0] for each in REFUSED]
)
def test_everything_that_is_wrong_with_inputs_is_said_at_once_and_by_path(
    component: Any, given: Any, lines: list[str]
) -> None:
    recorded: list[Recording] = []
    with pytest.raises(pulumi.RunError) as raised:
        recorded.append(deploy(lambda: component("it", given)))

    head, *said = str(raised.value).splitlines()
    assert head == f"{component.__name__} it cannot be made of these inputs:"
    assert sorted(line[:40] for line in said) == sorted(f"  {line}"[:40] for line in lines)
    for line in lines:
        assert any(each.strip().startswith(line) for each in said), (line, said)
