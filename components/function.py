"""A Lambda function in Python, with everything that is its own."""

import re
import zlib
from collections.abc import Iterator
from typing import Annotated, Any, NotRequired, Optional, TypedDict

import pulumi
import pulumi_aws as aws

from . import iam
from .component import Component, check_length
from .event_sources import (
    AsynchronousInvocation,
    EventSources,
    Sources,
    longest_name,
    queue_is_not_throttled,
)
from .iam import Statement
from .inputs import Default, Items, OneOf, Problem, Text, Whole, checked, contradictions
from .logs import LogRetention
from .observability.function import MonitoredFunction

ALIAS = "live"

RUNTIMES = ("python3.11", "python3.12", "python3.13", "python3.14")

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

    subnet_ids: Annotated[
        list[Annotated[pulumi.Input[str], Text(r"subnet-[0-9a-f]+", "a subnet id as subnet-0abc")]],
        Items(1, different=True),
    ]
    """Subnets, in two availability zones or more, with a way to DynamoDB, SQS and EventBridge."""
    security_group_ids: Annotated[
        list[Annotated[pulumi.Input[str], Text(r"sg-[0-9a-f]+", "a security group id as sg-0abc")]],
        Items(1, different=True),
    ]
    """Security groups of the function's network interfaces."""
    leaving: NotRequired[Annotated[bool, Default(default=False)]]
    """Whether to run outside of it again, and keep what Lambda removes the interfaces with."""


class FunctionSettings(TypedDict):
    """What the functions of a system have in common."""

    runtime: NotRequired[Annotated[str, OneOf(RUNTIMES, default="python3.13")]]
    """Lambda runtime."""
    architecture: NotRequired[Annotated[str, OneOf(("x86_64", "arm64"), default="x86_64")]]
    """Processor architecture."""
    memory_size: NotRequired[Annotated[int, Whole(128, 10_240, default=1024)]]
    """Memory of a function in MB; CPU grows with it."""
    timeout_seconds: NotRequired[Annotated[int, Whole(1, 900, default=30)]]
    """Longest run of a function."""
    log_retention_days: NotRequired[LogRetention]
    """How long logs are kept, in days."""
    vpc: NotRequired[VpcPlacement]
    """Placement in a VPC; outside of any by default."""
    permissions_boundary: NotRequired[
        Annotated[
            str,
            Text(
                r"(arn:aws[a-z-]*:iam::(\d{12}|aws):policy/.+)?", "an IAM policy's ARN", default=""
            ),
        ]
    ]
    """Policy that limits what roles may do, as `DeployRole` makes one."""


class PythonFunctionArgs(FunctionSettings):
    """Inputs of PythonFunction."""

    code: pulumi.Archive
    """The deployment package."""
    handler: Annotated[
        str, Text(r"[A-Za-z_][\w/]*(\.[A-Za-z_]\w*)+", "a module and a function as main.handler")
    ]
    """Module and function, as `functions.create_order.handler`."""
    environment: NotRequired[dict[str, pulumi.Input[str]]]
    """Environment variables."""
    statements: NotRequired[list[Statement]]
    """What the function may do beyond its logs and traces."""
    tracing: NotRequired[Annotated[bool, Default(default=True)]]
    """Whether X-Ray traces are taken."""
    reserved_concurrency: NotRequired[Annotated[int, Whole(1, 10_000)]]
    """Concurrency that is kept for and limits this function; none by default."""
    sources: NotRequired[EventSources]
    """What invokes the function besides an API."""
    asynchronous: NotRequired[AsynchronousInvocation]
    """Retries that all asynchronous sources of the function share."""
    invokes_itself: NotRequired[Annotated[bool, Default(default=False)]]
    """Whether the function may invoke itself, to go on where its time was up."""
    progressive: NotRequired[Annotated[bool, Default(default=False)]]
    """Whether CodeDeploy moves the alias to a new version, later than the deployment here."""


@contradictions(PythonFunctionArgs)
def _concurrency_is_there_for_the_queue(args: PythonFunctionArgs) -> Iterator[Problem]:
    queue = args["sources"].get("queue")
    if queue:
        yield from queue_is_not_throttled(
            "sources.queue.maximum_concurrency",
            queue["maximum_concurrency"],
            args.get("reserved_concurrency"),
        )


class PythonFunction(Component):
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
    stream_mapping_id: Optional[pulumi.Output[str]]
    """Id of the mapping that reads the stream; only with one."""

    def __init__(
        self, name: str, args: PythonFunctionArgs, opts: Optional[pulumi.ResourceOptions] = None
    ) -> None:
        args = checked(PythonFunctionArgs, args, f"PythonFunction {name}")
        check_length(name, longest_name(args["sources"]), f"PythonFunction {name}")
        super().__init__("serverless-orders:index:PythonFunction", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        self._prefix, self._timeout_seconds = name, args["timeout_seconds"]
        sources = Sources(
            name, args["sources"], args["asynchronous"], args["permissions_boundary"] or None
        )
        self._progressive = args["progressive"]
        self._attached: list[aws.iam.RolePolicy] = []

        log_group = aws.cloudwatch.LogGroup(
            name,
            name_prefix=f"/aws/lambda/{name}-",
            retention_in_days=args["log_retention_days"],
            opts=child,
        )
        role = aws.iam.Role(
            name,
            description=f"What the function {name} may do",
            assume_role_policy=iam.trust("lambda.amazonaws.com"),
            permissions_boundary=args["permissions_boundary"] or None,
            # Those of former grants, of which Pulumi knows nothing any more.
            force_detach_policies=True if self._progressive else None,
            opts=child,
        )
        grants = sources.prepare(self)
        if "vpc" in args:
            grants["vpc"] = [iam.allow(NETWORK_ACTIONS, ["*"])]
        for statement in args.get("statements") or []:
            allowed = iam.allow(
                statement["actions"], statement["resources"], statement.get("condition")
            )
            grants.setdefault(_slug(statement["actions"]), []).append(allowed)
        policies = self._policies(name, args, role, log_group, grants)

        function = self._function(name, args, role, log_group, policies)
        denied = [self._keep_network_from_code(name, role, function)] if "vpc" in args else []
        self._attached += denied
        alias = aws.lambda_.Alias(
            name,
            name=ALIAS,
            description="What callers target",
            function_name=function.name,
            function_version=function.version,
            opts=pulumi.ResourceOptions(
                parent=self,
                # Nobody calls the code before it is kept from the network's interfaces.
                depends_on=denied,
                ignore_changes=["functionVersion", "routingConfig"] if self._progressive else None,
            ),
        )
        sources.connect(self, function, alias)
        if args["invokes_itself"]:
            self._invokes_itself(role, function, alias)

        self.name, self.arn = function.name, function.arn
        self.alias_name, self.alias_arn = alias.name, alias.arn
        self.invoke_arn = alias.invoke_arn
        self.role_name, self.role_arn = role.name, role.arn
        self.log_group_name = log_group.name
        self._published = function.version
        self.failure_queue_name = sources.failures.name if sources.failures else None
        self.stream_mapping_id = sources.stream_mapping_id
        self.register()

    def _invokes_itself(
        self, role: aws.iam.Role, function: aws.lambda_.Function, alias: aws.lambda_.Alias
    ) -> None:
        self._policy(
            f"{self._prefix}-itself", role.name, [iam.allow(["lambda:InvokeFunction"], [alias.arn])]
        )
        # Lambda takes a function that calls itself for a loop and stops the 16th call:
        # https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
        aws.lambda_.FunctionRecursionConfig(
            self._prefix,
            function_name=function.name,
            recursive_loop="Allow",
            opts=pulumi.ResourceOptions(parent=self),
        )

    @property
    def timeout_seconds(self) -> int:
        """Its timeout."""
        return self._timeout_seconds

    @property
    def version(self) -> pulumi.Output[str]:
        """The version that this deployment published, whether callers get it or not."""
        return self._published

    @property
    def policy_names(self) -> pulumi.Output[list[str]]:
        """Names of its role's policies, so far; the role may have others, of a version before."""
        return pulumi.Output.all(*(each.name for each in self._attached)).apply(list)

    def monitored(self, label: str, service: str | None = None) -> MonitoredFunction:
        """It, for an Observability; `service` is the dimension of cold starts that it counts."""
        monitored: MonitoredFunction = {
            "label": label,
            "name": self.name,
            "timeout_seconds": self._timeout_seconds,
        }
        if service is not None:
            monitored["service"] = service
        if self.failure_queue_name is not None:
            monitored["failure_queue_name"] = self.failure_queue_name
        return monitored

    def grant(self, actions: list[str], resources: list[pulumi.Input[str]]) -> None:
        """Allow the function more, in a policy of its own."""
        self._policy(
            f"{self._prefix}-{_slug(actions)}", self.role_name, [iam.allow(actions, resources)]
        )

    def _policy(
        self,
        name: str,
        role: pulumi.Input[str],
        statements: list[dict[str, Any]],
    ) -> aws.iam.RolePolicy:
        """A policy that comes and goes with its grant, in a protected stack as well.

        Of a progressive function it is never changed nor deleted from here: the version that has
        the traffic may need it for as long as it has. `python -m operations deploy` ends it.
        """
        options = pulumi.ResourceOptions(parent=self, protect=False)
        if self._progressive:
            options.retain_on_delete, options.replace_on_changes = True, ["policy"]
        policy = aws.iam.RolePolicy(name, role=role, policy=iam.document(statements), opts=options)
        self._attached.append(policy)
        return policy

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
            self._policy(f"{name}-{grant}", role.name, statements)
            for grant, statements in grants.items()
        ]
        own = [
            iam.allow(
                ["logs:CreateLogStream", "logs:PutLogEvents"],
                [pulumi.Output.concat(log_group.arn, ":*")],
            )
        ]
        if args["tracing"]:
            own.append(iam.allow(TRACE_ACTIONS, ["*"]))
        # In stacks of before this policy holds the grants too: it loses them when theirs exist.
        basic = aws.iam.RolePolicy(
            name,
            role=role.name,
            policy=iam.document(own),
            opts=pulumi.ResourceOptions(parent=self, depends_on=policies),
        )
        self._attached.append(basic)
        return [*policies, basic]

    def _function(
        self,
        name: str,
        args: PythonFunctionArgs,
        role: aws.iam.Role,
        log_group: aws.cloudwatch.LogGroup,
        policies: list[aws.iam.RolePolicy],
    ) -> aws.lambda_.Function:
        vpc = args["vpc"] if "vpc" in args and not args["vpc"]["leaving"] else None
        environment = args.get("environment")
        return aws.lambda_.Function(
            name,
            code=args["code"],
            handler=args["handler"],
            runtime=args["runtime"],
            architectures=[args["architecture"]],
            memory_size=args["memory_size"],
            timeout=args["timeout_seconds"],
            role=role.arn,
            environment=(
                aws.lambda_.FunctionEnvironmentArgs(variables=environment) if environment else None
            ),
            tracing_config=aws.lambda_.FunctionTracingConfigArgs(
                mode="Active" if args["tracing"] else "PassThrough"
            ),
            # Text leaves our own JSON lines as they are.
            logging_config=aws.lambda_.FunctionLoggingConfigArgs(
                log_format="Text", log_group=log_group.name
            ),
            reserved_concurrent_executions=args.get("reserved_concurrency"),
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
