"""What, of an API's OpenAPI document, would break a caller that keeps to an earlier one.

A request that was right has to be right still, and an answer may hold nothing that the earlier
document rules out. Further members, optional parameters, paths and error statuses break nobody.

Our own, because none of the four such tools on PyPI that were tried in November 2026 found more
than 13 of the 22 changes in tests/openapi/test_breaking.py; what is kept well needs Go.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

Json = dict[str, Any]

# Keywords of schemas by the larger side that a value may be on.
_LEAST = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_MOST = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_SAYS_NOTHING = ("title", "description", "examples", "example", "default", "deprecated", "$comment")
_OF_OBJECTS = ("properties", "required", "additionalProperties", "items")


def breaking(before: Json, after: Json) -> list[str]:
    """The changes that break, each with its place."""
    return list(dict.fromkeys(_Comparison(before, after).all()))


class _Comparison:
    def __init__(self, before: Json, after: Json) -> None:
        self._before, self._after = before, after

    def all(self) -> Iterator[str]:
        kept = {server["url"] for server in self._after.get("servers", [])}
        for server in self._before.get("servers", []):
            if server["url"] not in kept:
                yield f"server {server['url']}: is gone"
        for path, methods in self._before["paths"].items():
            for method, operation in methods.items():
                place = f"{method.upper()} {path}"
                now = self._after["paths"].get(path, {}).get(method)
                if now is None:
                    yield f"{place}: is gone"
                else:
                    yield from self._operation(place, operation, now)

    def _operation(self, place: str, before: Json, after: Json) -> Iterator[str]:
        if _secured(self._after, after) and not _secured(self._before, before):
            yield f"{place}: asks for credentials"
        yield from self._parameters(place, before, after)
        yield from self._request(f"{place} body", before.get("requestBody"), after)
        for status, response in before["responses"].items():
            of_status, now = f"{place} {status}", after["responses"].get(status)
            if now is None:
                yield f"{of_status}: is gone"
            else:
                yield from self._response(of_status, response, now)
        for status in after["responses"].keys() - before["responses"].keys():
            if status < "400":
                yield f"{place} {status}: is a further way to succeed"

    def _parameters(self, place: str, before: Json, after: Json) -> Iterator[str]:
        known, now = _parameters(before), _parameters(after)
        for key, parameter in known.items():
            named = f"{place} {key[0]} {key[1]}"
            if key not in now:
                yield f"{named}: is gone"
                continue
            if now[key].get("required") and not parameter.get("required"):
                yield f"{named}: has become required"
            yield from self._accepted(named, parameter["schema"], now[key]["schema"])
        for key in now.keys() - known.keys():
            if now[key].get("required"):
                yield f"{place} {key[0]} {key[1]}: is new, and required"

    def _request(self, place: str, before: Json | None, operation: Json) -> Iterator[str]:
        after = operation.get("requestBody")
        if after is None:
            if before is not None:
                yield f"{place}: is gone"
            return
        if after.get("required") and not (before or {}).get("required"):
            yield f"{place}: has become required"
        for kind, content in (before or {}).get("content", {}).items():
            now = after["content"].get(kind)
            if now is None:
                yield f"{place} {kind}: is gone"
            else:
                yield from self._accepted(f"{place} {kind}", content["schema"], now["schema"])

    def _response(self, place: str, before: Json, after: Json) -> Iterator[str]:
        for kind, content in before.get("content", {}).items():
            now = after.get("content", {}).get(kind)
            if now is None:
                yield f"{place} {kind}: is gone"
            else:
                yield from self._given(f"{place} {kind}", content["schema"], now["schema"])
        for name, header in before.get("headers", {}).items():
            named, now = f"{place} header {name}", after.get("headers", {}).get(name)
            if now is None:
                yield f"{named}: is gone"
                continue
            if header.get("required") and not now.get("required"):
                yield f"{named}: may be absent"
            yield from self._given(named, header["schema"], now["schema"])

    def _accepted(self, place: str, before: Json, after: Json) -> Iterator[str]:
        """What a caller sent by the earlier schema and the later one refuses."""
        before, after = _resolved(self._before, before), _resolved(self._after, after)
        yield from _outside(place, before, after, before, after)
        for name in after.get("required", []):
            if name not in before.get("required", []):
                yield f"{place}/{name}: has become required"
        if after.get("additionalProperties") is False and "additionalProperties" not in before:
            yield f"{place}: takes no further members"
        yield from self._members(place, before, after, self._accepted)

    def _given(self, place: str, before: Json, after: Json) -> Iterator[str]:
        """What the later schema allows an answer and the earlier one rules out."""
        before, after = _resolved(self._before, before), _resolved(self._after, after)
        yield from _outside(place, before, after, after, before)
        for name in before.get("required", []):
            if name not in after.get("required", []):
                yield f"{place}/{name}: may be absent"
        yield from self._members(place, before, after, self._given)

    def _members(self, place: str, before: Json, after: Json, compare: Any) -> Iterator[str]:
        for name, schema in before.get("properties", {}).items():
            if name in after.get("properties", {}):
                yield from compare(f"{place}/{name}", schema, after["properties"][name])
            else:
                yield f"{place}/{name}: is gone"
        if "items" in before and "items" in after:
            yield from compare(f"{place}/-", before["items"], after["items"])


def _outside(place: str, before: Json, after: Json, inner: Json, outer: Json) -> Iterator[str]:
    """By what a value that `inner` allows need not be one of `outer`; members are not looked at.

    One of them is `before`, the other `after`.
    """

    def differs(keyword: str) -> str:
        return f"{place}: {keyword} was {before.get(keyword)} and is {after.get(keyword)}"

    more = _types(inner) - _types(outer)
    if more and not (more == {"integer"} and "number" in _types(outer)):
        yield f"{place}: type was {_words(before)} and is {_words(after)}"
    allowed, possible = _values(outer), _values(inner)
    if allowed is not None and not (possible and all(map(allowed.__contains__, possible))):
        yield f"{place}: values were {_values(before)} and are {_values(after)}"
    for keywords, larger in ((_LEAST, 1), (_MOST, -1)):
        for keyword in keywords:
            if keyword in outer and (
                keyword not in inner or larger * (outer[keyword] - inner[keyword]) > 0
            ):
                yield differs(keyword)
    step = outer.get("multipleOf")
    if step is not None and (
        "multipleOf" not in inner or Decimal(str(inner["multipleOf"])) % Decimal(str(step))
    ):
        yield differs("multipleOf")
    known = {*_LEAST, *_MOST, *_SAYS_NOTHING, *_OF_OBJECTS, "type", "enum", "const", "multipleOf"}
    for keyword in sorted(outer.keys() - known):
        if inner.get(keyword) != outer[keyword]:
            yield differs(keyword)


def _resolved(document: Json, schema: Json) -> Json:
    while "$ref" in schema:
        found: Any = document
        for name in schema["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        schema = found
    return schema


def _types(schema: Json) -> set[str]:
    kind = schema.get("type")
    if kind is None:
        values = _values(schema)
        every = {"null", "boolean", "string", "integer", "number", "array", "object"}
        return every if values is None else {_TYPES[type(each)] for each in values}
    return {kind} if isinstance(kind, str) else set(kind)


_TYPES = {type(None): "null", bool: "boolean", str: "string", int: "integer", float: "number"}


def _words(schema: Json) -> str:
    return " or ".join(sorted(_types(schema)))


def _values(schema: Json) -> list[Any] | None:
    values: list[Any] | None = schema.get("enum")
    return [schema["const"]] if "const" in schema else values


def _parameters(operation: Json) -> dict[tuple[str, str], Json]:
    return {(each["in"], each["name"]): each for each in operation.get("parameters", [])}


def _secured(document: Json, operation: Json) -> bool:
    asked: list[Json] = operation.get("security", document.get("security")) or []
    return bool(asked) and {} not in asked
