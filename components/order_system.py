"""The whole order system: table, queue, four functions, API, alarms and dashboard."""

from typing import Any, NotRequired, Optional, TypedDict

import pulumi

from . import defaults
from ._contract import contract
from ._values import whole
from .bundle import OPERATIONS, bundle
from .event_sources import EventSources, QueueEventSource
from .function import PythonFunction, PythonFunctionArgs, VpcPlacement
from .http_api import HttpApi, HttpApiArgs, HttpApiRoute
from .iam import Statement
from .kept_secret import kept_secret
from .observability import Observability, ObservabilityArgs
from .observability.function import MonitoredFunction
from .queues import Queue, QueueArgs
from .table import Table, TableArgs
from .thresholds import AlarmThresholds

Environment = dict[str, pulumi.Input[str]]

FUNCTIONS = ("create_order", "get_order", "process_order", "republish_pending")


class OrderSystemArgs(TypedDict):
    """Inputs of OrderSystem; what is absent has the system's defaults."""

    service: NotRequired[str]
    """Name of the system in logs and metrics and of its dashboard; by default the component's."""
    name_suffix: NotRequired[str]
    """Appended to the names of table and queue, so that an account can hold several systems."""
    code: NotRequired[pulumi.Archive]
    """The functions' deployment package; built from the functions of this package by default."""
    runtime: NotRequired[str]
    """Lambda runtime of the functions; python3.13 by default."""
    require_bytecode: NotRequired[bool]
    """Whether to refuse to deploy functions not compiled for their runtime; false by default."""
    architecture: NotRequired[str]
    """x86_64 (the default) or arm64."""
    memory_size: NotRequired[int]
    """Memory of each function in MB; 1024 by default."""
    timeout_seconds: NotRequired[int]
    """Longest run of a function; 30 by default."""
    log_retention_days: NotRequired[int]
    """How long logs are kept; 14 by default."""
    reserved_concurrency: NotRequired[dict[str, int]]
    """Reserved concurrency by function, as `{"process_order": 50}`; none by default."""
    vpc: NotRequired[VpcPlacement]
    """Placement of the functions in a VPC; outside of any by default."""
    cors_origins: NotRequired[list[str]]
    """Origins of web pages that may call the API; `*` (every one) by default."""
    cors_headers: NotRequired[list[str]]
    """Request headers that such pages may send; `*` by default."""
    cors_methods: NotRequired[list[str]]
    """Methods that such pages may use; GET and POST by default."""
    throttle_rate: NotRequired[int]
    """Requests per second, over all callers; 500 by default."""
    throttle_burst: NotRequired[int]
    """Requests in a burst; 1000 by default."""
    create_throttle_rate: NotRequired[int]
    """Orders created per second, over all callers; 250 by default."""
    create_throttle_burst: NotRequired[int]
    """Orders created in a burst; 500 by default."""
    visibility_timeout_seconds: NotRequired[int]
    """How long a received event stays hidden; 30 by default."""
    message_retention_days: NotRequired[int]
    """How long events are kept, 1 to 14; 14 by default, as always for dead letters."""
    max_receive_count: NotRequired[int]
    """Receives after which an event goes to the dead-letter queue; 3 by default."""
    batch_size: NotRequired[int]
    """Most events in one invocation of the processor; 10 by default."""
    batch_window_seconds: NotRequired[int]
    """How long a batch may be collected; 0 by default."""
    processor_maximum_concurrency: NotRequired[int]
    """Most concurrent invocations of the processor, 2 to 1000; unlimited by default."""
    republish_rate_minutes: NotRequired[int]
    """How often the repair of pending orders runs; 1 by default."""
    pending_threshold_seconds: NotRequired[int]
    """From when on a pending order's event is sent again; 120 by default."""
    republish_limit: NotRequired[int]
    """Most events sent again in one run of the repair; 1000 by default."""
    point_in_time_recovery: NotRequired[bool]
    """Whether the table can be restored to any second of the last 35 days; false by default."""
    deletion_protection: NotRequired[bool]
    """Whether DynamoDB refuses to delete the table; false by default."""
    protect: NotRequired[bool]
    """Whether Pulumi refuses to delete table and queues; by default as the option of the system."""
    alarm_topic: NotRequired[bool]
    """Whether to make an encrypted topic that every alarm is sent to; true by default."""
    alarm_emails: NotRequired[list[str]]
    """Addresses to subscribe to the topic; each has to confirm."""
    alarm_thresholds: NotRequired[AlarmThresholds]
    """From when on the alarms ring, where it is not the default."""


class OrderSystem(pulumi.ComponentResource):
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
        super().__init__("serverless-orders:index:OrderSystem", name, {}, opts)
        self._prefix = name
        self._args = args
        self._service = args.get("service", name)
        self._code = args.get("code") or bundle(
            args.get("runtime", defaults.RUNTIME),
            require_bytecode=args.get("require_bytecode", False),
        )
        self._child = pulumi.ResourceOptions(parent=self)
        unknown = set(args.get("reserved_concurrency") or {}) - set(FUNCTIONS)
        if unknown:
            raise ValueError(
                f"reserved_concurrency: no function {', '.join(sorted(unknown))}; "
                f"there are {', '.join(FUNCTIONS)}"
            )

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
        self.register_outputs(
            {
                "apiUrl": self.api_url,
                "apiId": self.api_id,
                "tableName": self.table_name,
                "tableArn": self.table_arn,
                "queueUrl": self.queue_url,
                "queueArn": self.queue_arn,
                "dlqUrl": self.dlq_url,
                "dlqArn": self.dlq_arn,
                "createOrderFunctionName": self.create_order_function_name,
                "getOrderFunctionName": self.get_order_function_name,
                "processOrderFunctionName": self.process_order_function_name,
                "republishPendingFunctionName": self.republish_pending_function_name,
                "dashboardUrl": self.dashboard_url,
                "alarmTopicArn": self.alarm_topic_arn,
            }
        )

    def _given(self, *names: str) -> Any:
        """Those of our inputs that were given; what is absent has the component's default."""
        given = dict(self._args)
        return {name: given[name] for name in names if name in given}

    def _make_table(self) -> Table:
        args: TableArgs = {
            "table_name": defaults.TABLE_NAME + self._args.get("name_suffix", ""),
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
        args.update(self._given("point_in_time_recovery", "deletion_protection", "protect"))
        return Table(self._prefix, args, self._child)

    def _make_queue(self) -> Queue:
        args: QueueArgs = {"queue_name": defaults.QUEUE_NAME + self._args.get("name_suffix", "")}
        args.update(
            self._given(
                "visibility_timeout_seconds",
                "message_retention_days",
                "max_receive_count",
                "protect",
            )
        )
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
        rate = self._republish_rate_minutes
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
                    contract.MAX_RECEIVE_COUNT_VARIABLE: self._whole(
                        "max_receive_count", defaults.MAX_RECEIVE_COUNT
                    ),
                },
                [_grant("dynamodb:UpdateItem", table.arn)],
                {"queue": self._events()},
            ),
            "republish_pending": self._function(
                "republish_pending",
                {
                    **table_name,
                    **queue_url,
                    contract.PENDING_THRESHOLD_VARIABLE: self._whole(
                        "pending_threshold_seconds", defaults.PENDING_THRESHOLD_SECONDS
                    ),
                    contract.REPUBLISH_LIMIT_VARIABLE: self._whole(
                        "republish_limit", defaults.REPUBLISH_LIMIT
                    ),
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
        events: QueueEventSource = {"arn": self._queue.arn}
        events.update(self._given("batch_size", "batch_window_seconds"))
        if "processor_maximum_concurrency" in self._args:
            events["maximum_concurrency"] = self._args["processor_maximum_concurrency"]
        return events

    def _function(
        self,
        function: str,
        environment: Environment,
        statements: list[Statement],
        sources: EventSources | None = None,
    ) -> PythonFunction:
        args: PythonFunctionArgs = {
            "code": self._code,
            "handler": f"functions.{function}.handler",
            "environment": {**environment, contract.SERVICE_NAME_VARIABLE: self._service},
            "statements": statements,
        }
        args.update(
            self._given(
                "runtime",
                "architecture",
                "memory_size",
                "timeout_seconds",
                "log_retention_days",
                "vpc",
            )
        )
        if sources:
            args["sources"] = sources
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
                route["throttle_rate"] = self._args.get(
                    "create_throttle_rate", defaults.CREATE_THROTTLE_RATE
                )
                route["throttle_burst"] = self._args.get(
                    "create_throttle_burst", defaults.CREATE_THROTTLE_BURST
                )
            routes.append(route)
        args: HttpApiArgs = {"routes": routes}
        args.update(
            self._given(
                "cors_origins",
                "cors_headers",
                "cors_methods",
                "throttle_rate",
                "throttle_burst",
                "log_retention_days",
            )
        )
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
                "republish_rate_minutes": self._republish_rate_minutes,
            },
            "thresholds": self._args.get("alarm_thresholds") or {},
        }
        args.update(self._given("alarm_topic", "alarm_emails"))
        return Observability(f"{self._prefix}-observability", args, self._child)

    def _monitored(self, label: str, function: PythonFunction) -> MonitoredFunction:
        monitored: MonitoredFunction = {
            "label": label.replace("_", "-"),
            "name": function.name,
            "timeout_seconds": int(self._whole("timeout_seconds", defaults.TIMEOUT_SECONDS)),
            "service": self._service,
        }
        if function.failure_queue_name is not None:
            monitored["failure_queue_name"] = function.failure_queue_name
        return monitored

    @property
    def _republish_rate_minutes(self) -> int:
        return int(self._whole("republish_rate_minutes", defaults.REPUBLISH_RATE_MINUTES))

    def _whole(self, name: str, default: int) -> str:
        return str(whole(name, self._given(name).get(name, default)))


def _grant(action: str, resource: pulumi.Input[str]) -> Statement:
    return {"actions": [action], "resources": [resource]}
