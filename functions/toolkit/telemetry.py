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
from aws_lambda_powertools.metrics import Metrics, MetricUnit

from .. import contract
from . import environment

# What the standard library would find out for each line and no line shows: the calling code,
# the thread, the process. https://docs.python.org/3/howto/logging.html#optimization
logging._srcfile = None
logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False

logger = Logger(
    service=environment.text(contract.SERVICE_NAME_VARIABLE),
    location=None,
    json_deserializer=str,  # our messages are text, not JSON to be parsed
    json_serializer=json.JSONEncoder(separators=(",", ":"), default=str).encode,
    use_rfc3339=True,
    utc=True,
)
_metrics = Metrics(namespace=contract.METRIC_NAMESPACE, service=logger.service)

_UNITS = {
    contract.ORDER_PROCESSING_TIME: MetricUnit.Milliseconds,
    contract.QUEUE_LAG: MetricUnit.Milliseconds,
    contract.OLDEST_PENDING_AGE: MetricUnit.Seconds,
}

# An environment of provisioned concurrency is started ahead: its first invocation is warm.
_cold = os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") != "provisioned-concurrency"


def count(name: str, value: float = 1) -> None:
    """Add a value to one of contract's metrics, in the unit noted there."""
    _metrics.add_metric(name, _UNITS.get(name, MetricUnit.Count), value)


def flush(context: Any) -> None:
    """Write the invocation's metrics, the cold start's with the first invocation's."""
    global _cold
    if _cold:
        _cold = False
        _metrics.provider.add_cold_start_metric(context)
    if _metrics.provider.metric_set:
        _metrics.flush_metrics()


def surprise(error: BaseException) -> dict[str, Any]:
    """Fields to log for an unexpected exception: its type and place, not its message, which
    may hold what a customer sent."""
    frames = traceback.extract_tb(error.__traceback__)[-5:]
    return {
        "error": type(error).__name__,
        "raised_at": [f"{frame.name} ({frame.filename}:{frame.lineno})" for frame in frames],
    }
