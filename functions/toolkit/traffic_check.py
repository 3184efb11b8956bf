"""A check of a new version that CodeDeploy asks for, before the version has traffic or after.

CodeDeploy invokes the check with two ids and waits for an hour to be told what came of it, so
everything is answered: what cannot be found out counts as a failure. Deployments that take traffic
back are not checked, because nothing may keep them from it.
https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-hooks.html#appspec-hooks-lambda
"""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from . import aws, telemetry, tracing

ATTEMPTS = 2
LONGEST_CALL = aws.longest_call(ATTEMPTS)

_ROLLBACK = "codeDeployRollback"


class NotAsExpectedError(Exception):
    """The new version is not to have traffic; the text says why and holds nothing of an order."""


class Deployment(NamedTuple):
    """A deployment of one function, as its AppSpec names it."""

    id: str
    function: str
    """What the function is called in the AppSpec."""
    name: str
    """Name of the function on AWS."""
    alias: str
    current: str
    target: str
    """The new version."""
    created: float
    """Seconds since the epoch."""
    takes_back: bool
    """Whether CodeDeploy itself leads traffic back by it."""


Check = Callable[[Deployment], dict[str, Any]]
"""Looks at a new version: fields to log. Raises NotAsExpectedError, and what AWS calls raise."""


class CodeDeploy:
    """CodeDeploy's deployments, and what checks say of them."""

    @classmethod
    def connect(cls) -> "CodeDeploy":
        """That of the function's account and region."""
        return cls(aws.client("codedeploy", ATTEMPTS))

    def __init__(self, client: aws.Client) -> None:
        self._client = client

    def deployment(self, deployment_id: str) -> Deployment:
        """A deployment of a Lambda function; raises NotAsExpectedError for any other."""
        with tracing.Subsegment("CodeDeploy", "GetDeployment"):
            info = self._client.get_deployment(deploymentId=deployment_id)["deploymentInfo"]
        try:
            content = json.loads(info["revision"]["appSpecContent"]["content"])
            ((function, resource),) = content["Resources"][0].items()
            properties = resource["Properties"]
            return Deployment(
                deployment_id,
                str(function),
                str(properties["Name"]),
                str(properties["Alias"]),
                str(properties["CurrentVersion"]),
                str(properties["TargetVersion"]),
                info["createTime"].timestamp(),
                info.get("creator") == _ROLLBACK,
            )
        except (KeyError, TypeError, ValueError, AttributeError, IndexError):
            raise NotAsExpectedError("the deployment has no AppSpec of ours") from None

    def tell(self, deployment_id: str, execution_id: str, *, passed: bool) -> None:
        """Say what came of a check."""
        with tracing.Subsegment("CodeDeploy", "PutLifecycleEventHookExecutionStatus"):
            self._client.put_lifecycle_event_hook_execution_status(
                deploymentId=deployment_id,
                lifecycleEventHookExecutionId=execution_id,
                status="Succeeded" if passed else "Failed",
            )


def answer(
    event: dict[str, Any], context: Any, codedeploy: CodeDeploy, check: Check
) -> dict[str, Any]:
    """Make a check that CodeDeploy asks for, and tell it what came of it.

    Raises what botocore does when CodeDeploy cannot be told: Lambda then has it tried again.
    """
    deployment_id, execution_id = event["DeploymentId"], event["LifecycleEventHookExecutionId"]
    log: dict[str, Any] = {"deployment": deployment_id}
    try:
        deployment = codedeploy.deployment(deployment_id)
        log |= {"function": deployment.function, "target": deployment.target}
        if deployment.takes_back:
            log["unchecked"] = "traffic is taken back"
        else:
            log |= check(deployment)
        passed = True
    except NotAsExpectedError as error:
        passed, log["reason"] = False, str(error)
    except aws.FAILURES as error:
        passed, log = False, log | aws.failure(error).fields
    except Exception as error:
        passed, log = False, log | telemetry.surprise(error)
    codedeploy.tell(deployment_id, execution_id, passed=passed)
    write = telemetry.logger.info if passed else telemetry.logger.error
    what = "the new version passes" if passed else "the new version does not pass"
    write(what, function_request_id=context.aws_request_id, **log)
    return {"passed": passed}
