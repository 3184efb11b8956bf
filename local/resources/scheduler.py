"""EventBridge Scheduler."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from local.inputs import Inputs
from local.resources.registry import Creation, creates, delivery, updates


def _target(target: Inputs) -> dict[str, Any]:
    request = {"Arn": target["arn"], "RoleArn": target["roleArn"], **delivery(target)}
    if "input" in target:
        request["Input"] = target["input"]
    return request


@creates("aws:scheduler/schedule:Schedule")
def schedule(creation: Creation) -> tuple[str, dict[str, Any]]:
    return _put(creation, creation.clients("scheduler").create_schedule)


@updates("aws:scheduler/schedule:Schedule", fixed=("groupName",))
def schedule_update(creation: Creation) -> tuple[str, dict[str, Any]]:
    return _put(creation, creation.clients("scheduler").update_schedule)


def _put(creation: Creation, call: Callable[..., Any]) -> tuple[str, dict[str, Any]]:
    name, inputs = creation.name(), creation.inputs
    group = inputs.get("groupName", "default")
    window = inputs["flexibleTimeWindow"]
    flexible = {"Mode": window["mode"]}
    if "maximumWindowInMinutes" in window:
        flexible["MaximumWindowInMinutes"] = window["maximumWindowInMinutes"]
    arn = call(
        Name=name,
        GroupName=group,
        ScheduleExpression=inputs["scheduleExpression"],
        FlexibleTimeWindow=flexible,
        Target=_target(inputs["target"]),
        **creation.given(
            {
                "description": "Description",
                "state": "State",
                "scheduleExpressionTimezone": "ScheduleExpressionTimezone",
                "kmsKeyArn": "KmsKeyArn",
            }
        ),
    )["ScheduleArn"]
    return f"{group}/{name}", {"name": name, "groupName": group, "arn": arn}


@creates("aws:scheduler/scheduleGroup:ScheduleGroup")
def schedule_group(creation: Creation) -> tuple[str, dict[str, Any]]:
    name = creation.name()
    arn = creation.clients("scheduler").create_schedule_group(Name=name, Tags=creation.tag_list())[
        "ScheduleGroupArn"
    ]
    return name, {"name": name, "arn": arn}
