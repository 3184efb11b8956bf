"""Progressive deployment in the graph: nothing while off, and what CodeDeploy needs when on."""

import copy
import json
from typing import Any

import pytest

from components import PythonFunction, order_functions
from components.deployments import Deployments
from tests.aws_names import ACCOUNT
from tests.recorder import Recording, deploy, small_bundle
from tests.unit import stacks

APPLICATION = "aws:codedeploy/application:Application"
GROUP = "aws:codedeploy/deploymentGroup:DeploymentGroup"
CONFIGURATION = "aws:codedeploy/deploymentConfig:DeploymentConfig"


CHECKS = {"BeforeAllowTraffic": "check-before-traffic", "AfterAllowTraffic": "check-after-traffic"}


def on() -> Recording:
    return stacks.recording("dev", deployment="canary10Percent5Minutes")


def alone(preference: Any) -> Recording:
    """A system of one function, whose versions come as is said."""

    def program() -> None:
        function = PythonFunction("f", {"code": small_bundle(), "handler": "f.handler"})
        deployments = Deployments(
            "shift", {"preference": preference, "service": "s", "permissions_boundary": ""}
        )
        deployments.add("f", function, [])

    return deploy(program)


def names(recorded: Recording) -> set[tuple[str, str]]:
    return {(each.type, each.name) for each in recorded.registrations}


def test_off_it_is_nowhere_and_pulumi_moves_the_alias() -> None:
    for stack in stacks.STACKS:
        recorded = stacks.recording(stack)
        assert not [each for each in names(recorded) if "deploy" in " ".join(each).lower()]
        assert not {"deployments", "next"} & recorded.outputs.keys()
        for each in recorded.registrations:
            assert not each.retained
            assert not each.replaced_on
            assert not each.ignored or each.type == stacks.STASH
        for function in recorded.of(stacks.FUNCTION):
            assert "VERSION_FAILURES" not in function.inputs["environment"]["variables"]


def test_on_it_adds_resources_and_leaves_those_that_are_there() -> None:
    off, with_it = stacks.recording("dev"), on()
    now = {(each.type, each.name): each for each in with_it.registrations}
    for each in off.registrations:
        before, inputs = (copy.deepcopy(it.inputs) for it in (each, now[each.type, each.name]))
        if each.type == stacks.FUNCTION:
            for it in (before, inputs):
                assert it.pop("code")
            variables = inputs["environment"]["variables"]
            assert variables.pop("VERSION_FAILURES") == "counted"
            variables.pop("SYNTHETIC_CUSTOMER", None)  # whose orders try new versions
            for secret in (it["environment"]["variables"] for it in (before, inputs)):
                secret.pop("ORDER_ID_KEY", None)  # another one in each recording
        if each.type == stacks.ROLE and each.name.removeprefix("orders-") in stacks.FUNCTIONS:
            assert inputs.pop("forceDetachPolicies") is True
        # What shows functions and the table's operations shows the checks and theirs, too.
        shows = each.type == stacks.DASHBOARD or "orders-table" in each.name
        assert inputs == before or each.type == stacks.STASH or shows, each
    added = {name for kind, name in names(with_it) - names(off) if kind != stacks.DASHBOARD}
    beginnings = (
        "orders-deployments",
        "orders-check-before-traffic",
        "orders-check-after-traffic",
        "orders-observability-check-",
        "orders-synthetic-customer",
    )
    assert all(name.startswith(beginnings) for name in added), added
    for each in beginnings:
        assert [name for name in added if name.startswith(each)], each


@pytest.mark.parametrize("label", stacks.FUNCTIONS)
def test_every_function_has_a_group_that_watches_its_new_version_alone_and_rolls_back(
    label: str,
) -> None:
    recorded = on()
    group = recorded.one(GROUP, f"orders-deployments-{label}").inputs
    assert group["deploymentConfigName"] == "CodeDeployDefault.LambdaCanary10Percent5Minutes"
    assert group["appName"] == recorded.one(APPLICATION).outputs["name"]
    assert group["deploymentStyle"] == {
        "deploymentOption": "WITH_TRAFFIC_CONTROL",
        "deploymentType": "BLUE_GREEN",
    }
    assert group["autoRollbackConfiguration"]["enabled"] is True
    assert set(group["autoRollbackConfiguration"]["events"]) == {
        "DEPLOYMENT_FAILURE",
        "DEPLOYMENT_STOP_ON_ALARM",
        "DEPLOYMENT_STOP_ON_REQUEST",
    }
    watching = group["alarmConfiguration"]
    assert (watching["enabled"], watching.get("ignorePollAlarmFailure", False)) == (True, False)

    alarms = {each.outputs["name"]: each for each in recorded.of(stacks.ALARM)}
    function = stacks.function(recorded, label).outputs
    version = {
        "FunctionName": function["name"],
        "Resource": f"{function['name']}:live",
        "ExecutedVersion": function["version"],
    }
    counted = {
        "function_name": function["name"],
        "service": "serverless-orders-dev",
        "version": function["version"],
    }
    watched = {}
    for name in watching["alarms"]:
        inputs = alarms[name].inputs
        assert (inputs["evaluationPeriods"], inputs.get("period", 60)) == (1, 60)
        assert inputs["alarmActions"], name
        for each in inputs.get("metricQueries", ()):
            if "metric" in each:
                watched[each["metric"]["metricName"]] = each["metric"]["dimensions"]
        if "metricName" in inputs:
            watched[inputs["metricName"]] = inputs["dimensions"]
    assert watched == {
        "Invocations": version,
        "Errors": version,
        "VersionFailures": counted,
        "Duration": version,
    }


def test_codedeploy_may_move_these_aliases_and_no_more() -> None:
    recorded = on()
    role = recorded.one(stacks.ROLE, "orders-deployments")
    (trust,) = stacks.document(role.inputs["assumeRolePolicy"])["Statement"]
    assert trust["Principal"] == {"Service": "codedeploy.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
    allowed = {
        (action, resource)
        for each in stacks.statements(recorded, role)
        for action in each["Action"]
        for resource in each["Resource"]
    }
    functions, aliases = (
        {recorded.one(kind, f"orders-{label}").outputs["arn"] for label in stacks.FUNCTIONS}
        for kind in (stacks.FUNCTION, stacks.ALIAS)
    )
    checks = {stacks.function(recorded, label).outputs["arn"] for label in CHECKS.values()}
    assert allowed == {
        ("cloudwatch:DescribeAlarms", "*"),
        *(("lambda:GetAlias", arn) for arn in functions),
        *(("lambda:UpdateAlias", arn) for arn in functions),
        *(("lambda:GetProvisionedConcurrencyConfig", arn) for arn in aliases),
        *(("lambda:InvokeFunction", arn) for arn in checks),
    }
    assert {each.inputs["serviceRoleArn"] for each in recorded.of(GROUP)} == {role.outputs["arn"]}


def test_the_checks_are_told_where_deployments_begin_and_know_all_that_they_check() -> None:
    recorded = on()
    made = {label: stacks.function(recorded, label) for label in CHECKS.values()}
    told = recorded.outputs["deployments"]["checks"]
    assert told == {event: made[label].outputs["name"] for event, label in CHECKS.items()}
    before, after = (made[label].inputs["environment"]["variables"] for label in CHECKS.values())
    names = {
        label.replace("-", "_"): stacks.function(recorded, label).outputs["name"]
        for label in stacks.FUNCTIONS
    }
    assert json.loads(before["FUNCTION_NAMES"]) == names
    customers = {
        each.inputs["environment"]["variables"].get("SYNTHETIC_CUSTOMER")
        for each in (*made.values(), *(stacks.function(recorded, it) for it in ("create-order",)))
    }
    assert before["SYNTHETIC_CUSTOMER"] in customers
    assert len(customers - {None}) == 1
    assert after["LARGEST_ERROR_PERCENT"] == "1"
    strict = stacks.recording(**stacks.EVERYTHING)
    mended = stacks.function(strict, CHECKS["AfterAllowTraffic"]).inputs["environment"]
    assert mended["variables"]["LARGEST_ERROR_PERCENT"] == "0.5"


def test_the_alias_is_codedeploys_and_no_grant_of_a_version_with_traffic_goes() -> None:
    recorded = on()
    for alias in recorded.of(stacks.ALIAS):
        checks = alias.name.removeprefix("orders-") in CHECKS.values()
        assert alias.ignored == (set() if checks else {"functionVersion", "routingConfig"})
    for label in stacks.FUNCTIONS:
        role = stacks.role_of(recorded, stacks.function(recorded, label).inputs["role"])
        own = [
            each
            for each in recorded.of(stacks.ROLE_POLICY)
            if each.inputs["role"] == role.outputs["name"]
        ]
        grants = [each for each in own if each.name != f"orders-{label}"]  # logs and traces
        assert all(each.retained and each.replaced_on == {"policy"} for each in grants)
        (told,) = [
            each
            for stage in recorded.outputs["deployments"]["stages"]
            for each in stage
            if each["function"] == label.replace("-", "_")
        ]
        assert set(told["policies"]) == {each.outputs["name"] for each in own}
        assert told["role"] == role.outputs["name"]


def test_readers_get_their_new_version_before_those_who_write_to_them() -> None:
    recorded = stacks.recording(**stacks.EVERYTHING)
    stages = recorded.outputs["deployments"]["stages"]
    found = {each["function"]: n for n, stage in enumerate(stages) for each in stage}
    assert found.keys() == {each.name for each in order_functions.FUNCTIONS if not each.checks}
    for earlier, later in (
        ("process_order", "create_order"),
        ("process_order", "republish_pending"),
        ("process_order", "import_orders"),
        ("publish_changes", "process_order"),
        ("publish_changes", "create_order"),
        ("record_history", "publish_changes"),
    ):
        assert found[earlier] < found[later], f"{earlier} reads what {later} writes"
    assert found["get_order"] == 0


@pytest.mark.parametrize(
    ("preference", "kind", "expected"),
    [
        ("canary25Percent7Minutes", "timeBasedCanary", {"percentage": 25, "interval": 7}),
        ("linear20PercentEvery2Minutes", "timeBasedLinear", {"percentage": 20, "interval": 2}),
    ],
)
def test_a_preference_that_codedeploy_has_not_is_made(
    preference: str, kind: str, expected: dict[str, int]
) -> None:
    recorded = alone(preference)
    made = recorded.one(CONFIGURATION)
    assert made.inputs["computePlatform"] == "Lambda"
    routing = made.inputs["trafficRoutingConfig"]
    assert routing == {"type": kind[0].upper() + kind[1:], kind: expected}
    names = {each.inputs["deploymentConfigName"] for each in recorded.of(GROUP)}
    assert names == {made.outputs["deploymentConfigName"]}


@pytest.mark.parametrize(
    ("preference", "name"),
    [
        ("canary10Percent5Minutes", "CodeDeployDefault.LambdaCanary10Percent5Minutes"),
        ("linear10PercentEvery1Minute", "CodeDeployDefault.LambdaLinear10PercentEvery1Minute"),
    ],
)
def test_a_preference_that_codedeploy_has_is_used(preference: str, name: str) -> None:
    recorded = alone(preference)
    assert not recorded.of(CONFIGURATION)
    assert {each.inputs["deploymentConfigName"] for each in recorded.of(GROUP)} == {name}


def test_what_comes_next_is_said() -> None:
    assert on().outputs["next"] == "python -m operations deploy --stack dev"
