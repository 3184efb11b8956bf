"""CodeDeploy's applications, configurations and groups, which our own stand-in keeps."""

from __future__ import annotations

from typing import Any

from local.errors import DeployError
from local.inputs import Inputs
from local.resources.registry import Creation, creates, updates


@creates("aws:codedeploy/application:Application")
def application(creation: Creation) -> tuple[str, dict[str, Any]]:
    name = creation.name()
    creation.clients("codedeploy").create_application(
        applicationName=name, tags=creation.tag_list(), **creation.given(_PLATFORM)
    )
    return name, {"name": name, "arn": creation.arn("codedeploy", f"application:{name}")}


_PLATFORM = {"computePlatform": "computePlatform"}


@creates("aws:codedeploy/deploymentConfig:DeploymentConfig")
def configuration(creation: Creation) -> tuple[str, dict[str, Any]]:
    name, routing = creation.name("deploymentConfigName"), creation.inputs["trafficRoutingConfig"]
    kinds = {"timeBasedCanary": "canary", "timeBasedLinear": "linear"}
    request: dict[str, Any] = {"type": routing["type"]}
    for key, kind in kinds.items():
        if key in routing:
            request[key] = {
                f"{kind}Percentage": routing[key]["percentage"],
                f"{kind}Interval": routing[key]["interval"],
            }
    creation.clients("codedeploy").create_deployment_config(
        deploymentConfigName=name, trafficRoutingConfig=request, **creation.given(_PLATFORM)
    )
    return name, {"deploymentConfigName": name}


@creates("aws:codedeploy/deploymentGroup:DeploymentGroup")
def group(creation: Creation) -> tuple[str, dict[str, Any]]:
    inputs = creation.inputs
    name, request = inputs["deploymentGroupName"], _group(inputs)
    creation.clients("codedeploy").create_deployment_group(
        deploymentGroupName=name, tags=creation.tag_list(), **request
    )
    return name, {"deploymentGroupName": name}


@updates("aws:codedeploy/deploymentGroup:DeploymentGroup", fixed=("appName",))
def group_update(creation: Creation) -> tuple[str, dict[str, Any]]:
    before = creation.before or {}
    name = before["deploymentGroupName"]
    if creation.inputs["deploymentGroupName"] != name:
        raise DeployError(f"{creation.type} {name}: its name cannot be changed while it runs")
    creation.clients("codedeploy").update_deployment_group(
        currentDeploymentGroupName=name, **_group(creation.inputs)
    )
    return name, {"deploymentGroupName": name}


def _group(inputs: Inputs) -> dict[str, Any]:
    style, request = inputs["deploymentStyle"], {}
    if "alarmConfiguration" in inputs:
        alarms = inputs["alarmConfiguration"]
        request["alarmConfiguration"] = {
            "enabled": alarms["enabled"],
            "ignorePollAlarmFailure": alarms.get("ignorePollAlarmFailure", False),
            "alarms": [{"name": each} for each in alarms.get("alarms", [])],
        }
    if "autoRollbackConfiguration" in inputs:
        rollback = inputs["autoRollbackConfiguration"]
        request["autoRollbackConfiguration"] = {
            "enabled": rollback["enabled"],
            "events": list(rollback["events"]),
        }
    return {
        "applicationName": inputs["appName"],
        "serviceRoleArn": inputs["serviceRoleArn"],
        "deploymentConfigName": inputs["deploymentConfigName"],
        "deploymentStyle": {
            "deploymentOption": style["deploymentOption"],
            "deploymentType": style["deploymentType"],
        },
        **request,
    }
