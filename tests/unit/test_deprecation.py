"""Deprecated versions of the API: what a stack may say, and what its functions are told."""

import json
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from tests.unit import stacks
from tests.unit.test_settings import load, refused

ROUTED = {each.label for each in stacks.declared() if each.route}
LINK = "https://shop.example.com/api"


def told(**settings: Any) -> dict[str, dict[str, dict[str, str]]]:
    """What each function is told, by its label; functions that are told nothing are left out."""
    recorded = stacks.recording("dev", **settings)
    variables = {
        label: stacks.function(recorded, label).inputs["environment"]["variables"]
        for label in stacks.functions()
    }
    return {
        label: json.loads(of["API_DEPRECATIONS"])
        for label, of in variables.items()
        if "API_DEPRECATIONS" in of
    }


def test_without_a_deprecation_no_function_is_told_anything() -> None:
    assert told() == {}


def test_each_function_with_a_route_is_told_the_fields_of_what_is_deprecated() -> None:
    functions = told(**stacks.EVERYTHING)
    assert functions.keys() == ROUTED
    fields = {
        "deprecation": "@1798761600",
        "sunset": "Fri, 31 Dec 2027 00:00:00 GMT",
        "link": f'<{LINK}>; rel="deprecation", <{LINK}>; rel="sunset"',
    }
    for each in functions.values():
        assert each == {"/v1/": fields, "/orders": fields}
    since = datetime.fromtimestamp(int(fields["deprecation"][1:]), UTC)
    assert since == datetime(2027, 1, 1, tzinfo=UTC)
    assert parsedate_to_datetime(fields["sunset"]) == datetime(2027, 12, 31, tzinfo=UTC)


def test_a_later_version_is_deprecated_alone_and_what_is_not_said_is_absent() -> None:
    functions = told(**stacks.OTHER_VALUES)
    assert functions["get-order"] == {"/v2/": {"deprecation": "@1798761600"}}


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ('{"v3": {"since": "2027-01-01"}}', ".v3: expected one of v1, v2"),
        ('{"v1": {}}', ".v1.since: expected a date as 2027-12-31, but it is missing"),
        (
            '{"v1": {"since": "2027-02-30"}}',
            ".v1.since: expected a day that there is, not '",
        ),
        (
            '{"v1": {"since": "2027-01-02", "sunset": "2027-01-01"}}',
            ".v1.sunset: expected since ('2027-01-02') or later, not '2027-01-01'",
        ),
        (
            '{"v1": {"since": "2027-01-02", "sunset": "2027-13-01"}}',
            ".v1.sunset: expected a day that there is, not '2027-13-01'",
        ),
        (
            '{"v1": {"since": "2027-01-02", "link": "//shop"}}',
            ".v1.link: expected a URL as https://shop.example.com/api, not '//shop'",
        ),
    ],
)
def test_a_wrong_deprecation_is_named(said: str, line: str) -> None:
    (found,) = refused(deprecations=said)
    assert found.startswith(f"serverless-orders:deprecations{line}")


def test_a_version_that_is_not_served_cannot_be_deprecated_and_the_users_own_can() -> None:
    v1, v2 = (json.dumps({each: {"since": "2027-01-01"}}) for each in ("v1", "v2"))
    assert load(apiVersions="[]", deprecations=v1)
    (line,) = refused(apiVersions='["v1"]', deprecations=v2)
    assert line.startswith("serverless-orders:deprecations.v2: expected no such key, because")
    assert "apiVersions" in line
