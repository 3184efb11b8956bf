"""A run of another process, for the command line: environment, logs, the life of an order."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from functions import contract
from local import aws, state
from local.errors import LocalRunError

FOLLOW_SECONDS = 0.5
"""How often `follow` looks for further lines."""


class Line(NamedTuple):
    """One line of a log group: `at` in milliseconds since the epoch, the group by a short name."""

    at: int
    source: str
    text: str


FOREIGN = ("AWS_PROFILE", "AWS_SESSION_TOKEN")
"""Variables that would overrule those of `Run.environment`."""


class Run:
    """The latest run of a stack that is alive; raises `LocalRunError` without one."""

    def __init__(self, stack: str) -> None:
        found = state.read(stack)
        self._where = found["endpoint"], found["region"], found["credentials"]
        self._table = found["outputs"]["ordersTableName"]
        self._functions: dict[str, str] = found["outputs"]["functionNames"]

    def environment(self) -> dict[str, str]:
        """The variables with which boto3 and the AWS CLI talk to the run."""
        endpoint, region, credentials = self._where
        return {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_ACCESS_KEY_ID": credentials["aws_access_key_id"],
            "AWS_SECRET_ACCESS_KEY": credentials["aws_secret_access_key"],
        }

    def logs(self, function: str | None = None, words: tuple[str, ...] = ()) -> list[Line]:
        """The lines of one function, or of all and the API, that hold one of the words."""
        return sorted(
            (line for group in self._groups(function) for line in self._read(*group, words)),
            key=lambda line: line.at,
        )

    def follow(self, function: str | None = None, words: tuple[str, ...] = ()) -> Iterator[Line]:
        """Those lines, and each further one, until the run ends."""
        known: set[Line] = set()
        while True:
            for line in self.logs(function, words):
                if line not in known:
                    known.add(line)
                    yield line
            time.sleep(FOLLOW_SECONDS)

    def life(self, order_id: str) -> list[str]:
        """What happened to an order, a line each, from its item and every log that names it."""
        item = (
            self._client("dynamodb")
            .get_item(TableName=self._table, Key={"id": {"S": order_id}}, ConsistentRead=True)
            .get("Item")
        )
        if item is None:
            raise LocalRunError(f"there is no order {order_id}")
        text = {name: str(next(iter(value.values()))) for name, value in item.items()}
        created = text[contract.CREATED_AT_ATTRIBUTE]
        began = datetime.fromisoformat(created).timestamp() * 1000
        correlation = text.get("correlationId", "")
        words = tuple(filter(None, (order_id, correlation)))
        lines = [f"order {order_id}  {text['status']}", f"created {created}, request {correlation}"]
        for line in self.logs(words=words):
            lines.append(f"{line.at - began:+10.0f} ms  {line.source:<20} {_told(line.text)}")
        return lines

    def _client(self, service: str) -> Any:
        return aws.client(service, *self._where)

    def _groups(self, function: str | None) -> list[tuple[str, str]]:
        """Log groups with what they are called here."""
        if function is not None and function not in self._functions:
            known = ", ".join(sorted(self._functions))
            raise LocalRunError(f"there is no function {function}; there are {known}")
        lambdas, found = self._client("lambda"), {}
        for name, physical in self._functions.items():
            configuration = lambdas.get_function_configuration(FunctionName=physical)
            found[configuration["LoggingConfig"]["LogGroup"]] = name
        if function is not None:
            return [(group, name) for group, name in found.items() if name == function]
        pages = self._client("logs").get_paginator("describe_log_groups").paginate()
        names = [group["logGroupName"] for page in pages for group in page["logGroups"]]
        return [(name, found.get(name, "api")) for name in names]

    def _read(self, group: str, source: str, words: tuple[str, ...]) -> list[Line]:
        pages = self._client("logs").get_paginator("filter_log_events")
        return [
            Line(event["timestamp"], source, event["message"].strip().replace("\t", "  "))
            for page in pages.paginate(logGroupName=group)
            for event in page["events"]
            if not words or any(word in event["message"] for word in words)
        ]


def clock(at: int) -> str:
    """12:34:56.789 of a time in milliseconds, in UTC as the lines themselves are."""
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%H:%M:%S.%f")[:-3]


_TOLD_ALREADY = {"level", "message", "timestamp", "service", "correlation_id", "xray_trace_id"}


def _told(text: str) -> str:
    """A structured line as words; any other as it is."""
    try:
        said = json.loads(text)
    except ValueError:
        return text
    if not isinstance(said, dict):
        return text
    if "_aws" in said:
        names = [each["Name"] for each in said["_aws"]["CloudWatchMetrics"][0]["Metrics"]]
        return "metrics " + ", ".join(f"{name} {_plain(said.get(name))}" for name in names)
    rest = [f"{name}={_plain(value)}" for name, value in said.items() if name not in _TOLD_ALREADY]
    return " ".join(filter(None, [str(said.get("message", "")), *rest]))


def _plain(value: Any) -> str:
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return re.sub(r"\s+", " ", str(value))
