"""Structured logs and EMF metrics of an invocation.

A log line's keys are given with the line and kept nowhere, so none can leak into the next
message or invocation. Keys hold ids, counts, codes: never names, items or whole events.
"""

import json
import logging
import os
import traceback
from typing import Any

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import Metrics as EmfMetrics
from aws_lambda_powertools.shared.constants import SERVICE_NAME_ENV

from . import environment

# What the standard library would find out for each line and no line shows: the calling code,
# the thread, the process. https://docs.python.org/3/howto/logging.html#optimization
logging._srcfile = None
logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False

logger = Logger(
    service=environment.text(SERVICE_NAME_ENV),
    location=None,
    json_deserializer=str,  # our messages are text, not JSON to be parsed
    json_serializer=json.JSONEncoder(separators=(",", ":"), default=str).encode,
    use_rfc3339=True,
    utc=True,
)

# An environment of provisioned concurrency is started ahead: its first invocation is warm.
_cold = os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") != "provisioned-concurrency"


class Metrics:
    """The metrics of one CloudWatch namespace, each with its unit as CloudWatch spells it.

    `by_version` counts what a version fails at without an error that Lambda counts: `metric`, its
    dimensions `function` and `version`, and the `variable` that says whether it is counted.
    """

    def __init__(self, namespace: str, units: dict[str, str], by_version: dict[str, str]) -> None:
        self._emf = EmfMetrics(namespace=namespace, service=logger.service)
        self._namespace, self._units, self._by_version = namespace, units, by_version

    def count(self, name: str, value: float = 1) -> None:
        """Add a value to a metric of the invocation, in the metric's unit."""
        self._emf.add_metric(name, self._units[name], value)

    def failed(self, context: Any, times: int = 1) -> None:
        """Count what the invocation failed at, by the version that did, where that is asked for."""
        if times and os.environ.get(self._by_version["variable"]):
            from aws_lambda_powertools import single_metric  # nobody waits for it but a failure
            from aws_lambda_powertools.metrics import MetricUnit

            names = self._by_version
            with single_metric(
                name=names["metric"], unit=MetricUnit.Count, value=times, namespace=self._namespace
            ) as metric:
                metric.add_dimension(names["function"], context.function_name)
                metric.add_dimension(
                    names["version"], os.environ.get("AWS_LAMBDA_FUNCTION_VERSION", "")
                )

    def flush(self, context: Any) -> None:
        """Write the invocation's metrics, the cold start's with the first invocation's."""
        global _cold
        if _cold:
            _cold = False
            self._emf.provider.add_cold_start_metric(context)
        if self._emf.provider.metric_set:
            self._emf.flush_metrics()


def surprise(error: BaseException) -> dict[str, Any]:
    """Fields to log for an unexpected exception: its type and place, not its message, which
    may hold what a customer sent."""
    frames = traceback.extract_tb(error.__traceback__)[-5:]
    return {
        "error": type(error).__name__,
        "raised_at": [f"{frame.name} ({frame.filename}:{frame.lineno})" for frame in frames],
    }
