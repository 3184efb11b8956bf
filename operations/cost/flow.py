"""What passes through a stack's resources when it runs, and when orders come.

Followed are the ways that the graph has: from a route or a schedule to a function, by the
function's grants to tables, queues and buses, and by mappings and rules to the next function.
"""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from functions import contract
from operations.cost import sizes
from operations.cost.calls import calls
from operations.cost.sizes import CHUNK, READ_UNIT, WRITE_UNIT, Item, Life, units
from operations.graph import Graph, Registered

FUNCTION = "aws:lambda/function:Function"
MAPPING = "aws:lambda/eventSourceMapping:EventSourceMapping"
TABLE = "aws:dynamodb/table:Table"
QUEUE = "aws:sqs/queue:Queue"
SCHEDULE = "aws:scheduler/schedule:Schedule"
HEALTH_CHECK = "aws:route53/healthCheck:HealthCheck"

HOURS_A_MONTH = 730

# The place of a new order in the API: every way in that a client has leads to the same function.
_PLACING = f"POST {contract.ORDERS_PATH}"
_READING = f"GET {contract.ORDER_PATH}"

Usage = dict[tuple[int, str, str], float]
"""How much is used, by the resource's number, what it is for, and the price's key."""


@dataclass
class Flow:
    """Follows requests and runs, and counts what each resource is used for in `usage`."""

    graph: Graph
    life: Life
    assumed: Mapping[str, Any]
    full_batches: bool = False
    usage: Usage = field(default_factory=dict)

    def orders(self, count: float, reads: float = 0) -> None:
        """So many orders in a month, each placed, confirmed and read so many times."""
        self._requests(_PLACING, count)
        self._requests(_READING, count * reads)

    def idle(self) -> None:
        """A month in which nobody calls: pollers, schedules and health checkers."""
        polling = self.assumed["polling"]
        polls = polling["pollers"] * self.assumed["month_seconds"] / polling["wait_seconds"]
        for mapping in self.graph.of(MAPPING):
            for queue in self._behind(mapping, QUEUE, "eventSourceArn"):
                self._use(queue, "polling", "sqs.request", polls)
        for schedule in self.graph.of(SCHEDULE):
            runs = runs_a_month(str(schedule.inputs["scheduleExpression"]))
            self._use(schedule, "runs", "events.schedule", runs)
            target = Registered(schedule.number, "", "", (), schedule.inputs["target"])
            for function in self._behind(target, FUNCTION, "arn"):
                self._invoke(function, runs, runs, own_trace=True)
                if name_of(function) == "synthetic_order":
                    self.orders(runs, reads=1)
        for check in self.graph.of(HEALTH_CHECK):
            checkers = self.assumed["health_checks"]["checkers"] * len(check.inputs["regions"])
            asked = checkers * self.assumed["month_seconds"] / check.inputs["requestInterval"]
            self._requests(f"GET {check.inputs['resourcePath']}", asked)

    def _requests(self, route_key: str, count: float) -> None:
        routes = [
            each
            for each in self.graph.of("aws:apigatewayv2/route:Route")
            if each.inputs["routeKey"] == route_key
        ]
        if not routes or not count:
            return
        [route] = routes
        [api] = self.graph.behind(route, "apiId")
        self._use(api, "requests", "apigateway.http", count)
        for stage in self.graph.of("aws:apigatewayv2/stage:Stage"):
            if api in self.graph.behind(stage, "apiId"):
                for group in self.graph.behind(stage, "accessLogSettings"):
                    self._log(group, count, self.assumed["logs"]["access_bytes"])
        for integration in self.graph.behind(route, "target"):
            for function in self._behind(integration, FUNCTION, "integrationUri"):
                self._invoke(function, count, count, own_trace=True)

    def _invoke(self, function: Registered, runs: float, worked: float, *, own_trace: bool) -> None:
        """`runs` invocations that have `worked` units of work between them."""
        name, inputs = name_of(function), function.inputs
        each = worked / runs
        self._use(function, "invocations", "lambda.request", runs)
        seconds = self._milliseconds(function, each) / 1000
        architecture = (inputs.get("architectures") or ["x86_64"])[0]
        gigabytes = inputs["memorySize"] / 1024
        self._use(function, "duration", f"lambda.{architecture}", runs * seconds * gigabytes)
        logs = self.assumed["logs"]
        lines = logs["lines"].get(name, logs["lines"]["others"])
        for group in self.graph.behind(function, "loggingConfig"):
            of_lambda = logs["platform_lines"]
            self._log(group, runs * of_lambda, logs["platform_bytes"] / of_lambda)
            for times, size in ((runs, lines["invocation"]), (worked, lines["unit"])):
                self._log(group, times if size else 0, size)
        if own_trace and inputs["tracingConfig"]["mode"] == "Active":
            self._use(function, "traces", "xray.trace", self._sampled(runs))
        for operation, resource in self._granted(function):
            self._call(function, operation, resource, worked * self._times(function, operation))

    def _milliseconds(self, function: Registered, each: float) -> float:
        """How long an invocation with so many units of work is billed for, on average."""
        assumed, name = self.assumed["duration"], name_of(function)
        share = min(1.0, function.inputs["memorySize"] / assumed["vcpu_memory_mb"])
        computed = (assumed["invocation_cpu_ms"] + each * assumed["unit_cpu_ms"]) / share
        together = assumed["together"].get(name, 1)
        waits = sum(
            assumed["wait_ms"].get(service_of(resource), 0)
            * self._times(function, operation)
            * max(1.0, each / together)
            for operation, resource in self._granted(function)
        )
        whole: float = assumed["run_ms"].get(name, computed + waits)
        return whole + float(assumed["cold_share"]) * float(assumed["init_ms"])

    def _times(self, function: Registered, operation: str) -> float:
        variables = (function.inputs.get("environment") or {}).get("variables") or {}
        return calls(name_of(function), operation, variables)

    def _granted(self, function: Registered) -> Iterator[tuple[str, Registered]]:
        """The operations that a function may call itself, each with its resource."""
        roles = function.refers("role")
        sources = {
            number
            for mapping in self.graph.of(MAPPING)
            if function in self.graph.behind(mapping, "functionName")
            for number in mapping.refers("eventSourceArn", "destinationConfig")
        }
        failures = {
            number
            for config in self.graph.of(
                "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig"
            )
            for number in config.refers("destinationConfig")
        }
        known: set[tuple[str, int]] = set()
        for policy in self.graph.of("aws:iam/rolePolicy:RolePolicy"):
            if not policy.refers("role") & roles:
                continue
            for statement in json.loads(policy.inputs["policy"])["Statement"]:
                actions = statement["Action"]
                for action in [actions] if isinstance(actions, str) else actions:
                    if action.startswith("logs:"):
                        continue  # Lambda writes them, beside the run
                    of = Registered(0, "", "", (), {"on": statement["Resource"]})
                    for resource in self.graph.behind(of, "on"):
                        # An order is changed in one region's replica, whichever are granted.
                        granted = action.partition(":")[2], resource.number
                        if (
                            statement["Effect"] == "Allow"
                            and resource.number not in sources | failures
                            and granted not in known
                        ):
                            known.add(granted)
                            yield granted[0], resource

    def _call(self, function: Registered, operation: str, on: Registered, count: float) -> None:
        if not count:
            return
        if on.type == TABLE and operation in ("GetItem", "Query", "BatchGetItem"):
            # The order is read consistently; queries are not, and find nothing or little.
            whole = units(sizes.item(self.life.confirmed), READ_UNIT)
            wanted = whole if operation == "GetItem" else 0.5
            self._use(on, "reads", "dynamodb.read", count * wanted)
        elif on.type == TABLE:
            self._write(function, operation, on, count)
        elif on.type == QUEUE and operation == "SendMessage":
            self._send(on, count, self.life.message)
        elif on.type == QUEUE and operation == "GetQueueAttributes":
            self._use(on, "looks at it", "sqs.request", count)
        elif operation == "PutEvents":
            self._put(on, count)

    def _write(self, function: Registered, operation: str, table: Registered, count: float) -> None:
        changes = self._changes(name_of(function), operation)
        replicas = len(table.inputs.get("replicas") or [])
        keys = {str(table.inputs[key]) for key in ("hashKey", "rangeKey") if key in table.inputs}
        for old, new in changes:
            share = count / len(changes)
            size = max(sizes.item(old), sizes.item(new))
            written = {"writes": units(size, WRITE_UNIT)}
            for index in table.inputs.get("globalSecondaryIndexes") or []:
                wanted = sizes.index_writes(index, keys, old, new)
                written[f"writes of index {index['name']}"] = wanted
            for purpose, wanted in written.items():
                # Each region writes each item, at the price of its own writes:
                # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/global-tables-billing.html
                self._use(table, purpose, "dynamodb.write", share * wanted)
                if replicas:
                    there = share * wanted * replicas
                    self._use(table, f"{purpose} in replicas", "dynamodb.write", there)
            grown = (
                sizes.item(new)
                - sizes.item(old)
                + self.assumed["storage"]["item_overhead_bytes"] * (not old)
            )
            self._use(table, "items", "bytes", share * grown * (1 + replicas))
        if not table.inputs.get("streamEnabled"):
            return
        for mapping in self.graph.of(MAPPING):
            if table in self.graph.behind(mapping, "eventSourceArn"):
                for target in self._behind(mapping, FUNCTION, "functionName"):
                    self._invoke(target, self._batches(mapping, count), count, own_trace=True)

    def _changes(self, function: str, operation: str) -> list[tuple[Item, Item]]:
        """The items before and after the writes of a function, each as often as the others."""
        life = self.life
        known: dict[tuple[str, str], list[tuple[Item, Item]]] = {
            ("create_order", "PutItem"): [({}, life.placed)],
            ("process_order", "UpdateItem"): [(life.placed, life.confirmed)],
            ("record_history", "PutItem"): [({}, each) for each in life.history],
            ("synthetic_order", "DeleteItem"): [(life.confirmed, {})],
        }
        # What any other function writes is small: one unit, in no index.
        return known.get((function, operation), [({"id": {"S": ""}}, {"id": {"S": ""}})])

    def _send(self, queue: Registered, messages: float, size: float) -> None:
        self._use(queue, "sends", "sqs.request", messages * units(size, CHUNK))
        for mapping in self.graph.of(MAPPING):
            if queue in self.graph.behind(mapping, "eventSourceArn"):
                batches = self._batches(mapping, messages)
                chunks = units(size * messages / batches, CHUNK)
                self._use(queue, "receives", "sqs.request", batches * chunks)
                self._use(queue, "deletes", "sqs.request", batches)
                for target in self._behind(mapping, FUNCTION, "functionName"):
                    self._invoke(target, batches, messages, own_trace=False)

    def _put(self, bus: Registered, count: float) -> None:
        """Events on the bus: of each type as many as of the others."""
        each = count / len(self.life.events)
        for size in self.life.events.values():
            self._use(bus, "events", "events.event", each * units(size, CHUNK))
        for archive in self.graph.of("aws:cloudwatch/eventArchive:EventArchive"):
            if bus in self.graph.behind(archive, "eventSourceArn"):
                self._use(archive, "events", "bytes", each * sum(self.life.events.values()))
        for target in self.graph.of("aws:cloudwatch/eventTarget:EventTarget"):
            for rule in self.graph.behind(target, "rule"):
                if bus not in self.graph.behind(rule, "eventBusName"):
                    continue
                wanted = json.loads(rule.inputs["eventPattern"]).get("detail-type")
                sent = [
                    size for kind, size in self.life.events.items() if not wanted or kind in wanted
                ]
                if not sent:
                    continue
                for reached in self.graph.behind(target, "arn"):
                    if reached.type == QUEUE:
                        self._send(reached, each * len(sent), sum(sent) / len(sent))
                    elif reached.type == FUNCTION:
                        matched = each * len(sent)
                        self._invoke(reached, matched, matched, own_trace=False)

    def _batches(self, mapping: Registered, worked: float) -> float:
        alone = self.assumed["batches"]["units"]
        return worked / float(mapping.inputs["batchSize"] if self.full_batches else alone)

    def _log(self, group: Registered, events: float, size: float) -> None:
        overhead = self.assumed["logs"]["event_overhead_bytes"]
        self._use(group, "lines", "bytes", events * (size + overhead))

    def _sampled(self, runs: float) -> float:
        """How many of these are traced: the first of each second and a share of the others."""
        seconds = float(self.assumed["month_seconds"])
        firsts = seconds * -math.expm1(-runs / seconds)
        return firsts + float(self.assumed["tracing"]["share_of_others"]) * (runs - firsts)

    def _behind(self, resource: Registered, kind: str, *keys: str) -> list[Registered]:
        return [each for each in self.graph.behind(resource, *keys) if each.type == kind]

    def _use(self, resource: Registered, purpose: str, key: str, quantity: float) -> None:
        place = resource.number, purpose, key
        self.usage[place] = self.usage.get(place, 0.0) + quantity


def name_of(function: Registered) -> str:
    """A function's own name, as `create_order`."""
    return str(function.inputs["handler"]).split(".")[-2]


def service_of(resource: Registered) -> str:
    """The AWS service of a resource as assumptions call it."""
    service = resource.type.split(":")[1].partition("/")[0]
    return "events" if service == "cloudwatch" else service


def runs_a_month(expression: str) -> float:
    """How often a schedule runs in a month of 730 hours."""
    kind, _, rest = expression.rstrip(")").partition("(")
    if kind == "rate":
        number, unit = rest.split()
        hours = {"minute": 1 / 60, "hour": 1.0, "day": 24.0}[unit.removesuffix("s")]
        return HOURS_A_MONTH / (int(number) * hours)
    fields = rest.split()
    if kind == "cron" and len(fields) == 6:
        minute, hour, day, _, weekday, _ = fields
        days = HOURS_A_MONTH / 24
        days *= _times(_numbered(weekday), 7) / 7 if weekday not in "?*" else 1
        days *= _times(day, 30) / 30 if day not in "?*" else 1
        return days * _times(hour, 24) * _times(minute, 60)
    return 0.0  # once, at a time


def _numbered(weekdays: str) -> str:
    for number, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), 1):
        weekdays = weekdays.replace(name, str(number))
    return weekdays


def _times(field: str, whole: int) -> float:
    """How many values of a field of cron match."""
    if field in "*?":
        return whole
    found = 0.0
    for part in field.split(","):
        values, _, step = part.partition("/")
        first, _, last = values.partition("-")
        span = whole if first == "*" or (step and not last) else int(last or first) - int(first) + 1
        found += math.ceil(span / int(step or 1))
    return found
