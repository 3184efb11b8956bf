"""Where functions log on the emulator, and what lies there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def group_of(lambdas: Any, function: str) -> str:
    """The log group of a function, by its name; `lambdas` is a client of Lambda."""
    logging = lambdas.get_function_configuration(FunctionName=function)["LoggingConfig"]
    return str(logging.get("LogGroup", f"/aws/lambda/{function}"))


def events(logs: Any, group: str, pattern: str = "") -> Iterator[dict[str, Any]]:
    """The events of a log group that match a filter pattern, oldest first."""
    pages = logs.get_paginator("filter_log_events")
    for page in pages.paginate(logGroupName=group, filterPattern=pattern):
        yield from page["events"]
