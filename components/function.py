"""A Lambda function in Python, with everything that is its own."""

import re
import zlib
from typing import Any, NotRequired, Optional, TypedDict

import pulumi
import pulumi_aws as aws

from . import defaults, iam
from ._values import whole
from .event_sources import AsynchronousInvocation, EventSources, Sources
from .iam import Statement

ALIAS = "live"

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
    sources: NotRequired[EventSources]
    """What invokes the function besides an API."""
    asynchronous: NotRequired[AsynchronousInvocation]
    """Retries that all asynchronous sources of the function share."""


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
    """Name of the queue of what failed for good; only with a source that gives up there."""

    def __init__(
        self, name: str, args: PythonFunctionArgs, opts: Optional[pulumi.ResourceOptions] = None
    ) -> None:
        super().__init__("serverless-orders:index:PythonFunction", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        sources = Sources(name, args.get("sources") or {}, args.get("asynchronous") or {})

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
        grants = sources.prepare(self)
        if "vpc" in args:
            grants["vpc"] = [iam.allow(NETWORK_ACTIONS, ["*"])]
        for statement in args.get("statements") or []:
            allowed = iam.allow(statement["actions"], statement["resources"])
            grants.setdefault(_slug(statement["actions"]), []).append(allowed)
        policies = self._policies(name, args, role, log_group, grants)

        function = self._function(name, args, role, log_group, policies)
        denied = [self._keep_network_from_code(name, role, function)] if "vpc" in args else []
        alias = aws.lambda_.Alias(
            name,
            name=ALIAS,
            description="What callers target",
            function_name=function.name,
            function_version=function.version,
            # Nobody calls the code before it is kept from the network's interfaces.
            opts=pulumi.ResourceOptions(parent=self, depends_on=denied),
        )
        sources.connect(self, function, alias)

        self.name, self.arn = function.name, function.arn
        self.alias_name, self.alias_arn = alias.name, alias.arn
        self.invoke_arn = alias.invoke_arn
        self.role_name, self.role_arn = role.name, role.arn
        self.log_group_name = log_group.name
        self.failure_queue_name = sources.failures.name if sources.failures else None
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

    def _policies(
        self,
        name: str,
        args: PythonFunctionArgs,
        role: aws.iam.Role,
        log_group: aws.cloudwatch.LogGroup,
        grants: dict[str, list[dict[str, Any]]],
    ) -> list[aws.iam.RolePolicy]:
        """A policy for each grant and one for logs and traces.

        Pulumi deletes what the program lost after everything else: a dropped grant holds until
        the alias has moved from the code that used it, and that of a VPC until the function
        has left it. As statements of one policy they would go first.
        """
        policies = [
            aws.iam.RolePolicy(
                f"{name}-{grant}",
                role=role.name,
                policy=iam.document(statements),
                # A grant comes and goes, in a protected stack as well.
                opts=pulumi.ResourceOptions(parent=self, protect=False),
            )
            for grant, statements in grants.items()
        ]
        own = [
            iam.allow(
                ["logs:CreateLogStream", "logs:PutLogEvents"],
                [pulumi.Output.concat(log_group.arn, ":*")],
            )
        ]
        if args.get("tracing", True):
            own.append(iam.allow(TRACE_ACTIONS, ["*"]))
        # In stacks of before this policy holds the grants too: it loses them when theirs exist.
        basic = aws.iam.RolePolicy(
            name,
            role=role.name,
            policy=iam.document(own),
            opts=pulumi.ResourceOptions(parent=self, depends_on=policies),
        )
        return [*policies, basic]

    def _function(
        self,
        name: str,
        args: PythonFunctionArgs,
        role: aws.iam.Role,
        log_group: aws.cloudwatch.LogGroup,
        policies: list[aws.iam.RolePolicy],
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
            # destination, and an invocation before the policies would fail.
            opts=pulumi.ResourceOptions(parent=self, depends_on=policies),
        )

    def _keep_network_from_code(
        self, name: str, role: aws.iam.Role, function: aws.lambda_.Function
    ) -> aws.iam.RolePolicy:
        # The role's network permissions are for Lambda itself, not for what runs inside.
        return aws.iam.RolePolicy(
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
            # It comes and goes with the VPC, in a protected stack as well.
            opts=pulumi.ResourceOptions(parent=self, protect=False),
        )


def _slug(actions: list[str]) -> str:
    """A grant's name: its actions, the end of a long list as a checksum."""
    text = re.sub("[^a-z0-9]+", "-", "-".join(actions).lower())
    return text if len(text) <= 40 else f"{text[:31]}-{zlib.crc32(text.encode()):08x}"
