"""The compiled validator agrees with the jsonschema library, and refuses what it cannot do."""

import json
from decimal import Decimal
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from referencing.jsonschema import EMPTY_REGISTRY

from functions.orders import schema
from functions.toolkit import json_text, validation

ours = validation.compile_schema(schema.ORDER_REQUEST)


def _number(_checker: Any, value: Any) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def _integer(_checker: Any, value: Any) -> bool:
    return _number(_checker, value) and value == Decimal(value).to_integral_value()


def _multiple_of(_validator: Any, step: Any, value: Any, _schema: Any) -> Any:
    # jsonschema divides Decimals by floats otherwise, which Python refuses.
    if _number(None, value) and value % Decimal(str(step)):
        yield jsonschema.ValidationError("not a multiple")


theirs = jsonschema.validators.extend(
    jsonschema.Draft202012Validator,
    {"multipleOf": _multiple_of},
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine_many(
        {"number": _number, "integer": _integer}
    ),
)(schema.ORDER_REQUEST, registry=EMPTY_REGISTRY)


def their_places(value: Any) -> set[tuple[Any, ...]]:
    """Where jsonschema finds errors; a missing or unknown member counts as its own place."""
    places = set()
    for error in theirs.iter_errors(value):
        path = tuple(error.absolute_path)
        if error.validator == "required":
            names = [n for n in error.validator_value if n not in error.instance]
            places |= {(*path, name) for name in names}
        elif error.validator == "additionalProperties":
            names = [n for n in error.instance if n not in error.schema["properties"]]
            places |= {(*path, name) for name in names}
        else:
            places.add(path)
    return places


def our_places(value: Any) -> set[tuple[Any, ...]]:
    places = set()
    for error in ours(value):
        tokens = error.pointer.split("/")[1:]
        places.add(tuple(int(token) if token.isdigit() else token for token in tokens))
    return places


def sometimes(valid: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(valid, valid, valid, anything)


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**12), 10**12),
    st.decimals(-(10**10), 10**10, places=6).map(float),
    st.sampled_from([0.1, 0.0001, 0.00005, 1e9, 1e9 + 0.0001, 2.0, -0.0, 1e-7, 1e15]),
    st.text(max_size=3),
    st.sampled_from(["", " ", "x" * 64, "x" * 65, "x" * 200, " " + "x" * 200, "x" * 201, "a\n"]),
    st.text(alphabet=schema.WHITESPACE + "ab", max_size=6),
)
anything = st.one_of(
    scalars,
    st.lists(scalars, max_size=2),
    st.dictionaries(st.sampled_from(["sku", "qty", "note"]), scalars, max_size=2),
)
items = st.fixed_dictionaries(
    {
        "sku": sometimes(st.text("xyz", min_size=1, max_size=3)),
        "qty": sometimes(st.integers(1, 10)),
        "price": sometimes(st.decimals(0, 10, places=4).map(float)),
    },
    optional={"note": scalars},
)
orders = st.fixed_dictionaries(
    {},
    optional={
        "customerName": sometimes(st.text("ab ", min_size=1, max_size=5)),
        "items": sometimes(st.lists(sometimes(items), max_size=3)),
        "status": scalars,
    },
)


@settings(max_examples=400, deadline=None)
@given(st.one_of(orders, orders, anything))
def test_every_error_is_found_where_jsonschema_finds_it(value: Any) -> None:
    parsed = json_text.parse(json.dumps(value))
    assert our_places(parsed) == their_places(parsed)


@pytest.mark.parametrize("count", [0, 1, 100, 101])
def test_the_number_of_items_is_bounded_as_jsonschema_bounds_it(count: int) -> None:
    item = {"sku": "S", "qty": 1, "price": 1}
    parsed = json_text.parse(json.dumps({"customerName": "A", "items": [item] * count}))
    assert our_places(parsed) == their_places(parsed)


def test_items_past_the_maximum_are_not_reported_one_by_one() -> None:
    parsed = json_text.parse(json.dumps({"customerName": "A", "items": [1] * 5000}))
    pointers = [error.pointer for error in ours(parsed)]
    assert pointers == ["#/items", *(f"#/items/{index}" for index in range(100))]


def test_a_name_is_trimmed_of_exactly_what_the_pattern_calls_whitespace() -> None:
    check = validation.compile_schema(schema.CUSTOMER_NAME)
    for point in range(0x3001):
        character = chr(point)
        refused = bool(check(character))
        assert refused == (character in schema.WHITESPACE), hex(point)
        assert refused or not character.isspace(), hex(point)
    assert check("\ufeff")


def test_a_pathological_name_is_checked_in_linear_time() -> None:
    check = validation.compile_schema(schema.CUSTOMER_NAME)
    assert check("x" + " x" * 50_000 + " " * 50_000 + "x")
    assert check("x" + " " * 250_000 + "x")


@pytest.mark.parametrize(
    "unsupported",
    [
        {"type": "string", "const": "x"},
        {"type": "string", "minlength": 1},
        {"type": "number", "exclusiveMinimum": 0},
        {"type": "number", "multipleOf": 0.25},
        {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
        {"type": "object", "properties": {}},
        {"type": "object", "properties": {}, "additionalProperties": {"type": "string"}},
        {"type": "object", "properties": {}, "additionalProperties": False, "minProperties": 1},
        {"type": ["string", "null"]},
        {"type": "boolean"},
        {"enum": ["a"]},
        {},
    ],
)
def test_a_rule_that_would_not_be_enforced_is_refused(unsupported: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation: "):
        validation.compile_schema(unsupported)


@pytest.mark.parametrize(
    ("rule", "value", "detail"),
    [
        ({"type": "string", "minLength": 1}, '""', "must have at least 1 character"),
        ({"type": "string", "minLength": 2}, '"x"', "must have at least 2 characters"),
        ({"type": "string", "maxLength": 2}, '"xyz"', "must have 0 to 2 characters"),
        ({"type": "string", "pattern": "^a$"}, '"b"', "must match the pattern ^a$"),
        ({"type": "string"}, "[]", "must be a string, not an array"),
        ({"type": "string"}, "{}", "must be a string, not an object"),
        ({"type": "string"}, "null", "must be a string, not null"),
        ({"type": "string"}, "5", "must be a string, not a number"),
        ({"type": "string"}, "5.5", "must be a string, not a number"),
        ({"type": "number"}, '"1"', "must be a number, not a string"),
        ({"type": "integer"}, "1.5", "must be an integer, not a number with decimals"),
        ({"type": "integer"}, "true", "must be an integer, not a boolean"),
        ({"type": "number", "multipleOf": 0.01}, "0.001", "must be a multiple of 0.01"),
        ({"type": "number", "multipleOf": 10}, "15", "must be a multiple of 10"),
        ({"type": "number", "minimum": 1}, "0", "must be at least 1"),
        ({"type": "number", "maximum": 1}, "1e400", "must be at most 1"),
        ({"type": "number", "maximum": 1}, f"1e{10**20}", "must be at most 1"),
        ({"type": "number", "minimum": 1}, f"1e-{10**20}", "must be at least 1"),
    ],
)
def test_an_error_says_what_is_expected(rule: dict[str, Any], value: str, detail: str) -> None:
    errors = validation.compile_schema(rule)(json_text.parse(value))
    assert errors == [("#", detail)]
