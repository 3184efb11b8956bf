"""What the alarms and dashboards of an order system are about."""

from collections.abc import Mapping, Sequence

from ._contract import contract
from .event_consumer import EventConsumer
from .function import PythonFunction
from .http_api import HttpApi
from .observability import ObservabilityArgs
from .observability.api import MonitoredVersion
from .observability.orders import MonitoredOrders
from .observability.table import MonitoredTable
from .order_functions import OrderFunction, history_operations, quotas, table_operations
from .order_shared import Shared, indexes, other_regions
from .order_system_args import OrderSystemArgs
from .queues import Queue


def monitored(
    args: OrderSystemArgs,
    declared: Sequence[OrderFunction],
    *,
    api: HttpApi,
    queue: Queue,
    functions: Mapping[str, PythonFunction],
    consumers: Mapping[str, EventConsumer],
    shared: Shared,
) -> ObservabilityArgs:
    """The inputs of Observability; functions by name, consumers by label."""
    service = args["service"]
    return {
        "dashboard_name": service,
        "functions": [functions[each.name].monitored(each.label, service) for each in declared],
        "apis": [
            {
                "label": "api",
                "api_id": api.api_id,
                "stage_name": api.stage_name,
                "log_group_name": api.log_group_name,
                "versions": _versions(args["api_versions"]),
            }
        ],
        "tables": [_orders_table(args, declared, shared), *_history(declared, shared)],
        "queues": [
            {"label": "order-events", "name": queue.name, "dlq_name": queue.dlq_name},
            *(each.monitored_queue(f"{label}-events") for label, each in consumers.items()),
        ],
        "streams": [
            {
                "label": name.replace("_", "-"),
                "function_name": function.name,
                "mapping_id": function.stream_mapping_id,
            }
            for name, function in functions.items()
            if function.stream_mapping_id is not None
        ],
        "rules": [each.monitored_rule(label) for label, each in consumers.items()],
        "orders": _orders(args),
        "alarms": args["alarms"],
    }


def _orders(args: OrderSystemArgs) -> MonitoredOrders:
    orders: MonitoredOrders = {
        "service": args["service"],
        "imports": args["imports"],
        "limits": bool(quotas(args)),
        "republish_rate_minutes": args["republish"]["rate_minutes"],
    }
    if args["table_metrics"]["rate_hours"]:
        orders["table_metrics_hours"] = args["table_metrics"]["rate_hours"]
    if "synthetic" in args:
        orders["synthetic_rate_minutes"] = args["synthetic"]["rate_minutes"]
    return orders


def _orders_table(
    args: OrderSystemArgs, declared: Sequence[OrderFunction], shared: Shared
) -> MonitoredTable:
    # With strong consistency no region may be behind.
    strong = "regions" in args and args["regions"]["strong_consistency"]
    return {
        "label": "orders-table",
        "name": shared.table.name,
        "operations": table_operations(declared),
        "indexes": [index["name"] for index in indexes(args)],
        "measured": bool(args["table_metrics"]["rate_hours"]),
        "replicas": [] if strong else other_regions(args),
    }


def _history(declared: Sequence[OrderFunction], shared: Shared) -> list[MonitoredTable]:
    if shared.history is None:
        return []
    operations = history_operations(declared)
    return [{"label": "history", "name": shared.history.name, "operations": operations}]


def _versions(served: Sequence[str]) -> dict[str, MonitoredVersion]:
    """How to count who still calls what; nothing where there is one version alone."""
    prefixes = {"": contract.ORDERS_PATH, **{each: f"/{each}/" for each in served}}
    return {
        prefix.rstrip("/"): {
            "metric": contract.REQUESTS_OF_VERSIONS[version],
            "routes": f"* {prefix}*",
        }
        for version, prefix in prefixes.items()
        if served
    }
