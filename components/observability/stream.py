"""Streams, as Lambda reads them.

https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
"""

from typing import TypedDict

import pulumi

from ..thresholds import AlarmThresholds
from . import function
from .alarm import Alarm, at_once
from .dashboard import Graph, Row
from .metric import Metric


class MonitoredStream(TypedDict):
    """A stream that a function reads, to watch."""

    label: str
    """What alarms and widgets call it."""
    function_name: pulumi.Input[str]
    """Name of the function that reads it."""
    mapping_id: pulumi.Input[str]
    """Id of the event source mapping, which has to count its events (metricsConfig)."""


def rows(stream: MonitoredStream, limits: AlarmThresholds) -> list[Row]:
    """How far behind the reader is, and what it has given up."""
    label, limit = stream["label"], limits["stream_age_seconds"]

    def metric(name: str) -> Metric:
        dimensions = {"EventSourceMappingUUID": stream["mapping_id"]}
        return Metric("AWS/Lambda", name, dimensions, "Sum")

    age = function.metric("IteratorAge", "Maximum", stream["function_name"])
    kept, dropped = metric("OnFailureDestinationDeliveredEventCount"), metric("DroppedEventCount")
    return [
        [
            Graph(
                f"{label}: age of the last record read (ms)",
                {"age": age},
                [
                    Alarm(
                        f"{label}-iterator-age",
                        f"What {label} reads is more than {limit} s old; DynamoDB deletes it after "
                        "24 hours. Read the log of the function for what it waits for or fails at.",
                        age,
                        limit * 1000,
                    )
                ],
            ),
            Graph(
                f"{label}: records given up",
                {"kept": kept, "dropped": dropped},
                [
                    at_once(
                        f"{label}-given-up",
                        f"Records that {label} could not do were given up and kept in its failure "
                        "destination. Read its log for the reason; when that is mended, give the "
                        "function again what lies there, as `python -m operations events failed` "
                        "in the repository of serverless-orders does.",
                        kept,
                    ),
                    at_once(
                        f"{label}-dropped",
                        f"Records that {label} could not do were dropped and are kept nowhere. "
                        "See whether the failure destination is there and the function's role may "
                        "write to it.",
                        dropped,
                    ),
                ],
            ),
        ]
    ]
