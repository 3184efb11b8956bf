"""The documented structure of a CloudWatch dashboard's body.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import combinations
from typing import Any

from jsonschema import Draft202012Validator

COLUMNS = 24
DEFAULT_SIZE = 6

_PERIOD = {
    "anyOf": [{"enum": [1, 5, 10, 30]}, {"type": "integer", "multipleOf": 60, "minimum": 60}]
}
_STATISTIC = {
    "type": "string",
    "pattern": r"^(Average|Minimum|Maximum|Sum|SampleCount|IQM|p\d{1,2}(\.\d+)?|p100"
    r"|(tm|tc|ts|wm)\d{1,2}(\.\d+)?|(TM|TC|TS|WM|PR)\([^)]*\))$",
}
_COLOUR = {"type": "string", "pattern": "^#[0-9a-fA-F]{3}([0-9a-fA-F]{3})?$"}
_Y_AXIS = {"enum": ["left", "right"]}


def _object(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


_RENDERING = {
    "accountId": {"type": "string", "pattern": r"^\d{12}$"},
    "color": _COLOUR,
    "id": {"type": "string", "pattern": "^[a-z][A-Za-z0-9_]{0,254}$"},
    "label": {"type": "string"},
    "period": _PERIOD,
    "region": {"type": "string"},
    "stat": _STATISTIC,
    "visible": {"type": "boolean"},
    "yAxis": _Y_AXIS,
}
_METRIC = {
    "oneOf": [
        {
            "type": "array",
            "prefixItems": [
                _object({**_RENDERING, "expression": {"type": "string"}}, "expression")
            ],
            "minItems": 1,
            "maxItems": 1,
        },
        {
            "type": "array",
            "prefixItems": [{"type": "string"}, {"type": "string"}],
            "items": {"oneOf": [{"type": "string", "minLength": 1}, _object(_RENDERING)]},
            "minItems": 2,
        },
    ]
}
_AXIS = _object(
    {
        "label": {"type": "string"},
        "max": {"type": "number"},
        "min": {"type": "number"},
        "showUnits": {"type": "boolean"},
    }
)
_ANNOTATIONS = _object(
    {
        "alarms": {"type": "array", "items": {"type": "string"}, "maxItems": 1},
        "horizontal": {
            "type": "array",
            "items": _object(
                {
                    "color": _COLOUR,
                    "fill": {"enum": ["above", "below", "none"]},
                    "label": {"type": "string"},
                    "value": {"type": "number"},
                    "visible": {"type": "boolean"},
                    "yAxis": _Y_AXIS,
                },
                "value",
            ),
        },
        "vertical": {"type": "array"},
    }
)
_PROPERTIES = {
    "alarm": _object(
        {
            "alarms": {
                "type": "array",
                "items": {"type": "string"},
                "minItems": 1,
                "maxItems": 100,
            },
            "sortBy": {"enum": ["default", "stateUpdatedTimestamp", "timestamp"]},
            "states": {
                "type": "array",
                "items": {"enum": ["ALARM", "INSUFFICIENT_DATA", "OK"]},
            },
            "title": {"type": "string"},
        },
        "alarms",
    ),
    "log": _object(
        {
            "accountId": {"type": "string"},
            "query": {"type": "string"},
            "region": {"type": "string"},
            "stacked": {"type": "boolean"},
            "title": {"type": "string"},
            "view": {"enum": ["table", "timeSeries", "bar", "pie"]},
        },
        "query",
        "region",
    ),
    "metric": _object(
        {
            "accountId": {"type": "string"},
            "annotations": _ANNOTATIONS,
            "legend": _object({"position": {"enum": ["right", "bottom", "hidden"]}}),
            "liveData": {"type": "boolean"},
            "metrics": {"type": "array", "items": _METRIC, "minItems": 1, "maxItems": 500},
            "period": _PERIOD,
            "region": {"type": "string"},
            "setPeriodToTimeRange": {"type": "boolean"},
            "singleValueFullPrecision": {"type": "boolean"},
            "sparkline": {"type": "boolean"},
            "stacked": {"type": "boolean"},
            # Of a widget alone: https://docs.aws.amazon.com/cdk/api/v2/docs/aws-cdk-lib.aws_cloudwatch.SingleValueWidgetProps.html
            "start": {"type": "string", "pattern": r"^-P(\d+[DWM])?(T\d+[HMS])?$"},
            "stat": _STATISTIC,
            "timezone": {"type": "string", "pattern": r"^[+-]\d{4}$"},
            "title": {"type": "string"},
            "trend": {"type": "boolean"},
            "view": {"enum": ["timeSeries", "singleValue", "gauge", "bar", "pie", "table"]},
            "yAxis": _object({"left": _AXIS, "right": _AXIS}),
        },
        "metrics",
        "region",
    ),
    "text": _object(
        {
            "background": {"enum": ["transparent", "solid"]},
            "markdown": {"type": "string", "minLength": 1},
        },
        "markdown",
    ),
}


def _widget(kind: str) -> dict[str, Any]:
    return _object(
        {
            "type": {"const": kind},
            "x": {"type": "integer", "minimum": 0, "maximum": COLUMNS - 1},
            "y": {"type": "integer", "minimum": 0},
            "width": {"type": "integer", "minimum": 1, "maximum": COLUMNS},
            "height": {"type": "integer", "minimum": 1, "maximum": 1000},
            "properties": _PROPERTIES[kind],
        },
        "type",
        "properties",
    )


_BODY = Draft202012Validator(
    _object(
        {
            "end": {"type": "string"},
            "periodOverride": {"enum": ["auto", "inherit"]},
            "start": {"type": "string"},
            "widgets": {
                "type": "array",
                "maxItems": 500,
                "items": _object(
                    {
                        **dict.fromkeys(("x", "y", "width", "height", "properties"), True),
                        "type": {"enum": sorted(_PROPERTIES)},
                    },
                    "type",
                    "properties",
                ),
            },
        },
        "widgets",
    )
)
_WIDGETS = {kind: Draft202012Validator(_widget(kind)) for kind in _PROPERTIES}


def problems(text: str) -> list[str]:
    """What CloudWatch would refuse of a dashboard's body, or not show as it was meant."""
    try:
        body = json.loads(text)
    except ValueError as error:
        return [f"no JSON: {error}"]
    found = [f"{error.json_path}: {error.message}" for error in _BODY.iter_errors(body)]
    return found or list(_in_widgets(body["widgets"]))


def _in_widgets(widgets: list[dict[str, Any]]) -> Iterator[str]:
    for number, widget in enumerate(widgets):
        where = f"widgets[{number}]"
        errors = [*_WIDGETS[widget["type"]].iter_errors(widget)]
        yield from (f"{where}{e.json_path.removeprefix('$')}: {e.message}" for e in errors)
        if not errors and widget["type"] == "metric":
            yield from _in_metrics(f"{where}.metrics", widget["properties"]["metrics"])
        if widget.get("x", 0) + widget.get("width", DEFAULT_SIZE) > COLUMNS:
            yield f"{where}: wider than the dashboard"
    for (a, first), (b, second) in combinations(enumerate(widgets), 2):
        if {"x", "y"} <= first.keys() & second.keys() and _overlap(first, second):
            yield f"widgets[{a}] and widgets[{b}] overlap"


def _in_metrics(where: str, metrics: list[list[Any]]) -> Iterator[str]:
    ids = [row[-1]["id"] for row in metrics if isinstance(row[-1], dict) and "id" in row[-1]]
    for repeated in {i for i in ids if ids.count(i) > 1}:
        yield f"{where}: the id {repeated} is there twice"
    for number, row in enumerate(metrics):
        names = [item for item in row if isinstance(item, str)]
        if len(names) % 2:
            yield f"{where}[{number}]: a dimension without a value"
        if any(isinstance(item, dict) for item in row[:-1]):
            yield f"{where}[{number}]: options before the end"
        if isinstance(row[-1], dict):
            # What is lower case in an expression is an id; functions are upper case.
            used = set(re.findall(r"\b[a-z][A-Za-z0-9_]*\b", row[-1].get("expression", "")))
            for unknown in sorted(used - set(ids)):
                yield f"{where}[{number}]: the expression names {unknown}, which there is not"


def _overlap(first: dict[str, Any], second: dict[str, Any]) -> bool:
    def apart(start: str, size: str) -> bool:
        return bool(
            first[start] + first.get(size, DEFAULT_SIZE) <= second[start]
            or second[start] + second.get(size, DEFAULT_SIZE) <= first[start]
        )

    return not apart("x", "width") and not apart("y", "height")
