"""Alarms, the topic they are sent to, and a dashboard."""

from typing import NotRequired, Optional, TypedDict

import pulumi
import pulumi_aws as aws

from . import alarms, dashboard, iam
from .monitored import (
    MonitoredApi,
    MonitoredFunction,
    MonitoredOrders,
    MonitoredQueue,
    MonitoredTable,
)
from .thresholds import AlarmThresholds, Thresholds, thresholds


class ObservabilityArgs(TypedDict):
    """Inputs of Observability."""

    dashboard_name: NotRequired[str]
    """Physical name of the dashboard; the component's name by default."""
    functions: NotRequired[list[MonitoredFunction]]
    """Lambda functions to watch."""
    apis: NotRequired[list[MonitoredApi]]
    """HTTP APIs to watch."""
    tables: NotRequired[list[MonitoredTable]]
    """DynamoDB tables to watch."""
    queues: NotRequired[list[MonitoredQueue]]
    """SQS queues to watch."""
    orders: NotRequired[MonitoredOrders]
    """Metrics of the order system's own functions to watch."""
    thresholds: NotRequired[AlarmThresholds]
    """From when on the alarms ring, where it is not the default."""
    alarm_topic: NotRequired[bool]
    """Whether to make an encrypted SNS topic that every alarm is sent to; true by default."""
    alarm_emails: NotRequired[list[str]]
    """Addresses to subscribe to the topic; each has to confirm."""
    alarm_actions: NotRequired[list[pulumi.Input[str]]]
    """ARNs of further topics that every alarm is sent to."""


class Observability(pulumi.ComponentResource):
    """A dashboard and alarms for functions, APIs, tables and queues, whoever made them."""

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
        super().__init__("serverless-orders:index:Observability", name, {}, opts)
        emails = args.get("alarm_emails") or []
        actions = list(args.get("alarm_actions") or [])
        self.topic_arn = None
        if args.get("alarm_topic", True):
            self.topic_arn = self._topic(name, emails)
            actions.append(self.topic_arn)
        elif emails:
            raise ValueError("alarm_emails need the alarm topic: set alarm_topic to true")

        limits = thresholds(args.get("thresholds") or {})
        created = [alarm.create(name, self, actions) for alarm in _alarms(args, limits)]
        arns = [alarm.arn for alarm in created]
        region = aws.get_region_output(opts=pulumi.InvokeOutputOptions(parent=self)).region
        board = aws.cloudwatch.Dashboard(
            name,
            dashboard_name=args.get("dashboard_name", name),
            dashboard_body=pulumi.Output.json_dumps(
                dashboard.body(_rows(args, dashboard.Widgets(region, limits), arns))
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.dashboard_name = board.dashboard_name
        self.dashboard_url = pulumi.Output.concat(
            "https://console.aws.amazon.com/cloudwatch/home?region=",
            region,
            "#dashboards/dashboard/",
            board.dashboard_name,
        )
        self.alarm_arns = pulumi.Output.all(*arns).apply(list)
        self.register_outputs(
            {
                "dashboardName": self.dashboard_name,
                "dashboardUrl": self.dashboard_url,
                "alarmArns": self.alarm_arns,
                "topicArn": self.topic_arn,
            }
        )

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
        subscriptions = [
            aws.sns.TopicSubscription(
                f"{name}-email-{number}",
                topic=topic.arn,
                protocol="email",
                endpoint=email,
                # People come and go, in a protected stack as well.
                opts=pulumi.ResourceOptions(parent=self, protect=False),
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
            # Alarms may speak when there is somebody to hear them; and what is protected here is
            # deleted before the subscriptions, so that a destroy ends before them.
            opts=pulumi.ResourceOptions(parent=self, depends_on=subscriptions),
        )
        return topic.arn


def _alarms(args: ObservabilityArgs, limits: Thresholds) -> list[alarms.Alarm]:
    found: list[alarms.Alarm] = []
    for function in args.get("functions") or []:
        found += [*alarms.of_function(function, limits), *alarms.of_failures(function)]
    for api in args.get("apis") or []:
        found += alarms.of_api(api, limits)
    for table in args.get("tables") or []:
        found += alarms.of_table(table)
    for queue in args.get("queues") or []:
        found += alarms.of_queue(queue, limits)
    if "orders" in args:
        found += alarms.of_orders(args["orders"], limits)
    return found


def _rows(
    args: ObservabilityArgs, widgets: dashboard.Widgets, arns: list[pulumi.Output[str]]
) -> list[dashboard.Row]:
    rows: list[dashboard.Row] = []
    if arns:
        rows.append(widgets.alarms(arns))
    if "orders" in args:
        rows += widgets.orders(args["orders"])
    for api in args.get("apis") or []:
        rows += widgets.api(api)
    functions = args.get("functions") or []
    if functions:
        rows += widgets.functions(functions)
    for table in args.get("tables") or []:
        rows += widgets.table(table)
    for queue in args.get("queues") or []:
        rows += widgets.queue(queue)
    return rows
