"""The alarms: each there, on a metric that is emitted, from a sensible value on, and heard."""

import re
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import pytest

from components import Observability
from components.inputs import camel_case
from components.thresholds import AlarmThresholds
from functions import contract
from local.metric_math import evaluate
from tests.recorder import Recording, Registration, deploy
from tests.unit import stacks
from tests.unit.published_metrics import OPERATIONS, PUBLISHED

every_stack = pytest.mark.parametrize("stack", stacks.STACKS)

PREFIX = "orders-observability-"


class Watched(NamedTuple):
    """A metric that an alarm reads."""

    namespace: str
    name: str
    dimensions: dict[str, str]
    statistic: str


def alarm(recorded: Recording, name: str) -> Registration:
    return recorded.one(stacks.ALARM, PREFIX + name)


def watched(each: Registration) -> dict[str, Watched]:
    """The alarm's metrics by id; a plain alarm's has the id `metric`."""
    inputs = each.inputs
    if "metricQueries" not in inputs:
        statistic = inputs.get("statistic") or inputs["extendedStatistic"]
        metric = Watched(inputs["namespace"], inputs["metricName"], inputs["dimensions"], statistic)
        return {"metric": metric}
    return {
        query["id"]: Watched(
            query["metric"]["namespace"],
            query["metric"]["metricName"],
            query["metric"]["dimensions"],
            query["metric"]["stat"],
        )
        for query in inputs["metricQueries"]
        if "metric" in query
    }


def expression(each: Registration) -> str:
    (query,) = [q for q in each.inputs["metricQueries"] if "expression" in q]
    assert query["returnData"] is True
    text: str = query["expression"]
    return text


# What rings when: (comparison, threshold, period s, evaluations, datapoints, missing data).
GREATER, LESS = "GreaterThanThreshold", "LessThanThreshold"
USUAL = (60, 5, 3, "notBreaching")
AT_ONCE = (60, 1, 1, "notBreaching")

CONDITIONS: dict[str, tuple[Any, ...]] = {
    "api-5xx": (GREATER, 1, *USUAL),
    "api-latency": (GREATER, 3000, *USUAL),
    "api-throttled": (GREATER, 0, *USUAL),
    "orders-table-throttles": (GREATER, 0, *USUAL),
    "orders-table-system-errors": (GREATER, 0, *USUAL),
    "history-throttles": (GREATER, 0, *USUAL),
    "history-system-errors": (GREATER, 0, *USUAL),
    "order-events-age": (GREATER, 300, *USUAL),
    "order-events-drain": (GREATER, 900, *USUAL),
    "order-events-dlq-depth": (GREATER, 0, *AT_ONCE),
    "creation-success": (LESS, 99, *USUAL),
    "processing-time": (GREATER, 60_000, *USUAL),
    "queue-lag": (GREATER, 60_000, *USUAL),
    "orders-failed": (GREATER, 0, *AT_ONCE),
    "messages-rejected": (GREATER, 0, *AT_ONCE),
    # The repair reports at every run: silence is told, but not before the first one.
    "oldest-pending": (GREATER, 600, 60, 3, 3, "missing"),
}


def conditions(stack: str) -> dict[str, tuple[Any, ...]]:
    """CONDITIONS, and those of each function and failure queue that the stack has."""
    found = dict(CONDITIONS)
    if "import-orders" in stacks.functions(stack):
        found["import-rejected"] = (GREATER, 10, *AT_ONCE)
    if "list-orders" in stacks.functions(stack):  # with sign-in, and so with limits
        found["requests-not-counted"] = (GREATER, 0, *USUAL)
    for function in stacks.functions(stack):
        found[f"{function}-errors"] = (GREATER, 1, *USUAL)
        found[f"{function}-throttles"] = (GREATER, 0, *USUAL)
        found[f"{function}-duration"] = (GREATER, stacks.timeout(stack, function) * 800, *USUAL)
    for queue in stacks.recording(stack).of(stacks.QUEUE):
        if queue.name.endswith("-failures"):
            found[f"{queue.name.removeprefix('orders-')}-depth"] = (GREATER, 0, *AT_ONCE)
    found["publish-changes-iterator-age"] = (GREATER, 600_000, *USUAL)
    for name in ("given-up", "dropped"):
        found[f"publish-changes-{name}"] = (GREATER, 0, *AT_ONCE)
    for consumer in (each.label for each in stacks.declared(stack) if each.consumes):
        found[f"{consumer}-events-age"] = (GREATER, 300, *USUAL)
        found[f"{consumer}-events-drain"] = (GREATER, 900, *USUAL)
        for name in ("events-dlq-depth", "deliveries", "lost-events", "undelivered"):
            found[f"{consumer}-{name}"] = (GREATER, 0, *AT_ONCE)
    return found


@every_stack
def test_every_alarm_is_there_and_no_other_and_rings_under_its_condition(stack: str) -> None:
    found = {}
    for each in stacks.recording(stack).of(stacks.ALARM):
        inputs = each.inputs
        periods = {inputs["period"]} if "period" in inputs else set()
        periods |= {q["metric"]["period"] for q in inputs.get("metricQueries", []) if "metric" in q}
        assert len(periods) == 1, each
        found[each.name.removeprefix(PREFIX)] = (
            inputs["comparisonOperator"],
            inputs["threshold"],
            periods.pop(),
            inputs["evaluationPeriods"],
            inputs["datapointsToAlarm"],
            inputs["treatMissingData"],
        )
    for name in found.keys() - conditions(stack).keys():
        pytest.fail(
            f"decide when the alarm {name} rings: add it to CONDITIONS in tests/unit/test_alarms.py"
        )
    assert found == conditions(stack)


def told_of(each: Registration) -> list[list[str] | None]:
    """Who hears that it rings, that it ends, and that it has no data."""
    assert each.inputs.get("actionsEnabled", True) is True, each
    states = ("alarmActions", "okActions", "insufficientDataActions")
    return [each.inputs.get(state) for state in states]


@pytest.mark.parametrize(
    ("stack", "others"),
    [
        *((stack, []) for stack in stacks.STACKS),
        ("dev", stacks.OTHER_VALUES["alarms.actions"]),
    ],
)
def test_every_alarm_tells_everybody_when_it_rings_and_when_it_ends(
    stack: str, others: list[str]
) -> None:
    """And its silence where that is a fault and nowhere else before there was anything: CloudWatch
    calls actions on a change of state alone, and an alarm without data begins as
    INSUFFICIENT_DATA. A first deployment tells nobody, a repair that stops does."""
    recorded = stacks.recording(stack, **(stacks.OTHER_VALUES if others else {}))
    everybody = [*others, recorded.one(stacks.TOPIC).outputs["arn"]]
    for each in recorded.of(stacks.ALARM):
        treated = each.inputs["treatMissingData"]
        assert treated in ("missing", "notBreaching"), each
        silence = everybody if treated == "missing" else None
        assert told_of(each) == [everybody, everybody, silence], each


@every_stack
def test_alarms_say_what_is_wrong_and_what_to_do(stack: str) -> None:
    for each in stacks.recording(stack).of(stacks.ALARM):
        text = each.inputs["alarmDescription"]
        sentences = [part for part in text.replace(": ", ". ").split(". ") if part.strip()]
        assert len(sentences) >= 2, each
        assert len(text) <= 1024, each  # CloudWatch's limit


def test_descriptions_tell_alarms_apart() -> None:
    texts = [each.inputs["alarmDescription"] for each in stacks.recording().of(stacks.ALARM)]
    assert len(set(texts)) == len(texts)


# On metrics that exist


@every_stack
def test_every_alarm_watches_a_metric_that_aws_or_our_functions_emit(stack: str) -> None:
    for each in stacks.recording(stack).of(stacks.ALARM):
        for metric in watched(each).values():
            assert_emitted(metric, each.name)


def assert_emitted(metric: Watched, where: str) -> None:
    """Held against AWS's documentation, or against what the functions emit."""
    if metric.namespace == contract.METRIC_NAMESPACE:
        assert metric.name in OWN_METRICS, f"{where}: our functions emit no {metric.name}"
        assert set(metric.dimensions) == OWN_METRICS[metric.name], where
        return
    published = PUBLISHED.get((metric.namespace, metric.name))
    assert published, f"{where}: AWS publishes no {metric.namespace} {metric.name}"
    assert frozenset(metric.dimensions) in published.dimensions, (
        f"{where}: {metric.name} has no dimensions {set(metric.dimensions)}: {published.source}"
    )
    assert metric.statistic in published.statistics, (
        f"{where}: {metric.statistic} of {metric.name} says nothing: {published.source}"
    )
    if "Operation" in metric.dimensions:
        assert metric.dimensions["Operation"] in OPERATIONS, where


COUNTED_IN_THE_LOG = ("RequestsThrottled", *contract.REQUESTS_OF_VERSIONS.values())
SERVICE = {contract.SERVICE_DIMENSION}
OWN_METRICS: dict[str, set[str]] = {
    **dict.fromkeys(contract.METRIC_UNITS, SERVICE),
    contract.COLD_START: {contract.SERVICE_DIMENSION, contract.FUNCTION_NAME_DIMENSION},
    # Counted in the API's access log.
    **{name: {"ApiId"} for name in COUNTED_IN_THE_LOG},
}


@pytest.mark.parametrize("function", stacks.FUNCTIONS)
def test_function_alarms_watch_that_function(function: str) -> None:
    recorded = stacks.recording()
    name = stacks.function(recorded, function).outputs["name"]
    itself = {"FunctionName": name}

    assert watched(alarm(recorded, f"{function}-errors")) == {
        "errors": Watched("AWS/Lambda", "Errors", itself, "Sum"),
        "requests": Watched("AWS/Lambda", "Invocations", itself, "Sum"),
    }
    assert watched(alarm(recorded, f"{function}-throttles")) == {
        "metric": Watched("AWS/Lambda", "Throttles", itself, "Sum")
    }
    assert watched(alarm(recorded, f"{function}-duration")) == {
        "metric": Watched("AWS/Lambda", "Duration", itself, "p99")
    }


def test_api_alarms_watch_the_stage() -> None:
    recorded = stacks.recording()
    stage = {"ApiId": recorded.one(stacks.API).id, "Stage": "$default"}

    assert watched(alarm(recorded, "api-5xx")) == {
        "errors": Watched("AWS/ApiGateway", "5xx", stage, "Sum"),
        "requests": Watched("AWS/ApiGateway", "Count", stage, "Sum"),
    }
    assert watched(alarm(recorded, "api-latency")) == {
        "metric": Watched("AWS/ApiGateway", "Latency", stage, "p99")
    }


def test_requests_that_the_api_itself_refuses_are_counted_in_its_access_log() -> None:
    recorded = stacks.recording()
    counter = recorded.one(stacks.METRIC_FILTER, "orders-observability-api-throttled").inputs
    stage = recorded.one(stacks.STAGE).inputs["accessLogSettings"]
    group = recorded.one(stacks.LOG_GROUP, "orders-api")
    throttled = watched(alarm(recorded, "api-throttled"))["metric"]
    counted = counter["metricTransformation"]

    assert stage["destinationArn"] == group.outputs["arn"]
    assert counter["logGroupName"] == group.outputs["name"]
    assert counter["pattern"] == '{ $.status = "429" }'
    assert (counted["namespace"], counted["name"]) == (throttled.namespace, throttled.name)
    assert (counted["value"], throttled.statistic) == ("1", "Sum")
    # The line holds both fields that the filter reads, the status as a text.
    line = stacks.document(stage["format"])
    assert line["status"] == "$context.status"
    assert counted["dimensions"] == {"ApiId": "$.apiId"}
    assert line["apiId"] == "$context.apiId"
    assert throttled.dimensions == {"ApiId": recorded.one(stacks.API).id}


def test_requests_are_counted_by_version_in_the_access_log() -> None:
    recorded = stacks.recording()
    counted = {
        each.inputs["metricTransformation"]["name"]: each.inputs["pattern"]
        for each in recorded.of(stacks.METRIC_FILTER)
    }
    keys = {each.inputs["routeKey"] for each in recorded.of(stacks.ROUTE)}
    found = {}
    for version, name in contract.REQUESTS_OF_VERSIONS.items():
        pattern = re.fullmatch(r'{ \$\.routeKey = "(.*)" }', counted[name])
        assert pattern
        found[version] = {key for key in keys if fnmatchcase(key, pattern[1])}
    assert set.union(*found.values()) == keys  # each of them, and once
    assert sum(map(len, found.values())) == len(keys)
    assert all(f" /{version}/" in key for version in found if version for key in found[version])
    line = stacks.document(recorded.one(stacks.STAGE).inputs["accessLogSettings"]["format"])
    assert line["routeKey"] == "$context.routeKey"


def test_of_a_single_version_no_requests_are_counted() -> None:
    (counted,) = stacks.recording(**stacks.LEAST).of(stacks.METRIC_FILTER)
    assert counted.inputs["metricTransformation"]["name"] == "RequestsThrottled"


def test_table_alarms_watch_the_table_and_its_index_and_each_operation_we_call() -> None:
    recorded = stacks.recording()
    table = {"TableName": "Orders"}
    index = {**table, "GlobalSecondaryIndexName": "pending-keys"}
    throttles = watched(alarm(recorded, "orders-table-throttles")).values()
    errors = watched(alarm(recorded, "orders-table-system-errors")).values()

    assert list(throttles) == [
        Watched("AWS/DynamoDB", "ReadThrottleEvents", table, "Sum"),
        Watched("AWS/DynamoDB", "WriteThrottleEvents", table, "Sum"),
        Watched("AWS/DynamoDB", "ReadThrottleEvents", index, "Sum"),
        Watched("AWS/DynamoDB", "WriteThrottleEvents", index, "Sum"),
    ]
    assert {each.dimensions["Operation"] for each in errors} == called_on_orders(recorded)
    assert {(each.name, each.dimensions["TableName"]) for each in errors} == {
        ("SystemErrors", "Orders")
    }


def called_on_orders(recorded: Recording) -> set[str]:
    """The operations that roles may call on the items of the table of orders or its index."""
    table = recorded.one(stacks.TABLE, "orders").outputs["arn"]
    return {
        action.removeprefix("dynamodb:")
        for role in recorded.of(stacks.ROLE)
        for statement in stacks.statements(recorded, role)
        for action in statement["Action"]
        if action.startswith("dynamodb:")
        and action != "dynamodb:DescribeTable"
        and {resource.partition("/index/")[0] for resource in statement["Resource"]} == {table}
    }


def test_queue_alarms_watch_the_queue_and_its_dead_letters() -> None:
    recorded = stacks.recording()
    queue, dead = {"QueueName": "order-events"}, {"QueueName": "order-events-dlq"}
    failures = recorded.one(stacks.QUEUE, "orders-republish-pending-failures").outputs["name"]
    visible = "ApproximateNumberOfMessagesVisible"

    assert watched(alarm(recorded, "order-events-age")) == {
        "metric": Watched("AWS/SQS", "ApproximateAgeOfOldestMessage", queue, "Maximum")
    }
    assert watched(alarm(recorded, "order-events-drain")) == {
        "waiting": Watched("AWS/SQS", visible, queue, "Average"),
        "deleted": Watched("AWS/SQS", "NumberOfMessagesDeleted", queue, "Sum"),
    }
    assert watched(alarm(recorded, "order-events-dlq-depth")) == {
        "metric": Watched("AWS/SQS", visible, dead, "Maximum")
    }
    assert watched(alarm(recorded, "republish-pending-failures-depth")) == {
        "metric": Watched("AWS/SQS", visible, {"QueueName": failures}, "Maximum")
    }


@every_stack
def test_order_alarms_watch_what_the_functions_of_this_stack_count(stack: str) -> None:
    recorded = stacks.recording(stack)
    services = {
        each.inputs["environment"]["variables"][contract.SERVICE_NAME_VARIABLE]
        for each in recorded.of(stacks.FUNCTION)
    }
    (service,) = services
    ours = {"service": service}

    def own(name: str, statistic: str) -> Watched:
        return Watched("ServerlessOrders", name, ours, statistic)

    assert watched(alarm(recorded, "creation-success")) == {
        "created": own("OrdersCreated", "Sum"),
        "failed": own("OrdersCreateFailed", "Sum"),
    }
    assert watched(alarm(recorded, "processing-time")) == {
        "metric": own("OrderProcessingTime", "Average")
    }
    assert watched(alarm(recorded, "queue-lag")) == {"metric": own("QueueLag", "Average")}
    assert watched(alarm(recorded, "oldest-pending")) == {
        "metric": own("OldestPendingAge", "Maximum")
    }
    assert watched(alarm(recorded, "orders-failed")) == {"metric": own("OrdersFailed", "Sum")}
    assert watched(alarm(recorded, "messages-rejected")) == {
        "metric": own("MessagesRejected", "Sum")
    }


# Expressions, evaluated for one period


def value(name: str, **metrics: float | None) -> float | None:
    each = alarm(stacks.recording(), name)
    assert set(metrics) == set(watched(each))
    return evaluate(expression(each), metrics, 60)


@pytest.mark.parametrize("name", ["create-order-errors", "api-5xx"])
def test_error_rate_is_in_percent_and_no_traffic_is_no_error(name: str) -> None:
    assert value(name, errors=1, requests=50) == 2
    assert value(name, errors=0, requests=50) == 0
    assert value(name, errors=0, requests=0) == 0
    assert value(name, errors=None, requests=None) is None


def test_throttles_add_up_though_most_of_them_are_missing() -> None:
    assert value("orders-table-throttles", m0=None, m1=2, m2=None, m3=1) == 3
    assert value("orders-table-throttles", m0=None, m1=None, m2=None, m3=None) == 0


def test_system_errors_add_up_over_the_operations() -> None:
    assert value("orders-table-system-errors", m0=1, m1=None, m2=None, m3=4, m4=None) == 5


def test_time_to_drain_is_in_seconds_and_defined_without_consumers() -> None:
    # 600 wait, 120 a minute go: five minutes.
    assert value("order-events-drain", waiting=600, deleted=120) == 300
    assert value("order-events-drain", waiting=600, deleted=0) == 36_000
    assert value("order-events-drain", waiting=600, deleted=None) == 36_000
    assert value("order-events-drain", waiting=0, deleted=0) == 0
    assert value("order-events-drain", waiting=None, deleted=None) == 0


def test_creation_success_is_in_percent_and_full_without_orders() -> None:
    assert value("creation-success", created=99, failed=1) == 99
    assert value("creation-success", created=99, failed=None) == 100
    assert value("creation-success", created=None, failed=3) == 0
    assert value("creation-success", created=None, failed=None) == 100


# Settings


# By what each is called: an alarm that has it, and its value there where a unit is another one.
THRESHOLDS: dict[str, tuple[str, float | None]] = {
    "functionErrorPercent": ("create-order-errors", None),
    "durationPercentOfTimeout": ("create-order-duration", 15_000),
    "apiErrorPercent": ("api-5xx", None),
    "apiLatencyMilliseconds": ("api-latency", None),
    "queueAgeSeconds": ("order-events-age", None),
    "drainSeconds": ("order-events-drain", None),
    "creationSuccessPercent": ("creation-success", None),
    "processingTimeMilliseconds": ("processing-time", None),
    "queueLagMilliseconds": ("queue-lag", None),
    "oldestPendingSeconds": ("oldest-pending", None),
    "streamAgeSeconds": ("publish-changes-iterator-age", 60_000),
    "replicationSeconds": ("orders-table-replication-eu-west-1", 30_000),
    "importRejectedPercent": ("import-rejected", None),
}


def test_every_threshold_can_be_configured() -> None:
    recorded = stacks.recording(**stacks.EVERYTHING)
    configured = stacks.EVERYTHING["alarms.thresholds"]
    declared = {camel_case(each) for each in AlarmThresholds.__annotations__}
    assert configured.keys() == THRESHOLDS.keys() == declared, (
        "say which alarm each moves: THRESHOLDS in tests/unit/test_alarms.py, and EVERYTHING in "
        "tests/unit/stacks.py"
    )
    for key, (name, expected) in THRESHOLDS.items():
        alike = {name.replace("create-order", function) for function in stacks.FUNCTIONS}
        for each in alike:
            found = alarm(recorded, each).inputs["threshold"]
            assert found == (expected or configured[key]), each


def test_a_threshold_changes_its_own_alarm_alone() -> None:
    recorded = stacks.recording(**stacks.TWO_THRESHOLDS)
    changed = {
        each.name.removeprefix(PREFIX): each.inputs["threshold"]
        for each in recorded.of(stacks.ALARM)
        if each.inputs["threshold"] != conditions("dev")[each.name.removeprefix(PREFIX)][1]
    }
    queues = ("order-events", *(f"{each}-events" for each in stacks.consumers()))
    assert changed == {
        **{f"{each}-age": 120 for each in queues},
        **{f"{each}-errors": 7 for each in stacks.FUNCTIONS},
    }


def test_duration_alarm_follows_the_timeout() -> None:
    recorded = stacks.recording(**stacks.OTHER_VALUES)  # with timeoutSeconds 10
    assert alarm(recorded, "get-order-duration").inputs["threshold"] == 8000


def test_oldest_pending_waits_for_as_long_as_the_repair_does() -> None:
    recorded = stacks.recording(**stacks.OTHER_VALUES)  # with a repair every 5 minutes
    assert alarm(recorded, "oldest-pending").inputs["period"] == 300


def test_without_a_topic_alarms_are_still_there_and_tell_nobody() -> None:
    recorded = stacks.recording(**stacks.TWO_THRESHOLDS)
    assert recorded.of(stacks.TOPIC) == []
    assert recorded.of(stacks.KEY) == []
    assert len(recorded.of(stacks.ALARM)) == len(conditions("dev"))
    assert {len(each.inputs.get("alarmActions", [])) for each in recorded.of(stacks.ALARM)} == {0}


# The topic


@every_stack
def test_topic_is_encrypted_with_a_key_that_cloudwatch_may_use(stack: str) -> None:
    recorded = stacks.recording(stack)
    key = recorded.one(stacks.KEY)
    by_id = {each["Sid"]: each for each in stacks.document(key.inputs["policy"])["Statement"]}

    assert recorded.one(stacks.TOPIC).inputs["kmsMasterKeyId"] == key.outputs["arn"]
    assert key.inputs["enableKeyRotation"] is True
    assert by_id.pop("AlarmsEncryptMessages") == {
        "Sid": "AlarmsEncryptMessages",
        "Effect": "Allow",
        "Principal": {"Service": "cloudwatch.amazonaws.com"},
        "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
        "Resource": "*",
        "Condition": {"StringEquals": {"aws:SourceAccount": "123456789012"}},
    }
    assert by_id.pop("AccountAdministersKey")["Principal"] == {
        "AWS": "arn:aws:iam::123456789012:root"
    }
    assert by_id == {}


@every_stack
def test_only_alarms_of_the_account_publish_to_the_topic_and_only_by_tls(stack: str) -> None:
    recorded = stacks.recording(stack)
    topic = recorded.one(stacks.TOPIC).outputs["arn"]
    policy = recorded.one(stacks.TOPIC_POLICY)

    assert policy.inputs["arn"] == topic
    assert stacks.document(policy.inputs["policy"])["Statement"] == [
        {
            "Sid": "AlarmsPublish",
            "Effect": "Allow",
            "Principal": {"Service": "cloudwatch.amazonaws.com"},
            "Action": "sns:Publish",
            "Resource": topic,
            "Condition": {"StringEquals": {"aws:SourceAccount": "123456789012"}},
        },
        {
            "Sid": "DenyWithoutTls",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sns:Publish",
            "Resource": topic,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
    ]


BEFORE = ("a@example.com", "b@example.com", "c@example.com")


def subscriptions(*emails: str) -> dict[str, Registration]:
    """Each subscription by its URN."""
    args: Any = {"alarms": {"emails": list(emails)}}
    recorded = deploy(lambda: Observability("orders-observability", args))
    return {each.urn: each for each in recorded.of(stacks.SUBSCRIPTION)}


def test_addresses_are_subscribed_to_the_topic() -> None:
    recorded = stacks.recording(**stacks.OTHER_VALUES)
    topic = recorded.one(stacks.TOPIC).outputs["arn"]
    assert sorted(
        (each.inputs["endpoint"], each.inputs["topic"], each.inputs["protocol"])
        for each in recorded.of(stacks.SUBSCRIPTION)
    ) == [(address, topic, "email") for address in stacks.OTHER_VALUES["alarms.emails"]]


def test_a_changed_list_touches_only_the_addresses_that_came_or_went() -> None:
    """SNS answers a known address with its old subscription: were a resource to move to
    another address, its replacement would be adopted and then deleted."""
    before = subscriptions(*BEFORE)
    now = subscriptions("new@example.com", "c@example.com", "a@example.com")

    kept = before.keys() & now.keys()
    assert all(before[urn].inputs == now[urn].inputs for urn in kept)
    assert {before[urn].inputs["endpoint"] for urn in kept} == {"a@example.com", "c@example.com"}


def test_a_subscription_named_by_its_place_in_the_list_is_taken_over_not_made_again() -> None:
    made = subscriptions(*BEFORE).values()
    assert {each.inputs["endpoint"]: each.aliases for each in made} == {
        address: {f"orders-observability-email-{place}"} for place, address in enumerate(BEFORE)
    }
    # If the list changed as well, the new address is not answered with what is then deleted.
    assert all(each.delete_before_replace for each in made)


def test_addresses_that_differ_in_punctuation_alone_are_two_subscriptions() -> None:
    assert len(subscriptions("a.b@example.com", "a-b@example.com")) == 2


def test_a_threshold_that_nobody_declares_is_asked_for_by_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def rows(_queue: Any, limits: Any) -> list[Any]:
        raise AssertionError(f"read {limits['most_reports']}")

    monkeypatch.setattr("components.observability.queue.rows", rows)
    queue: Any = {"label": "jobs", "name": "jobs", "dlq_name": "jobs-dlq"}
    with pytest.raises(LookupError, match=r"threshold most_reports: declare it.*thresholds\.py"):
        deploy(lambda: Observability("watch", {"queues": [queue]}))
