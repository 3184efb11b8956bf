"""Each source of events alone, in a program that is not ours: its mapping, grants and failures."""

import json
from collections.abc import Callable
from typing import Any

import pulumi_aws as aws
import pytest

from components import PythonFunction
from tests.aws_names import ACCOUNT
from tests.recorder import Recording, deploy, small_bundle
from tests.unit import stacks

QUEUE = f"arn:aws:sqs:eu-west-1:{ACCOUNT}:jobs"
STREAM = f"arn:aws:dynamodb:eu-west-1:{ACCOUNT}:table/Orders/stream/2026-01-01T00:00:00.000"


def function_with(**args: Any) -> Callable[[], Any]:
    inputs: Any = {"code": small_bundle(), "handler": "tool.handler", **args}
    return lambda: PythonFunction("tool", inputs)


def grants(recorded: Recording) -> dict[str, set[str]]:
    """What the function's role may do beyond its logs and traces, by resource."""
    role = stacks.role_of(recorded, recorded.one(stacks.FUNCTION).inputs["role"])
    found: dict[str, set[str]] = {}
    for statement in stacks.statements(recorded, role):
        for resource in statement["Resource"]:
            found.setdefault(resource, set()).update(statement["Action"])
    return {
        resource: actions
        for resource, actions in found.items()
        if not any(each.startswith(("logs:", "xray:")) for each in actions)
    }


def failure_queue(recorded: Recording) -> str:
    arn: str = recorded.one(stacks.QUEUE, "tool-failures").outputs["arn"]
    return arn


def test_a_stream_is_read_from_its_beginning_with_a_way_out_for_what_always_fails() -> None:
    recorded = deploy(function_with(sources={"stream": {"arn": STREAM}}))
    failures = failure_queue(recorded)

    assert recorded.one(stacks.EVENT_SOURCE).inputs == {
        "eventSourceArn": STREAM,
        "functionName": recorded.one(stacks.ALIAS).outputs["arn"],
        "startingPosition": "TRIM_HORIZON",
        "parallelizationFactor": 1,
        "batchSize": 10,
        "maximumBatchingWindowInSeconds": 0,
        "functionResponseTypes": ["ReportBatchItemFailures"],
        "bisectBatchOnFunctionError": True,
        "maximumRetryAttempts": 3,
        "maximumRecordAgeInSeconds": 86_400,
        "destinationConfig": {"onFailure": {"destinationArn": failures}},
        "metricsConfig": {"metrics": ["EventCount"]},
    }
    assert grants(recorded) == {
        STREAM: {
            "dynamodb:DescribeStream",
            "dynamodb:GetRecords",
            "dynamodb:GetShardIterator",
            "dynamodb:ListStreams",
        },
        failures: {"sqs:SendMessage"},
    }
    # Lambda's poller retries a stream itself: nothing is invoked asynchronously.
    assert recorded.of(stacks.ASYNC_CONFIG) == []


def test_a_stream_can_be_filtered_and_give_up_into_a_bucket_that_keeps_records_whole() -> None:
    bucket = "arn:aws:s3:::given-up"
    filters = [{"eventName": ["INSERT"]}, {"dynamodb": {"NewImage": {"a": {"S": ["b"]}}}}]
    source = {"arn": STREAM, "filters": filters, "failure_bucket_arn": bucket}
    recorded = deploy(function_with(sources={"stream": source}))
    mapping = recorded.one(stacks.EVENT_SOURCE).inputs

    assert mapping["destinationConfig"] == {"onFailure": {"destinationArn": bucket}}
    patterns = [json.loads(each["pattern"]) for each in mapping["filterCriteria"]["filters"]]
    assert patterns == filters
    assert recorded.of(stacks.QUEUE) == []
    assert grants(recorded).keys() == {STREAM, bucket, f"{bucket}/*"}
    assert grants(recorded)[bucket] == {"s3:ListBucket"}
    assert grants(recorded)[f"{bucket}/*"] == {"s3:PutObject"}


@pytest.mark.parametrize("filters", [[], [{"eventName": ["INSERT"]}] * 6])
def test_filters_that_lambda_does_not_take_are_refused(filters: list[Any]) -> None:
    with pytest.raises(ValueError, match=r"sources\.stream\.filters: expected 1 to 5 patterns"):
        deploy(function_with(sources={"stream": {"arn": STREAM, "filters": filters}}))


def test_a_queue_has_dead_letters_of_its_own_and_needs_no_failure_queue() -> None:
    recorded = deploy(function_with(sources={"queue": {"arn": QUEUE}}))
    assert recorded.of(stacks.QUEUE) == []
    assert grants(recorded) == {
        QUEUE: {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}
    }


def test_all_sources_of_a_function_share_its_retries_and_its_failure_queue() -> None:
    recorded = deploy(
        function_with(
            sources={
                "queue": {"arn": QUEUE},
                "stream": {"arn": STREAM},
                "schedule": {"expression": "cron(0 3 * * ? *)"},
            },
            asynchronous={"maximum_retry_attempts": 1.0, "maximum_event_age_seconds": 120.0},
        )
    )
    failures = failure_queue(recorded)
    asynchronous = recorded.one(stacks.ASYNC_CONFIG).inputs
    target = recorded.one(stacks.SCHEDULE).inputs["target"]
    stream = recorded.one(stacks.EVENT_SOURCE, "tool-stream").inputs

    assert len(recorded.of(stacks.QUEUE)) == 1
    assert asynchronous["destinationConfig"] == {"onFailure": {"destination": failures}}
    assert target["deadLetterConfig"] == {"arn": failures}
    assert stream["destinationConfig"] == {"onFailure": {"destinationArn": failures}}
    assert asynchronous["maximumRetryAttempts"] == 1
    assert asynchronous["maximumEventAgeInSeconds"] == 120
    assert target["retryPolicy"] == {"maximumRetryAttempts": 1, "maximumEventAgeInSeconds": 120}
    assert len(recorded.of(stacks.EVENT_SOURCE)) == 2


def invoked_by(recorded: Recording, suffix: str = "") -> dict[str, Any]:
    """The pattern of the rule that invokes the function; it alone may, and what it cannot hand
    over goes to the failure queue."""
    rule = recorded.one(stacks.RULE, f"tool{suffix}")
    function, alias = recorded.one(stacks.FUNCTION), recorded.one(stacks.ALIAS)
    failures = recorded.one(stacks.QUEUE, "tool-failures").outputs
    bus = {each: rule.inputs[each] for each in ("eventBusName",) if each in rule.inputs}
    assert recorded.one(stacks.RULE_TARGET, f"tool{suffix}").inputs == {
        "rule": rule.outputs["name"],
        **bus,
        "arn": alias.outputs["arn"],
        "retryPolicy": {"maximumRetryAttempts": 2, "maximumEventAgeInSeconds": 3600},
        "deadLetterConfig": {"arn": failures["arn"]},
    }
    assert recorded.one(stacks.PERMISSION, f"tool{suffix}-rule").inputs == {
        "action": "lambda:InvokeFunction",
        "function": function.outputs["name"],
        "qualifier": "live",
        "principal": "events.amazonaws.com",
        "sourceArn": rule.outputs["arn"],
    }
    policy = stacks.document(recorded.one(stacks.QUEUE_POLICY, "tool-failures").inputs["policy"])
    senders = [each for each in policy["Statement"] if each["Effect"] == "Allow"]
    assert {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": failures["arn"],
        "Condition": {"ArnEquals": {"aws:SourceArn": rule.outputs["arn"]}},
    } in senders
    assert len(senders) == len(recorded.of(stacks.RULE))
    return stacks.document(rule.inputs["eventPattern"])


BUS = f"arn:aws:events:eu-west-1:{ACCOUNT}:event-bus/shop"


@pytest.mark.parametrize("bus", [{}, {"bus": "shop"}, {"bus": BUS}])
def test_a_rule_hands_over_what_matches_on_its_bus(bus: dict[str, str]) -> None:
    pattern = {"source": ["shop"], "detail": {"price": [{"numeric": [">", 10]}]}}
    recorded = deploy(function_with(sources={"rule": {"pattern": pattern, **bus}}))
    assert invoked_by(recorded) == pattern
    assert recorded.one(stacks.RULE).inputs.get("eventBusName") == bus.get("bus")
    assert grants(recorded) == {failure_queue(recorded): {"sqs:SendMessage"}}
    assert recorded.one(stacks.ASYNC_CONFIG).inputs["maximumRetryAttempts"] == 2


def test_a_pattern_may_hold_what_is_known_only_when_it_is_deployed() -> None:
    def program() -> None:
        theirs = aws.s3.Bucket("theirs")
        sources: Any = {"rule": {"pattern": {"resources": [theirs.arn]}}}
        function_with(sources=sources)()

    recorded = deploy(program)
    assert invoked_by(recorded) == {"resources": [recorded.one(stacks.BUCKET).outputs["arn"]]}


FILES = "arn:aws:s3:::files"


@pytest.mark.parametrize(
    ("ends", "key"),
    [
        ({}, None),
        ({"prefix": "incoming/"}, {"prefix": "incoming/"}),
        ({"suffix": ".csv"}, {"suffix": ".csv"}),
        ({"prefix": "incoming/", "suffix": ".csv"}, {"wildcard": "incoming/*.csv"}),
        ({"prefix": "a*\\", "suffix": "*"}, {"wildcard": "a\\*\\\\*\\*"}),
    ],
)
def test_a_bucket_tells_of_created_objects_by_both_ends_of_their_keys(
    ends: dict[str, str], key: dict[str, str] | None
) -> None:
    recorded = deploy(function_with(sources={"bucket": {"arn": FILES, **ends}}))
    assert invoked_by(recorded, "-bucket") == {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "resources": [FILES],
        **({"detail": {"object": {"key": [key]}}} if key else {}),
    }
    assert grants(recorded) == {failure_queue(recorded): {"sqs:SendMessage"}}


def test_rule_and_bucket_of_one_function_share_its_failure_queue() -> None:
    recorded = deploy(
        function_with(sources={"rule": {"pattern": {"source": ["a"]}}, "bucket": {"arn": FILES}})
    )
    assert invoked_by(recorded) == {"source": ["a"]}
    assert invoked_by(recorded, "-bucket")["resources"] == [FILES]
    assert len(recorded.of(stacks.QUEUE)) == len(recorded.of(stacks.ASYNC_CONFIG)) == 1
