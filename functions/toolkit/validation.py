"""A JSON Schema (2020-12) compiled into functions that report every error, not the first.

Only the keywords that our schemas use are known; another one is an error when compiling,
so that a rule can never be written down without being enforced. Values come from
`json_text.parse`: numbers are ints or Decimals, repeated member names are marked.

Beyond JSON Schema, which cannot say it: a string has to be encodable as UTF-8, and a member
name may appear once in an object.
"""

import contextlib
import re
import sys
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.parse import quote

from .json_text import Duplicated

# Past this many errors nobody reads on, and the answer has to stay within Lambda's 6 MB.
MAX_ERRORS = 1000

_ANNOTATIONS = {"title", "description", "examples", "format", "errorMessage"}


class Error(NamedTuple):
    """One broken rule: where (JSON Pointer as a URI fragment) and what, for a person."""

    pointer: str
    detail: str


Path = tuple[Any, ...]  # linked: (path of the parent, member name or index)
_NOWHERE: Path = ()  # the parent of the whole value

Check = Callable[[Any, Path, Any, list[Error]], None]  # value, path of the parent, name, errors


class _FullError(Exception):
    pass


def compile_schema(schema: dict[str, Any]) -> Callable[[Any], list[Error]]:
    """A function from a parsed value to all its errors (none: valid), at most MAX_ERRORS."""
    check = _compile(schema)

    def errors(value: Any) -> list[Error]:
        found: list[Error] = []
        with contextlib.suppress(_FullError):
            check(value, _NOWHERE, None, found)
        return found

    return errors


def _compile(schema: dict[str, Any]) -> Check:
    keywords = {name: schema[name] for name in schema if name not in _ANNOTATIONS}
    kind = keywords.pop("type", None)
    maker = _MAKERS.get(kind) if isinstance(kind, str) else None
    if maker is None:
        raise ValueError(f"validation: type {kind!r} is not supported")
    check = maker(keywords, schema.get("errorMessage", {}))
    if keywords:
        raise ValueError(f"validation: {kind} does not support {sorted(keywords)}")
    return check


def _text(keywords: dict[str, Any], messages: dict[str, str]) -> Check:
    return (_choice if "enum" in keywords else _string)(keywords, messages)


def _choice(keywords: dict[str, Any], messages: dict[str, str]) -> Check:
    allowed = keywords.pop("enum")
    other = messages.get("enum", f"must be one of {', '.join(allowed)}")

    def check(value: Any, parent: Path, name: Any, errors: list[Error]) -> None:
        if value.__class__ is not str:
            _add(errors, parent, name, f"must be a string, not {_kind(value)}")
        elif value not in allowed:
            _add(errors, parent, name, other)

    return check


def _string(keywords: dict[str, Any], messages: dict[str, str]) -> Check:
    shortest, longest = keywords.pop("minLength", 0), keywords.pop("maxLength", sys.maxsize)
    length = _count("character", shortest, longest)
    pattern = keywords.pop("pattern", "")
    search = re.compile(pattern).search if pattern else None
    mismatch = messages.get("pattern", f"must match the pattern {pattern}")

    def check(value: Any, parent: Path, name: Any, errors: list[Error]) -> None:
        if value.__class__ is not str:
            _add(errors, parent, name, f"must be a string, not {_kind(value)}")
        elif not value.isascii() and not _encodable(value):
            _add(
                errors, parent, name, "must be text that UTF-8 can encode: it has a lone surrogate"
            )
        else:
            if not shortest <= len(value) <= longest:
                _add(errors, parent, name, length)
            if search is not None and search(value) is None:
                _add(errors, parent, name, mismatch)

    return check


def _number(keywords: dict[str, Any], messages: dict[str, str], integer: bool = False) -> Check:
    least, most = keywords.pop("minimum", None), keywords.pop("maximum", None)
    multiple = keywords.pop("multipleOf", 1 if integer else None)
    step = None if multiple is None else Decimal(str(multiple)).normalize()
    if step is not None and step.as_tuple().digits != (1,):
        raise ValueError(f"validation: multipleOf {multiple} is not a power of ten")
    exponent = None if step is None else int(step.as_tuple().exponent)
    noun = "an integer" if integer else "a number"
    uneven = messages.get("multipleOf", f"must be a multiple of {multiple}")
    if integer and multiple == 1:
        uneven = "must be an integer, not a number with decimals"

    def check(value: Any, parent: Path, name: Any, errors: list[Error]) -> None:
        kind = value.__class__
        if kind is not int and kind is not Decimal:
            _add(errors, parent, name, f"must be {noun}, not {_kind(value)}")
            return
        if least is not None and value < least:
            _add(errors, parent, name, f"must be at least {least}")
        if most is not None and value > most:
            _add(errors, parent, name, f"must be at most {most}")
        if exponent is not None and not _is_multiple(value, exponent):
            _add(errors, parent, name, uneven)

    return check


def _integer(keywords: dict[str, Any], messages: dict[str, str]) -> Check:
    return _number(keywords, messages, integer=True)


def _array(keywords: dict[str, Any], _messages: dict[str, str]) -> Check:
    item = _compile(keywords.pop("items"))
    fewest, most = keywords.pop("minItems", 0), keywords.pop("maxItems", sys.maxsize)

    def check(value: Any, parent: Path, name: Any, errors: list[Error]) -> None:
        if value.__class__ is not list:
            _add(errors, parent, name, f"must be an array, not {_kind(value)}")
            return
        if not fewest <= len(value) <= most:
            _add(errors, parent, name, _count("item", fewest, most))
            value = value[:most]
        path = (parent, name)
        for index, element in enumerate(value):
            item(element, path, index, errors)

    return check


def _object(keywords: dict[str, Any], _messages: dict[str, str]) -> Check:
    if keywords.pop("additionalProperties", True) is not False:
        raise ValueError("validation: an object has to have additionalProperties: false")
    members = {name: _compile(schema) for name, schema in keywords.pop("properties").items()}
    required = tuple(keywords.pop("required", ()))

    def check(value: Any, parent: Path, name: Any, errors: list[Error]) -> None:
        path = (parent, name)
        if value.__class__ is dict and value.keys() == members.keys():
            for key, known in members.items():
                known(value[key], path, key, errors)
        elif isinstance(value, dict):
            odd(value, path, errors)
        else:
            _add(errors, parent, name, f"must be an object, not {_kind(value)}")

    def odd(value: dict[str, Any], path: Path, errors: list[Error]) -> None:
        for key in required:
            if key not in value:
                _add(errors, path, key, "is required")
        for key, member in value.items():
            known = members.get(key)
            if known is None:
                _add(errors, path, key, "is not a known field")
            else:
                known(member, path, key, errors)
        if isinstance(value, Duplicated):
            for key in value.names:
                _add(errors, path, key, "appears more than once")

    return check


_MAKERS: dict[str, Callable[[dict[str, Any], dict[str, str]], Check]] = {
    "string": _text,
    "number": _number,
    "integer": _integer,
    "array": _array,
    "object": _object,
}


def _add(errors: list[Error], parent: Path, name: Any, detail: str) -> None:
    if len(errors) == MAX_ERRORS:
        raise _FullError
    errors.append(Error(_pointer((parent, name)), detail))


def _pointer(path: Path) -> str:
    tokens = []
    while path[0] is not _NOWHERE:
        path, token = path
        escaped = str(token).replace("~", "~0").replace("/", "~1")
        tokens.append(quote(escaped, safe="!$&'()*+,;=:@~", errors="replace"))
    return "/".join(["#", *reversed(tokens)])


def _count(noun: str, fewest: int, most: int) -> str:
    if most == sys.maxsize:
        return f"must have at least {fewest} {noun}{'' if fewest == 1 else 's'}"
    return f"must have {fewest} to {most} {noun}s"


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    names: dict[type, str] = {
        str: "a string",
        int: "a number",
        Decimal: "a number",
        list: "an array",
    }
    return names.get(type(value), "an object")


def _encodable(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_multiple(value: int | Decimal, exponent: int) -> bool:
    """Whether the value is a multiple of 10**exponent, exactly, whatever its size."""
    if isinstance(value, int):
        return exponent <= 0 or value % 10**exponent == 0
    _, digits, last = value.as_tuple()
    own = int(last)
    return own >= exponent or not any(digits[own - exponent :])
