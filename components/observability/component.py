"""Alarms, the topic they are sent to, and a dashboard."""

import re
import zlib
from collections.abc import Sequence
from typing import Annotated, NotRequired, Optional, TypedDict, TypeVar, cast

import pulumi
import pulumi_aws as aws

from .. import iam
from ..component import Component
from ..inputs import Text, checked
from ..thresholds import Alarms, AlarmThresholds, DeclaredThresholds
from . import api, dashboard, function, orders, queue, rule, stream, table
from .api import MonitoredApi
from .dashboard import Section
from .function import MonitoredFunction
from .orders import MonitoredOrders
from .queue import MonitoredQueue
from .rule import MonitoredRule
from .stream import MonitoredStream
from .table import MonitoredTable

T = TypeVar("T")

# So many functions, or rules, at most share their graphs.
IN_A_GRAPH = 4

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutDashboard.html
DashboardName = Annotated[
    str, Text(r"[A-Za-z0-9_-]{1,255}", "1 to 255 letters, digits, - and _, as of a dashboard")
]


class ObservabilityArgs(TypedDict):
    """Inputs of Observability."""

    dashboard_name: NotRequired[DashboardName]
    """Physical name of the dashboard; the component's name by default."""
    functions: NotRequired[list[MonitoredFunction]]
    """Lambda functions to watch."""
    apis: NotRequired[list[MonitoredApi]]
    """HTTP APIs to watch."""
    tables: NotRequired[list[MonitoredTable]]
    """DynamoDB tables to watch."""
    queues: NotRequired[list[MonitoredQueue]]
    """SQS queues to watch."""
    streams: NotRequired[list[MonitoredStream]]
    """Streams that functions read, to watch."""
    rules: NotRequired[list[MonitoredRule]]
    """EventBridge rules to watch."""
    orders: NotRequired[MonitoredOrders]
    """Metrics of the order system's own functions to watch."""
    alarms: NotRequired[Alarms]
    """Who hears the alarms, and when they ring."""


class Observability(Component):
    """A dashboard and alarms for functions, APIs, tables, queues and rules, whoever made them."""

    dashboard_name: pulumi.Output[str]
    """Name of the dashboard."""
    dashboard_url: pulumi.Output[str]
    """Where the dashboard is in the console."""
    alarm_arns: pulumi.Output[list[str]]
    """ARNs of the alarms."""
    topic_arn: Optional[pulumi.Output[str]]
    """ARN of the alarm topic; only with one."""

    def __init__(
        self, name: str, args: ObservabilityArgs, opts: Optional[pulumi.ResourceOptions] = None
    ) -> None:
        named: ObservabilityArgs = {"dashboard_name": name}
        args = checked(ObservabilityArgs, named | args, f"Observability {name}")
        super().__init__("serverless-orders:index:Observability", name, {}, opts)
        actions = args["alarms"]["actions"]
        self.topic_arn = None
        if args["alarms"]["topic"]:
            self.topic_arn = self._topic(name, args["alarms"]["emails"])
            actions.append(self.topic_arn)

        for each in args.get("apis") or []:
            api.count(name, each, self)
        sections = _sections(args)
        arns = [alarm.create(name, self, actions).arn for alarm in dashboard.alarms(sections)]
        region = aws.get_region_output(opts=pulumi.InvokeOutputOptions(parent=self)).region
        first = self._boards(name, args["dashboard_name"], sections, region, arns)
        self.dashboard_name = first.dashboard_name
        self.dashboard_url = pulumi.Output.concat(
            "https://console.aws.amazon.com/cloudwatch/home?region=",
            region,
            "#dashboards/dashboard/",
            first.dashboard_name,
        )
        self.alarm_arns = pulumi.Output.all(*arns).apply(list)
        self.register()

    def _boards(
        self,
        name: str,
        physical: str,
        sections: list[Section],
        region: pulumi.Output[str],
        arns: list[pulumi.Output[str]],
    ) -> aws.cloudwatch.Dashboard:
        """The dashboards, of which the first shows the alarms and leads to the others."""
        boards = dashboard.boards(sections)
        suffixes = ["", *(f"-{number}" for number in range(2, len(boards) + 1))]
        further = [physical + suffix for suffix in suffixes[1:]]
        made = [
            aws.cloudwatch.Dashboard(
                name + suffix,
                dashboard_name=physical + suffix,
                dashboard_body=pulumi.Output.json_dumps(
                    dashboard.body(shown, region)
                    if suffix
                    else dashboard.body(shown, region, arns, further)
                ),
                opts=pulumi.ResourceOptions(parent=self),
            )
            for suffix, shown in zip(suffixes, boards, strict=True)
        ]
        return made[0]

    def _topic(self, name: str, emails: list[str]) -> pulumi.Output[str]:
        """CloudWatch cannot use AWS's own key for SNS, so the topic has a key of its own."""
        child = pulumi.ResourceOptions(parent=self)
        inherited = pulumi.InvokeOutputOptions(parent=self)
        account = aws.get_caller_identity_output(opts=inherited).account_id
        partition = aws.get_partition_output(opts=inherited).partition
        from_this_account = {"StringEquals": {"aws:SourceAccount": account}}
        cloudwatch = {"Service": "cloudwatch.amazonaws.com"}
        key = aws.kms.Key(
            name,
            description=f"Encrypts the alarm topic of {name}",
            enable_key_rotation=True,
            policy=iam.document(
                [
                    {
                        # Without it the key could never be changed or deleted again.
                        "Sid": "AccountAdministersKey",
                        "Effect": "Allow",
                        "Principal": {
                            "AWS": pulumi.Output.concat(
                                "arn:", partition, ":iam::", account, ":root"
                            )
                        },
                        "Action": "kms:*",
                        "Resource": "*",
                    },
                    {
                        "Sid": "AlarmsEncryptMessages",
                        "Effect": "Allow",
                        "Principal": cloudwatch,
                        "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
                        "Resource": "*",
                        "Condition": from_this_account,
                    },
                ]
            ),
            opts=child,
        )
        topic = aws.sns.Topic(name, kms_master_key_id=key.arn, opts=child)
        # Named by the address: SNS answers a known one with the subscription that exists, so one
        # that only changed its place in the list would be adopted, then deleted.
        subscriptions = [
            aws.sns.TopicSubscription(
                f"{name}-email-{_slug(email)}",
                topic=topic.arn,
                protocol="email",
                endpoint=email,
                opts=pulumi.ResourceOptions(
                    parent=self,
                    # People come and go, in a protected stack as well.
                    protect=False,
                    delete_before_replace=True,
                    # By its place in the list, as it was named once.
                    aliases=[pulumi.Alias(name=f"{name}-email-{number}")],
                ),
            )
            for number, email in enumerate(emails)
        ]
        aws.sns.TopicPolicy(
            name,
            arn=topic.arn,
            policy=iam.document(
                [
                    {
                        "Sid": "AlarmsPublish",
                        "Effect": "Allow",
                        "Principal": cloudwatch,
                        "Action": "sns:Publish",
                        "Resource": topic.arn,
                        "Condition": from_this_account,
                    },
                    iam.deny_without_tls("sns:Publish", topic.arn),
                ]
            ),
            # Alarms may speak when there is somebody to hear them; and what something protected
            # depends on, no destroy deletes.
            opts=pulumi.ResourceOptions(parent=self, depends_on=subscriptions),
        )
        return topic.arn


def _sections(args: ObservabilityArgs) -> list[Section]:
    """What is shown, from the orders to what they go through."""
    declared = DeclaredThresholds(cast(dict[str, float], args["alarms"]["thresholds"]))
    limits = cast(AlarmThresholds, declared)
    sections: list[Section] = []
    if "orders" in args:
        sections.append(orders.rows(args["orders"], limits))
    sections += [api.rows(each, limits) for each in args.get("apis") or []]
    sections += [queue.rows(each, limits) for each in args.get("queues") or []]
    functions = args.get("functions") or []
    sections += [function.rows(each, limits) for each in _together(functions)]
    sections += [rule.rows(each) for each in _together(args.get("rules") or [])]
    sections += [stream.rows(each, limits) for each in args.get("streams") or []]
    sections += [table.rows(each, limits) for each in args.get("tables") or []]
    return sections


def _together(watched: Sequence[T]) -> list[Sequence[T]]:
    """Those that share their graphs."""
    return [watched[start : start + IN_A_GRAPH] for start in range(0, len(watched), IN_A_GRAPH)]


def _slug(email: str) -> str:
    """An address as part of a name: readable, and the same for no other address."""
    readable = re.sub(r"[^a-z0-9]+", "-", email.lower()).strip("-")
    return f"{readable[:40]}-{zlib.crc32(email.lower().encode()):08x}"
