"""How a resource that the program no longer registers is removed from a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple


class Removed(NamedTuple):
    """A resource to remove: its id, inputs and outputs."""

    id: str
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]


Clients = Callable[[str], Any]
Remover = Callable[[Removed, Clients], Any]


def _function(gone: Removed, clients: Clients) -> None:
    clients("lambda").delete_function(FunctionName=gone.id)


def _permission(gone: Removed, clients: Clients) -> None:
    which = {"Qualifier": gone.inputs["qualifier"]} if gone.inputs.get("qualifier") else {}
    clients("lambda").remove_permission(
        FunctionName=gone.inputs["function"], StatementId=gone.id, **which
    )


def _invoke_config(gone: Removed, clients: Clients) -> None:
    name, _, qualifier = gone.id.rpartition(":")
    clients("lambda").delete_function_event_invoke_config(FunctionName=name, Qualifier=qualifier)


def _queue_document(attribute: str) -> Remover:
    def remove(gone: Removed, clients: Clients) -> None:
        clients("sqs").set_queue_attributes(QueueUrl=gone.id, Attributes={attribute: ""})

    return remove


def _of_api(kind: str, **names: str) -> Remover:
    def remove(gone: Removed, clients: Clients) -> None:
        which = dict.fromkeys(names.values(), gone.id)
        call = getattr(clients("apigatewayv2"), f"delete_{kind}")
        call(ApiId=gone.inputs["apiId"], **which)

    return remove


REMOVERS: dict[str, Remover] = {
    "aws:lambda/function:Function": _function,
    "aws:lambda/alias:Alias": lambda gone, clients: clients("lambda").delete_alias(
        FunctionName=gone.inputs["functionName"], Name=gone.outputs["name"]
    ),
    "aws:lambda/permission:Permission": _permission,
    "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig": _invoke_config,
    "aws:lambda/eventSourceMapping:EventSourceMapping": lambda gone, clients: clients(
        "lambda"
    ).delete_event_source_mapping(UUID=gone.id),
    "aws:iam/rolePolicy:RolePolicy": lambda gone, clients: clients("iam").delete_role_policy(
        RoleName=gone.inputs["role"], PolicyName=gone.outputs["name"]
    ),
    "aws:iam/role:Role": lambda gone, clients: clients("iam").delete_role(RoleName=gone.id),
    "aws:cloudwatch/logGroup:LogGroup": lambda gone, clients: clients("logs").delete_log_group(
        logGroupName=gone.id
    ),
    "aws:cloudwatch/metricAlarm:MetricAlarm": lambda gone, clients: clients(
        "cloudwatch"
    ).delete_alarms(AlarmNames=[gone.id]),
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": lambda gone, clients: clients(
        "cloudwatch"
    ).delete_alarms(AlarmNames=[gone.id]),
    "aws:cloudwatch/dashboard:Dashboard": lambda gone, clients: clients(
        "cloudwatch"
    ).delete_dashboards(DashboardNames=[gone.id]),
    "aws:cloudwatch/eventRule:EventRule": lambda gone, clients: clients("events").delete_rule(
        Name=gone.id, EventBusName=gone.outputs["eventBusName"]
    ),
    "aws:cloudwatch/eventTarget:EventTarget": lambda gone, clients: clients(
        "events"
    ).remove_targets(
        Rule=gone.inputs["rule"],
        EventBusName=gone.inputs.get("eventBusName", "default"),
        Ids=[gone.outputs["targetId"]],
    ),
    "aws:scheduler/schedule:Schedule": lambda gone, clients: clients("scheduler").delete_schedule(
        Name=gone.outputs["name"], GroupName=gone.outputs["groupName"]
    ),
    "aws:scheduler/scheduleGroup:ScheduleGroup": lambda gone, clients: clients(
        "scheduler"
    ).delete_schedule_group(Name=gone.id),
    "aws:sqs/queuePolicy:QueuePolicy": _queue_document("Policy"),
    "aws:sqs/redrivePolicy:RedrivePolicy": _queue_document("RedrivePolicy"),
    "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy": _queue_document("RedriveAllowPolicy"),
    "aws:sns/topicSubscription:TopicSubscription": lambda gone, clients: clients("sns").unsubscribe(
        SubscriptionArn=gone.id
    ),
    "aws:sns/topic:Topic": lambda gone, clients: clients("sns").delete_topic(TopicArn=gone.id),
    "aws:apigatewayv2/route:Route": _of_api("route", id="RouteId"),
    "aws:apigatewayv2/authorizer:Authorizer": _of_api("authorizer", id="AuthorizerId"),
    "aws:apigatewayv2/integration:Integration": _of_api("integration", id="IntegrationId"),
    "aws:sqs/queue:Queue": lambda gone, clients: clients("sqs").delete_queue(QueueUrl=gone.id),
}
"""Type -> what removes it; a type that is missing needs another start of the run."""

HOLDING = frozenset(
    {"aws:sqs/queue:Queue", "aws:sns/topic:Topic", "aws:cloudwatch/logGroup:LogGroup"}
)
"""Of these, types that hold what a run should not lose by the way: they are removed when the
program drops them, but never replaced by another of the same name."""
