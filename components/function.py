"""A Lambda function in Python, with everything that is its own."""

from typing import NotRequired, Optional, TypedDict

import pulumi
import pulumi_aws as aws

from . import defaults, iam
from ._values import whole
from .iam import Statement
from .queues import SECONDS_PER_DAY, tls_queue

ALIAS = "live"

# What Lambda's pollers need of a queue:
# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
QUEUE_ACTIONS = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")

# X-Ray has no resources to name:
# https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html
TRACE_ACTIONS = ("xray:PutTraceSegments", "xray:PutTelemetryRecords")

# Lambda makes and removes the network interfaces with the function's role, and insists on `*`:
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
NETWORK_ACTIONS = (
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
)


class VpcPlacement(TypedDict):
    """Where in a VPC a function runs."""

    subnet_ids: list[pulumi.Input[str]]
    """Subnets, in two availability zones or more."""
    security_group_ids: list[pulumi.Input[str]]
    """Security groups of the function's network interfaces."""


class QueueEventSource(TypedDict):
    """An SQS queue that a function reads in batches, answering for each message."""

    arn: pulumi.Input[str]
    """ARN of the queue."""
    batch_size: NotRequired[int]
    """Most messages in one invocation; 10 by default."""
    batch_window_seconds: NotRequired[int]
    """How long a batch may be collected; 0 by default."""
    maximum_concurrency: NotRequired[int]
    """Most concurrent invocations by this queue, 2 to 1000; unlimited by default."""


class ScheduleEventSource(TypedDict):
    """A schedule that invokes a function; what fails for good ends in a queue of its own."""

    expression: str
    """When to invoke: `rate(5 minutes)`, `cron(0 3 * * ? *)` (UTC) or `at(...)`."""
    maximum_retry_attempts: NotRequired[int]
    """Retries of an invocation that failed, 0 to 2; 2 by default."""
    maximum_event_age_seconds: NotRequired[int]
    """Age after which a retry is pointless, 60 to 21600; 3600 by default."""


class PythonFunctionArgs(TypedDict):
    """Inputs of PythonFunction."""

    code: pulumi.Archive
    """The deployment package."""
    handler: str
    """Module and function, as `create_order.handler`."""
    runtime: NotRequired[str]
    """Lambda runtime; python3.13 by default."""
    architecture: NotRequired[str]
    """x86_64 (the default) or arm64."""
    memory_size: NotRequired[int]
    """Memory in MB, 128 to 10240; CPU grows with it. 1024 by default."""
    timeout_seconds: NotRequired[int]
    """Longest run, 1 to 900; 30 by default."""
    environment: NotRequired[dict[str, pulumi.Input[str]]]
    """Environment variables."""
    statements: NotRequired[list[Statement]]
    """What the function may do beyond its logs and traces."""
    log_retention_days: NotRequired[int]
    """How long its log group keeps events; 14 by default."""
    tracing: NotRequired[bool]
    """Whether X-Ray traces are taken; true by default."""
    reserved_concurrency: NotRequired[int]
    """Concurrency that is kept for and limits this function; none by default."""
    vpc: NotRequired[VpcPlacement]
    """Placement in a VPC; outside of any by default."""
    queue: NotRequired[QueueEventSource]
    """A queue to read."""
    schedule: NotRequired[ScheduleEventSource]
    """A schedule to run by."""


class PythonFunction(pulumi.ComponentResource):
    """A traced function with a role, log group and published versions behind the alias `live`."""

    name: pulumi.Output[str]
    """Name of the function."""
    arn: pulumi.Output[str]
    """ARN of the function."""
    alias_name: pulumi.Output[str]
    """Name of the alias that callers target."""
    alias_arn: pulumi.Output[str]
    """ARN of the alias that callers target."""
    invoke_arn: pulumi.Output[str]
    """ARN by which API Gateway invokes the alias."""
    role_name: pulumi.Output[str]
    """Name of the function's role."""
    role_arn: pulumi.Output[str]
    """ARN of the function's role."""
    log_group_name: pulumi.Output[str]
    """Name of the function's log group."""
    failure_queue_name: Optional[pulumi.Output[str]]
    """Name of the queue of invocations that failed for good; only with a schedule."""

    def __init__(
        self, name: str, args: PythonFunctionArgs, opts: Optional[pulumi.ResourceOptions] = None
    ) -> None:
        super().__init__("serverless-orders:index:PythonFunction", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        queue, schedule = args.get("queue"), args.get("schedule")

        log_group = aws.cloudwatch.LogGroup(
            name,
            name_prefix=f"/aws/lambda/{name}-",
            retention_in_days=whole(
                "log_retention_days",
                args.get("log_retention_days", defaults.LOG_RETENTION_DAYS),
            ),
            opts=child,
        )
        role = aws.iam.Role(
            name,
            description=f"What the function {name} may do",
            assume_role_policy=iam.trust("lambda.amazonaws.com"),
            opts=child,
        )
        failures = None
        if schedule:
            failures = tls_queue(
                f"{name}-failures",
                parent=self,
                retention_seconds=SECONDS_PER_DAY * defaults.DEAD_LETTER_RETENTION_DAYS,
            )

        statements = [
            iam.allow(
                ["logs:CreateLogStream", "logs:PutLogEvents"],
                [pulumi.Output.concat(log_group.arn, ":*")],
            )
        ]
        if args.get("tracing", True):
            statements.append(iam.allow(TRACE_ACTIONS, ["*"]))
        if "vpc" in args:
            statements.append(iam.allow(NETWORK_ACTIONS, ["*"]))
        if queue:
            statements.append(iam.allow(QUEUE_ACTIONS, [queue["arn"]]))
        if failures:
            statements.append(iam.allow(["sqs:SendMessage"], [failures.arn]))
        statements += [
            iam.allow(statement["actions"], statement["resources"])
            for statement in args.get("statements") or []
        ]
        policy = aws.iam.RolePolicy(
            name, role=role.name, policy=iam.document(statements), opts=child
        )

        function = self._function(name, args, role, log_group, policy)
        alias = aws.lambda_.Alias(
            name,
            name=ALIAS,
            description="What callers target",
            function_name=function.name,
            function_version=function.version,
            opts=child,
        )
        if "vpc" in args:
            self._keep_network_from_code(name, role, function)
        if queue:
            self._read(name, queue, alias)
        if schedule and failures:
            self._run_by(name, schedule, function, alias, failures)

        self.name, self.arn = function.name, function.arn
        self.alias_name, self.alias_arn = alias.name, alias.arn
        self.invoke_arn = alias.invoke_arn
        self.role_name, self.role_arn = role.name, role.arn
        self.log_group_name = log_group.name
        self.failure_queue_name = failures.name if failures else None
        self.register_outputs(
            {
                "name": self.name,
                "arn": self.arn,
                "aliasName": self.alias_name,
                "aliasArn": self.alias_arn,
                "invokeArn": self.invoke_arn,
                "roleName": self.role_name,
                "roleArn": self.role_arn,
                "logGroupName": self.log_group_name,
                "failureQueueName": self.failure_queue_name,
            }
        )

    def _function(
        self,
        name: str,
        args: PythonFunctionArgs,
        role: aws.iam.Role,
        log_group: aws.cloudwatch.LogGroup,
        policy: aws.iam.RolePolicy,
    ) -> aws.lambda_.Function:
        vpc = args.get("vpc")
        environment = args.get("environment")
        reserved = args.get("reserved_concurrency")
        return aws.lambda_.Function(
            name,
            code=args["code"],
            handler=args["handler"],
            runtime=args.get("runtime", defaults.RUNTIME),
            architectures=[args.get("architecture", defaults.ARCHITECTURE)],
            memory_size=whole("memory_size", args.get("memory_size", defaults.MEMORY_MB)),
            timeout=whole("timeout_seconds", args.get("timeout_seconds", defaults.TIMEOUT_SECONDS)),
            role=role.arn,
            environment=(
                aws.lambda_.FunctionEnvironmentArgs(variables=environment) if environment else None
            ),
            tracing_config=aws.lambda_.FunctionTracingConfigArgs(
                mode="Active" if args.get("tracing", True) else "PassThrough"
            ),
            # Text leaves our own JSON lines as they are.
            logging_config=aws.lambda_.FunctionLoggingConfigArgs(
                log_format="Text", log_group=log_group.name
            ),
            reserved_concurrent_executions=(
                None if reserved is None else whole("reserved_concurrency", reserved)
            ),
            vpc_config=(
                aws.lambda_.FunctionVpcConfigArgs(
                    subnet_ids=vpc["subnet_ids"], security_group_ids=vpc["security_group_ids"]
                )
                if vpc
                else None
            ),
            publish=True,
            # Lambda checks the role's permissions when it sets up a VPC, a queue or a failure
            # destination, and an invocation before the policy would fail.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )

    def _keep_network_from_code(
        self, name: str, role: aws.iam.Role, function: aws.lambda_.Function
    ) -> None:
        # The role's network permissions are for Lambda itself, not for what runs inside.
        aws.iam.RolePolicy(
            f"{name}-network",
            role=role.name,
            policy=iam.document(
                [
                    {
                        "Effect": "Deny",
                        "Action": list(NETWORK_ACTIONS),
                        "Resource": "*",
                        "Condition": {"ArnEquals": {"lambda:SourceFunctionArn": function.arn}},
                    }
                ]
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _read(self, name: str, queue: QueueEventSource, alias: aws.lambda_.Alias) -> None:
        maximum = queue.get("maximum_concurrency")
        aws.lambda_.EventSourceMapping(
            name,
            event_source_arn=queue["arn"],
            function_name=alias.arn,
            batch_size=whole("batch_size", queue.get("batch_size", defaults.BATCH_SIZE)),
            maximum_batching_window_in_seconds=whole(
                "batch_window_seconds",
                queue.get("batch_window_seconds", defaults.BATCH_WINDOW_SECONDS),
            ),
            function_response_types=["ReportBatchItemFailures"],
            scaling_config=(
                None
                if maximum is None
                else aws.lambda_.EventSourceMappingScalingConfigArgs(
                    maximum_concurrency=whole("maximum_concurrency", maximum)
                )
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _run_by(
        self,
        name: str,
        schedule: ScheduleEventSource,
        function: aws.lambda_.Function,
        alias: aws.lambda_.Alias,
        failures: aws.sqs.Queue,
    ) -> None:
        """EventBridge hands the event over, Lambda runs it; each retries its own part."""
        child = pulumi.ResourceOptions(parent=self)
        retries = whole(
            "maximum_retry_attempts",
            schedule.get("maximum_retry_attempts", defaults.ASYNC_RETRIES),
        )
        age = whole(
            "maximum_event_age_seconds",
            schedule.get("maximum_event_age_seconds", defaults.ASYNC_EVENT_AGE_SECONDS),
        )
        aws.lambda_.FunctionEventInvokeConfig(
            name,
            function_name=function.name,
            qualifier=alias.name,
            maximum_retry_attempts=retries,
            maximum_event_age_in_seconds=age,
            destination_config=aws.lambda_.FunctionEventInvokeConfigDestinationConfigArgs(
                on_failure=aws.lambda_.FunctionEventInvokeConfigDestinationConfigOnFailureArgs(
                    destination=failures.arn
                )
            ),
            opts=child,
        )
        account = aws.get_caller_identity_output(
            opts=pulumi.InvokeOutputOptions(parent=self)
        ).account_id
        role = aws.iam.Role(
            f"{name}-schedule",
            description=f"Lets the schedule invoke the function {name}",
            assume_role_policy=iam.trust("scheduler.amazonaws.com", account),
            opts=child,
        )
        policy = aws.iam.RolePolicy(
            f"{name}-schedule",
            role=role.name,
            policy=iam.document(
                [
                    iam.allow(["lambda:InvokeFunction"], [alias.arn]),
                    iam.allow(["sqs:SendMessage"], [failures.arn]),
                ]
            ),
            opts=child,
        )
        aws.scheduler.Schedule(
            name,
            description=f"Invokes the function {name}",
            schedule_expression=schedule["expression"],
            flexible_time_window=aws.scheduler.ScheduleFlexibleTimeWindowArgs(mode="OFF"),
            target=aws.scheduler.ScheduleTargetArgs(
                arn=alias.arn,
                role_arn=role.arn,
                retry_policy=aws.scheduler.ScheduleTargetRetryPolicyArgs(
                    maximum_retry_attempts=retries, maximum_event_age_in_seconds=age
                ),
                dead_letter_config=aws.scheduler.ScheduleTargetDeadLetterConfigArgs(
                    arn=failures.arn
                ),
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )
