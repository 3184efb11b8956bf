"""Tags by which cost and ownership are told."""

from collections.abc import Mapping
from typing import Any

from . import types
from .rule import (
    REMEDIATE,
    Findings,
    Resource,
    Setting,
    Settings,
    as_object,
    json_object,
    project_of,
    resource_rule,
    set_input,
    stack_of,
)

# The types of serverless stacks that take tags.
TAGGABLE = (
    types.BUCKET,
    types.EVENT_BUS,
    types.EVENT_RULE,
    types.EVENT_SOURCE_MAPPING,
    types.FUNCTION,
    types.HTTP_API,
    types.HTTP_STAGE,
    types.KEY,
    types.LOG_GROUP,
    types.METRIC_ALARM,
    types.POLICY,
    types.QUEUE,
    types.REST_API,
    types.REST_STAGE,
    types.ROLE,
    types.TABLE,
    types.TOPIC,
)


def _provider_tags(resource: Resource) -> Mapping[str, Any]:
    if resource.provider is None:
        return {}
    # A provider's nested inputs travel as JSON text.
    defaults = json_object(resource.provider.props.get("defaultTags"))
    return json_object(defaults.get("tags"))


def _absent(resource: Resource, settings: Settings) -> list[str]:
    # Names alone: a tag whose value is not known yet is there all the same.
    present = {*as_object(resource.props.get("tags")), *_provider_tags(resource)}
    return [tag for tag in settings["required"] if tag not in present]


def _tag(resource: Resource, settings: Settings) -> Mapping[str, Any] | None:
    if isinstance(resource.props.get("tags"), str):
        return None  # not known yet
    names = {"project": project_of(resource.urn), "stack": stack_of(resource.urn)}
    missing = [tag for tag in _absent(resource, settings) if tag in names]
    for tag in missing:
        set_input(resource, names[tag], "tags", tag)
    return resource.props if missing else None


@resource_rule(
    "required-tags",
    TAGGABLE,
    "A resource carries the tags by which its cost and owner are told.",
    "Set them once, as defaultTags of the AWS provider, or as tags of the resource.",
    REMEDIATE,
    {
        "required": Setting(
            "array",
            ["project", "stack"],
            "The tags; `project` and `stack` are added with Pulumi's names where they are missing",
        )
    },
    _tag,
)
def required_tags(resource: Resource, settings: Settings) -> Findings:
    absent = _absent(resource, settings)
    if absent:
        yield f"lacks the tags {', '.join(absent)}"
