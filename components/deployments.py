"""Progressive deployment: CodeDeploy leads traffic to a function's new version, step by step.

`pulumi up` publishes versions and leaves the aliases alone; a deployment in CodeDeploy moves them.
It watches alarms on the new version alone and rolls back by itself, whoever started it.
https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-steps-lambda.html
"""

import re
from collections.abc import Sequence
from typing import Any, NotRequired, Optional, TypedDict, cast

import pulumi
import pulumi_aws as aws

from . import iam
from .component import Component
from .function import PythonFunction
from .inputs import checked
from .observability.version import MonitoredVersion, alarms
from .thresholds import AlarmThresholds, DeclaredThresholds
from .traffic_shift import Preference, predefined, shift_of

# Failures are those of the checks before and after traffic, too.
ROLLED_BACK_ON = ("DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST")

# What CodeDeploy does with a function's alias:
# https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSCodeDeployRoleForLambdaLimited.html
# AWS asks for the first two on the function, for the last on what has concurrency of its own:
# https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html
ON_FUNCTION = ("lambda:GetAlias", "lambda:UpdateAlias")
ON_ALIAS = ("lambda:GetProvisionedConcurrencyConfig",)


class DeploymentsArgs(TypedDict):
    """Inputs of Deployments."""

    preference: Preference
    """How traffic moves; not allAtOnce, which needs none of this."""
    service: str
    """Dimension of the failures that functions count by version."""
    permissions_boundary: str
    """Policy that limits what CodeDeploy's role may do; none when empty."""
    thresholds: NotRequired[AlarmThresholds]
    """The values at which alarms end a deployment."""


class Deployments(Component):
    """A CodeDeploy application, with a group for each function whose traffic it moves."""

    application_name: pulumi.Output[str]
    """Name of the application."""
    role_arn: pulumi.Output[str]
    """ARN of the role by which CodeDeploy acts."""

    def __init__(
        self, name: str, args: DeploymentsArgs, opts: Optional[pulumi.ResourceOptions] = None
    ) -> None:
        args = checked(DeploymentsArgs, args, f"Deployments {name}")
        super().__init__("serverless-orders:index:Deployments", name, {}, opts)
        self._name, self._preference, self._service = name, args["preference"], args["service"]
        declared = DeclaredThresholds(cast(dict[str, float], args["thresholds"]))
        self._limits = cast(AlarmThresholds, declared)
        child = pulumi.ResourceOptions(parent=self)
        account = aws.get_caller_identity_output(
            opts=pulumi.InvokeOutputOptions(parent=self)
        ).account_id
        self._application = aws.codedeploy.Application(name, compute_platform="Lambda", opts=child)
        self._role = aws.iam.Role(
            name,
            description=f"What CodeDeploy may do for {name}",
            assume_role_policy=iam.trust("codedeploy.amazonaws.com", account),
            permissions_boundary=args["permissions_boundary"] or None,
            opts=child,
        )
        aws.iam.RolePolicy(
            f"{name}-alarms",
            role=self._role.name,
            # As AWS's own policy for CodeDeploy has it.
            policy=iam.document([iam.allow(["cloudwatch:DescribeAlarms"], ["*"])]),
            opts=child,
        )
        self._config = predefined(self._preference) or self._configuration()
        self.application_name, self.role_arn = self._application.name, self._role.arn
        self.register()

    @property
    def groups_arn(self) -> pulumi.Output[str]:
        """ARN of all groups of the application."""
        return self._application.arn.apply(
            lambda arn: f"{arn.replace(':application:', ':deploymentgroup:')}/{self._name}-*"
        )

    def check_by(self, event: str, function: PythonFunction) -> None:
        """Have CodeDeploy ask a function what it thinks of new versions, in a lifecycle event."""
        aws.iam.RolePolicy(
            f"{self._name}-{re.sub('(?<=.)(?=[A-Z])', '-', event).lower()}",
            role=self._role.name,
            policy=iam.document([iam.allow(["lambda:InvokeFunction"], [function.arn])]),
            opts=pulumi.ResourceOptions(parent=self, protect=False),
        )

    def add(
        self, label: str, function: PythonFunction, actions: Sequence[pulumi.Input[str]]
    ) -> pulumi.Output[str]:
        """Have the function's alias moved from here: the name of its group. The actions hear of
        the alarms that end a deployment."""
        name = f"{self._name}-{label}"
        here = pulumi.ResourceOptions(parent=self, protect=False)
        version: MonitoredVersion = {
            "label": label,
            "name": function.name,
            "alias_name": function.alias_name,
            "version": function.version,
            "service": self._service,
            "timeout_seconds": function.timeout_seconds,
        }
        watched = [
            alarm.create(self._name, self, actions) for alarm in alarms(version, self._limits)
        ]
        policy = aws.iam.RolePolicy(
            name,
            role=self._role.name,
            policy=iam.document(
                [
                    iam.allow(ON_FUNCTION, [function.arn]),
                    iam.allow(ON_ALIAS, [function.alias_arn]),
                ]
            ),
            opts=here,
        )
        group = aws.codedeploy.DeploymentGroup(
            name,
            app_name=self._application.name,
            deployment_group_name=name,
            deployment_config_name=self._config,
            service_role_arn=self._role.arn,
            deployment_style=aws.codedeploy.DeploymentGroupDeploymentStyleArgs(
                deployment_option="WITH_TRAFFIC_CONTROL", deployment_type="BLUE_GREEN"
            ),
            auto_rollback_configuration=aws.codedeploy.DeploymentGroupAutoRollbackConfigurationArgs(
                enabled=True, events=list(ROLLED_BACK_ON)
            ),
            alarm_configuration=aws.codedeploy.DeploymentGroupAlarmConfigurationArgs(
                enabled=True,
                alarms=[each.name for each in watched],
                # Nobody shifts traffic blindly.
                ignore_poll_alarm_failure=False,
            ),
            opts=pulumi.ResourceOptions.merge(here, pulumi.ResourceOptions(depends_on=[policy])),
        )
        return group.deployment_group_name

    def _configuration(self) -> pulumi.Output[str]:
        shift = shift_of(self._preference)
        assert shift is not None  # noqa: S101
        kind: Any = {"interval": shift.minutes, "percentage": shift.percent}
        return aws.codedeploy.DeploymentConfig(
            self._name,
            compute_platform="Lambda",
            traffic_routing_config=(
                {"type": "TimeBasedLinear", "time_based_linear": kind}
                if shift.linear
                else {"type": "TimeBasedCanary", "time_based_canary": kind}
            ),
            opts=pulumi.ResourceOptions(parent=self, protect=False),
        ).deployment_config_name
