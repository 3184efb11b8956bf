"""EventBridge buses, their archives, rules and targets."""

from __future__ import annotations

from typing import Any

from local.resources.registry import Creation, creates, delivery, document


@creates("aws:cloudwatch/eventBus:EventBus")
def event_bus(creation: Creation) -> tuple[str, dict[str, Any]]:
    name = creation.name()
    arn = creation.clients("events").create_event_bus(Name=name, Tags=creation.tag_list())[
        "EventBusArn"
    ]
    return name, {"name": name, "arn": arn}


@creates("aws:cloudwatch/eventArchive:EventArchive")
def event_archive(creation: Creation) -> tuple[str, dict[str, Any]]:
    name = creation.name()
    request = creation.given({"description": "Description", "retentionDays": "RetentionDays"})
    if "eventPattern" in creation.inputs:
        request["EventPattern"] = document(creation.inputs["eventPattern"])
    arn = creation.clients("events").create_archive(
        ArchiveName=name, EventSourceArn=creation.inputs["eventSourceArn"], **request
    )["ArchiveArn"]
    return name, {"name": name, "arn": arn}


@creates("aws:cloudwatch/eventRule:EventRule")
def event_rule(creation: Creation) -> tuple[str, dict[str, Any]]:
    name, bus = creation.name(), creation.inputs.get("eventBusName", "default")
    request = creation.given(
        {
            "scheduleExpression": "ScheduleExpression",
            "description": "Description",
            "state": "State",
            "roleArn": "RoleArn",
        }
    )
    if "eventPattern" in creation.inputs:
        request["EventPattern"] = document(creation.inputs["eventPattern"])
    arn = creation.clients("events").put_rule(
        Name=name, EventBusName=bus, Tags=creation.tag_list(), **request
    )["RuleArn"]
    return name, {"name": name, "arn": arn, "eventBusName": bus}


@creates("aws:cloudwatch/eventTarget:EventTarget")
def event_target(creation: Creation) -> tuple[str, dict[str, Any]]:
    inputs = creation.inputs
    rule, bus = inputs["rule"], inputs.get("eventBusName", "default")
    target_id = creation.name("targetId")
    target: dict[str, Any] = {
        "Id": target_id,
        "Arn": inputs["arn"],
        **creation.given({"input": "Input", "inputPath": "InputPath", "roleArn": "RoleArn"}),
        **delivery(inputs),
    }
    creation.clients("events").put_targets(Rule=rule, EventBusName=bus, Targets=[target])
    return f"{rule}-{target_id}", {"targetId": target_id}
