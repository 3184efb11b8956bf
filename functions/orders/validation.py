"""A JSON Schema (2020-12) compiled into functions that report every error, not the first.

Only the keywords that orders/schema.py uses are known; another one is an error when compiling,
so that a rule can never be written down without being enforced. Values come from
`json_text.parse`: numbers are Decimals, repeated member names are marked.

Beyond JSON Schema, which cannot say it: a string has to be encodable as UTF-8, and a member
name may appear once in an object.
"""

import contextlib
import re
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


Path = tuple[Any, ...]  # linked: (parent path, member name or index), () at the root
Check = Callable[[Any, Path, list[Error]], None]
Rule = Callable[[Any], bool]


class _FullError(Exception):
    pass


def compile_schema(schema: dict[str, Any]) -> Callable[[Any], list[Error]]:
    """A function from a parsed value to all its errors (none: valid), at most MAX_ERRORS."""
    check = _compile(schema)

    def errors(value: Any) -> list[Error]:
        found: list[Error] = []
        with contextlib.suppress(_FullError):
            check(value, (), found)
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


def _string(keywords: dict[str, Any], messages: dict[str, str]) -> Check:
    rules: list[tuple[Rule, str]] = []
    shortest, longest = keywords.pop("minLength", 0), keywords.pop("maxLength", None)
    if shortest:
        rules.append((lambda value: len(value) >= shortest, _count("character", shortest, longest)))
    if longest is not None:
        rules.append((lambda value: len(value) <= longest, _count("character", shortest, longest)))
    if "pattern" in keywords:
        search = re.compile(keywords["pattern"]).search
        text = f"must match the pattern {keywords.pop('pattern')}"
        rules.append((lambda value: search(value) is not None, messages.get("pattern", text)))

    def check(value: Any, path: Path, errors: list[Error]) -> None:
        if not isinstance(value, str):
            _add(errors, path, f"must be a string, not {_kind(value)}")
        elif not value.isascii() and not _encodable(value):
            _add(errors, path, "must be text that UTF-8 can encode: it has a lone surrogate")
        else:
            _apply(rules, value, path, errors)

    return check


def _number(keywords: dict[str, Any], messages: dict[str, str], integer: bool = False) -> Check:
    rules: list[tuple[Rule, str]] = []
    if "minimum" in keywords:
        least = Decimal(keywords.pop("minimum"))
        rules.append((lambda value: value >= least, f"must be at least {least}"))
    if "maximum" in keywords:
        most = Decimal(keywords.pop("maximum"))
        rules.append((lambda value: value <= most, f"must be at most {most}"))
    if "multipleOf" in keywords:
        multiple = keywords.pop("multipleOf")
        step = Decimal(str(multiple)).normalize()
        if step.as_tuple().digits != (1,):
            raise ValueError(f"validation: multipleOf {multiple} is not a power of ten")
        exponent = int(step.as_tuple().exponent)
        text = messages.get("multipleOf", f"must be a multiple of {multiple}")
        rules.append((lambda value: _is_multiple(value, exponent), text))
    name = "an integer" if integer else "a number"

    def check(value: Any, path: Path, errors: list[Error]) -> None:
        if not isinstance(value, Decimal):
            _add(errors, path, f"must be {name}, not {_kind(value)}")
        elif integer and not _is_multiple(value, 0):
            _add(errors, path, "must be an integer, not a number with decimals")
        else:
            _apply(rules, value, path, errors)

    return check


def _integer(keywords: dict[str, Any], messages: dict[str, str]) -> Check:
    return _number(keywords, messages, integer=True)


def _array(keywords: dict[str, Any], _messages: dict[str, str]) -> Check:
    item = _compile(keywords.pop("items"))
    fewest, most = keywords.pop("minItems", 0), keywords.pop("maxItems", None)

    def check(value: Any, path: Path, errors: list[Error]) -> None:
        if not isinstance(value, list):
            _add(errors, path, f"must be an array, not {_kind(value)}")
            return
        if len(value) < fewest or (most is not None and len(value) > most):
            _add(errors, path, _count("item", fewest, most))
        for index, element in enumerate(value[:most]):
            item(element, (path, index), errors)

    return check


def _object(keywords: dict[str, Any], _messages: dict[str, str]) -> Check:
    if keywords.pop("additionalProperties", True) is not False:
        raise ValueError("validation: an object has to have additionalProperties: false")
    members = {name: _compile(schema) for name, schema in keywords.pop("properties").items()}
    required = tuple(keywords.pop("required", ()))

    def check(value: Any, path: Path, errors: list[Error]) -> None:
        if not isinstance(value, dict):
            _add(errors, path, f"must be an object, not {_kind(value)}")
            return
        for name in required:
            if name not in value:
                _add(errors, (path, name), "is required")
        for name, member in value.items():
            known = members.get(name)
            if known is None:
                _add(errors, (path, name), "is not a known field")
            else:
                known(member, (path, name), errors)
        if isinstance(value, Duplicated):
            for name in value.names:
                _add(errors, (path, name), "appears more than once")

    return check


_MAKERS: dict[str, Callable[[dict[str, Any], dict[str, str]], Check]] = {
    "string": _string,
    "number": _number,
    "integer": _integer,
    "array": _array,
    "object": _object,
}


def _apply(rules: list[tuple[Rule, str]], value: Any, path: Path, errors: list[Error]) -> None:
    for holds, detail in rules:
        if not holds(value):
            _add(errors, path, detail)


def _add(errors: list[Error], path: Path, detail: str) -> None:
    if len(errors) == MAX_ERRORS:
        raise _FullError
    errors.append(Error(_pointer(path), detail))


def _pointer(path: Path) -> str:
    tokens = []
    while path:
        path, token = path
        escaped = str(token).replace("~", "~0").replace("/", "~1")
        tokens.append(quote(escaped, safe="!$&'()*+,;=:@~", errors="replace"))
    return "/".join(["#", *reversed(tokens)])


def _count(noun: str, fewest: int, most: int | None) -> str:
    if most is None:
        return f"must have at least {fewest} {noun}{'' if fewest == 1 else 's'}"
    return f"must have {fewest} to {most} {noun}s"


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    names: dict[type, str] = {str: "a string", Decimal: "a number", list: "an array"}
    return names.get(type(value), "an object")


def _encodable(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_multiple(value: Decimal, exponent: int) -> bool:
    """Whether the value is a multiple of 10**exponent, exactly, whatever its size."""
    _, digits, last = value.as_tuple()
    own = int(last)
    return own >= exponent or not any(digits[own - exponent :])
