"""A run of another process, for the command line: its environment and its logs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from local import aws, logs, state
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

    def _client(self, service: str) -> Any:
        return aws.client(service, *self._where)

    def _groups(self, function: str | None) -> list[tuple[str, str]]:
        """Log groups with what they are called here."""
        if function is not None and function not in self._functions:
            known = ", ".join(sorted(self._functions))
            raise LocalRunError(f"there is no function {function}; there are {known}")
        lambdas, found = self._client("lambda"), {}
        for name, physical in self._functions.items():
            found[logs.group_of(lambdas, physical)] = name
        if function is not None:
            return [(group, name) for group, name in found.items() if name == function]
        pages = self._client("logs").get_paginator("describe_log_groups").paginate()
        names = [group["logGroupName"] for page in pages for group in page["logGroups"]]
        return [(name, found.get(name, "api")) for name in names]

    def _read(self, group: str, source: str, words: tuple[str, ...]) -> list[Line]:
        return [
            Line(event["timestamp"], source, event["message"].strip().replace("\t", "  "))
            for event in logs.events(self._client("logs"), group)
            if not words or any(word in event["message"] for word in words)
        ]


def clock(at: int) -> str:
    """12:34:56.789 of a time in milliseconds, in UTC as the lines themselves are."""
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%H:%M:%S.%f")[:-3]
