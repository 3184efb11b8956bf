"""The whole order system: table, queue, functions, API, alarms and dashboard."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Optional

import pulumi

from . import deprecation
from ._contract import contract
from .bucket import ABANDONED_UPLOAD_DAYS, Bucket, BucketArgs
from .budget import monthly_budget
from .bundle import bundle
from .component import Component
from .deployments import Deployments, DeploymentsArgs
from .event_bus import EventBus, EventBusArgs
from .event_consumer import ConsumerArgs, EventConsumer, EventConsumerArgs
from .function import FunctionSettings, PythonFunction, PythonFunctionArgs
from .http_api import HttpApi, HttpApiArgs, HttpApiRoute, Throttle
from .inputs import camel_case, checked, part
from .kept_name import kept_setting
from .kept_secret import kept_secret
from .observability import Observability, ObservabilityArgs
from .order_functions import (
    OrderFunction,
    Parts,
    functions_of,
    progressive,
    quotas,
    route_keys,
)
from .order_inputs import budget_emails
from .order_monitoring import monitored
from .order_shared import other_regions, shared, told_to
from .order_stages import stages
from .order_system_args import OrderSystemArgs
from .queues import Queue, QueueArgs
from .regional_domain import RegionalDomain
from .table import Replica, Table, TableArgs
from .thresholds import Alarms
from .throughput import contradictions_in

QUEUE_NAME = "order-events"

# How long there is to replay a change that could not be published; it holds the whole order.
UNPUBLISHED_DAYS = 90


class OrderSystem(Component):
    """Takes orders over HTTP, stores them, and confirms each through a queue."""

    api_url: pulumi.Output[str]
    """Where the API answers, without a slash at the end."""
    api_id: pulumi.Output[str]
    """Id of the API."""
    domain_url: Optional[pulumi.Output[str]]
    """Where callers reach the nearest healthy region; only with a domain of several regions."""
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
    bus_name: Optional[pulumi.Output[str]]
    """Name of the bus of order events; only with `events`."""
    bus_arn: Optional[pulumi.Output[str]]
    """ARN of the bus of order events; only with `events`."""
    unpublished_bucket_name: Optional[pulumi.Output[str]]
    """Name of the bucket of changes that could not be told on the bus; only with `events`."""
    imports_bucket_name: Optional[pulumi.Output[str]]
    """Name of the bucket of imports; only with `imports`."""
    issuer: Optional[pulumi.Output[str]]
    """Whose access tokens the API takes; without sign-in nobody's."""
    user_pool_id: Optional[pulumi.Output[str]]
    """Id of the user pool; only with `auth` cognito."""
    sign_in_url: Optional[pulumi.Output[str]]
    """Where people sign in, and machines get their tokens; only with `auth` cognito."""
    page_client_id: Optional[pulumi.Output[str]]
    """Id of the client for pages; only with `auth` cognito."""
    machine_client_id: Optional[pulumi.Output[str]]
    """Id of the client for machines; only with `auth` cognito and scopes for it."""
    machine_client_secret: Optional[pulumi.Output[str]]
    """Secret of the client for machines."""
    region_parts: Optional[pulumi.Output[dict[str, Any]]]
    """What the other regions need of this one, by region, a secret; only in the home region."""
    function_names: pulumi.Output[dict[str, str]]
    """Physical names of the system's functions by their own, as `create_order`."""
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
        for each in contradictions_in(args):
            pulumi.log.warn(each.line(camel_case), self)
        self._prefix = name
        self._args = args
        self._declared = functions_of(args)
        self._service = args["service"]
        self._progressive = progressive(args)
        self._code = args.get("code") or bundle(
            args["runtime"], require_bytecode=args["require_bytecode"]
        )
        self._child = pulumi.ResourceOptions(parent=self)

        self._regions = args.get("regions")
        self._shared = shared(name, args, self._child)
        self._queue = self._make_queue()
        self._bus = self._make_bus() if args["events"] else None
        self._consumers: dict[str, EventConsumer] = {}
        self._unpublished = self._make_unpublished() if args["events"] else None
        self._imports = self._make_imports() if args["imports"] else None
        self._limits = self._make_limits() if quotas(args) else None
        parts = self._make_parts()
        self._functions = self._make_functions(parts, routed=True)
        self._api = self._make_api()
        self._functions |= self._make_functions(parts._replace(api=self._api), routed=False)
        self._deployments = self._make_deployments() if self._progressive else None
        self._functions |= self._make_checks(parts)
        observability = self._make_observability()
        self._stages = stages(self._deployed_functions(), parts)
        if "monthly_budget" in args:
            amount = args["monthly_budget"]["amount"]
            monthly_budget(f"{name}-monthly", amount, budget_emails(args), self)

        self.api_url, self.api_id = self._api.url, self._api.api_id
        self.domain_url = self._lead_here()
        self.table_name, self.table_arn = self.table.name, self.table.arn
        self.queue_url, self.queue_arn = self._queue.url, self._queue.arn
        self.dlq_url, self.dlq_arn = self._queue.dlq_url, self._queue.dlq_arn
        self.bus_name = self._bus.name if self._bus else None
        self.bus_arn = self._bus.arn if self._bus else None
        self.unpublished_bucket_name = self._unpublished.name if self._unpublished else None
        self.imports_bucket_name = self._imports.name if self._imports else None
        pool = self._shared.user_pool
        self.issuer = self._shared.issuer
        self.user_pool_id = pool.pool_id if pool else None
        self.sign_in_url = pool.sign_in_url if pool else None
        self.page_client_id = pool.page_client_id if pool else None
        self.machine_client_id = pool.machine_client_id if pool else None
        self.machine_client_secret = pool.machine_client_secret if pool else None
        self.region_parts = self._told()
        self.function_names = pulumi.Output.all(
            **{name: function.name for name, function in self._functions.items()}
        )
        self.dashboard_url = observability.dashboard_url
        self.alarm_topic_arn = observability.topic_arn
        self._groups = self._make_groups()
        self.register()

    @property
    def table(self) -> Table | Replica:
        """The table of orders; in a further region its replica of the one of the home region."""
        return self._shared.table

    @property
    def queue(self) -> Queue:
        """The queue of order events."""
        return self._queue

    @property
    def bus(self) -> EventBus:
        """The bus of order events; raises LookupError for a system without `events`."""
        if self._bus is None:
            raise LookupError("the system has no bus, because its input events is false")
        return self._bus

    @property
    def api(self) -> HttpApi:
        """The API; `api.add_route` leads further requests to a function."""
        return self._api

    @property
    def functions(self) -> Mapping[str, PythonFunction]:
        """The system's own functions by name, as `create_order`; each takes further grants."""
        return MappingProxyType(self._functions)

    @property
    def deployments(self) -> pulumi.Output[dict[str, Any]] | None:
        """What `python -m operations deploy` has to know; None where traffic moves all at once.

        The functions stand in the order in which they are to be deployed, those of a stage
        together. To be asked for when the functions have all their grants.
        """
        if self._deployments is None:
            return None
        return pulumi.Output.from_input(
            {
                "application": self._deployments.application_name,
                "checks": {
                    each.checks: self._functions[each.name].name
                    for each in self._declared
                    if each.checks
                },
                "stages": [
                    [self._deployed(name) for name in stage if name in self._groups]
                    for stage in self._stages
                ],
            }
        )

    def _deployed(self, name: str) -> dict[str, Any]:
        function = self._functions[name]
        return {
            "function": name,
            "name": function.name,
            "alias": function.alias_name,
            "group": self._groups[name],
            "role": function.role_name,
            "policies": function.policy_names,
        }

    def add_function(self, label: str, args: PythonFunctionArgs) -> PythonFunction:
        """A further function, with the system's settings where its own say nothing.

        Its alarms ring where the system's do; it has a dashboard of its own.
        """
        function = PythonFunction(f"{self._prefix}-{label}", self._as_all(args), self._child)
        watched: ObservabilityArgs = {
            "dashboard_name": f"{self._service}-{label}",
            "functions": [function.monitored(label, self._service)],
            "alarms": self._further_alarms(),
        }
        Observability(f"{self._prefix}-{label}-observability", watched, self._child)
        return function

    def add_consumer(self, label: str, args: ConsumerArgs) -> EventConsumer:
        """A further consumer of the bus, with the system's settings where its own say nothing.

        Its alarms ring where the system's do; it has a dashboard of its own.
        """
        complete: EventConsumerArgs = {
            **part(EventConsumerArgs, args, self._as_all(part(PythonFunctionArgs, args))),
            "bus_name": self.bus.name,
            "service": self._service,
            "alarms": self._further_alarms(),
        }
        return EventConsumer(f"{self._prefix}-{label}", complete, self._child)

    def _further_alarms(self) -> Alarms:
        own_topic = [] if self.alarm_topic_arn is None else [self.alarm_topic_arn]
        return {
            "topic": False,
            "actions": [*self._args["alarms"]["actions"], *own_topic],
            "thresholds": self._args["alarms"]["thresholds"],
        }

    def _make_queue(self) -> Queue:
        args: QueueArgs = {
            **part(QueueArgs, self._args, self._args["queue"]),
            "queue_name": QUEUE_NAME + self._args["name_suffix"],
        }
        # SQS hands out a queue of the same name and attributes instead of refusing to create it,
        # DynamoDB refuses. After the table, no queue of another stack is taken for ours.
        made = [self.table] if isinstance(self.table, Table) else None
        after = pulumi.ResourceOptions(parent=self, depends_on=made)
        return Queue(f"{self._prefix}-events", args, after)

    def _make_bus(self) -> EventBus:
        args: EventBusArgs = part(EventBusArgs, self._args, self._args["bus"])
        return EventBus(f"{self._prefix}-bus", args, self._child)

    def _make_unpublished(self) -> Bucket:
        args: BucketArgs = {
            "expiries": [{"days": UNPUBLISHED_DAYS}],
            "deletion_protection": self._args["table"]["deletion_protection"],
        }
        return Bucket(f"{self._prefix}-unpublished", args, self._child)

    def _make_imports(self) -> Bucket:
        days = self._args["importing"]["retention_days"]
        args: BucketArgs = {
            **part(BucketArgs, self._args, self._args["table"]),
            "notifications": True,
            # Both hold customers' data, which lies in the table as well.
            "expiries": [
                {"prefix": contract.INCOMING, "days": days},
                {"prefix": contract.RESULTS, "days": days},
                {"prefix": contract.UNFINISHED, "days": ABANDONED_UPLOAD_DAYS},
            ],
            "noncurrent_days": days,
        }
        return Bucket(f"{self._prefix}-imports", args, self._child)

    def _make_limits(self) -> Table:
        args: TableArgs = {
            **part(TableArgs, self._args, self._args["table"]),
            "partition_key": contract.LIMITS_KEY_ATTRIBUTE,
            "ttl_attribute": contract.LIMITS_EXPIRY_ATTRIBUTE,
        }
        return Table(f"{self._prefix}-limits", args, self._child)

    def _make_parts(self) -> Parts:
        customer = None
        if "synthetic" in self._args or self._progressive:
            secret = kept_secret(f"{self._prefix}-synthetic-customer", self._child)
            customer = pulumi.Output.concat(contract.SYNTHETIC_PREFIX, secret)
        return Parts(
            settings=self._args,
            table=self.table,
            queue=self._queue,
            bus=self._bus,
            history=self._shared.history,
            unpublished=self._unpublished,
            imports=self._imports,
            order_id_key=self._shared.order_id_key,
            synthetic_customer=customer,
            synthetic_client=self._shared.synthetic_client,
            limits=self._limits,
            cursor_key=self._shared.cursor_key,
            currency=self._shared.currency,
            regions=self._regions,
            members=self._members(),
            api=None,
        )

    def _members(self) -> pulumi.Output[str] | None:
        """The regions, if each has the place that it always had: orders are pending by it."""
        if self._regions is None:
            return None
        harm = "pending orders of one region would be taken for another's"
        return pulumi.Output.all(
            *(
                kept_setting(
                    f"{self._prefix}-region-{place}",
                    member,
                    f"regions.members[{place}]",
                    harm,
                    self._child,
                )
                for place, member in enumerate(self._regions["members"])
            )
        ).apply(",".join)

    def _told(self) -> pulumi.Output[dict[str, Any]] | None:
        others = other_regions(self._args)
        if not others or (self._regions and "home" in self._regions):
            return None
        told = {each: told_to(each, self._shared) for each in others}
        return pulumi.Output.secret(pulumi.Output.all(**told))

    def _make_functions(self, parts: Parts, *, routed: bool) -> dict[str, PythonFunction]:
        """The functions that answer requests, or the others."""
        wanted = [each for each in self._deployed_functions() if bool(each.route) == routed]
        return {each.name: self._function(each, parts) for each in wanted}

    def _make_checks(self, parts: Parts) -> dict[str, PythonFunction]:
        """The functions that check new versions of the others."""
        complete = parts._replace(functions=self._functions, deployments=self._deployments)
        return {each.name: self._function(each, complete) for each in self._declared if each.checks}

    def _deployed_functions(self) -> list[OrderFunction]:
        """All but those that check them, which have their new versions at once."""
        return [each for each in self._declared if not each.checks]

    def _function(self, declared: OrderFunction, parts: Parts) -> PythonFunction:
        args: PythonFunctionArgs = {
            "code": self._code,
            "handler": declared.handler,
            "environment": {
                **declared.variables(parts),
                **(
                    deprecation.environment(self._args)
                    if declared.route and declared.versioned
                    else {}
                ),
            },
            "statements": [grant.statement(parts) for grant in declared.allowed(self._args)],
            "sources": declared.sources(parts),
            "invokes_itself": declared.invokes_itself,
            "progressive": self._progressive and not declared.checks,
        }
        timeout = declared.timeout_seconds(self._args)
        if timeout:
            args["timeout_seconds"] = timeout
        reserved = self._args.get("reserved_concurrency") or {}
        if declared.name in reserved:
            args["reserved_concurrency"] = reserved[declared.name]
        name = f"{self._prefix}-{declared.label}"
        if not (declared.consumes and self._bus):
            return PythonFunction(name, self._as_all(args), self._child)
        complete: EventConsumerArgs = {
            **part(EventConsumerArgs, self._as_all(args)),
            "bus_name": self._bus.name,
            "pattern": {
                "source": [contract.EVENT_SOURCE],
                "detail-type": list(declared.consumes),
            },
            "observed": False,
        }
        maximum = declared.maximum_concurrency(self._args)
        if maximum is not None:
            complete["delivery"] = {"maximum_concurrency": maximum}
        consumer = self._consumers[declared.label] = EventConsumer(name, complete, self._child)
        return consumer.function

    def _as_all(self, args: PythonFunctionArgs) -> PythonFunctionArgs:
        """A function's inputs with the system's settings where its own say nothing."""
        complete: PythonFunctionArgs = {
            **part(PythonFunctionArgs, part(FunctionSettings, self._args)),
            **args,
        }
        complete["environment"] = {
            **(args.get("environment") or {}),
            contract.SERVICE_NAME_VARIABLE: self._service,
        }
        if args.get("progressive"):
            complete["environment"][contract.VERSION_FAILURES_VARIABLE] = "counted"
        return complete

    def _make_api(self) -> HttpApi:
        routed = [each for each in self._declared if each.route]
        routes = [
            self._route(each, key)
            for each in routed
            for key in route_keys(each, self._args["api_versions"])
        ]
        args: HttpApiArgs = {
            "routes": routes,
            "cors": self._args["cors"],
            "throttle": part(Throttle, self._args["throttle"]),
            "log_retention_days": self._args["log_retention_days"],
        }
        if self._shared.issuer is not None:
            args["authorizer"] = {
                "issuer": self._shared.issuer,
                "audience": self._shared.clients,
            }
        return HttpApi(f"{self._prefix}-api", args, self._child)

    def _route(self, declared: OrderFunction, key: str) -> HttpApiRoute:
        function = self._functions[declared.name]
        route: HttpApiRoute = {
            "route_key": key,
            "function_name": function.name,
            "alias_name": function.alias_name,
            "invoke_arn": function.invoke_arn,
            "scopes": list(declared.scopes),
        }
        if declared.public:
            route["public"] = True
        if declared.throttled:
            route["throttle_rate"] = self._args["throttle"]["create_rate"]
            route["throttle_burst"] = self._args["throttle"]["create_burst"]
        return route

    def _make_observability(self) -> Observability:
        watched = monitored(
            self._args,
            self._declared,
            api=self._api,
            queue=self._queue,
            functions=self._functions,
            consumers=self._consumers,
            shared=self._shared,
        )
        return Observability(f"{self._prefix}-observability", watched, self._child)

    def _make_deployments(self) -> Deployments:
        args: DeploymentsArgs = {
            "preference": self._args["deployment"],
            "service": self._service,
            "permissions_boundary": self._args["permissions_boundary"],
            "thresholds": self._args["alarms"]["thresholds"],
        }
        return Deployments(f"{self._prefix}-deployments", args, self._child)

    def _make_groups(self) -> dict[str, pulumi.Output[str]]:
        """CodeDeploy's groups by the function whose traffic they move."""
        if self._deployments is None:
            return {}
        for each in self._declared:
            if each.checks:
                self._deployments.check_by(each.checks, self._functions[each.name])
        actions = self._further_alarms()["actions"]
        return {
            each.name: self._deployments.add(each.label, self._functions[each.name], actions)
            for each in self._deployed_functions()
        }

    def _lead_here(self) -> pulumi.Output[str] | None:
        """The URL of the domain that leads callers here, while this region is healthy."""
        if self._regions is None or "domain" not in self._regions:
            return None
        domain = RegionalDomain(
            f"{self._prefix}-domain",
            {
                "domain": self._regions["domain"],
                "api_id": self._api.api_id,
                "api_url": self._api.url,
                "stage_name": self._api.stage_name,
                "health_path": contract.HEALTH_PATH,
                "validates": "home" not in self._regions,
            },
            self._child,
        )
        return domain.url
