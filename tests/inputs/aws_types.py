"""What the AWS provider accepts, read from the `pulumi_aws` package itself.

`pulumi_aws` registers a class for each resource type; the class takes an Args class, whose
constructor's parameters are the inputs (required where they have no default), whose getters
hold the names on the wire, and whose annotations hold the types, nested Args classes included.
Functions (invokes) are read the same way from their signatures.
"""

from __future__ import annotations

import collections.abc
import functools
import importlib
import inspect
import json
import re
import typing
from collections.abc import Iterator, Mapping
from enum import Enum
from types import ModuleType, NoneType
from typing import Any, NamedTuple

import botocore.session
import pulumi
import pulumi_aws
from pulumi import _types
from pulumi.runtime import rpc

PROVIDER = "pulumi:providers:aws"


class Field(NamedTuple):
    """One input: its Python type annotation, and whether it has to be given."""

    annotation: Any
    required: bool


class UnknownTokenError(Exception):
    """`pulumi_aws` has no resource type or function of that token."""


# Inputs that the provider's schema calls plain strings, though AWS takes only a few values:
# (type token, path) -> (botocore service, name of the shape that lists them).
ENUMS: dict[tuple[str, str], tuple[str, str]] = {
    ("aws:apigatewayv2/api:Api", "protocolType"): ("apigatewayv2", "ProtocolType"),
    ("aws:apigatewayv2/integration:Integration", "integrationType"): (
        "apigatewayv2",
        "IntegrationType",
    ),
    ("aws:apigatewayv2/route:Route", "authorizationType"): ("apigatewayv2", "AuthorizationType"),
    ("aws:cloudwatch/metricAlarm:MetricAlarm", "comparisonOperator"): (
        "cloudwatch",
        "ComparisonOperator",
    ),
    ("aws:cloudwatch/metricAlarm:MetricAlarm", "statistic"): ("cloudwatch", "Statistic"),
    ("aws:dynamodb/table:Table", "attributes.type"): ("dynamodb", "ScalarAttributeType"),
    ("aws:dynamodb/table:Table", "billingMode"): ("dynamodb", "BillingMode"),
    ("aws:dynamodb/table:Table", "globalSecondaryIndexes.projectionType"): (
        "dynamodb",
        "ProjectionType",
    ),
    ("aws:dynamodb/table:Table", "globalSecondaryIndexes.keySchemas.keyType"): (
        "dynamodb",
        "KeyType",
    ),
    ("aws:dynamodb/table:Table", "streamViewType"): ("dynamodb", "StreamViewType"),
    ("aws:dynamodb/table:Table", "tableClass"): ("dynamodb", "TableClass"),
    ("aws:kms/key:Key", "customerMasterKeySpec"): ("kms", "CustomerMasterKeySpec"),
    ("aws:kms/key:Key", "keyUsage"): ("kms", "KeyUsageType"),
    ("aws:lambda/eventSourceMapping:EventSourceMapping", "functionResponseTypes"): (
        "lambda",
        "FunctionResponseType",
    ),
    ("aws:lambda/eventSourceMapping:EventSourceMapping", "startingPosition"): (
        "lambda",
        "EventSourcePosition",
    ),
    ("aws:lambda/function:Function", "architectures"): ("lambda", "Architecture"),
    ("aws:lambda/function:Function", "loggingConfig.logFormat"): ("lambda", "LogFormat"),
    ("aws:lambda/function:Function", "packageType"): ("lambda", "PackageType"),
    ("aws:lambda/function:Function", "tracingConfig.mode"): ("lambda", "TracingMode"),
    ("aws:lambda/functionUrl:FunctionUrl", "authorizationType"): ("lambda", "FunctionUrlAuthType"),
    ("aws:cloudwatch/eventRule:EventRule", "state"): ("events", "RuleState"),
    ("aws:scheduler/schedule:Schedule", "flexibleTimeWindow.mode"): (
        "scheduler",
        "FlexibleTimeWindowMode",
    ),
    ("aws:scheduler/schedule:Schedule", "state"): ("scheduler", "ScheduleState"),
}


def resource_tokens() -> set[str]:
    """The tokens of every resource type of the provider, and of the provider itself."""
    return {PROVIDER, *_resource_classes()}


@functools.cache
def input_types(token: str) -> dict[str, Field]:
    """The inputs of a resource type by their names on the wire."""
    if token == PROVIDER:
        return _object_fields(pulumi_aws.ProviderArgs)
    try:
        module_name, class_name = _resource_classes()[token]
    except KeyError:
        raise UnknownTokenError(f"pulumi_aws has no resource type {token}") from None
    resource_class = getattr(importlib.import_module(module_name), class_name)
    return _object_fields(_args_class(resource_class))


@functools.cache
def invoke_types(token: str) -> dict[str, Field]:
    """The arguments of a function (invoke) by their names on the wire."""
    function = _invoke_functions(token.split(":")[1].split("/")[0]).get(token)
    if function is None:
        raise UnknownTokenError(f"pulumi_aws has no function {token}")
    names = dict(
        re.findall(r"__args__\['(\w+)'\] = (\w+)", inspect.getsource(inspect.unwrap(function)))
    )
    hints = _hints(function)
    parameters = inspect.signature(function).parameters
    return {
        wire: Field(hints[python], parameters[python].default is inspect.Parameter.empty)
        for wire, python in names.items()
    }


def problems(token: str, inputs: Mapping[str, Any]) -> list[str]:
    """What the provider would refuse of a resource's inputs, each with its path."""
    return list(_object_problems(token, "", input_types(token), inputs, token == PROVIDER))


def invoke_problems(token: str, args: Mapping[str, Any]) -> list[str]:
    """What the provider would refuse of a function's arguments, each with its path."""
    return list(_object_problems(token, "", invoke_types(token), args, False))


def nested_types(field: Field) -> dict[str, Field]:
    """The inputs within an input that is an object, or a list of objects."""
    for member in _members(field.annotation):
        inner = typing.get_args(member)[0] if typing.get_origin(member) else member
        for item in _members(inner):
            if _types.is_input_type(item):
                return _object_fields(item)
    raise TypeError(f"no object: {field.annotation}")


@functools.cache
def enum_values(service: str, shape: str) -> frozenset[str]:
    """The values that botocore's model of an AWS service lists for a shape."""
    return frozenset(_service_model(service).shape_for(shape).enum)


@functools.cache
def _service_model(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


@functools.cache
def _resource_classes() -> dict[str, tuple[str, str]]:
    infos = [
        module.mod_info
        for modules in rpc._RESOURCE_MODULES.values()
        for module in modules
        if type(module).__module__.startswith("pulumi_aws.")
    ]
    return {
        token: (info["fqn"], class_name)
        for info in infos
        for token, class_name in info["classes"].items()
    }


def _hints(function: Any) -> dict[str, Any]:
    # The alias pulumi.Input holds Output[T] as a forward reference.
    return typing.get_type_hints(function, localns={"Output": pulumi.Output, "T": Any})


def _args_class(resource_class: type) -> type:
    for overload in typing.get_overloads(resource_class.__init__):
        hints = _hints(overload)
        for member in typing.get_args(hints.get("args")) or (hints.get("args"),):
            if isinstance(member, type) and _types.is_input_type(member):
                return member
    raise UnknownTokenError(f"{resource_class.__name__} has no Args class")


@functools.cache
def _object_fields(args_class: type) -> dict[str, Field]:
    init = args_class.__init__
    hints = _hints(init)
    parameters = inspect.signature(init).parameters
    return {
        wire: Field(hints[python], parameters[python].default is inspect.Parameter.empty)
        for python, wire in _types.input_type_py_to_pulumi_names(args_class).items()
    }


@functools.cache
def _invoke_functions(module_name: str) -> dict[str, Any]:
    module = _module(module_name)
    functions = {}
    hasattr(module, "_utilities")  # pulumi_aws makes its modules lazy; an access loads them
    for name, function in inspect.getmembers(module, inspect.isfunction):
        if name.startswith("get_"):
            source = inspect.getsource(inspect.unwrap(function))
            token = re.search(r"pulumi\.runtime\.invoke\('([^']+)'", source)
            if token:
                functions[token.group(1)] = function
    return functions


def _module(name: str) -> ModuleType:
    if name == "index":
        return pulumi_aws
    for candidate in (name, f"{name}_"):
        try:
            return importlib.import_module(f"pulumi_aws.{candidate.lower()}")
        except ModuleNotFoundError:
            continue
    raise UnknownTokenError(f"pulumi_aws has no module {name}")


def _object_problems(
    token: str,
    path: str,
    fields: Mapping[str, Field],
    values: Mapping[str, Any],
    nested_as_json: bool,
) -> Iterator[str]:
    for name, value in values.items():
        where = f"{path}.{name}" if path else name
        if name not in fields:
            yield f"{where}: no such input; there are {', '.join(sorted(fields))}"
        elif value is not None:
            if nested_as_json and isinstance(value, str):
                value = _provider_value(fields[name].annotation, value)
            yield from _value_problems(token, where, fields[name].annotation, value)
    for name, field in fields.items():
        if field.required and values.get(name) is None:
            yield f"{path}.{name}: required".lstrip(".")


def _provider_value(annotation: Any, value: str) -> Any:
    """A provider's input: everything but strings travels as JSON text."""
    if str in _members(annotation):
        return value
    return json.loads(value)


def _members(annotation: Any) -> list[Any]:
    """The types that a value may have, without the ways of giving it later (Output, None)."""
    if typing.get_origin(annotation) is typing.Union:
        members = []
        for member in typing.get_args(annotation):
            origin = typing.get_origin(member)
            if member is NoneType or origin in (pulumi.Output, collections.abc.Awaitable):
                continue
            if not typing.is_typeddict(member):  # the dictionary form of the class beside it
                members += _members(member)
        return members
    return [annotation]


def _value_problems(token: str, where: str, annotation: Any, value: Any) -> Iterator[str]:
    members = _members(annotation)
    if Any in members:
        return
    closed = next((m for m in members if isinstance(m, type) and issubclass(m, Enum)), None)
    if closed is not None:
        values = {member.value for member in closed}
        if value not in values:
            yield f"{where}: {value!r} is none of {', '.join(sorted(values))}"
        return
    attempts = [list(_member_problems(token, where, member, value)) for member in members]
    if not any(attempt == [] for attempt in attempts):
        yield from min(attempts, key=len)


def _member_problems(token: str, where: str, member: Any, value: Any) -> Iterator[str]:
    origin = typing.get_origin(member)
    if origin is not None and issubclass(origin, collections.abc.Mapping):
        if not isinstance(value, Mapping):
            yield f"{where}: {_kind(value)} instead of an object"
            return
        for key, item in value.items():
            yield from _value_problems(token, f"{where}.{key}", typing.get_args(member)[1], item)
    elif origin is not None and issubclass(origin, collections.abc.Sequence):
        if not isinstance(value, list):
            yield f"{where}: {_kind(value)} instead of a list"
            return
        for index, item in enumerate(value):
            yield from _value_problems(token, f"{where}[{index}]", typing.get_args(member)[0], item)
    elif _types.is_input_type(member):
        if not isinstance(value, Mapping):
            yield f"{where}: {_kind(value)} instead of an object"
            return
        yield from _object_problems(token, where, _object_fields(member), value, False)
    elif not _is_scalar(member, value):
        yield f"{where}: {_kind(value)} instead of {member.__name__}"
    else:
        yield from _enum_problems(token, where, value)


def _enum_problems(token: str, where: str, value: Any) -> Iterator[str]:
    listed = ENUMS.get((token, re.sub(r"\[\d+\]", "", where)))
    if listed and value not in enum_values(*listed):
        yield f"{where}: {value!r} is none of {', '.join(sorted(enum_values(*listed)))}"


def _is_scalar(kind: Any, value: Any) -> bool:
    if kind is bool or isinstance(value, bool):
        return kind is bool and isinstance(value, bool)
    if kind is int:  # every number is a float on the wire
        return isinstance(value, (int, float)) and float(value).is_integer()
    if kind is float:
        return isinstance(value, (int, float))
    return isinstance(value, kind)


def _kind(value: Any) -> str:
    names = {Mapping: "an object", list: "a list", bool: "a boolean", str: "a string"}
    for kind, name in names.items():
        if isinstance(value, kind):
            return name
    return "a number" if isinstance(value, (int, float)) else type(value).__name__
