"""What the components have in common: how they are described, and how their outputs are told."""

import ast
import inspect
import sys
import textwrap
import typing
from collections.abc import Iterator
from functools import cache
from typing import Annotated, Any, ClassVar, NotRequired, Required, TypedDict, cast

import pulumi

from .inputs import Declaration, InputError, Problem, camel_case, declarations


class Component(pulumi.ComponentResource):
    """A component whose inputs are declared as `inputs` describes.

    Its outputs are its public annotated attributes.
    """

    _args_type: ClassVar[Any]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        constructor = vars(cls).get("__init__")
        kind: Any = getattr(constructor, "__annotations__", {}).get("args")
        if constructor is not None and typing.is_typeddict(kind):
            cls._args_type = kind
            constructor.__doc__ = _help(kind)
            # What Pulumi infers the package's schema from; it does not know of Annotated.
            constructor.__annotations__["args"] = _plain(kind)

    def register(self) -> None:
        """Tell the engine the outputs, once they are all there."""
        self.register_outputs(
            {camel_case(name): getattr(self, name) for name in outputs(type(self))}
        )


def check_length(name: str, at_most: int, subject: str) -> None:
    """Raise InputError for a component whose name is too long for what is named after it."""
    if len(name) > at_most:
        text = (
            f"expected at most {at_most} characters, not {len(name)}: AWS takes no longer names "
            "of what is named after it"
        )
        raise InputError(subject, [Problem(("name",), text)])


def args_of(component: type) -> type:
    """The TypedDict of a component's inputs."""
    return cast(type, component._args_type)  # type: ignore[attr-defined]


def outputs(component: type) -> list[str]:
    """The names of a component's outputs, which are its public annotated attributes."""
    return [
        name
        for each in reversed(component.__mro__)
        if issubclass(each, Component)
        for name in inspect.get_annotations(each)
        if not name.startswith("_")
    ]


def described(declaration: Declaration, text: str, *, with_default: bool = True) -> str:
    """A field's description, with its bounds and, if asked for, its default."""
    facts = [
        rule.expected
        for rule in declaration.rules
        if rule.expected and rule.expected not in ("a list", text)
    ][:1]
    if with_default and declaration.default not in (None, "", (), {}):
        facts.append(f"{plainly(declaration.default)} by default")
    sentence = "; ".join(facts)
    return f"{text} {sentence[:1].upper()}{sentence[1:]}." if sentence else text


def plainly(value: Any) -> str:
    """A default as people read it."""
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


@cache
def docstrings(kind: type) -> dict[str, str]:
    """The docstring of each field of a class, inherited ones included; none without its source."""
    try:
        source = textwrap.dedent(inspect.getsource(kind))
    except (OSError, TypeError):
        return {}
    found: dict[str, str] = {}
    definition = next(each for each in ast.parse(source).body if isinstance(each, ast.ClassDef))
    for base in definition.bases:
        inherited = getattr(sys.modules[kind.__module__], ast.unparse(base), None)
        if typing.is_typeddict(inherited):
            found |= docstrings(inherited)
    for statement, following in zip(definition.body, definition.body[1:], strict=False):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            match following:
                case ast.Expr(value=ast.Constant(value=str(text))):
                    found[statement.target.id] = " ".join(text.split())
    return found


def _help(kind: type) -> str:
    return "\n".join([f"`args` are {kind.__name__}, a dictionary:", "", *_told(kind, "")])


def _told(kind: type, inside: str) -> Iterator[str]:
    texts = docstrings(kind)
    for name, declaration in declarations(kind).items():
        text = described(declaration, texts.get(name, ""))
        if declaration.required:
            text += " Required."
        yield inside + name
        yield from textwrap.wrap(text, 88, initial_indent="    ", subsequent_indent="    ")
        if typing.is_typeddict(declaration.kind):
            yield from _told(declaration.kind, f"{inside}{name}.")


@cache
def _plain(kind: Any) -> Any:
    """A TypedDict as it would be without the rules in its types."""
    make: Any = TypedDict
    twin = make(kind.__name__, {name: _bare(each) for name, each in kind.__annotations__.items()})
    for name in ("__module__", "__qualname__", "__doc__"):
        setattr(twin, name, getattr(kind, name))
    return twin


def _bare(annotation: Any) -> Any:
    of_list: Any = list
    of_dict: Any = dict
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        return _bare(annotation.__origin__)
    if origin in (NotRequired, Required):
        return origin[_bare(arguments[0])]
    if origin is list:
        return of_list[_bare(arguments[0])]
    if origin is dict:
        return of_dict[str, _bare(arguments[1])]
    return _plain(annotation) if typing.is_typeddict(annotation) else annotation
