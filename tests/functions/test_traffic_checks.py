"""The checks of a function's new version, before it has traffic and after: what they find out, and
what they leave behind."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from components import order_functions
from tests.functions.fake_aws import DENIED, SERVER_ERROR
from tests.functions.support import SIGNED_IN, VARIABLES, Context, Functions, record

EVENT = {"DeploymentId": "d-1", "LifecycleEventHookExecutionId": "execution-1"}
CREATED = 1_800_000_000.0
NAMES: dict[str, str] = json.loads(VARIABLES["FUNCTION_NAMES"])
TRIED = tuple(
    each.name
    for each in order_functions.FUNCTIONS
    if not (each.unchecked or each.checks) and each.name in NAMES
)


class Deployed:
    """The system's functions, the one that is deployed at version 2, all others by the alias; what
    a queue, the stream and the bus bring comes before each look at an order or its history."""

    def __init__(self, functions: Functions, function: str, **more: Any) -> None:
        self.functions, self.function = functions, function
        self.invoked: list[str] = []
        self.new: Any = None  # what the new version does instead
        self._delivered = [0, 0]  # messages and changes
        self._own = {physical: name for name, physical in NAMES.items()}
        functions.aws.invoke = self.invoke
        properties = {"Name": NAMES.get(function, "f"), "Alias": "live"}
        properties |= {"CurrentVersion": "1", "TargetVersion": "2"}
        resource = {function: {"Type": "AWS::Lambda::Function", "Properties": properties}}
        content = {"version": 0.0, "Resources": [resource]}
        functions.aws.deployments["d-1"] = {
            "revision": {
                "revisionType": "AppSpecContent",
                "appSpecContent": {"content": json.dumps(content)},
            },
            "createTime": CREATED,
            "creator": "user",
            **more,
        }

    def invoke(self, target: str, event: Any) -> Any:
        physical, _, qualifier = target.partition(":")
        name = self._own[physical]
        self.invoked.append(f"{name}:{qualifier}")
        assert qualifier == ("2" if name == self.function else "live")
        if name in ("get_order", "get_order_history"):
            self._deliver()
        if name == self.function and self.new is not None:
            return self.new(event)
        return self.functions.invoke(name, event)

    def _deliver(self) -> None:
        aws = self.functions.aws
        messages, changes = aws.messages[self._delivered[0] :], aws.records()[self._delivered[1] :]
        self._delivered = [len(aws.messages), len(aws.records())]
        for each in messages:
            self.functions.invoke("process_order", {"Records": [record(each["MessageBody"])]})
        if changes:
            self.functions.invoke("publish_changes", {"Records": changes})
        events = [
            {"detail-type": each["DetailType"], "detail": json.loads(each["Detail"])}
            for each in aws.events
        ]
        self.functions.record(*events)

    def check(self, name: str = "check_before_traffic") -> str:
        """What CodeDeploy is told."""
        answer = self.functions.invoke(name, EVENT)
        [(deployment, execution, verdict)] = self.functions.aws.verdicts
        assert (deployment, execution) == ("d-1", "execution-1")
        assert answer == {"passed": verdict == "Succeeded"}
        return verdict

    def said(self) -> dict[str, Any]:
        """The check's line in the log."""
        [line] = [each for each in self.functions.logs() if each.get("deployment") == "d-1"]
        return line


@pytest.fixture(autouse=True)
def quick(functions: Functions, variables: pytest.MonkeyPatch) -> None:
    """Nobody waits between two looks, nor for what CloudWatch counts late."""
    variables.setenv("WATCHED_SECONDS", "0")
    for name in ("orders.trials", "check_after_traffic"):
        module = functions.module(name)
        clock = SimpleNamespace(**{**vars(module.time), "sleep": lambda _: None})
        variables.setattr(module, "time", clock)


def test_every_function_is_tried_or_says_why_not(functions: Functions) -> None:
    trials = functions.module("orders.trials").TRIALS
    for each in order_functions.FUNCTIONS:
        assert (each.name in trials) != bool(each.unchecked or each.checks), (
            f"say in TRIALS (functions/orders/trials.py) what a new version of {each.name} has to "
            "do before it has traffic, or in its entry why nothing (unchecked)"
        )
    assert set(trials) <= set(order_functions.NAMES)


@pytest.mark.parametrize("function", [each for each in TRIED if each != "list_orders"])
def test_a_good_version_passes_and_leaves_no_order(functions: Functions, function: str) -> None:
    deployed = Deployed(functions, function)
    assert deployed.check() == "Succeeded", deployed.said()
    assert f"{function}:2" in deployed.invoked
    assert functions.aws.table == {}
    assert deployed.said()["target"] == "2"


def test_an_order_list_is_tried_as_a_caller_sees_it(
    functions: Functions, variables: pytest.MonkeyPatch
) -> None:
    for name, value in SIGNED_IN.items():
        variables.setenv(name, value)
    deployed = Deployed(functions, "list_orders")
    assert deployed.check() == "Succeeded", deployed.said()
    assert deployed.invoked == ["create_order:live", "list_orders:2"]
    assert functions.aws.table == {}


@pytest.mark.parametrize("function", TRIED)
def test_a_version_that_cannot_be_loaded_does_not_pass_and_leaves_no_order(
    functions: Functions, function: str
) -> None:
    def fails(_: Any) -> None:
        raise ImportError

    deployed = Deployed(functions, function)
    deployed.new = fails
    assert deployed.check() == "Failed"
    assert functions.aws.table == {}
    assert deployed.said()["reason"] == f"{function} 2 fails: ImportError"


@pytest.mark.parametrize(
    ("function", "answer", "reason"),
    [
        ("create_order", {"statusCode": 503, "body": "{}"}, "create_order answers 503"),
        ("create_order", {"statusCode": 400, "body": "{}"}, "create_order answers 400"),
        ("create_order", {"statusCode": 201, "body": "{}"}, "create_order answers 201"),
        ("create_order", {"statusCode": 201}, "create_order gives the API no answer"),
        ("get_order", {"statusCode": 404, "body": "{}"}, "get_order answers 404"),
        (
            "get_order",
            {"statusCode": 200, "body": '{"status": "CONFIRMED", "customerName": "Ada"}'},
            "get_order does not answer what was ordered",
        ),
        ("get_order_history", {"statusCode": 500, "body": "{}"}, "get_order_history answers 500"),
        (
            "process_order",
            {"batchItemFailures": [{"itemIdentifier": "m"}]},
            "process_order does not take the record",
        ),
        ("publish_changes", None, "publish_changes does not take the record"),
        ("republish_pending", {}, "republish_pending does not return republished"),
    ],
)
def test_a_version_that_answers_wrongly_does_not_pass(
    functions: Functions, function: str, answer: Any, reason: str
) -> None:
    deployed = Deployed(functions, function)
    deployed.new = lambda _: answer
    assert deployed.check() == "Failed"
    assert deployed.said()["reason"] == reason
    assert functions.aws.table == {}


@pytest.mark.parametrize(
    ("function", "answer", "reason"),
    [
        ("process_order", {"batchItemFailures": []}, "the order does not become CONFIRMED"),
        ("record_history", {"batchItemFailures": []}, "the history does not come to 1 changes"),
    ],
)
def test_a_version_that_says_it_did_what_it_did_not_does_not_pass(
    functions: Functions, function: str, answer: Any, reason: str
) -> None:
    deployed = Deployed(functions, function)
    deployed.new = lambda _: answer
    left = iter([120_000.0] * 4)
    functions.context = Context(lambda: next(left, 1_000.0))
    assert deployed.check() == "Failed"
    assert deployed.said()["reason"] == reason
    assert functions.aws.table == {}


def test_what_an_attempt_before_left_behind_is_in_nobodys_way(functions: Functions) -> None:
    deployed = Deployed(functions, "process_order")

    def confirms(event: Any) -> Any:
        functions.aws.fail("DeleteItem", *[SERVER_ERROR] * 3)
        return functions.invoke("process_order", event)

    deployed.new = confirms
    assert deployed.check() == "Failed"
    assert len(functions.aws.table) == 1
    deployed.new = None
    functions.aws.verdicts.clear()
    assert deployed.check() == "Succeeded"
    assert functions.aws.table == {}


def test_no_order_but_the_systems_own_is_deleted(functions: Functions) -> None:
    deployed = Deployed(functions, "create_order")
    order_id = functions.create(
        {"customerName": "Ada", "items": [{"sku": "A", "qty": 1, "price": 1}]}
    ).body["id"]
    deployed.new = lambda _: {"statusCode": 201, "body": json.dumps({"id": order_id})}
    assert deployed.check() == "Failed"
    assert order_id in functions.aws.table


@pytest.mark.parametrize("check", ["check_before_traffic", "check_after_traffic"])
def test_traffic_that_is_taken_back_is_not_checked(functions: Functions, check: str) -> None:
    deployed = Deployed(functions, "create_order", creator="codeDeployRollback")
    functions.aws.counts = {"Invocations": 10, "Errors": 10}
    assert deployed.check(check) == "Succeeded"
    assert deployed.invoked == []


def test_a_function_that_nothing_is_known_of_passes_and_the_log_says_so(
    functions: Functions,
) -> None:
    deployed = Deployed(functions, "thank_customer")
    assert deployed.check() == "Succeeded"
    assert deployed.said()["unchecked"]


@pytest.mark.parametrize("check", ["check_before_traffic", "check_after_traffic"])
def test_what_cannot_be_found_out_does_not_pass_and_is_told(
    functions: Functions, check: str
) -> None:
    deployed = Deployed(functions, "create_order")
    functions.aws.fail("GetDeployment", DENIED)
    assert deployed.check(check) == "Failed"
    assert deployed.said()["error"] == "AccessDeniedException"


def test_a_check_that_cannot_tell_codedeploy_is_tried_again(functions: Functions) -> None:
    deployed = Deployed(functions, "republish_pending")
    functions.aws.fail("PutLifecycleEventHookExecutionStatus", DENIED)
    with pytest.raises(Exception, match="not authorized"):
        functions.invoke("check_before_traffic", EVENT)
    assert deployed.check() == "Succeeded"


@pytest.mark.parametrize(
    ("counts", "verdict"),
    [
        ({}, "Succeeded"),
        ({"Invocations": 1000, "Errors": 0}, "Succeeded"),
        ({"Invocations": 1000, "Errors": 5, "VersionFailures": 5}, "Succeeded"),  # 1 %
        ({"Invocations": 1000, "Errors": 6, "VersionFailures": 5}, "Failed"),
        ({"Invocations": 100, "VersionFailures": 2}, "Failed"),
    ],
)
def test_the_metrics_of_a_version_decide_whether_it_keeps_the_traffic(
    functions: Functions, counts: dict[str, float], verdict: str
) -> None:
    deployed = Deployed(functions, "create_order")
    functions.aws.counts = counts
    assert deployed.check("check_after_traffic") == verdict, deployed.said()


def test_the_metrics_are_those_of_the_new_version_since_the_deployment_began(
    functions: Functions,
) -> None:
    deployed = Deployed(functions, "create_order")
    deployed.check("check_after_traffic")
    name = NAMES["create_order"]
    asked = [request for each, request in functions.aws.requests if each == "GetMetricData"]
    begun = CREATED - CREATED % 60
    assert asked[0]["StartTime"] == begun
    through = {"FunctionName": name, "Resource": f"{name}:live"}
    counted = {"service": VARIABLES["POWERTOOLS_SERVICE_NAME"], "function_name": name}
    counted["version"] = "2"
    found = [
        {each["Name"]: each["Value"] for each in query["MetricStat"]["Metric"]["Dimensions"]}
        for query in asked[0]["MetricDataQueries"]
    ]
    assert found == [{**through, "ExecutedVersion": "2"}] * 2 + [counted]


def test_it_looks_until_the_time_is_up(functions: Functions, variables: pytest.MonkeyPatch) -> None:
    """What came last is counted a minute later."""
    module = functions.module("check_after_traffic")
    variables.setattr(module, "_watched", 15)
    clock = iter([0.0, 10.0, 20.0])
    variables.setattr(
        module,
        "time",
        SimpleNamespace(
            monotonic=lambda: next(clock),
            sleep=lambda _: functions.aws.counts.update({"Errors": 9}),
        ),
    )
    deployed = Deployed(functions, "create_order")
    functions.aws.counts = {"Invocations": 100}
    assert deployed.check("check_after_traffic") == "Failed"
    assert deployed.said()["reason"] == "9 failures in 100 invocations are more than 1 %"
