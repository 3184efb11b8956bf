"""The orders themselves, as the functions count them (functions/contract.py)."""

from collections.abc import Callable
from typing import Any, NotRequired, TypedDict

from .._contract import contract
from ..thresholds import AlarmThresholds
from .alarm import LESS, Alarm, at_once
from .dashboard import Graph, Row
from .metric import Expression, Metric


class MonitoredOrders(TypedDict):
    """The order metrics that the functions of OrderSystem emit."""

    service: str
    """Value of the metrics' dimension `service`."""
    republish_rate_minutes: int
    """How often the repair of pending orders runs."""
    synthetic_rate_minutes: NotRequired[int]
    """How often a synthetic order is placed; none by default."""
    table_metrics_hours: NotRequired[int]
    """How often the table is measured; without it, it never is."""
    imports: NotRequired[bool]
    """Whether files are imported."""
    limits: NotRequired[bool]
    """Whether callers have limits."""


def rows(orders: MonitoredOrders, limits: AlarmThresholds) -> list[Row]:
    """How many are accepted, confirmed and failed, how long it takes, and the repair."""

    def metric(name: str, statistic: str = "Sum") -> Metric:
        dimensions = {contract.SERVICE_DIMENSION: orders["service"]}
        return Metric(contract.METRIC_NAMESPACE, name, dimensions, statistic)

    created, refused = metric(contract.ORDERS_CREATED), metric(contract.ORDERS_CREATE_FAILED)
    success = Expression(
        "IF(FILL($created, 0) + FILL($failed, 0) > 0,"
        " 100 * FILL($created, 0) / (FILL($created, 0) + FILL($failed, 0)), 100)",
        {"created": created, "failed": refused},
    )
    failed, rejected = metric(contract.ORDERS_FAILED), metric(contract.MESSAGES_REJECTED)
    processing = metric(contract.ORDER_PROCESSING_TIME, "Average")
    lag = metric(contract.QUEUE_LAG, "Average")
    oldest = metric(contract.OLDEST_PENDING_AGE, "Maximum")
    return [
        [
            Graph(
                "Order creation success rate (%)",
                {"success rate": success},
                [
                    Alarm(
                        "creation-success",
                        f"Fewer than {limits['creation_success_percent']} % of the valid orders "
                        "are accepted; the rest are answered with 5xx. Read the log of the "
                        "function that creates orders for `level: ERROR`, and the alarms on "
                        "DynamoDB and SQS.",
                        success,
                        limits["creation_success_percent"],
                        LESS,
                    )
                ],
            ),
            Graph(
                "Orders",
                {
                    "created": created,
                    "refused (4xx)": metric(contract.ORDERS_REJECTED),
                    "refused (5xx)": refused,
                    "confirmed": metric(contract.ORDERS_CONFIRMED),
                },
            ),
            Graph(
                "Orders and messages failed",
                {"orders failed": failed, "messages rejected": rejected},
                [
                    at_once(
                        "orders-failed",
                        "An order is FAILED after the last permitted receive of its event. Its "
                        "message follows into the dead-letter queue: read the processor's log for "
                        "the reason, mend it and redrive the message, which confirms the order.",
                        failed,
                    ),
                    at_once(
                        "messages-rejected",
                        "A message in the queue is unreadable, of another type or for no order. "
                        "The processor's log says which and why; find who sent it. It will be in "
                        "the dead-letter queue.",
                        rejected,
                    ),
                ],
            ),
        ],
        [
            Graph(
                "Order processing time (ms)",
                {
                    "average": processing,
                    "p99": metric(contract.ORDER_PROCESSING_TIME, "p99"),
                },
                [
                    Alarm(
                        "processing-time",
                        "On average orders take more than "
                        f"{limits['processing_time_milliseconds']} ms from creation to CONFIRMED. "
                        "Compare with the queue lag: if that is low, orders were late in coming "
                        "to the queue (see the repair's log).",
                        processing,
                        limits["processing_time_milliseconds"],
                    )
                ],
            ),
            Graph(
                "Queue lag (ms)",
                {"average": lag, "p99": metric(contract.QUEUE_LAG, "p99")},
                [
                    Alarm(
                        "queue-lag",
                        f"On average events wait more than {limits['queue_lag_milliseconds']} ms "
                        "in the queue. See whether the processor is throttled or slow.",
                        lag,
                        limits["queue_lag_milliseconds"],
                    )
                ],
            ),
            Graph(
                "Events sent again by the repair", {"events": metric(contract.ORDERS_REPUBLISHED)}
            ),
            Graph(
                "Oldest pending order (s)",
                {"age": oldest},
                [
                    Alarm(
                        "oldest-pending",
                        f"An order is PENDING for more than {limits['oldest_pending_seconds']} s "
                        "although its event is sent again; or, with INSUFFICIENT_DATA, the repair "
                        "has stopped running. Read the logs of the repair and of the processor; "
                        "look into the dead-letter queue.",
                        oldest,
                        limits["oldest_pending_seconds"],
                        period=60 * int(orders["republish_rate_minutes"]),
                        evaluations=3,
                        # Every run of the repair reports an age, 0 when all is well. Silence is
                        # a fault after the first run, and no news before it.
                        missing="missing",
                    )
                ],
            ),
        ],
        *([_table(orders, metric)] if orders.get("table_metrics_hours") else []),
        *([_synthetic(orders, metric)] if "synthetic_rate_minutes" in orders else []),
        *([_imports(metric, limits)] if orders.get("imports") else []),
        *([_callers(metric)] if orders.get("limits") else []),
    ]


def _callers(metric: Callable[[str], Metric]) -> Row:
    """How often callers meet their limits, and how often nobody knows whether they did."""
    uncounted = metric(contract.REQUESTS_NOT_COUNTED)
    return [
        Graph("Requests over their caller's limit", {"429": metric(contract.REQUESTS_OVER_LIMIT)}),
        Graph(
            "Requests not counted for their caller",
            {"requests": uncounted},
            [
                Alarm(
                    "requests-not-counted",
                    "Requests pass without being counted, so callers have no limits: the table of "
                    "limits does not answer, or not in time. The API functions' logs say why, at "
                    "`request not counted`: a missing grant, throttling, time-outs.",
                    uncounted,
                    0,
                )
            ],
        ),
    ]


def _imports(metric: Callable[[str], Metric], limits: AlarmThresholds) -> Row:
    """How many lines of files become orders."""
    imported, rejected = metric(contract.LINES_IMPORTED), metric(contract.LINES_REJECTED)
    share = Expression(
        "IF($imported + $rejected > 0, 100 * $rejected / ($imported + $rejected), 0)",
        {"imported": imported, "rejected": rejected},
    )
    return [
        Graph("Lines of imported files", {"imported": imported, "rejected": rejected}),
        Graph(
            "Lines of imported files rejected (%)",
            {"rejected": share},
            [
                Alarm(
                    "import-rejected",
                    f"More than {limits['import_rejected_percent']} % of the lines of imported "
                    "files cannot be orders. The report of a file, under `results/` in the "
                    "bucket of imports, says what is wrong with which line; mend those and "
                    "import them in a file of their own.",
                    share,
                    limits["import_rejected_percent"],
                    evaluations=1,
                    datapoints=1,
                )
            ],
        ),
    ]


def _table(orders: MonitoredOrders, metric: Callable[..., Metric]) -> Row:
    """How many orders there are, and how large their table is.

    A dashboard shows three hours unless a graph says otherwise, in which there may be no point.
    """
    shown: dict[str, Any] = {"period": 3600 * int(orders["table_metrics_hours"]), "start": "-P14D"}
    count, size = (
        metric(name, "Maximum") for name in (contract.ORDERS_STORED, contract.ORDERS_TABLE_SIZE)
    )
    return [
        Graph("Orders in the table", {"orders": count}, **shown),
        Graph("Size of the table (bytes)", {"size": size}, **shown),
    ]


def _synthetic(orders: MonitoredOrders, metric: Callable[[str], Metric]) -> Row:
    confirmed = metric(contract.SYNTHETIC_ORDERS_CONFIRMED)
    alarm = Alarm(
        "synthetic-orders",
        "No synthetic order was CONFIRMED in the last two runs, or there were none: orders may not "
        "come through although nothing else rings. Read the log of the function that places them "
        "for the reason. When it has just been switched on, it rings until its first run.",
        confirmed,
        1,
        LESS,
        period=60 * int(orders["synthetic_rate_minutes"]),
        # A run that is late leaves one period without any.
        evaluations=2,
        datapoints=2,
        missing="breaching",
    )
    failed = metric(contract.SYNTHETIC_ORDERS_FAILED)
    return [Graph("Synthetic orders", {"confirmed": confirmed, "failed": failed}, [alarm])]
