"""Serves the components to Pulumi programs in any language."""

import json
import typing
from types import ModuleType
from typing import Any, Optional, cast

import pulumi
from pulumi.errors import InputPropertiesError
from pulumi.provider import ConstructResult
from pulumi.provider.experimental.analyzer import ComponentDefinition
from pulumi.provider.experimental.component import ComponentProvider
from pulumi.provider.server import ComponentInitError

from .component import args_of, described, docstrings
from .inputs import InputError, camel_case, declaration_of, declarations

NAME = "serverless-orders"


def hosted(package: ModuleType) -> list[type[pulumi.ComponentResource]]:
    """The components that a package makes public."""
    return [
        value
        for value in map(vars(package).get, package.__all__)
        if isinstance(value, type) and issubclass(value, pulumi.ComponentResource)
    ]


class Host(ComponentProvider):
    """Leaves it to the components to check their inputs, and spells as its users do.

    Pulumi's own host drops the keys that it does not know, and describes no inherited field.
    """

    def __init__(self, components: list[type[pulumi.ComponentResource]], version: str) -> None:
        super().__init__(components, NAME, version=version)
        self._args = {each.__name__: args_of(each) for each in components}
        schema = json.loads(self.schema or "{}")
        for name, kind in self._args.items():
            resource = schema["resources"][f"{NAME}:index:{name}"]
            _describe(resource["inputProperties"], kind)
            for nested in _nested(kind):
                _describe(schema["types"][f"{NAME}:index:{nested.__name__}"]["properties"], nested)
        self.schema = json.dumps(_handed_on(schema))

    def construct(
        self,
        name: str,
        resource_type: str,
        inputs: pulumi.Inputs,
        options: Optional[pulumi.ResourceOptions] = None,
    ) -> ConstructResult:
        """Make a component; raises InputPropertiesError, which the engine shows by property."""
        try:
            return super().construct(name, resource_type, inputs, options)
        except ComponentInitError as error:
            if not isinstance(error.inner, InputError):
                raise
            raise InputPropertiesError(str(error.inner.respelt(camel_case)), []) from None

    def map_inputs(
        self, inputs: pulumi.Inputs, component_def: ComponentDefinition
    ) -> pulumi.Inputs:
        """The inputs by the names that Python programs use; unknown ones keep theirs."""
        return cast(pulumi.Inputs, _named(self._args[component_def.name], inputs))


def _handed_on(value: Any) -> Any:
    """The schema as the engine hands it on to SDKs, so that the committed one is what users get.

    Pulumi's schema describes no type inside of a list or map, and what is empty is left out.
    """
    if not isinstance(value, dict):
        return value
    kept = {}
    for name, item in value.items():
        if name in ("items", "additionalProperties"):
            kept[name] = _handed_on({key: of for key, of in item.items() if key != "description"})
        elif item != []:
            kept[name] = _handed_on(item)
    return kept


def _nested(kind: type) -> list[type]:
    """The TypedDicts inside of one, at any depth."""
    found: list[type] = []
    for declared in declarations(kind).values():
        for each in (declared.kind, *typing.get_args(declared.kind)):
            inner = declaration_of(each).kind
            if typing.is_typeddict(inner):
                found += [inner, *_nested(inner)]
    return found


def _describe(properties: dict[str, Any], kind: type) -> None:
    texts = docstrings(kind)
    for name, declared in declarations(kind).items():
        properties[camel_case(name)]["description"] = described(declared, texts[name])


def _named(kind: Any, value: Any) -> Any:
    """A value whose keys are spelt in camelCase, as of a declared type."""
    origin, arguments = typing.get_origin(kind) or kind, typing.get_args(kind)
    if isinstance(value, dict) and typing.is_typeddict(kind):
        known = {camel_case(name): each for name, each in declarations(kind).items()}
        return {
            known[key].name if key in known else key: (
                _named(known[key].kind, each) if key in known else each
            )
            for key, each in value.items()
        }
    if isinstance(value, dict) and origin is dict:
        return {key: _named(declaration_of(arguments[1]).kind, each) for key, each in value.items()}
    if isinstance(value, list) and origin is list:
        return [_named(declaration_of(arguments[0]).kind, each) for each in value]
    return value
