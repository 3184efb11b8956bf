"""What every rule shares: how it is declared, what it is given and how it reports.

A rule is a generator. It is given a resource of one of its types and the rule's settings, and
yields what is wrong with that resource, in words that follow the resource's name. The decorators
turn it into a policy of `pulumi_policy`: they filter by type, merge configured settings over
the defaults, and add to each finding the way to mend it.

A value that is unknown during a preview raises `UnknownValueError` where a rule reads it. That
error is the SDK's own way of saying that a rule cannot be decided yet (the engine shows it as an
advisory), so rules let it pass; they ask `is_set` where it suffices that a value will be there.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

import pulumi
from pulumi_policy import (
    EnforcementLevel,
    PolicyConfigSchema,
    PolicyResource,
    ReportViolation,
    ResourceRemediation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

ADVISORY = EnforcementLevel.ADVISORY
MANDATORY = EnforcementLevel.MANDATORY
REMEDIATE = EnforcementLevel.REMEDIATE

Resource = ResourceValidationArgs  # what a resource rule is given
StackResource = PolicyResource  # what a stack rule is given
Settings = Mapping[str, Any]
Findings = Iterator[str]
Remediation = Callable[[Resource, Settings], Mapping[str, Any] | None]


class Setting(NamedTuple):
    """One property of a rule's configuration.

    `kind` is its JSON schema type; a list is always one of strings.
    """

    kind: str
    default: Any
    description: str

    def schema(self) -> dict[str, Any]:
        """This setting as a JSON schema property, default included."""
        schema = {"type": self.kind, "default": self.default, "description": self.description}
        return schema | ({"items": {"type": "string"}} if self.kind == "array" else {})


PRODUCTION_STACKS = Setting(
    "array",
    # Written by `make generate` of this project, whose program goes by the same names.
    json.loads((Path(__file__).parent / "production.json").read_text(encoding="utf-8")),
    "Names (patterns, in lower case) of production stacks",
)

# Every rule has this one beside its own settings.
EXEMPT_RESOURCES = Setting(
    "array", [], "Resources (patterns of `<project>:<name>`) that the rule leaves alone"
)


def resource_rule(
    name: str,
    types: Sequence[str],
    description: str,
    mend: str,
    level: EnforcementLevel = MANDATORY,
    settings: Mapping[str, Setting] | None = None,
    remediate: Remediation | None = None,
) -> Callable[[Callable[[Resource, Settings], Findings]], ResourceValidationPolicy]:
    """Declare a rule about one resource at a time, before it is created or changed.

    `remediate` returns the resource's mended inputs, or None where nothing is to be done. It
    has to change the inputs in place: a copy would lose which of them are secret.
    """
    declared = {**(settings or {}), "exemptResources": EXEMPT_RESOURCES}

    def declare(check: Callable[[Resource, Settings], Findings]) -> ResourceValidationPolicy:
        def validate(args: Resource, report: ReportViolation) -> None:
            for finding in check(args, _applicable(args, types, declared)):
                report(_message(args, finding, mend), None)

        return ResourceValidationPolicy(
            name,
            description,
            validate,
            level,
            _schema(declared),
            remediate and _remediation(remediate, types, declared),
            remediation_steps=mend,
        )

    return declare


def _remediation(
    remediate: Remediation, types: Sequence[str], declared: Mapping[str, Setting]
) -> ResourceRemediation:
    def mended(args: Resource) -> Any:
        return remediate(args, _applicable(args, types, declared))

    return mended


class Stack:
    """Every resource of a stack, with the questions that rules ask about their relations."""

    def __init__(self, resources: Sequence[StackResource]) -> None:
        self._resources = resources

    def of(self, *types: str) -> list[StackResource]:
        """The resources of any of these types."""
        return [resource for resource in self._resources if resource.resource_type in types]

    def refers(
        self, source: StackResource, path: str, target: StackResource, *identities: str
    ) -> bool:
        """Whether the property `path` of `source` names `target`.

        It does where its value is one of the target's `identities` (property names). Where
        either is unknown, the engine's record of what the property was computed from decides.
        """
        unknown = False
        for identity in identities:
            try:
                value = source.props.get(path)
                if value is not None and value == target.props.get(identity):
                    return True
            except UnknownValueError:
                unknown = True
        return unknown and self.computed_from(source, path, target, *identities)

    def computed_from(
        self, source: StackResource, path: str, target: StackResource, *identities: str
    ) -> bool:
        """Whether the engine recorded that the property `path` depends on `target`, or on a
        resource that one of the target's `identities` depends on too, such as the random suffix
        of a name that is given to both."""
        origins = {target.urn}
        for identity in identities:
            origins.update(found.urn for found in target.property_dependencies.get(identity, ()))
        return any(found.urn in origins for found in source.property_dependencies.get(path, ()))


def stack_rule(
    name: str,
    types: Sequence[str],
    description: str,
    mend: str,
    level: EnforcementLevel = MANDATORY,
    settings: Mapping[str, Setting] | None = None,
) -> Callable[
    [Callable[[StackResource, Stack, Settings], Findings]],
    StackValidationPolicy,
]:
    """Declare a rule about the relations of a resource to the rest of its stack."""
    declared = {**(settings or {}), "exemptResources": EXEMPT_RESOURCES}

    def declare(
        check: Callable[[StackResource, Stack, Settings], Findings],
    ) -> StackValidationPolicy:
        def validate(args: StackValidationArgs, report: ReportViolation) -> None:
            stack = Stack(args.resources)
            subjects = stack.of(*types)
            if not subjects:
                args.not_applicable(f"the stack has no {_or(types)}")
            effective = _effective(declared, args.get_config())
            undecided: UnknownValueError | None = None
            for subject in subjects:
                if _is_exempt(subject, effective):
                    continue
                try:
                    for finding in check(subject, stack, effective):
                        report(_message(subject, finding, mend), subject.urn)
                except UnknownValueError as error:
                    # One resource that is not yet known must not hide the findings on others.
                    undecided = undecided or error
            if undecided:
                raise undecided

        return StackValidationPolicy(
            name, description, validate, level, _schema(declared), remediation_steps=mend
        )

    return declare


def is_set(properties: Mapping[str, Any], *path: str) -> bool:
    """Whether there is, or will be, a value at `path` that is neither empty nor false."""
    try:
        return bool(_at(properties, path))
    except UnknownValueError:
        return True


def known(properties: Mapping[str, Any], *path: str) -> Any:
    """The value at `path`; None where there is none, or it is not known yet."""
    try:
        return _at(properties, path)
    except UnknownValueError:
        return None


def _at(value: Any, path: Sequence[str]) -> Any:
    for key in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def set_input(resource: Resource, value: Any, *path: str) -> None:
    """Give the input at `path` a value in place, so that secrets beside it stay secret."""
    inputs: Any = resource.props
    for key in path[:-1]:
        if not isinstance(inputs.get(key), Mapping):
            inputs[key] = {}
        inputs = inputs[key]
    inputs[path[-1]] = value


def as_list(value: Any) -> list[Any]:
    """A value that AWS lets be one or a list of them, as a list; nothing is an empty one."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return list(value)
    return [] if value is None else [value]


def as_object(value: Any) -> Mapping[str, Any]:
    """A value that ought to be an object; empty for any other value."""
    return value if isinstance(value, Mapping) else {}


def as_texts(value: Any) -> list[str]:
    """The texts of a value that AWS lets be one or a list of them; whatever else is left out."""
    return [each for each in as_list(value) if isinstance(each, str)]


def as_number(value: Any) -> float | None:
    """A number, also one given as text; None for any other value."""
    if isinstance(value, str):
        return float(value) if value.isascii() and value.isdigit() else None
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def json_object(value: Any) -> Mapping[str, Any]:
    """A document given as JSON text or as an object; empty where it is neither."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return {}
    return as_object(value)


def project_of(urn: str) -> str:
    """The Pulumi project that a resource belongs to."""
    return urn.split("::")[1]


def stack_of(urn: str) -> str:
    """The name of the stack that a resource belongs to."""
    return urn.split("::")[0].rpartition(":")[2]


def in_production(resource: Resource | StackResource, settings: Settings) -> bool:
    """Whether the resource is in a production stack, as `PRODUCTION_STACKS` describes."""
    declared = pulumi.runtime.get_config(f"{project_of(resource.urn)}:production")
    return declared == "true" or is_production_name(
        stack_of(resource.urn), settings["productionStacks"]
    )


def is_production_name(stack: str, patterns: Iterable[str]) -> bool:
    """Whether a stack of this name, in whatever case, is a production stack."""
    return matches(stack.lower(), patterns)


def only_in_production(resource: Resource, settings: Settings) -> None:
    """End a resource rule as not applicable outside production."""
    if not in_production(resource, settings):
        resource.not_applicable("the stack is not production")


def matches(value: str, patterns: Iterable[str]) -> bool:
    """Whether one of the shell-style patterns matches the whole value, case included."""
    return any(fnmatchcase(value, pattern) for pattern in patterns)


def _effective(declared: Mapping[str, Setting], configured: Settings) -> Settings:
    effective = {name: setting.default for name, setting in declared.items()}
    for name, value in configured.items():
        # gRPC carries every number as a float.
        kind = declared[name].kind if name in declared else None
        effective[name] = int(value) if kind == "integer" else value
    return effective


def _schema(declared: Mapping[str, Setting]) -> PolicyConfigSchema:
    return PolicyConfigSchema({name: setting.schema() for name, setting in declared.items()})


def _applicable(args: Resource, types: Sequence[str], declared: Mapping[str, Setting]) -> Settings:
    """The settings to check a resource with; ends the rule where it does not apply."""
    if args.resource_type not in types:
        args.not_applicable(f"applies to {_or(types)}")
    settings = _effective(declared, args.get_config())
    if _is_exempt(args, settings):
        args.not_applicable("exempt by the rule's exemptResources")
    return settings


def _is_exempt(resource: Resource | StackResource, settings: Settings) -> bool:
    return matches(f"{project_of(resource.urn)}:{resource.name}", settings["exemptResources"])


def _message(resource: Resource | StackResource, finding: str, mend: str) -> str:
    return f"{resource.name} ({resource.resource_type}) {finding}. {mend}"


def _or(types: Sequence[str]) -> str:
    return " or ".join(types)
