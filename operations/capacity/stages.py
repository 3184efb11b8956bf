"""What each stage of a stack takes, in orders a second: from its graph, quotas and assumptions.

What an order uses of each resource is counted as for its cost (operations/cost/flow.py), with full
batches, as they are where a limit is near.
"""

import json
import math
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from functions import contract
from operations.capacity.quotas import Quota, Quotas
from operations.cost import sizes
from operations.cost.estimate import assumptions as cost_assumptions
from operations.cost.flow import FUNCTION, MAPPING, QUEUE, TABLE, Flow, name_of, runs_a_month
from operations.graph import Graph, Registered

ASSUMPTIONS = Path(__file__).with_name("assumptions.toml")

LASTING, AT_ONCE, OUTAGE = "lasting", "at once", "in an outage"
"""How long a limit holds: for good, until AWS has grown with the load, while something fails."""

_STAGE = "aws:apigatewayv2/stage:Stage"
_RULE_TARGET = "aws:cloudwatch/eventTarget:EventTarget"
_LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
_FREE = "nothing: quotas are free, and what is used is billed by the use"


@dataclass(frozen=True)
class Stage:
    """One limit: how many orders a second, why, and what to do about it."""

    name: str
    limit: float
    """Orders a second; infinite where no load is too much."""
    because: str
    remedy: str
    """What to raise."""
    costs: str
    """What raising it costs."""
    holds: str
    source: str
    needs: Callable[[float], str]
    """What so many orders a second take of it."""


@dataclass(frozen=True)
class Load:
    """What one order makes a function do."""

    invocations: float
    seconds: float
    """Of one invocation."""

    @property
    def concurrency(self) -> float:
        """Environments that one order a second occupies."""
        return self.invocations * self.seconds


def assumptions() -> dict[str, Any]:
    """What no program and no quota says, by assumptions.toml."""
    return tomllib.loads(ASSUMPTIONS.read_text(encoding="utf-8"))


class Stages:
    """The stages of a stack, for orders of so many items, each read so many times."""

    def __init__(
        self,
        graph: Graph,
        quotas: Quotas,
        items: int = 3,
        reads: float = 1,
        assumed: Mapping[str, Any] | None = None,
    ) -> None:
        self.graph, self.quotas, self.items, self.reads = graph, quotas, items, reads
        self.assumed = assumed or assumptions()
        self.throttle = graph.settings.system["throttle"]
        days = int(graph.settings.system["history"]["retention_days"])
        flow = Flow(graph, sizes.life(items, days), cost_assumptions(), full_batches=True)
        flow.orders(1, reads)
        self._usage = flow.usage

    def all(self, rate: float) -> list[Stage]:
        """All stages, the narrowest first; the stream's depends on the rate that is wanted."""
        found = [
            *self._api(),
            *self._functions(),
            *self._queues(),
            *self._tables(),
            *self._index(),
            *self._stream(rate),
            *self._bus(),
            *self._repair(),
            *self._logs(),
        ]
        return sorted(found, key=lambda each: each.limit)

    # What an order uses

    @cached_property
    def loads(self) -> dict[int, Load]:
        """What an order makes each function do, by the function's number."""
        found = {}
        for function in self.graph.of(FUNCTION):
            runs = self.used(function, "lambda.request")
            if runs:
                gigabytes = function.inputs["memorySize"] / 1024
                billed = sum(
                    quantity
                    for (number, purpose, _), quantity in self._usage.items()
                    if number == function.number and purpose == "duration"
                )
                found[function.number] = Load(runs, billed / gigabytes / runs)
        return found

    def used(self, resource: Registered, key: str, purpose: str | None = None) -> float:
        """How much of a resource an order uses, by the key of its price."""
        return sum(
            quantity
            for (number, what, of), quantity in self._usage.items()
            if number == resource.number and of == key and purpose in (None, what)
        )

    def readers(self, source: Registered) -> Iterator[tuple[Registered, Registered]]:
        """The mappings that read a queue or a stream, each with its function."""
        for mapping in self.graph.of(MAPPING):
            if source in self.graph.behind(mapping, "eventSourceArn"):
                for function in self.graph.behind(mapping, "functionName"):
                    if function.number in self.loads:
                        yield mapping, function

    def concurrency(self, mapping: Registered) -> float:
        """Batches of a queue in work at once."""
        most = (mapping.inputs.get("scalingConfig") or {}).get("maximumConcurrency")
        return float(most or self.quotas["sqs_batches"].value)

    # The stages

    def _api(self) -> Iterator[Stage]:
        for stage in self.graph.of(_STAGE):
            placing = f"POST {contract.ORDERS_PATH}"
            for route in stage.inputs.get("routeSettings") or []:
                if route["routeKey"] == placing:
                    limit = float(route["throttlingRateLimit"])
                    yield _stage(
                        "API: throttle of new orders",
                        limit,
                        f"{placing} is let in {limit:g} times a second",
                        "throttle.createRate, with createBurst, rate and burst",
                        "nothing: requests are billed by the use",
                        "https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-throttling.html",
                        _times(1, "a second"),
                    )
            default = stage.inputs.get("defaultRouteSettings") or {}
            if self.reads and default.get("throttlingRateLimit"):
                limit = float(default["throttlingRateLimit"])
                yield _stage(
                    "API: throttle of other requests",
                    limit / self.reads,
                    f"{limit:g} a second, {self.reads:g} for each order",
                    "throttle.rate, with burst",
                    "nothing: requests are billed by the use",
                    "https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-throttling.html",
                    _times(self.reads, "a second"),
                )
        yield self._account("API: account", "api_requests", 1 + self.reads, "requests")

    def _functions(self) -> Iterator[Stage]:
        loads = self.loads.values()
        occupied = sum(each.concurrency for each in loads)
        calls = sum(each.invocations for each in loads) / self.quotas["lambda_requests"].value
        of = "environments"
        yield self._account("Lambda: concurrency", "lambda_concurrency", occupied, of)
        yield self._account(
            "Lambda: requests", "lambda_concurrency", calls, f"{of}, at 10 requests a second each"
        )
        for number, load in self.loads.items():
            function = self.graph.by_number[number]
            reserved = function.inputs.get("reservedConcurrentExecutions")
            if reserved is None:
                continue
            each = max(load.concurrency, load.invocations / self.quotas["lambda_requests"].value)
            yield _stage(
                f"Lambda: {name_of(function)}",
                _ratio(float(reserved), each),
                f"{reserved:g} environments are reserved, an order a second takes {each:.4f}",
                f"reservedConcurrency.{name_of(function)}",
                "nothing, but other functions have less",
                self.quotas["lambda_concurrency"].source,
                _times(each, "environments"),
            )

    def _queues(self) -> Iterator[Stage]:
        for queue in self.graph.of(QUEUE):
            for mapping, function in self.readers(queue):
                load, batch = self.loads[function.number], float(mapping.inputs["batchSize"])
                occupied = load.invocations * (load.seconds + self.assumed["poll_seconds"])
                most = self.concurrency(mapping)
                yield _stage(
                    f"SQS: {name_of(function)}",
                    _ratio(most, occupied),
                    f"{most:g} batches of {batch:g} at once, {1000 * load.seconds:.0f} ms each and "
                    f"{1000 * self.assumed['poll_seconds']:.0f} ms for Lambda's pollers",
                    _maximum_of(name_of(function)),
                    "nothing: runs are billed by the use",
                    self.quotas["sqs_batches"].source,
                    _times(occupied, "batches at once"),
                )
                hidden = float(queue.inputs.get("visibilityTimeoutSeconds") or 30)
                messages = load.invocations * batch
                yield self._account(
                    f"SQS: in flight, while {name_of(function)} fails",
                    "sqs_in_flight",
                    messages * hidden,
                    f"messages, each hidden for {hidden:g} s",
                    holds=OUTAGE,
                )

    def _tables(self) -> Iterator[Stage]:
        for table in self.graph.of(TABLE):
            reads = self.used(table, "dynamodb.read")
            if reads:
                name = f"DynamoDB: reads of {table.name}"
                yield self._account(name, "dynamodb_reads", reads, "read units")
            for purpose, what in (("writes", "table"), *self._indexes(table)):
                units = self.used(table, "dynamodb.write", purpose)
                name = f"DynamoDB: {what} {table.name}"
                if not units:
                    continue
                yield self._account(name, "dynamodb_writes", units, "write units")
                quota = self.quotas["dynamodb_new_writes"]
                yield _stage(
                    f"{name}, new",
                    quota.value / units,
                    f"{quota.value:g} {quota.unit}; an order takes {units:g}",
                    "its warm throughput (`aws dynamodb update-table --warm-throughput`), or come "
                    "to the rate over hours",
                    "once, for each unit that it is raised by",
                    quota.source,
                    _times(units, "write units"),
                    AT_ONCE,
                )

    def _indexes(self, table: Registered) -> Iterator[tuple[str, str]]:
        for index in table.inputs.get("globalSecondaryIndexes") or []:
            yield f"writes of index {index['name']}", f"index {index['name']} of"

    def _index(self) -> Iterator[Stage]:
        for table in self.graph.of(TABLE):
            for index in table.inputs.get("globalSecondaryIndexes") or []:
                if index["name"] != contract.PENDING_INDEX:
                    continue
                units = self.used(table, "dynamodb.write", f"writes of index {index['name']}")
                quota, shards = self.quotas["dynamodb_partition_writes"], self._shards()
                yield _stage(
                    "DynamoDB: shards of pending orders",
                    shards * quota.value / units,
                    f"{shards} shards take {quota.value:g} write units a second each; an order "
                    f"takes {units:g}, and the index throttles the table",
                    "pending.shards, or throttle.createRate, which it follows",
                    "half a read unit for each shard and run of the repair",
                    quota.source,
                    _times(units / quota.value, "shards"),
                )

    def _shards(self) -> int:
        variable = contract.PENDING_SHARDS_VARIABLE
        return min(
            int(function.inputs["environment"]["variables"][variable])
            for function in self.graph.of(FUNCTION)
            if variable in (function.inputs.get("environment") or {}).get("variables", {})
        )

    def _stream(self, rate: float) -> Iterator[Stage]:
        for table in self.graph.of(TABLE):
            units = self.used(table, "dynamodb.write", "writes")
            quota = self.quotas["dynamodb_partition_writes"]
            for mapping, function in self.readers(table):
                load, batch = self.loads[function.number], float(mapping.inputs["batchSize"])
                factor = float(mapping.inputs.get("parallelizationFactor") or 1)
                reader = factor / (load.invocations * load.seconds)
                partition = quota.value / units
                new = self.quotas["dynamodb_new_writes"].value / quota.value
                shards = max(new, math.ceil(rate * units / quota.value))
                yield _stage(
                    f"Stream: {name_of(function)}",
                    math.inf if reader >= partition else shards * reader,
                    f"a shard is read by {factor:g} batches of {batch:g} at once, each "
                    f"{1000 * load.seconds:.0f} ms: {reader:.0f} orders a second; its partition "
                    f"takes {partition:.0f}",
                    "parallelization_factor of its source (components/order_functions.py)",
                    "nothing: runs are billed by the use",
                    "https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html",
                    _times(1 / reader, "shards' readers"),
                )

    def _bus(self) -> Iterator[Stage]:
        for bus in self.graph.of("aws:cloudwatch/eventBus:EventBus"):
            events = self.used(bus, "events.event")
            if not events:
                continue
            puts = events / self.assumed["events_a_put"]
            yield self._account("EventBridge: puts", "events_puts", puts, "calls")
            handed = sum(self._matched(bus))
            if handed:
                yield self._account(
                    "EventBridge: targets", "events_invocations", handed, "events handed over"
                )

    def _matched(self, bus: Registered) -> Iterator[float]:
        """Events of an order that each target of the bus is handed."""
        for target in self.graph.of(_RULE_TARGET):
            for rule in self.graph.behind(target, "rule"):
                if bus in self.graph.behind(rule, "eventBusName"):
                    wanted = json.loads(rule.inputs["eventPattern"]).get("detail-type")
                    told = (contract.ORDER_CREATED, contract.CHANGE_EVENTS[contract.CONFIRMED])
                    yield sum(1.0 for each in told if not wanted or each in wanted)

    def _repair(self) -> Iterator[Stage]:
        limit = int(self.graph.settings.system["republish"]["limit"])
        for schedule in self.graph.of("aws:scheduler/schedule:Schedule"):
            target = Registered(schedule.number, "", "", (), schedule.inputs["target"])
            for function in self.graph.behind(target, "arn"):
                if name_of(function) != "republish_pending":
                    continue
                seconds = 730 * 3600 / runs_a_month(str(schedule.inputs["scheduleExpression"]))
                yield _stage(
                    "Repair: events sent again",
                    limit / seconds,
                    f"{limit} orders every {seconds:.0f} s: what the queue was not told while "
                    "it was down is sent again at that rate",
                    "republish.limit, republish.rateMinutes",
                    "nothing: runs and calls are billed by the use",
                    "functions/republish_pending.py",
                    _times(seconds, "a run"),
                    OUTAGE,
                )

    def _logs(self) -> Iterator[Stage]:
        environments = sum(each.concurrency for each in self.loads.values())
        groups = {each.number for each in self.graph.of(_LOG_GROUP)}
        written = sum(
            quantity
            for (number, _, key), quantity in self._usage.items()
            if number in groups and key == "bytes"
        )
        full = written / self.quotas["logs_put_bytes"].value
        puts = max(environments * self.assumed["log_puts"], full)
        yield self._account("CloudWatch Logs: puts", "logs_puts", puts, "calls")

    def _account(self, name: str, key: str, each: float, unit: str, holds: str = LASTING) -> Stage:
        """A quota of which an order takes so many units."""
        quota: Quota = self.quotas[key]
        share = 1.0 if holds == OUTAGE else self.assumed["share_of_account"]
        return _stage(
            name,
            _ratio(quota.value * share, each),
            f"{quota.value * share:g} {quota.unit}; an order a second takes {each:.4g} {unit}",
            f"the quota {key}" if quota.adjustable else "nothing",
            _FREE,
            quota.source,
            _times(each, unit),
            holds,
        )


def _stage(
    name: str,
    limit: float,
    because: str,
    remedy: str,
    costs: str,
    source: str,
    needs: Callable[[float], str],
    holds: str = LASTING,
) -> Stage:
    return Stage(name, limit, because, remedy, costs, holds, source, needs)


def _ratio(there: float, each: float) -> float:
    return there / each if each else math.inf


def _times(each: float, unit: str) -> Callable[[float], str]:
    return lambda rate: f"{math.ceil(rate * each - 1e-9):,} {unit}"


def _maximum_of(function: str) -> str:
    known = {
        "process_order": "processor.maximumConcurrency",
        "record_history": "history.maximumConcurrency",
    }
    return known.get(function, "maximum_concurrency of its entry (components/order_functions.py)")
