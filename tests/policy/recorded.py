"""Our own stacks as the engine holds them: recorded under mocks, each stack once."""

from __future__ import annotations

from typing import Any

from pulumi_policy.proxy import UNKNOWN_STRING_VALUE as UNKNOWN

from tests.policy.analyzer import Registered
from tests.recorder import Recording
from tests.variants import recording


def resources(variant: str) -> list[Registered]:
    """Every resource of a variant once it has been created."""
    return registered(recording(variant))


def preview_of(variant: str) -> list[Registered]:
    """The same in the first preview: what comes from a resource is not known yet."""
    planned = {each.urn: each for each in recording(variant, preview=True).registrations}
    found = registered(recording(variant))
    for resource in found:
        plan = planned[resource.urn]
        resource.inputs = _unknown_where_absent(resource.inputs, plan.inputs)
        resource.outputs = dict.fromkeys(resource.outputs, UNKNOWN)
    return found


def registered(recorded: Recording) -> list[Registered]:
    """Every resource of a recording, as the engine tells the pack of it."""
    return [
        Registered(
            type=each.type,
            name=each.name,
            urn=each.urn,
            inputs=json_copy(each.inputs),
            outputs={
                "id": each.id,
                **{k: v for k, v in each.outputs.items() if k not in each.inputs},
            },
            protect=each.protect,
            parent=each.parent,
            provider_inputs=_provider_inputs(recorded, each.provider),
            dependencies={path: sorted(urns) for path, urns in each.property_dependencies.items()},
        )
        for each in recorded.registrations
    ]


def _provider_inputs(recorded: Recording, reference: str) -> dict[str, Any] | None:
    urn, _, _ = reference.rpartition("::")
    return recorded.by_urn(urn).inputs if urn else None


def json_copy(value: Any) -> Any:
    """A deep copy of lists and dictionaries; archives and assets stay themselves."""
    if isinstance(value, dict):
        return {key: json_copy(item) for key, item in value.items()}
    return [json_copy(item) for item in value] if isinstance(value, list) else value


def _unknown_where_absent(known: Any, planned: Any) -> Any:
    if isinstance(known, dict) and isinstance(planned, dict):
        return {key: _unknown_where_absent(item, planned.get(key)) for key, item in known.items()}
    if isinstance(known, list) and isinstance(planned, list) and len(known) == len(planned):
        return [_unknown_where_absent(a, b) for a, b in zip(known, planned, strict=True)]
    return UNKNOWN if planned is None else known
