"""EventBridge buses, their archives, rules and targets."""

from __future__ import annotations

from typing import Any

from local.resources.registry import Creation, creates, delivery, document, updates


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
    arn = creation.clients("events").create_archive(
        ArchiveName=name, EventSourceArn=creation.inputs["eventSourceArn"], **_archive(creation)
    )["ArchiveArn"]
    return name, {"name": name, "arn": arn}


@updates("aws:cloudwatch/eventArchive:EventArchive", fixed=("eventSourceArn",))
def event_archive_update(creation: Creation) -> tuple[str, dict[str, Any]]:
    name = creation.name()
    arn = creation.clients("events").update_archive(ArchiveName=name, **_archive(creation))[
        "ArchiveArn"
    ]
    return name, {"name": name, "arn": arn}


def _archive(creation: Creation) -> dict[str, Any]:
    request = creation.given({"description": "Description", "retentionDays": "RetentionDays"})
    if "eventPattern" in creation.inputs:
        request["EventPattern"] = document(creation.inputs["eventPattern"])
    return request


@creates("aws:cloudwatch/eventRule:EventRule", puts=True, fixed=("eventBusName",))
def event_rule(creation: Creation) -> tuple[str, dict[str, Any]]:
    name, bus = creation.name(), _bus(creation)
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


@creates("aws:cloudwatch/eventTarget:EventTarget", puts=True, fixed=("rule", "eventBusName"))
def event_target(creation: Creation) -> tuple[str, dict[str, Any]]:
    inputs = creation.inputs
    rule, bus = inputs["rule"], _bus(creation)
    target_id = creation.name("targetId")
    target: dict[str, Any] = {
        "Id": target_id,
        "Arn": inputs["arn"],
        **creation.given({"input": "Input", "inputPath": "InputPath", "roleArn": "RoleArn"}),
        **delivery(inputs),
    }
    creation.clients("events").put_targets(Rule=rule, EventBusName=bus, Targets=[target])
    return f"{rule}-{target_id}", {"targetId": target_id}


def _bus(creation: Creation) -> str:
    """The name of the bus, which may be given as an ARN; the emulator knows names alone."""
    given: str = creation.inputs.get("eventBusName", "default")
    return given.rpartition(":event-bus/")[2]
