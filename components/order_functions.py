"""The functions of the order system, each declared here and nowhere else.

A function is a module `functions/<name>.py` with a `handler`, and one entry in `FUNCTIONS`:
its route or sources, its environment and its grants. Role, log group, alias, alarms, graphs,
the bundle's AWS operations, CORS, outputs and documents follow from it, or say what they lack.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import pulumi

from ._contract import contract
from .bucket import Bucket
from .deployments import Deployments
from .event_bus import PUT_EVENTS, EventBus
from .event_sources import EventSources
from .function import PythonFunction
from .http_api import HttpApi
from .iam import Statement
from .order_inputs import OrderSettings, with_sign_in
from .pending_index import shards
from .queues import Queue
from .regions import SystemRegions, heir_of, home_of
from .table import Replica, Table, arn_in
from .traffic_shift import ALL_AT_ONCE

Environment = dict[str, pulumi.Input[str]]


class SyntheticClient(NamedTuple):
    """The client of a user pool as which synthetic orders are placed."""

    token_url: pulumi.Output[str]
    """Where it gets its tokens."""
    client_id: pulumi.Output[str]
    secret: pulumi.Output[str]
    """A secret of the stack."""


class Parts(NamedTuple):
    """What a function can be connected to."""

    settings: OrderSettings
    table: Table | Replica
    queue: Queue
    bus: EventBus | None
    history: Table | Replica | None
    unpublished: Bucket | None
    """What the stream of changes gave up; of a system with `events`, as bus and history are."""
    imports: Bucket | None
    order_id_key: pulumi.Output[str]
    synthetic_customer: pulumi.Output[str] | None
    """Whose the synthetic orders are; only in a system with them."""
    synthetic_client: SyntheticClient | None
    """As whom they are placed; only where they are, and a user pool says who calls."""
    limits: Table | None
    """How much each caller has used of their limits; only in a system with limits."""
    cursor_key: pulumi.Output[str] | None
    """What signs the places in lists of orders; only in a system with sign-in."""
    currency: pulumi.Output[str] | None
    """That of all prices; only where a version of the API names it."""
    regions: SystemRegions | None
    """The regions of the system, if there are several."""
    members: pulumi.Output[str] | None
    """Their names, separated by commas: known to be in the order that they always had."""
    api: HttpApi | None
    """The API, for functions that answer no requests: those that do are made before it."""
    functions: Mapping[str, PythonFunction] = MappingProxyType({})
    """All other functions by name, for those that check them: these are made last."""
    deployments: Deployments | None = None
    """CodeDeploy's part, for the functions that check what it deploys."""


class Grant(NamedTuple):
    """One action on one resource, or on several, and the operations of botocore that it allows."""

    action: str
    resource: Callable[[Parts], pulumi.Input[str] | list[pulumi.Input[str]]]
    operations: tuple[str, ...]
    condition: dict[str, dict[str, list[str]]] | None = None
    """Of IAM, on what the calls say."""

    def statement(self, parts: Parts) -> Statement:
        """The grant as part of a role's policy."""
        statement: Statement = {"actions": [self.action], "resources": self.resources(parts)}
        if self.condition:
            statement["condition"] = self.condition
        return statement

    def resources(self, parts: Parts) -> list[pulumi.Input[str]]:
        """What the action is allowed on."""
        resource = self.resource(parts)
        return resource if isinstance(resource, list) else [resource]


def _table(parts: Parts) -> pulumi.Input[str]:
    return parts.table.arn


def _pending_index(parts: Parts) -> pulumi.Input[str]:
    return pulumi.Output.concat(parts.table.arn, "/index/", contract.PENDING_INDEX)


def _owner_index(parts: Parts) -> pulumi.Input[str]:
    return pulumi.Output.concat(parts.table.arn, "/index/", contract.OWNER_INDEX)


def _heirs_table(parts: Parts) -> pulumi.Input[str]:
    assert parts.regions is not None  # noqa: S101
    return arn_in(parts.table.arn, heir_of(parts.regions, parts.regions["here"]))


def _limits(parts: Parts) -> pulumi.Input[str]:
    assert parts.limits is not None  # noqa: S101
    return parts.limits.arn


# Each request of a caller with a limit is counted by one of these.
COUNT = Grant("dynamodb:UpdateItem", _limits, ("UpdateItem",))


def _history(parts: Parts) -> pulumi.Input[str]:
    return _there(parts.history).arn


def _there(table: Table | Replica | None) -> Table | Replica:
    if table is None:
        raise LookupError("only a system with events has a history of orders")
    return table


def on_table(operation: str) -> Grant:
    """An operation on the items of the table of orders, as `DeleteItem`."""
    return Grant(f"dynamodb:{operation}", _table, (operation,))


def on_heirs_table(operation: str) -> Grant:
    """An operation on the items of the replica in the region that is this one's heir."""
    return Grant(f"dynamodb:{operation}", _heirs_table, (operation,))


def on_pending_index(operation: str) -> Grant:
    """A read of the index over pending orders, as `Query`."""
    return Grant(f"dynamodb:{operation}", _pending_index, (operation,))


def on_owner_index(operation: str) -> Grant:
    """A read of the index over owners of orders, as `Query`; of a function `with_sign_in`."""
    return Grant(f"dynamodb:{operation}", _owner_index, (operation,))


def on_history(operation: str) -> Grant:
    """An operation on the history of orders, as `Query`; of a function `with_events`."""
    return Grant(f"dynamodb:{operation}", _history, (operation,))


# One action allows both: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html
SEND = Grant("sqs:SendMessage", lambda parts: parts.queue.arn, ("SendMessage", "SendMessageBatch"))


# What a system without `events` has not; the functions that need it are not there either.
def _bus(parts: Parts) -> EventBus:
    assert parts.bus is not None  # noqa: S101
    return parts.bus


# No events but those that are told of orders, in nobody else's name. EventBridge takes none that
# lacks either.
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-conditions.html
_OWN_EVENTS = {
    "ForAllValues:StringEquals": {
        "events:source": [contract.EVENT_SOURCE],
        "events:detail-type": list(contract.CHANGE_EVENTS.values()),
    }
}

PUT = Grant(PUT_EVENTS, lambda parts: _bus(parts).arn, ("PutEvents",), _OWN_EVENTS)


def _of_deployments(parts: Parts) -> pulumi.Input[str]:
    assert parts.deployments is not None  # noqa: S101
    return parts.deployments.groups_arn


def _versions_of_functions(parts: Parts) -> list[pulumi.Input[str]]:
    """Of those that are checked: the new version, and the alias by which all others are called."""
    checked = [each.name for each in FUNCTIONS if not (each.unchecked or each.checks)]
    return [
        pulumi.Output.concat(function.arn, ":*")
        for name, function in parts.functions.items()
        if name in checked
    ]


# What a check of new versions asks CodeDeploy and tells it; both know deployment groups:
# https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscodedeploy.html
OF_DEPLOYMENTS = tuple(
    Grant(f"codedeploy:{operation}", _of_deployments, (operation,))
    for operation in ("GetDeployment", "PutLifecycleEventHookExecutionStatus")
)


def pending_shards(parts: Parts) -> Environment:
    """The variable by which a function knows where pending orders are put."""
    return {contract.PENDING_SHARDS_VARIABLE: str(shards(parts.settings))}


def imports(parts: Parts) -> Bucket:
    """The bucket of imports, which is there for whoever has a grant on it."""
    assert parts.imports is not None  # noqa: S101
    return parts.imports


def on_imports(action: str, prefix: str, *operations: str) -> Grant:
    """An action on the objects of the bucket of imports whose keys begin so."""
    return Grant(
        f"s3:{action}",
        lambda parts: pulumi.Output.concat(imports(parts).arn, "/", prefix, "*"),
        operations,
    )


# Writing an object of parts takes the permission to put it:
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html#mpuAndPermissions
PARTS = ("PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload")


def table_name(parts: Parts) -> Environment:
    """The variable by which a function finds the table."""
    return {contract.TABLE_NAME_VARIABLE: parts.table.name}


def queue_url(parts: Parts) -> Environment:
    """The variable by which a function finds the queue."""
    return {contract.QUEUE_URL_VARIABLE: parts.queue.url}


def function_names(parts: Parts) -> Environment:
    """The variable by which a function finds the others."""
    names = {name: function.name for name, function in parts.functions.items()}
    return {contract.FUNCTION_NAMES_VARIABLE: pulumi.Output.json_dumps(names)}


# CloudWatch tells the last minute of a shift late.
WATCHED_SECONDS = 45


def api_url(parts: Parts) -> Environment:
    """The variable by which a function finds the API."""
    if parts.api is None:
        raise LookupError("a function with a route cannot be given the URL of the API it is in")
    return {contract.API_URL_VARIABLE: parts.api.url}


def synthetic_customer(parts: Parts) -> Environment:
    """The variable by which a function knows synthetic orders; none in a system without them."""
    if parts.synthetic_customer is None:
        return {}
    return {contract.SYNTHETIC_CUSTOMER_VARIABLE: parts.synthetic_customer}


def synthetic_client(parts: Parts) -> Environment:
    """The variables with which synthetic orders are placed signed in; none without sign-in.

    The secret is among them, encrypted at rest, as the system's other secrets are: a store of
    secrets would be one more call, grant and price for what its function's role alone can read.
    """
    if parts.synthetic_client is None:
        return {}
    return {
        contract.SYNTHETIC_TOKEN_URL_VARIABLE: parts.synthetic_client.token_url,
        contract.SYNTHETIC_CLIENT_ID_VARIABLE: parts.synthetic_client.client_id,
        contract.SYNTHETIC_CLIENT_SECRET_VARIABLE: parts.synthetic_client.secret,
    }


def sign_in(parts: Parts) -> Environment:
    """The variable by which a function knows that no request comes without a caller."""
    return {contract.SIGN_IN_VARIABLE: "true"} if with_sign_in(parts.settings) else {}


def cursor_key(parts: Parts) -> Environment:
    """The variable with what signs the places in lists of orders."""
    assert parts.cursor_key is not None  # noqa: S101
    return {contract.CURSOR_KEY_VARIABLE: parts.cursor_key}


def history_name(parts: Parts) -> Environment:
    """The variable by which a function finds the history of orders."""
    return {contract.HISTORY_TABLE_NAME_VARIABLE: _there(parts.history).name}


def versions(parts: Parts) -> Environment:
    """The variables by which a function knows what the versions of the API say of orders."""
    return {} if parts.currency is None else {contract.CURRENCY_VARIABLE: parts.currency}


def regions(parts: Parts) -> Environment:
    """The variable by which a function knows the regions; none where there is one alone."""
    return {} if parts.members is None else {contract.REGIONS_VARIABLE: parts.members}


def adoption(parts: Parts) -> Environment:
    """The variable by which a function knows which orders may have been adopted."""
    if parts.regions is None:
        return {}
    return {contract.ADOPT_AFTER_VARIABLE: str(60 * parts.regions["adopt_after_minutes"])}


def _no_sources(_: Parts) -> EventSources:
    return {}


def _no_timeout(_: OrderSettings) -> int | None:
    return None


def _no_maximum(_: OrderSettings) -> int | None:
    return None


def _always(_: OrderSettings) -> bool:
    return True


def with_events(settings: OrderSettings) -> bool:
    """Whether changes of orders are events."""
    return settings["events"]


def with_regions(settings: OrderSettings) -> bool:
    """Whether the system is in several regions."""
    return "regions" in settings


def progressive(settings: OrderSettings) -> bool:
    """Whether CodeDeploy leads traffic to new versions, step by step."""
    return settings["deployment"] != ALL_AT_ONCE


def quotas(settings: OrderSettings) -> dict[str, int]:
    """How many requests each caller may make a minute, by policy; none: as many as they want."""
    if not with_sign_in(settings):
        return {}
    given = settings["limits"]
    found = {
        contract.CREATE_POLICY: given["create_per_minute"],
        contract.READ_POLICY: given["read_per_minute"],
    }
    return {policy: quota for policy, quota in found.items() if quota}


@dataclass(frozen=True, kw_only=True)
class OrderFunction:
    """One function; what is not said here is as for all of them."""

    name: str
    """Its module in functions/."""
    environment: Callable[[Parts], Environment]
    """Its variables, beside the service's name."""
    grants: tuple[Grant, ...]
    """All that it may do, beside its logs, traces and sources."""
    grants_with_regions: tuple[Grant, ...] = ()
    """What it may do beside that where the system is in several regions."""
    route: tuple[str, str] | None = None
    """Method and path that it answers, as ("GET", "/orders/{id}"), in each version of the API."""
    versioned: bool = True
    """Whether its path is in each version of the API, and not just without one."""
    public: bool = False
    """Whether requests need no token where there is sign-in, and nobody's limits hold for them."""
    scope: str | None = None
    """Scope that its requests need where there is sign-in, if they have not contract.ADMIN_SCOPE;
    by default that of reading for GET and of writing for other methods."""
    throttled: bool = False
    """Whether its route has the limits of creating orders rather than those of the API."""
    sources: Callable[[Parts], EventSources] = _no_sources
    """What invokes it besides the API."""
    consumes: tuple[str, ...] = ()
    """Types of the bus's events (contract.CHANGE_EVENTS) that it is given, from its own queue."""
    maximum_concurrency: Callable[[OrderSettings], int | None] = _no_maximum
    """Of a consumer, how often it runs at once at most (0: no limit), if not as usual."""
    timeout_seconds: Callable[[OrderSettings], int | None] = _no_timeout
    """Its timeout, if not that of all functions."""
    invokes_itself: bool = False
    """Whether it goes on in another invocation when its time is up."""
    when: Callable[[OrderSettings], bool] = _always
    """Whether a system with these settings has it."""
    unchecked: str = ""
    """Why its new versions are not tried before they have traffic; empty: TRIALS in
    functions/orders/trials.py says how."""
    checks: str = ""
    """Of a function that checks new versions: the lifecycle event of CodeDeploy that it is for."""

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes of which one lets a request in where there is sign-in."""
        if self.route is None or self.public:
            return ()
        reads = self.route[0] in ("GET", "HEAD")
        scope = self.scope or (contract.READ_SCOPE if reads else contract.WRITE_SCOPE)
        return tuple(dict.fromkeys([scope, contract.ADMIN_SCOPE]))

    @property
    def policy(self) -> str:
        """The limit of each caller that its requests count for."""
        reads = self.route is not None and self.route[0] in ("GET", "HEAD")
        return contract.READ_POLICY if reads else contract.CREATE_POLICY

    def variables(self, parts: Parts) -> Environment:
        """Its environment, and where callers have limits, the one of its requests."""
        quota = self._quota(parts.settings)
        if parts.limits is None or not quota:
            return self.environment(parts)
        return {
            **self.environment(parts),
            contract.LIMITS_TABLE_VARIABLE: parts.limits.name,
            contract.LIMIT_POLICY_VARIABLE: self.policy,
            contract.LIMIT_QUOTA_VARIABLE: str(quota),
        }

    def allowed(self, settings: OrderSettings) -> tuple[Grant, ...]:
        """Its grants, and where callers have limits, the one to count its requests."""
        further = self.grants_with_regions if with_regions(settings) else ()
        return (*self.grants, *further, *((COUNT,) if self._quota(settings) else ()))

    def _quota(self, settings: OrderSettings) -> int:
        return quotas(settings).get(self.policy, 0) if self.route and not self.public else 0

    @property
    def handler(self) -> str:
        """Lambda's name of its entry."""
        return f"functions.{self.name}.handler"

    @property
    def label(self) -> str:
        """What resources, alarms and graphs call it."""
        return self.name.replace("_", "-")


def _events(parts: Parts) -> EventSources:
    processor = parts.settings["processor"]
    return {
        "queue": {
            "arn": parts.queue.arn,
            "batch_size": processor["batch_size"],
            "batch_window_seconds": processor["batch_window_seconds"],
            "maximum_concurrency": processor["maximum_concurrency"],
        }
    }


# Retries of what was read from the stream. An attempt lasts until its time is up while the bus
# takes nothing, so they last for minutes; what is wrong in itself fails at once.
_PUBLISHING_RETRIES = 20

# Batches of one shard at once. A shard is a partition's, which takes 1,000 writes a second; a batch
# of 100 is put in ten calls, one after the other, so that one at a time would fall behind a busy
# shard. Lambda keeps the changes of one order in one of them.
_PUBLISHING_AT_ONCE = 4

# DynamoDB drops what is 24 hours old; what is given up before is kept.
_PUBLISHING_AGE_SECONDS = 72_000


def _changes(parts: Parts) -> EventSources:
    assert parts.unpublished is not None  # noqa: S101
    assert parts.table.stream_arn is not None  # noqa: S101
    later = list(dict.fromkeys(target for _, target in contract.TRANSITIONS))
    return {
        "stream": {
            "arn": parts.table.stream_arn,
            "batch_size": 100,
            "parallelization_factor": _PUBLISHING_AT_ONCE,
            "maximum_retry_attempts": _PUBLISHING_RETRIES,
            "maximum_record_age_seconds": _PUBLISHING_AGE_SECONDS,
            "filters": [
                {"eventName": [what], "dynamodb": {"NewImage": {**image, **ours}}}
                for ours in _of_this_region(parts.regions)
                for what, image in (
                    ("INSERT", _status([contract.PENDING])),
                    ("MODIFY", _status(later)),
                )
            ],
            "failure_bucket_arn": parts.unpublished.arn,
        }
    }


def _status(statuses: list[str]) -> dict[str, Any]:
    return {"status": {"S": statuses}}


def _of_this_region(regions: SystemRegions | None) -> list[dict[str, Any]]:
    """What the images of this region's orders have, one or the other: a replica's stream tells the
    writes of every region, and each is to be published once."""
    if regions is None:
        return [{}]
    ours: list[dict[str, Any]] = [{contract.REGION_ATTRIBUTE: {"S": [regions["here"]]}}]
    if regions["here"] == home_of(regions):
        # Orders of before there were regions.
        ours.append({contract.REGION_ATTRIBUTE: {"S": [{"exists": False}]}})
    return ours


def _every(minutes: int) -> EventSources:
    return {"schedule": {"expression": f"rate({minutes} minute{'' if minutes == 1 else 's'})"}}


FUNCTIONS = (
    OrderFunction(
        name="create_order",
        route=("POST", contract.ORDERS_PATH),
        scope=contract.WRITE_SCOPE,
        throttled=True,
        environment=lambda parts: {
            **table_name(parts),
            **queue_url(parts),
            **synthetic_customer(parts),
            **pending_shards(parts),
            **regions(parts),
            **versions(parts),
            **sign_in(parts),
            contract.ORDER_ID_KEY_VARIABLE: parts.order_id_key,
        },
        grants=(on_table("PutItem"), SEND),
    ),
    OrderFunction(
        name="get_order",
        route=("GET", contract.ORDER_PATH),
        scope=contract.READ_SCOPE,
        environment=lambda parts: {**table_name(parts), **versions(parts), **sign_in(parts)},
        grants=(on_table("GetItem"),),
    ),
    OrderFunction(
        name="list_orders",
        when=with_sign_in,
        route=("GET", contract.ORDERS_PATH),
        scope=contract.READ_SCOPE,
        environment=lambda parts: {**table_name(parts), **cursor_key(parts), **sign_in(parts)},
        grants=(on_owner_index("Query"),),
    ),
    OrderFunction(
        name="process_order",
        environment=lambda parts: {
            **table_name(parts),
            **synthetic_customer(parts),
            **regions(parts),
            **adoption(parts),
            contract.MAX_RECEIVE_COUNT_VARIABLE: str(parts.settings["queue"]["max_receive_count"]),
        },
        grants=(on_table("UpdateItem"),),
        grants_with_regions=(on_heirs_table("UpdateItem"),),
        sources=_events,
        timeout_seconds=lambda settings: settings["processor"].get("timeout_seconds"),
    ),
    OrderFunction(
        name="republish_pending",
        environment=lambda parts: {
            **table_name(parts),
            **queue_url(parts),
            **pending_shards(parts),
            **regions(parts),
            contract.PENDING_THRESHOLD_VARIABLE: str(
                parts.settings["republish"]["pending_threshold_seconds"]
            ),
            contract.REPUBLISH_LIMIT_VARIABLE: str(parts.settings["republish"]["limit"]),
        },
        grants=(on_pending_index("Query"), on_table("BatchGetItem"), SEND),
        sources=lambda parts: _every(parts.settings["republish"]["rate_minutes"]),
    ),
    OrderFunction(
        name="synthetic_order",
        environment=lambda parts: {
            **table_name(parts),
            **api_url(parts),
            **synthetic_customer(parts),
            **synthetic_client(parts),
        },
        grants=(on_table("DeleteItem"),),
        sources=lambda parts: _every(parts.settings["synthetic"]["rate_minutes"]),
        # A delivery that failed is tried again after the visibility timeout, by default 30 s.
        timeout_seconds=lambda _: 60,
        when=lambda settings: "synthetic" in settings,
        unchecked="all its runs have one order: a run beside the schedule's takes that one's away",
    ),
    OrderFunction(
        name="measure_table",
        environment=table_name,
        grants=(on_table("DescribeTable"),),
        sources=lambda parts: _every(60 * parts.settings["table_metrics"]["rate_hours"]),
        when=lambda settings: settings["table_metrics"]["rate_hours"] > 0,
    ),
    OrderFunction(
        name="record_history",
        consumes=tuple(contract.CHANGE_EVENTS.values()),
        environment=lambda parts: {
            **history_name(parts),
            contract.HISTORY_DAYS_VARIABLE: str(parts.settings["history"]["retention_days"]),
        },
        grants=(on_history("PutItem"),),
        maximum_concurrency=lambda settings: settings["history"].get("maximum_concurrency"),
    ),
    OrderFunction(
        name="get_order_history",
        when=with_events,
        route=("GET", contract.HISTORY_PATH),
        scope=contract.READ_SCOPE,
        environment=lambda parts: {**history_name(parts), **sign_in(parts)},
        grants=(on_history("Query"),),
    ),
    OrderFunction(
        name="publish_changes",
        when=with_events,
        environment=lambda parts: {
            contract.BUS_NAME_VARIABLE: _bus(parts).name,
            **synthetic_customer(parts),
        },
        grants=(PUT,),
        sources=_changes,
    ),
    OrderFunction(
        name="import_orders",
        environment=lambda parts: {
            **table_name(parts),
            **queue_url(parts),
            **pending_shards(parts),
            **regions(parts),
            contract.ORDER_ID_KEY_VARIABLE: parts.order_id_key,
            contract.IMPORTS_BUCKET_VARIABLE: imports(parts).name,
        },
        grants=(
            on_table("PutItem"),
            SEND,
            on_imports("GetObjectVersion", contract.INCOMING, "GetObject"),
            on_imports("PutObject", contract.RESULTS, *PARTS),
            on_imports("PutObject", contract.UNFINISHED, "PutObject"),
            on_imports("GetObject", contract.UNFINISHED, "GetObject"),
        ),
        sources=lambda parts: {"bucket": {"arn": imports(parts).arn, "prefix": contract.INCOMING}},
        timeout_seconds=lambda settings: settings["importing"]["timeout_seconds"],
        invokes_itself=True,
        when=lambda settings: settings["imports"],
    ),
    OrderFunction(
        name="health",
        when=with_regions,
        route=("GET", contract.HEALTH_PATH),
        versioned=False,
        public=True,
        environment=lambda parts: {**table_name(parts), **queue_url(parts)},
        grants=(
            on_table("GetItem"),
            Grant(
                "sqs:GetQueueAttributes",
                lambda parts: parts.queue.arn,
                ("GetQueueAttributes",),
            ),
        ),
    ),
    OrderFunction(
        name="check_before_traffic",
        checks="BeforeAllowTraffic",
        environment=lambda parts: {
            **table_name(parts),
            **synthetic_customer(parts),
            **pending_shards(parts),
            **sign_in(parts),
            **regions(parts),
            **function_names(parts),
        },
        grants=(
            on_table("PutItem"),
            on_table("DeleteItem"),
            Grant("lambda:InvokeFunction", _versions_of_functions, ("Invoke",)),
            *OF_DEPLOYMENTS,
        ),
        # As for a synthetic order, and two functions may start cold.
        timeout_seconds=lambda _: 60,
        when=progressive,
    ),
    OrderFunction(
        name="check_after_traffic",
        checks="AfterAllowTraffic",
        environment=lambda parts: {
            contract.LARGEST_ERROR_PERCENT_VARIABLE: str(
                parts.settings["alarms"]["thresholds"]["function_error_percent"]
            ),
            contract.WATCHED_SECONDS_VARIABLE: str(WATCHED_SECONDS),
        },
        grants=(
            # CloudWatch knows no resource for it.
            Grant("cloudwatch:GetMetricData", lambda _: "*", ("GetMetricData",)),
            *OF_DEPLOYMENTS,
        ),
        timeout_seconds=lambda _: 60,
        when=progressive,
    ),
)

NAMES = tuple(each.name for each in FUNCTIONS)
"""Those of all functions, whether a system has them or not."""

METHODS = tuple(sorted({f.route[0] for f in FUNCTIONS if f.route and f.when is _always}))
"""The methods of the routes that every system has."""


def functions_of(settings: OrderSettings) -> tuple[OrderFunction, ...]:
    """The functions of a system with these settings; without events nothing consumes them."""
    there = (each for each in FUNCTIONS if settings["events"] or not each.consumes)
    return tuple(each for each in there if each.when(settings))


def route_keys(function: OrderFunction, versions: Iterable[str]) -> Iterator[str]:
    """The keys of a function's route: that of no version, then one for each version."""
    if function.route:
        method, path = function.route
        yield f"{method} {path}"
        if function.versioned:
            yield from (f"{method} /{version}{path}" for version in versions)


def operations(functions: Iterable[OrderFunction] = FUNCTIONS) -> dict[str, tuple[str, ...]]:
    """botocore's operations that the grants of functions allow, by service.

    Those of all functions are what the bundle carries, whichever of them a system has.
    """
    found: dict[str, dict[str, None]] = {}
    for function in functions:
        for grant in function.grants:
            service = grant.action.partition(":")[0]
            found.setdefault(service, {}).update(dict.fromkeys(grant.operations))
        if function.invokes_itself:
            found.setdefault("lambda", {})["Invoke"] = None
    return {service: tuple(names) for service, names in found.items()}


# Operations of which DynamoDB counts neither throttled requests nor errors.
_UNCOUNTED = ("DescribeTable",)


def table_operations(functions: Iterable[OrderFunction]) -> list[str]:
    """botocore's operations that functions may call on the orders of the table."""
    there = _operations_on((_table, _pending_index, _owner_index), functions)
    return [each for each in there if each not in _UNCOUNTED]


def history_operations(functions: Iterable[OrderFunction]) -> list[str]:
    """botocore's operations that functions may call on the history of orders."""
    return _operations_on((_history,), functions)


def _operations_on(
    resources: tuple[Callable[[Parts], Any], ...], functions: Iterable[OrderFunction]
) -> list[str]:
    grants = (grant for function in functions for grant in function.grants)
    on_it = (grant for grant in grants if grant.resource in resources)
    return list(dict.fromkeys(name for grant in on_it for name in grant.operations))
