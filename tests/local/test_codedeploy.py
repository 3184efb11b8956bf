"""The stand-in for CodeDeploy: what it is asked and answers is as botocore describes it."""

import json
import threading
from collections.abc import Callable
from typing import Any

import botocore.session  # type: ignore[import-untyped]
import pytest
from botocore.validate import ParamValidator  # type: ignore[import-untyped]

from local import events, metrics
from local.codedeploy import CodeDeploy, metric_data
from local.ministack.aliases import Alias
from tests.local.support import until

MODEL = botocore.session.Session().get_service_model("codedeploy")
ROLE = "arn:aws:iam::000000000000:role/codedeploy"
APPLICATION = {"applicationName": "app"}
GROUP = {
    **APPLICATION,
    "deploymentGroupName": "group",
    "serviceRoleArn": ROLE,
    "deploymentConfigName": "CodeDeployDefault.LambdaLinear10PercentEvery1Minute",
    "deploymentStyle": {
        "deploymentType": "BLUE_GREEN",
        "deploymentOption": "WITH_TRAFFIC_CONTROL",
    },
    "alarmConfiguration": {"enabled": True, "alarms": [{"name": "alarm"}]},
    "autoRollbackConfiguration": {
        "enabled": True,
        "events": ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"],
    },
}


class Aws:
    """The alias and the alarm that a deployment deals with."""

    def __init__(self) -> None:
        self.alias: dict[str, Any] = {"FunctionVersion": "1"}
        self.weights: list[Any] = []
        self.rings = False
        self.invoked: list[dict[str, Any]] = []
        self.moved = threading.Event()

    def as_role(self, role: str, _region: str) -> Callable[[str], Any]:
        assert role == ROLE
        return lambda _: self

    def evaluate(self, *_: Any) -> None:
        """The alarm is what the test says."""

    def describe_alarms(self, **_: Any) -> dict[str, Any]:
        state = "ALARM" if self.rings else "OK"
        return {"MetricAlarms": [{"AlarmName": "alarm", "StateValue": state}]}

    def get_alias(self, **_: Any) -> dict[str, Any]:
        return self.alias

    def update_alias(self, **alias: Any) -> None:
        self.alias = alias
        self.weights.append(alias["RoutingConfig"]["AdditionalVersionWeights"])
        self.moved.set()

    def invoke(self, *, Payload: bytes, **_: Any) -> None:  # noqa: N803 - boto3's name for it
        self.invoked.append(json.loads(Payload))


class Caller:
    """Calls that have to be answered as botocore describes."""

    def __init__(self, aws: Aws, minute: float = 0.01) -> None:
        cloud: Any = aws
        self._service = CodeDeploy(lambda: cloud, minute)

    def refused(self, operation: str, **asked: Any) -> str:
        status, body = self._service.answer(operation, json.dumps(asked).encode(), "eu-west-1")
        assert status == 400, body
        return str(json.loads(body)["__type"])

    def __call__(self, operation: str, **asked: Any) -> dict[str, Any]:
        status, body = self._service.answer(operation, json.dumps(asked).encode(), "eu-west-1")
        assert status == 200, body
        answer: dict[str, Any] = json.loads(body)
        shape = MODEL.operation_model(operation).output_shape
        if shape is None:
            assert answer == {}
        else:
            assert answer.keys() <= shape.members.keys()
            assert not ParamValidator().validate(answer, shape).generate_report()
        return answer

    def deploy(self, hooks: tuple[dict[str, str], ...] = ()) -> str:
        self("CreateApplication", **APPLICATION, computePlatform="Lambda")
        self("CreateDeploymentGroup", **GROUP)
        return str(self("CreateDeployment", **deployment(hooks))["deploymentId"])

    def ended(self, deployment_id: str) -> dict[str, Any]:
        def info() -> Any:
            found = self("GetDeployment", deploymentId=deployment_id)["deploymentInfo"]
            return found if found["status"] not in ("Created", "InProgress") else None

        return dict(until(info))


def deployment(hooks: tuple[dict[str, str], ...] = ()) -> dict[str, Any]:
    properties = {"Name": "f", "Alias": "live", "CurrentVersion": "1", "TargetVersion": "2"}
    resource = {"f": {"Type": "AWS::Lambda::Function", "Properties": properties}}
    content = json.dumps({"version": 0.0, "Resources": [resource], "Hooks": list(hooks)})
    return {
        **APPLICATION,
        "deploymentGroupName": "group",
        "revision": {"revisionType": "AppSpecContent", "appSpecContent": {"content": content}},
    }


def test_traffic_moves_step_by_step_to_the_new_version() -> None:
    aws = Aws()
    call = Caller(aws)
    deployment_id = call.deploy()
    assert call.ended(deployment_id)["status"] == "Succeeded"
    assert aws.weights == [*({"2": n / 10} for n in range(1, 10)), {}]
    assert aws.alias["FunctionVersion"] == "2"
    (target,) = call("BatchGetDeploymentTargets", deploymentId=deployment_id, targetIds=["f:live"])[
        "deploymentTargets"
    ]
    assert target["lambdaTarget"]["lambdaFunctionInfo"]["targetVersionWeight"] == 100
    assert call("ListDeployments", **{**APPLICATION, "deploymentGroupName": "group"}) == {
        "deployments": [deployment_id]
    }


@pytest.mark.parametrize(
    ("ends", "status", "code"),
    [
        (lambda aws, call, it: setattr(aws, "rings", True), "Stopped", "ALARM_ACTIVE"),
        (
            lambda aws, call, it: call("StopDeployment", deploymentId=it, autoRollbackEnabled=True),
            "Stopped",
            "MANUAL_STOP",
        ),
    ],
)
def test_it_is_taken_back_when_an_alarm_rings_or_somebody_says_so(
    ends: Callable[[Aws, Caller, str], Any], status: str, code: str
) -> None:
    aws = Aws()
    call = Caller(aws, minute=60)
    deployment_id = call.deploy()
    assert aws.moved.wait(10)
    assert call.refused("CreateDeployment", **deployment()) == "DeploymentLimitExceededException"
    ends(aws, call, deployment_id)
    info = call.ended(deployment_id)
    assert (info["status"], info["errorInformation"]["code"]) == (status, code)
    back = call("GetDeployment", deploymentId=info["rollbackInfo"]["rollbackDeploymentId"])
    assert back["deploymentInfo"]["creator"] == "codeDeployRollback"
    assert aws.weights == [{"2": 0.1}, {}]
    assert aws.alias["FunctionVersion"] == "1"


@pytest.mark.parametrize("verdict", ["Succeeded", "Failed"])
def test_no_traffic_moves_before_its_check_says_so(verdict: str) -> None:
    aws = Aws()
    call = Caller(aws)
    deployment_id = call.deploy(({"BeforeAllowTraffic": "check"},))
    assert until(lambda: aws.invoked)
    assert aws.weights == []
    (event,) = aws.invoked
    assert event["DeploymentId"] == deployment_id
    call(
        "PutLifecycleEventHookExecutionStatus",
        deploymentId=deployment_id,
        lifecycleEventHookExecutionId=event["LifecycleEventHookExecutionId"],
        status=verdict,
    )
    info = call.ended(deployment_id)
    assert info["status"] == verdict
    assert aws.alias["FunctionVersion"] == ("2" if verdict == "Succeeded" else "1")


PROPERTIES = {"Name": "f", "Alias": "live", "CurrentVersion": "1", "TargetVersion": "2"}
LAMBDA = {"Type": "AWS::Lambda::Function", "Properties": PROPERTIES}


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"version": 0.0, "Resources": []},
        {"Resources": [{"f": LAMBDA}]},
        {"version": 1.0, "Resources": [{"f": LAMBDA}]},
        {"version": 0.0, "Resources": [{"f": LAMBDA}, {"g": LAMBDA}]},
        {"version": 0.0, "Resources": [{"f": {**LAMBDA, "Type": "AWS::ECS::Service"}}]},
        {"version": 0.0, "Resources": [{"f": {**LAMBDA, "Properties": {"Name": "f"}}}]},
        {"version": 0.0, "Resources": [{"f": LAMBDA}], "Hooks": [{"BeforeInstall": "check"}]},
        {"version": 0.0, "Resources": [{"f": LAMBDA}], "Hooks": [{"BeforeAllowTraffic": ""}]},
        {"version": 0.0, "Resources": [{"f": LAMBDA}], "Hooks": ["check"]},
    ],
)
def test_an_appspec_that_is_none_begins_no_deployment(content: dict[str, Any]) -> None:
    call = Caller(Aws())
    call("CreateApplication", **APPLICATION, computePlatform="Lambda")
    call("CreateDeploymentGroup", **GROUP)
    asked = deployment()
    asked["revision"]["appSpecContent"]["content"] = json.dumps(content)
    assert call.refused("CreateDeployment", **asked) == "InvalidRevisionException"
    listed = call("ListDeployments", **APPLICATION, deploymentGroupName="group")
    assert listed == {"deployments": []}


def test_a_check_that_says_nothing_counts_as_failed_after_an_hour() -> None:
    aws = Aws()
    call = Caller(aws, minute=0.001)
    info = call.ended(call.deploy(({"BeforeAllowTraffic": "check"},)))
    assert (info["status"], info["errorInformation"]["code"]) == (
        "Failed",
        "HOOK_EXECUTION_FAILURE",
    )
    assert {} in aws.weights  # only the rollback, to the version that has the traffic
    assert aws.alias["FunctionVersion"] == "1"


def test_a_check_is_told_the_metrics_of_the_run_as_cloudwatch_would_tell_them() -> None:
    run = metrics.Metrics("api", "$default")
    through = {"function": "f", "milliseconds": 5.0, "alias": "live"}
    run.take(events.FunctionInvoked(request_id="1", version="2", at=600.0, **through))
    failed = events.FunctionFailed(request_id="2", error="E", version="2", at=661.0, **through)
    run.take(failed)
    run.take(events.FunctionInvoked(request_id="3", at=662.0, **through))
    named = [("FunctionName", "f")]
    of_version = [*named, ("Resource", "f:live"), ("ExecutedVersion", "2")]
    asked = {
        "StartTime": 600,
        "EndTime": 720,
        "MetricDataQueries": [
            {
                "Id": each,
                "MetricStat": {
                    "Metric": {
                        "Namespace": "AWS/Lambda",
                        "MetricName": name,
                        "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions],
                    },
                    "Period": 60,
                    "Stat": "Sum",
                },
            }
            for each, name, dimensions in (
                ("errors", "Errors", of_version),
                ("all", "Invocations", named),
                ("none", "Invocations", [*named, ("ExecutedVersion", "3")]),
            )
        ],
    }
    answer = json.loads(metric_data(json.dumps(asked).encode(), run))
    shape = botocore.session.Session().get_service_model("cloudwatch")
    output = shape.operation_model("GetMetricData").output_shape
    assert not ParamValidator().validate(answer, output).generate_report()
    found = {each["Id"]: each for each in answer["MetricDataResults"]}
    assert (found["errors"]["Timestamps"], found["errors"]["Values"]) == ([600, 660], [0, 1])
    assert found["all"]["Values"] == [1, 2]
    assert found["none"]["Values"] == []


def test_a_deployment_from_a_version_that_is_not_there_fails() -> None:
    aws = Aws()
    aws.alias = {"FunctionVersion": "3"}
    call = Caller(aws)
    assert call.ended(call.deploy())["status"] == "Failed"


def test_what_codedeploy_would_refuse_is_refused() -> None:
    call = Caller(Aws())
    assert call.refused("CreateDeployment", applicationName=1) == "ValidationException"
    assert call.refused("ListOnPremisesInstances") == "UnknownOperationException"
    assert call.refused("CreateDeploymentGroup", **GROUP) == "ApplicationDoesNotExistException"
    assert call.refused("GetDeployment", deploymentId="d-1") == "DeploymentDoesNotExistException"


def test_an_alias_leads_each_invocation_to_one_of_its_versions_by_weight() -> None:
    weighted = {"AdditionalVersionWeights": {"2": 0.25}}
    alias = Alias({"FunctionVersion": "1", "RoutingConfig": weighted})
    led = [alias.get("FunctionVersion") for _ in range(4000)]
    assert set(led) == {"1", "2"}
    assert 850 < led.count("2") < 1150  # five standard deviations
    assert json.loads(json.dumps(alias))["FunctionVersion"] == "1"
    plain = Alias({"FunctionVersion": "1"})
    assert {plain.get("FunctionVersion") for _ in range(50)} == {"1"}
