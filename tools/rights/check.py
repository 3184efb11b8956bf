"""Grants held against uses: what is used, what is not, what cannot be seen here, and what is used
without a grant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tools.rights.grants import Grant
from tools.rights.uses import EVENTS, GATEWAY, Call, Use

_LAMBDA = "https://docs.aws.amazon.com/lambda/latest/dg"
UNSEEN: dict[str, tuple[str, str]] = {
    "sqs:GetQueueAttributes": (
        "Lambda's pollers ask for it; the emulator's know the queue",
        f"{_LAMBDA}/services-sqs-configure.html",
    ),
    **dict.fromkeys(
        ("dynamodb:DescribeStream", "dynamodb:GetShardIterator", "dynamodb:ListStreams"),
        (
            "Lambda's pollers find their place with it; the emulator's know the stream",
            f"{_LAMBDA}/services-dynamodb-eventsourcemapping.html",
        ),
    ),
    "s3:ListBucket": (
        "Lambda needs it to keep what a stream gave up; the emulator does not",
        f"{_LAMBDA}/services-dynamodb-errors.html",
    ),
    "lambda:GetProvisionedConcurrencyConfig": (
        "CodeDeploy may look whether concurrency is provisioned, which it is nowhere here",
        "https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSCodeDeployRoleForLambdaLimited.html",
    ),
    "xray:PutTelemetryRecords": (
        "Lambda's own trace daemon reports on itself; there is none here",
        "https://docs.aws.amazon.com/xray/latest/devguide/xray-daemon-permissions.html",
    ),
    **dict.fromkeys(
        (
            "ec2:CreateNetworkInterface",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeSubnets",
            "ec2:DeleteNetworkInterface",
            "ec2:AssignPrivateIpAddresses",
            "ec2:UnassignPrivateIpAddresses",
        ),
        (
            "Lambda makes a VPC's interfaces; there is no VPC here",
            f"{_LAMBDA}/configuration-vpc.html",
        ),
    ),
}
"""Actions that no local run shows, with the reason and where AWS asks for them."""

SCHEDULES_LETTERS = (
    "Scheduler sends there what it cannot hand to Lambda; here it always can",
    "https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html",
)


@dataclass(frozen=True)
class Row:
    """A grant and how often it was used, or why that does not show."""

    grant: Grant
    by: str
    count: int
    unseen: tuple[str, str] | None = None


@dataclass(frozen=True)
class Checked:
    """A row for each grant and user, and what is wrong, in sentences."""

    rows: list[Row]
    findings: list[str]


def check(grants: Iterable[Grant], uses: Mapping[Use, int]) -> Checked:
    """Every grant with its uses; findings are unused grants and uses that nothing granted."""
    grants = list(grants)
    rows: list[Row] = []
    findings = []
    for grant in grants:
        by: dict[str, int] = {}
        for use, count in uses.items():
            if use.allowed and use.role == grant.holder and grant.covers(use.action, use.resource):
                by[use.by] = by.get(use.by, 0) + count
        rows += [Row(grant, who, count) for who, count in by.items()]
        if not by:
            unseen = _unseen(grant)
            rows.append(Row(grant, "", 0, unseen))
            if unseen is None:
                findings.append(
                    f"granted but not used: {grant.label} {grant.action} on {grant.resource} "
                    f"({grant.statement})"
                )
    for use, count in uses.items():
        mine = [each for each in grants if each.holder == use.role]
        covered = any(each.covers(use.action, use.resource) for each in mine)
        if not use.allowed or not covered:
            label = mine[0].label if mine else use.role
            findings.append(
                f"used beyond what is granted: {label} {use.action} on {use.resource}, "
                f"by {use.by}, {count} times"
            )
    return Checked(rows, findings)


def _unseen(grant: Grant) -> tuple[str, str] | None:
    if grant.action == "sqs:SendMessage" and grant.label.endswith("-schedule"):
        return SCHEDULES_LETTERS
    return UNSEEN.get(grant.action)


_UNSEEN_POLICIES = {
    "AlarmsPublish": (
        "CloudWatch tells the topic of alarms; a local run evaluates them without it",
        "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html",
    ),
    "AlarmsEncryptMessages": (
        "CloudWatch encrypts what it tells the topic; a local run encrypts nothing",
        "https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html",
    ),
    "AccountAdministersKey": (
        "people administer the key",
        "https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html",
    ),
}
_UNDELIVERED = (
    "EventBridge sends there what it cannot deliver; here it always can",
    "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html",
)


def check_policies(
    grants: Iterable[Grant], calls: Mapping[Call, int], read_queues: Iterable[str]
) -> Checked:
    """What policies of resources allow to services, with the calls that were seen.

    `read_queues` are the ARNs of queues that functions read: in others lies what was given up.
    """
    read, rows, findings = set(read_queues), [], []
    for grant in grants:
        count = sum(many for call, many in calls.items() if _lets_in(grant, call))
        unseen = None if count else _UNSEEN_POLICIES.get(grant.statement.rpartition(" ")[2])
        if grant.action == "sqs:SendMessage" and grant.resource not in read and not count:
            unseen = _UNDELIVERED
        rows.append(Row(grant, grant.label, count, unseen))
        if grant.holder.endswith(".amazonaws.com") and not grant.condition:
            findings.append(
                f"granted to whomever it serves: {grant.label} {grant.action} on {grant.resource} "
                f"({grant.statement}) has no condition on aws:SourceArn or aws:SourceAccount"
            )
        if not count and unseen is None:
            findings.append(
                f"granted but not used: {grant.label} {grant.action} on {grant.resource} "
                f"({grant.statement})"
            )
    return Checked(rows, findings)


def _lets_in(grant: Grant, call: Call) -> bool:
    if grant.holder != call.service:
        return False
    if call.service == GATEWAY:
        return grant.source.endswith(f"/{call.resource}")
    return call.service == EVENTS and call.resource == grant.resource.partition(":live")[0]
