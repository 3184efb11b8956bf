"""The whole order system: table, queue, four functions, API, alarms and dashboard."""

from typing import Optional

import pulumi

from ._contract import contract
from .bundle import OPERATIONS, bundle
from .component import Component
from .event_sources import EventSources, QueueEventSource
from .function import FunctionSettings, PythonFunction, PythonFunctionArgs
from .http_api import HttpApi, HttpApiArgs, HttpApiRoute, Throttle
from .iam import Statement
from .inputs import checked, part
from .kept_secret import kept_secret
from .observability import Observability, ObservabilityArgs
from .observability.function import MonitoredFunction
from .order_inputs import OrderSystemArgs, processor_timeout
from .queues import Queue, QueueArgs
from .table import Table, TableArgs

TABLE_NAME = "Orders"
QUEUE_NAME = "order-events"

Environment = dict[str, pulumi.Input[str]]


class OrderSystem(Component):
    """Takes orders over HTTP, stores them, and confirms each through a queue."""

    api_url: pulumi.Output[str]
    """Where the API answers, without a slash at the end."""
    api_id: pulumi.Output[str]
    """Id of the API."""
    table_name: pulumi.Output[str]
    """Name of the table of orders."""
    table_arn: pulumi.Output[str]
    """ARN of the table of orders."""
    queue_url: pulumi.Output[str]
    """URL of the queue of order events."""
    queue_arn: pulumi.Output[str]
    """ARN of the queue of order events."""
    dlq_url: pulumi.Output[str]
    """URL of its dead-letter queue."""
    dlq_arn: pulumi.Output[str]
    """ARN of its dead-letter queue."""
    create_order_function_name: pulumi.Output[str]
    """Name of the function that creates orders."""
    get_order_function_name: pulumi.Output[str]
    """Name of the function that shows an order."""
    process_order_function_name: pulumi.Output[str]
    """Name of the function that confirms orders."""
    republish_pending_function_name: pulumi.Output[str]
    """Name of the function that repairs pending orders."""
    dashboard_url: pulumi.Output[str]
    """Where the dashboard is in the console."""
    alarm_topic_arn: Optional[pulumi.Output[str]]
    """ARN of the alarm topic; only with one."""

    def __init__(
        self, name: str, args: OrderSystemArgs, opts: Optional[pulumi.ResourceOptions] = None
    ) -> None:
        named: OrderSystemArgs = {"service": name}
        args = checked(OrderSystemArgs, named | args, f"OrderSystem {name}")
        super().__init__("serverless-orders:index:OrderSystem", name, {}, opts)
        self._prefix = name
        self._args = args
        self._service = args["service"]
        self._code = args.get("code") or bundle(
            args["runtime"], require_bytecode=args["require_bytecode"]
        )
        self._child = pulumi.ResourceOptions(parent=self)

        self._table = self._make_table()
        self._queue = self._make_queue()
        self._functions = self._make_functions()
        api = self._make_api()
        observability = self._make_observability(api)

        self.api_url, self.api_id = api.url, api.api_id
        self.table_name, self.table_arn = self._table.name, self._table.arn
        self.queue_url, self.queue_arn = self._queue.url, self._queue.arn
        self.dlq_url, self.dlq_arn = self._queue.dlq_url, self._queue.dlq_arn
        self.create_order_function_name = self._functions["create_order"].name
        self.get_order_function_name = self._functions["get_order"].name
        self.process_order_function_name = self._functions["process_order"].name
        self.republish_pending_function_name = self._functions["republish_pending"].name
        self.dashboard_url = observability.dashboard_url
        self.alarm_topic_arn = observability.topic_arn
        self.register()

    def _make_table(self) -> Table:
        args: TableArgs = {
            **part(TableArgs, self._args, self._args["table"]),
            "table_name": TABLE_NAME + self._args["name_suffix"],
            "partition_key": "id",
            "indexes": [
                {
                    "name": contract.PENDING_INDEX,
                    "partition_key": contract.PENDING_SHARD_ATTRIBUTE,
                    "partition_key_type": "N",
                    "sort_key": contract.CREATED_AT_ATTRIBUTE,
                }
            ],
        }
        return Table(self._prefix, args, self._child)

    def _make_queue(self) -> Queue:
        args: QueueArgs = {
            **part(QueueArgs, self._args, self._args["queue"]),
            "queue_name": QUEUE_NAME + self._args["name_suffix"],
        }
        # SQS hands out a queue of the same name and attributes instead of refusing to create it,
        # DynamoDB refuses. After the table, no queue of another stack is taken for ours.
        after = pulumi.ResourceOptions(parent=self, depends_on=[self._table])
        return Queue(f"{self._prefix}-events", args, after)

    def _make_functions(self) -> dict[str, PythonFunction]:
        """Each function's grants are all that it calls, on what it calls it on."""
        table, queue = self._table, self._queue
        table_name: Environment = {contract.TABLE_NAME_VARIABLE: table.name}
        queue_url: Environment = {contract.QUEUE_URL_VARIABLE: queue.url}
        send = _grant("sqs:SendMessage", queue.arn)
        republish = self._args["republish"]
        rate = republish["rate_minutes"]
        return {
            "create_order": self._function(
                "create_order",
                {
                    **table_name,
                    **queue_url,
                    contract.ORDER_ID_KEY_VARIABLE: kept_secret(
                        f"{self._prefix}-order-id-key", self._child
                    ),
                },
                [_grant("dynamodb:PutItem", table.arn), send],
            ),
            "get_order": self._function(
                "get_order", table_name, [_grant("dynamodb:GetItem", table.arn)]
            ),
            "process_order": self._function(
                "process_order",
                {
                    **table_name,
                    contract.MAX_RECEIVE_COUNT_VARIABLE: str(
                        self._args["queue"]["max_receive_count"]
                    ),
                },
                [_grant("dynamodb:UpdateItem", table.arn)],
                {"queue": self._events()},
                processor_timeout(self._args),
            ),
            "republish_pending": self._function(
                "republish_pending",
                {
                    **table_name,
                    **queue_url,
                    contract.PENDING_THRESHOLD_VARIABLE: str(
                        republish["pending_threshold_seconds"]
                    ),
                    contract.REPUBLISH_LIMIT_VARIABLE: str(republish["limit"]),
                },
                [
                    _grant(
                        "dynamodb:Query",
                        pulumi.Output.concat(table.arn, "/index/", contract.PENDING_INDEX),
                    ),
                    send,
                ],
                {"schedule": {"expression": f"rate({rate} minute{'' if rate == 1 else 's'})"}},
            ),
        }

    def _events(self) -> QueueEventSource:
        return {
            **part(QueueEventSource, self._args["processor"]),
            "arn": self._queue.arn,
        }

    def _function(
        self,
        function: str,
        environment: Environment,
        statements: list[Statement],
        sources: EventSources | None = None,
        timeout_seconds: int | None = None,
    ) -> PythonFunction:
        args: PythonFunctionArgs = {
            **part(PythonFunctionArgs, part(FunctionSettings, self._args)),
            "code": self._code,
            "handler": f"functions.{function}.handler",
            "environment": {**environment, contract.SERVICE_NAME_VARIABLE: self._service},
            "statements": statements,
        }
        if sources:
            args["sources"] = sources
        if timeout_seconds:
            args["timeout_seconds"] = timeout_seconds
        reserved = self._args.get("reserved_concurrency") or {}
        if function in reserved:
            args["reserved_concurrency"] = reserved[function]
        return PythonFunction(f"{self._prefix}-{function.replace('_', '-')}", args, self._child)

    def _make_api(self) -> HttpApi:
        routes = []
        for operation, (method, path) in contract.ROUTES.items():
            function = self._functions[operation]
            route: HttpApiRoute = {
                "route_key": f"{method} {path}",
                "function_name": function.name,
                "alias_name": function.alias_name,
                "invoke_arn": function.invoke_arn,
            }
            if operation == "create_order":
                route["throttle_rate"] = self._args["throttle"]["create_rate"]
                route["throttle_burst"] = self._args["throttle"]["create_burst"]
            routes.append(route)
        args: HttpApiArgs = {
            "routes": routes,
            "cors": self._args["cors"],
            "throttle": part(Throttle, self._args["throttle"]),
            "log_retention_days": self._args["log_retention_days"],
        }
        return HttpApi(f"{self._prefix}-api", args, self._child)

    def _make_observability(self, api: HttpApi) -> Observability:
        args: ObservabilityArgs = {
            "dashboard_name": self._service,
            "functions": [
                self._monitored(label, function) for label, function in self._functions.items()
            ],
            "apis": [
                {
                    "label": "api",
                    "api_id": api.api_id,
                    "stage_name": api.stage_name,
                    "log_group_name": api.log_group_name,
                }
            ],
            "tables": [
                {
                    "label": "orders-table",
                    "name": self._table.name,
                    "operations": list(OPERATIONS["dynamodb"]),
                    "indexes": [contract.PENDING_INDEX],
                }
            ],
            "queues": [
                {
                    "label": "order-events",
                    "name": self._queue.name,
                    "dlq_name": self._queue.dlq_name,
                }
            ],
            "orders": {
                "service": self._service,
                "republish_rate_minutes": self._args["republish"]["rate_minutes"],
            },
            "alarms": self._args["alarms"],
        }
        return Observability(f"{self._prefix}-observability", args, self._child)

    def _monitored(self, label: str, function: PythonFunction) -> MonitoredFunction:
        monitored: MonitoredFunction = {
            "label": label.replace("_", "-"),
            "name": function.name,
            "timeout_seconds": (
                processor_timeout(self._args)
                if label == "process_order"
                else self._args["timeout_seconds"]
            ),
            "service": self._service,
        }
        if function.failure_queue_name is not None:
            monitored["failure_queue_name"] = function.failure_queue_name
        return monitored


def _grant(action: str, resource: pulumi.Input[str]) -> Statement:
    return {"actions": [action], "resources": [resource]}
