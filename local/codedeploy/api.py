"""CodeDeploy's calls: what is asked, held against botocore's description, and what is answered."""

from __future__ import annotations

import functools
import hashlib
import json
import re
import threading
import uuid
from collections.abc import Callable
from typing import Any

import botocore.session  # type: ignore[import-untyped]
from botocore.validate import ParamValidator  # type: ignore[import-untyped]

from local.codedeploy.cloud import Cloud
from local.codedeploy.shifting import HOOKS, UNDER_WAY, Deployment, Group, Revision, Shift

TARGET = "CodeDeploy_20141006."
"""What the header x-amz-target of its calls begins with."""

ALL_AT_ONCE = "CodeDeployDefault.LambdaAllAtOnce"
_PREDEFINED = re.compile(
    r"CodeDeployDefault\.Lambda(?P<kind>Canary|Linear)(?P<percent>\d+)Percent(Every)?"
    r"(?P<minutes>\d+)Minutes?"
)

Request = dict[str, Any]


class Refused(Exception):  # noqa: N818 - AWS's word for it
    """A call that is refused, with CodeDeploy's code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class CodeDeploy:
    """The service, in one account and region; `minute` is how long one of its minutes takes."""

    def __init__(self, cloud: Callable[[], Cloud], minute: float) -> None:
        self._connect, self._minute = cloud, minute
        self._lock = threading.Lock()
        self._applications: dict[str, str] = {}
        self._configs: dict[str, Request] = {}
        self._groups: dict[tuple[str, str], Group] = {}
        self._deployments: dict[str, Deployment] = {}
        self._calls: dict[str, Callable[[Request, str], Request]] = {
            "CreateApplication": self._create_application,
            "DeleteApplication": self._delete_application,
            "CreateDeploymentConfig": self._create_config,
            "DeleteDeploymentConfig": self._delete_config,
            "CreateDeploymentGroup": self._create_group,
            "UpdateDeploymentGroup": self._update_group,
            "DeleteDeploymentGroup": self._delete_group,
            "CreateDeployment": self._create_deployment,
            "GetDeployment": self._get_deployment,
            "ListDeployments": self._list_deployments,
            "BatchGetDeploymentTargets": self._targets,
            "StopDeployment": self._stop_deployment,
            "PutLifecycleEventHookExecutionStatus": self._put_verdict,
        }

    def answer(self, operation: str, body: bytes, region: str) -> tuple[int, bytes]:
        """Status and body of the answer to one call."""
        try:
            call = self._calls.get(operation)
            if call is None:
                raise Refused("UnknownOperationException", f"{operation} has no local counterpart")
            asked = json.loads(body or b"{}")
            report = ParamValidator().validate(
                asked, _model().operation_model(operation).input_shape
            )
            if report.has_errors():
                raise Refused("ValidationException", report.generate_report())
            with self._lock:
                return 200, json.dumps(call(asked, region)).encode()
        except Refused as refused:
            document = {"__type": refused.code, "message": refused.message}
            return 400, json.dumps(document).encode()

    def concerned(self, body: bytes) -> str:
        """The group that a request concerns, as the end of its ARN (`application/group`), by name
        or by its deployment; empty: none."""
        try:
            asked = json.loads(body or b"{}")
            if "deploymentId" in asked:
                group = self._found(str(asked["deploymentId"])).group
                return f"{group.application}/{group.name}"
            return f"{asked['applicationName']}/{asked['deploymentGroupName']}"
        except (Refused, ValueError, KeyError, TypeError):
            return ""

    def _create_application(self, asked: Request, _: str) -> Request:
        name = asked["applicationName"]
        if name in self._applications:
            raise Refused("ApplicationAlreadyExistsException", f"there is an application {name}")
        if asked.get("computePlatform") != "Lambda":
            raise Refused("InvalidComputePlatformException", "only Lambda has a local counterpart")
        self._applications[name] = str(uuid.uuid4())
        return {"applicationId": self._applications[name]}

    def _delete_application(self, asked: Request, _: str) -> Request:
        self._applications.pop(asked["applicationName"], None)
        return {}

    def _create_config(self, asked: Request, _: str) -> Request:
        self._configs[asked["deploymentConfigName"]] = asked["trafficRoutingConfig"]
        return {"deploymentConfigId": str(uuid.uuid4())}

    def _delete_config(self, asked: Request, _: str) -> Request:
        self._configs.pop(asked["deploymentConfigName"], None)
        return {}

    def _create_group(self, asked: Request, _: str) -> Request:
        key = asked["applicationName"], asked["deploymentGroupName"]
        if key[0] not in self._applications:
            raise Refused("ApplicationDoesNotExistException", f"no application {key[0]}")
        if key in self._groups:
            raise Refused("DeploymentGroupAlreadyExistsException", f"there is a group {key[1]}")
        style = asked.get("deploymentStyle", {})
        if set(style.values()) != {"BLUE_GREEN", "WITH_TRAFFIC_CONTROL"}:
            raise Refused("InvalidDeploymentStyleException", "Lambda takes BLUE_GREEN alone")
        self._steps(asked.get("deploymentConfigName", ALL_AT_ONCE))
        self._groups[key] = _group(asked)
        return {"deploymentGroupId": str(uuid.uuid4())}

    def _update_group(self, asked: Request, _: str) -> Request:
        key = asked["applicationName"], asked["currentDeploymentGroupName"]
        self._group(*key)
        self._groups[key] = _group({**asked, "deploymentGroupName": key[1]})
        return {}

    def _delete_group(self, asked: Request, _: str) -> Request:
        self._groups.pop((asked["applicationName"], asked["deploymentGroupName"]), None)
        return {}

    def _group(self, application: str, name: str) -> Group:
        group = self._groups.get((application, name))
        if group is None:
            raise Refused("DeploymentGroupDoesNotExistException", f"no deployment group {name}")
        return group

    def _create_deployment(self, asked: Request, region: str) -> Request:
        group = self._group(asked["applicationName"], asked.get("deploymentGroupName", ""))
        for each in self._of(group):
            if each.status in UNDER_WAY:
                raise Refused(
                    "DeploymentLimitExceededException",
                    f"The Deployment Group '{group.name}' already has an active Deployment "
                    f"'{each.id}'",
                )
        content = asked["revision"]["appSpecContent"]["content"]
        digest = asked["revision"]["appSpecContent"].get("sha256")
        if digest and digest != hashlib.sha256(content.encode()).hexdigest():
            raise Refused("InvalidRevisionException", "sha256 is not that of the content")
        config = asked.get("deploymentConfigName") or group.config
        deployment = Deployment(
            group=group,
            config=config,
            revision=_revision(content),
            content=content,
            steps=self._steps(config),
            description=asked.get("description", ""),
            region=region,
        )
        self._deployments[deployment.id] = deployment
        Shift(deployment, self._connect(), self._minute).start()
        return {"deploymentId": deployment.id}

    def _steps(self, config: str) -> list[tuple[float, int]]:
        if config == ALL_AT_ONCE:
            return [(0, 100)]
        if found := _PREDEFINED.fullmatch(config):
            linear = found["kind"] == "Linear"
            percent, minutes = int(found["percent"]), int(found["minutes"])
        elif config in self._configs:
            routing = self._configs[config]
            linear = routing["type"] == "TimeBasedLinear"
            kind = routing["timeBasedLinear" if linear else "timeBasedCanary"]
            key = "linear" if linear else "canary"
            percent, minutes = kind[f"{key}Percentage"], kind[f"{key}Interval"]
        else:
            raise Refused("DeploymentConfigDoesNotExistException", f"no configuration {config}")
        weights = [*(range(percent, 100, percent) if linear else [percent]), 100]
        return [(minutes if n else 0, weight) for n, weight in enumerate(weights)]

    def _found(self, deployment_id: str) -> Deployment:
        for each in self._deployments.values():
            if each.id == deployment_id:
                return each
            if each.rollback is not None and each.rollback.id == deployment_id:
                return each.rollback
        raise Refused("DeploymentDoesNotExistException", f"no deployment {deployment_id}")

    def _get_deployment(self, asked: Request, _: str) -> Request:
        return {"deploymentInfo": _info(self._found(asked["deploymentId"]))}

    def _of(self, group: Group) -> list[Deployment]:
        """The latest first."""
        own = [each for each in self._deployments.values() if each.group.name == group.name]
        own += [each.rollback for each in own if each.rollback is not None]
        return sorted(own, key=lambda each: each.created, reverse=True)

    def _list_deployments(self, asked: Request, _: str) -> Request:
        group = self._group(asked["applicationName"], asked["deploymentGroupName"])
        statuses = asked.get("includeOnlyStatuses")
        found = [each.id for each in self._of(group) if not statuses or each.status in statuses]
        return {"deployments": found}

    def _targets(self, asked: Request, _: str) -> Request:
        it = self._found(asked["deploymentId"])
        function = it.revision.function
        target = {
            "deploymentId": it.id,
            "targetId": f"{function}:{it.revision.alias}",
            "status": it.status if it.status in ("Succeeded", "Failed") else "InProgress",
            "lifecycleEvents": [
                {"lifecycleEventName": name, "status": status}
                for name, status in it.lifecycle.items()
            ],
            "lambdaFunctionInfo": {
                "functionName": function,
                "functionAlias": it.revision.alias,
                "currentVersion": it.revision.current,
                "targetVersion": it.revision.target,
                "targetVersionWeight": float(it.weight),
            },
        }
        return {
            "deploymentTargets": [{"deploymentTargetType": "LambdaTarget", "lambdaTarget": target}]
        }

    def _stop_deployment(self, asked: Request, _: str) -> Request:
        it = self._found(asked["deploymentId"])
        if it.status not in UNDER_WAY:
            raise Refused("DeploymentAlreadyCompletedException", f"{it.id} is {it.status}")
        it.stopping = bool(asked.get("autoRollbackEnabled"))
        return {"status": "Pending", "statusMessage": "stopping"}

    def _put_verdict(self, asked: Request, _: str) -> Request:
        it, execution = self._found(asked["deploymentId"]), asked["lifecycleEventHookExecutionId"]
        if execution in it.verdicts:
            raise Refused("LifecycleEventAlreadyCompletedException", f"{execution} has a status")
        if asked["status"] not in ("Succeeded", "Failed"):
            raise Refused("InvalidLifecycleEventHookExecutionStatusException", asked["status"])
        it.verdicts[execution] = asked["status"]
        return {"lifecycleEventHookExecutionId": execution}


@functools.cache
def _model() -> Any:
    return botocore.session.Session().get_service_model("codedeploy")


def _group(asked: Request) -> Group:
    alarms = asked.get("alarmConfiguration") or {}
    rollback = asked.get("autoRollbackConfiguration") or {}
    names = [each["name"] for each in alarms.get("alarms") or []]
    return Group(
        application=asked["applicationName"],
        name=asked["deploymentGroupName"],
        role=asked["serviceRoleArn"],
        config=asked.get("deploymentConfigName", ALL_AT_ONCE),
        alarms=tuple(names) if alarms.get("enabled") else (),
        rolled_back_on=tuple(rollback.get("events") or ()) if rollback.get("enabled") else (),
    )


def _revision(content: str) -> Revision:
    # https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-resources.html
    try:
        specification = json.loads(content)
        ((resource,),) = [each.values() for each in specification["Resources"]]
        properties = resource["Properties"]
        named = ("Name", "Alias", "CurrentVersion", "TargetVersion")
        name, alias, current, target = (str(properties[each]) for each in named)
        listed = specification.get("Hooks", [])
        hooks = {event: function for each in listed for event, function in each.items()}
        kind, version = resource["Type"], float(specification["version"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refused("InvalidRevisionException", f"the AppSpec lacks {error}") from None
    if kind != "AWS::Lambda::Function" or version != 0.0:
        raise Refused("InvalidRevisionException", "the AppSpec is not version 0.0 for Lambda")
    if not hooks.keys() <= HOOKS or len(hooks) < len(listed):
        raise Refused("InvalidRevisionException", f"hooks are {HOOKS}, each once")
    if not all(isinstance(each, str) and each for each in hooks.values()):
        raise Refused("InvalidRevisionException", "a hook names one function")
    return Revision(name, alias, current, target, hooks)


def _info(it: Deployment) -> Request:
    info: Request = {
        "applicationName": it.group.application,
        "deploymentGroupName": it.group.name,
        "deploymentConfigName": it.config,
        "deploymentId": it.id,
        "revision": {"revisionType": "AppSpecContent", "appSpecContent": {"content": it.content}},
        "status": it.status,
        "createTime": it.created,
        "description": it.description,
        "creator": it.creator,
        "computePlatform": "Lambda",
    }
    if it.completed is not None:
        info["completeTime"] = it.completed
    if it.error is not None:
        info["errorInformation"] = {"code": it.error.code, "message": it.error.message}
    if it.rollback is not None:
        info["rollbackInfo"] = {"rollbackDeploymentId": it.rollback.id}
    if it.rolls_back:
        info["rollbackInfo"] = {"rollbackTriggeringDeploymentId": it.rolls_back}
    return info
