"""New versions of a stack's functions, and CodeDeploy, which leads traffic to them."""

import contextlib
import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

POLL_SECONDS = 2.0

ALL_AT_ONCE = "CodeDeployDefault.LambdaAllAtOnce"
ROLLBACK = "codeDeployRollback"  # who creates those that CodeDeploy itself takes back with
UNDER_WAY = ("Created", "Queued", "InProgress", "Baking", "Ready")

# A grant that is put away grants nothing, because there is no such principal; a rollback takes
# this off its condition again.
_OPERATOR, _KEY = "StringEquals", "aws:PrincipalArn"
_NOBODY = "nobody: a version before was granted this"

# IAM tells all of AWS of a change within seconds:
# https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency
PROPAGATION_SECONDS = 15.0


class Function(NamedTuple):
    """A function as the stack's output `deployments` describes it."""

    function: str
    name: str
    alias: str
    group: str
    role: str
    policies: list[str]


class Versions(NamedTuple):
    """Which version has the traffic, which one a part of it (in percent), and the newest."""

    current: str
    newest: str
    shifting: Mapping[str, float]


class Progress(NamedTuple):
    """A deployment: CodeDeploy's status, the versions, and the new one's traffic in percent."""

    id: str
    function: str
    status: str
    current: str
    target: str
    weight: float
    why: str
    back: str
    """Id of the deployment that rolls it back, if one does."""

    @property
    def under_way(self) -> bool:
        """Whether it is not at its end."""
        return self.status in UNDER_WAY


class Deployments:
    """A stack's functions in the order of their deployment; the clients are boto3's.

    `on_aws` says whether a change of a role takes its time to be known.
    """

    def __init__(
        self, client: Callable[[str], Any], told: Mapping[str, Any], *, on_aws: bool
    ) -> None:
        self._codedeploy, self._lambda, self._iam = map(client, ("codedeploy", "lambda", "iam"))
        self._application: str = told["application"]
        self.checks: dict[str, str] = dict(told.get("checks", {}))  # none of a stack of before
        self.stages = [[Function(**each) for each in stage] for stage in told["stages"]]
        self._patience = PROPAGATION_SECONDS if on_aws else 0.0
        self.pause = POLL_SECONDS if on_aws else 0.2

    @property
    def functions(self) -> Iterator[Function]:
        """All of them, in their order."""
        for stage in self.stages:
            yield from stage

    def versions(self, of: Function) -> Versions:
        """The versions of a function."""
        alias = self._lambda.get_alias(FunctionName=of.name, Name=of.alias)
        pages = self._lambda.get_paginator("list_versions_by_function").paginate(
            FunctionName=of.name
        )
        numbers = [
            int(each["Version"])
            for page in pages
            for each in page["Versions"]
            if each["Version"] != "$LATEST"
        ]
        weights = alias.get("RoutingConfig", {}).get("AdditionalVersionWeights") or {}
        shifting = {version: 100 * weight for version, weight in weights.items()}
        return Versions(alias["FunctionVersion"], str(max(numbers)), shifting)

    def latest(self, of: Function, *statuses: str) -> Progress | None:
        """The latest deployment of a function that somebody asked for; with one of these statuses,
        if any are given."""
        more = {"includeOnlyStatuses": list(statuses)} if statuses else {}
        found = self._codedeploy.list_deployments(
            applicationName=self._application, deploymentGroupName=of.group, **more
        )["deployments"]
        # They are not promised to come in any order.
        known = [
            self._codedeploy.get_deployment(deploymentId=each)["deploymentInfo"]
            for each in found[:20]
        ]
        asked_for = [each for each in known if each.get("creator") != ROLLBACK]
        if not asked_for:
            return None
        newest = max(asked_for, key=lambda each: each["createTime"])
        return self.progress(newest["deploymentId"], of)

    def under_way(self, of: Function) -> Progress | None:
        """The deployment of a function that is not at its end."""
        return self.latest(of, *(each for each in UNDER_WAY if each != "Baking"))

    def progress(self, deployment: str, of: Function) -> Progress:
        """How far a deployment is."""
        info = self._codedeploy.get_deployment(deploymentId=deployment)["deploymentInfo"]
        content = json.loads(info["revision"]["appSpecContent"]["content"])
        (resource,) = content["Resources"][0].values()
        properties = resource["Properties"]
        targets = self._codedeploy.batch_get_deployment_targets(
            deploymentId=deployment, targetIds=[f"{of.name}:{of.alias}"]
        )["deploymentTargets"]
        weights = [each["lambdaTarget"]["lambdaFunctionInfo"] for each in targets]
        error, back = info.get("errorInformation", {}), info.get("rollbackInfo", {})
        return Progress(
            deployment,
            of.function,
            info["status"],
            properties["CurrentVersion"],
            properties["TargetVersion"],
            max((each.get("targetVersionWeight", 0.0) for each in weights), default=0.0),
            ": ".join(filter(None, (error.get("code"), error.get("message")))),
            back.get("rollbackDeploymentId", ""),
        )

    def start(self, of: Function, current: str, target: str, *, at_once: bool = False) -> str:
        """Begin to lead traffic from one version to another: the deployment's id. What is led
        `at_once` goes to a version that had all traffic before, and is not checked."""
        properties = {
            "Name": of.name,
            "Alias": of.alias,
            "CurrentVersion": current,
            "TargetVersion": target,
        }
        resource = {of.function: {"Type": "AWS::Lambda::Function", "Properties": properties}}
        specification: dict[str, Any] = {"version": 0.0, "Resources": [resource]}
        if self.checks and not at_once:
            # https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-hooks.html#reference-appspec-file-structure-hooks-section-structure-lambda
            specification["Hooks"] = [{event: name} for event, name in self.checks.items()]
        content = json.dumps(specification)
        how = {"deploymentConfigName": ALL_AT_ONCE} if at_once else {}
        started: str = self._codedeploy.create_deployment(
            applicationName=self._application,
            deploymentGroupName=of.group,
            description=f"{of.function} {current} -> {target}",
            revision={
                "revisionType": "AppSpecContent",
                "appSpecContent": {
                    "content": content,
                    "sha256": hashlib.sha256(content.encode()).hexdigest(),
                },
            },
            **how,
        )["deploymentId"]
        return started

    def stop(self, deployment: str) -> None:
        """End a deployment and take its traffic back; nothing, when it has ended meanwhile."""
        with contextlib.suppress(self._codedeploy.exceptions.DeploymentAlreadyCompletedException):
            self._codedeploy.stop_deployment(deploymentId=deployment, autoRollbackEnabled=True)

    def overtaken(self, of: Function, running: Progress) -> str | None:
        """The version that was published after the one that a deployment leads traffic to, if one
        was: the alarms then watch that one, and nobody the one that gets traffic."""
        if int(running.target) < int(running.current):  # what takes traffic back needs no alarm
            return None
        newest = self.versions(of).newest
        return newest if int(newest) > int(running.target) else None

    def follow(
        self,
        started: Mapping[str, Function],
        shown: Callable[[list[Progress]], None],
        overtaken: Callable[[Progress, str], None] | None = None,
    ) -> list[Progress]:
        """Wait until deployments, by their ids, are at their end; `shown` is told each time.

        With `overtaken`, one that leads to a version which is the newest no more is stopped, and
        that is told with the newest one.
        """
        stopped: set[str] = set()
        while True:
            found = [self.progress(deployment, of) for deployment, of in started.items()]
            shown(found)
            for each in found if overtaken else ():
                newest = self.overtaken(started[each.id], each)
                if overtaken and newest and each.under_way and each.id not in stopped:
                    stopped.add(each.id)
                    overtaken(each, newest)
                    self.stop(each.id)
            # What is taken back is at its end when the old version has all traffic again.
            if not any(each.under_way for each in found) and all(
                not self.versions(of).shifting for of in started.values()
            ):
                return found
            time.sleep(self.pause)

    def contract(self, functions: Iterable[Function]) -> list[str]:
        """Put away what versions without traffic were granted, and delete what was put away before:
        the policies concerned. Only for functions whose newest version has all traffic."""
        changed = []
        for of in functions:
            versions = self.versions(of)
            if versions.shifting or versions.current != versions.newest:
                continue
            left = [name for name in self._policies(of) if name not in of.policies]
            away = {name: self._document(of, name) for name in left}
            fresh = [name for name in left if not _is_away(away[name])]
            for name in left if fresh else ():
                if name in fresh:
                    self._put(of, name, _away(away[name]))
                else:
                    self._iam.delete_role_policy(RoleName=of.role, PolicyName=name)
            changed += fresh
        return changed

    def expand(self, of: Function) -> list[str]:
        """Grant again what was put away: the policies. It holds when this returns."""
        restored = []
        for name in self._policies(of):
            document = self._document(of, name)
            if _is_away(document):
                self._put(of, name, _back(document))
                restored.append(name)
        if restored:
            time.sleep(self._patience)
        return restored

    def _policies(self, of: Function) -> list[str]:
        pages = self._iam.get_paginator("list_role_policies").paginate(RoleName=of.role)
        return [name for page in pages for name in page["PolicyNames"]]

    def _document(self, of: Function, name: str) -> dict[str, Any]:
        found = self._iam.get_role_policy(RoleName=of.role, PolicyName=name)["PolicyDocument"]
        document: dict[str, Any] = found if isinstance(found, dict) else json.loads(found)
        return document

    def _put(self, of: Function, name: str, document: Mapping[str, Any]) -> None:
        self._iam.put_role_policy(
            RoleName=of.role, PolicyName=name, PolicyDocument=json.dumps(document)
        )


def _is_away(document: Mapping[str, Any]) -> bool:
    conditions = [each.get("Condition", {}) for each in document["Statement"]]
    return all(each.get(_OPERATOR, {}).get(_KEY) == _NOBODY for each in conditions)


def _away(document: Mapping[str, Any]) -> dict[str, Any]:
    def put(statement: Mapping[str, Any]) -> dict[str, Any]:
        condition = statement.get("Condition", {})
        nobody = {**condition.get(_OPERATOR, {}), _KEY: _NOBODY}
        return {**statement, "Condition": {**condition, _OPERATOR: nobody}}

    return {**document, "Statement": [put(each) for each in document["Statement"]]}


def _back(document: Mapping[str, Any]) -> dict[str, Any]:
    def taken(statement: Mapping[str, Any]) -> dict[str, Any]:
        somebody = {k: v for k, v in statement["Condition"][_OPERATOR].items() if k != _KEY}
        condition = {**statement["Condition"], _OPERATOR: somebody}
        left = {operator: keys for operator, keys in condition.items() if keys}
        rest = {key: value for key, value in statement.items() if key != "Condition"}
        return {**rest, "Condition": left} if left else rest

    return {**document, "Statement": [taken(each) for each in document["Statement"]]}
