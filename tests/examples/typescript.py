"""Reads from a TypeScript program what it gives to the constructors of one package.

Enough of the language for a program of declarations: object and array literals are read, any
other expression is kept as its text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

_STRING = re.compile(r"""(["'`])(.*?)\1""")
_KEY = re.compile(r"""\s*["']?([A-Za-z_$][\w$]*)["']?\s*:\s*""")
_PAIRS = {"(": ")", "[": "]", "{": "}"}


@dataclass(frozen=True)
class Expression:
    """Text that is neither an object nor an array literal."""

    text: str


@dataclass(frozen=True)
class Construction:
    """`const variable = new package.component("name", inputs, ...)`."""

    variable: str
    component: str
    inputs: Any


def constructions(source: str, package: str) -> list[Construction]:
    pattern = re.compile(rf"(?:const\s+(\w+)\s*=\s*)?new\s+{package}\.(\w+)\s*\(", re.DOTALL)
    code = re.sub(r"^\s*//.*$", "", source, flags=re.MULTILINE)
    found = []
    for match in pattern.finditer(code):
        inside, _ = _balanced(code, match.end() - 1)
        arguments = _split(inside)
        found.append(Construction(match[1] or "", match[2], _value(arguments[1])))
    return found


def _value(text: str) -> Any:
    text = text.strip()
    if text.startswith("{"):
        pairs = {}
        for part in _split(text[1:-1]):
            key = _KEY.match(part)
            if key:
                pairs[key[1]] = _value(part[key.end() :])
            else:  # a shorthand, `{ name }`
                pairs[part.strip()] = Expression(part.strip())
        return pairs
    if text.startswith("["):
        return [_value(part) for part in _split(text[1:-1])]
    return Expression(text)


def _split(text: str) -> list[str]:
    """The parts between commas at the top level; none for a comma at the end."""
    parts, start, at = [], 0, 0
    while at < len(text):
        string = _STRING.match(text, at)
        if string:
            at = string.end()
        elif text[at] in _PAIRS:
            _, at = _balanced(text, at)
        else:
            if text[at] == ",":
                parts.append(text[start:at])
                start = at + 1
            at += 1
    parts.append(text[start:])
    return [part for part in parts if part.strip()]


def _balanced(text: str, opening: int) -> tuple[str, int]:
    """What is between the bracket at `opening` and its partner, and where it goes on."""
    open_ = [text[opening]]
    at = opening + 1
    while open_:
        string = _STRING.match(text, at)
        if string:
            at = string.end()
            continue
        if text[at] in _PAIRS:
            open_.append(text[at])
        elif text[at] == _PAIRS[open_[-1]]:
            open_.pop()
        at += 1
    return text[opening + 1 : at - 1], at
