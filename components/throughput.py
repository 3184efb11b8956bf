"""Settings that defeat each other, mostly in what a second can take: for a warning, not an error.

All of it is computed from the settings and from times that no batch undercuts, so that whatever is
named here is too little at the best of times. What the system takes in all likelihood, and what of
AWS's quotas bounds it, says `python -m operations capacity`.
"""

from collections.abc import Iterator

from .event_consumer import ConsumerDelivery, usual_concurrency
from .inputs import Key, Problem, default, problem
from .order_functions import functions_of
from .order_system_args import SystemSettings
from .pending_index import UNITS_PER_ORDER, UNITS_PER_SHARD, shards

# Calls a second of one execution environment:
# https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html#understanding-concurrency
CALLS_PER_ENVIRONMENT = 10

# Seconds. A batch is received, handed to the function and deleted, each a call in the same region;
# then each of its messages takes a write to DynamoDB, of which the processor has five at once
# (functions/process_order.py).
LEAST_BATCH_SECONDS = 0.015
LEAST_WRITE_SECONDS = 0.004
PROCESSOR_WRITES_AT_ONCE = 5

# https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
ACCOUNT_RATE = 10_000

# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
ACCOUNT_CONCURRENCY = 1000
LEAST_UNRESERVED = 100


def contradictions_in(settings: SystemSettings) -> Iterator[Problem]:
    """What of these settings, complete with their defaults, defeats another one of them."""
    for rule in (
        _api_and_reserved,
        _api_and_account,
        _reserved_and_account,
        _api_and_index,
        _api_and_processor,
        _api_and_consumers,
        _reserved_and_maximum,
        _batch_and_timeout,
        _deliveries_and_repair,
    ):
        for each in rule(settings):
            yield Problem(each.path, each.text, settings)


def _api_and_reserved(settings: SystemSettings) -> Iterator[Problem]:
    reserved, throttle = settings.get("reserved_concurrency", {}), settings["throttle"]
    for each in functions_of(settings):
        if not each.route or each.name not in reserved:
            continue
        limit = "create_rate" if each.throttled else "rate"
        rate = throttle["create_rate"] if each.throttled else throttle["rate"]
        most = CALLS_PER_ENVIRONMENT * reserved[each.name]
        if most < rate:
            yield Problem(
                ("reserved_concurrency", Key(each.name)),
                f"{reserved[each.name]} environments take {most} requests a second, "
                f"{CALLS_PER_ENVIRONMENT} each, and {{=throttle.{limit}}} lets more in: the rest "
                "is answered with 503",
            )


def _api_and_account(settings: SystemSettings) -> Iterator[Problem]:
    rate = settings["throttle"]["rate"]
    if rate > ACCOUNT_RATE:
        yield problem(
            "throttle.rate",
            f"{rate} a second is beyond API Gateway's quota of {ACCOUNT_RATE} for an account: the "
            "rest is answered with 429, unless the quota was raised",
        )


def _reserved_and_account(settings: SystemSettings) -> Iterator[Problem]:
    total = sum(settings.get("reserved_concurrency", {}).values())
    if total > ACCOUNT_CONCURRENCY - LEAST_UNRESERVED:
        yield problem(
            "reserved_concurrency",
            f"{total} in all, and of an account's quota of {ACCOUNT_CONCURRENCY} Lambda keeps "
            f"{LEAST_UNRESERVED} for other functions: it refuses the rest, unless the quota was "
            "raised",
        )


def _api_and_index(settings: SystemSettings) -> Iterator[Problem]:
    most = shards(settings) * UNITS_PER_SHARD // UNITS_PER_ORDER
    if most < settings["throttle"]["create_rate"]:
        yield problem(
            "pending.shards",
            f"{shards(settings)} shards of the index over pending orders take {most} orders a "
            "second, and {=throttle.create_rate} lets more in: the index would throttle the table",
        )


def _api_and_processor(settings: SystemSettings) -> Iterator[Problem]:
    processor, rate = settings["processor"], settings["throttle"]["create_rate"]
    batch, concurrency = processor["batch_size"], processor["maximum_concurrency"]
    seconds = LEAST_BATCH_SECONDS + _writing(batch)
    most = concurrency * batch / seconds
    if concurrency and most < rate:
        yield problem(
            "processor.maximum_concurrency",
            f"{concurrency} batches of {batch} at once, each of {1000 * seconds:.0f} ms at least, "
            f"confirm {most:.0f} orders a second, and {{=throttle.create_rate}} lets more in: "
            "they wait in the queue",
        )


def _writing(messages: int) -> float:
    """Seconds that the processor writes for so many messages at least."""
    return -(-messages // PROCESSOR_WRITES_AT_ONCE) * LEAST_WRITE_SECONDS


def _api_and_consumers(settings: SystemSettings) -> Iterator[Problem]:
    rate, reserved = settings["throttle"]["create_rate"], settings.get("reserved_concurrency", {})
    for each in functions_of(settings):
        if not each.consumes:
            continue
        concurrency = each.maximum_concurrency(settings)
        if concurrency is None:
            concurrency = usual_concurrency(reserved.get(each.name))
        # Each order is placed and then confirmed, or failed.
        events = rate * min(2, len(each.consumes))
        batch = default(ConsumerDelivery, "batch_size")
        most = concurrency * batch / (LEAST_BATCH_SECONDS + batch * LEAST_WRITE_SECONDS)
        if concurrency and most < events:
            yield problem(
                "throttle.create_rate",
                f"{rate} orders a second make {events} events, and {each.name} takes {most:.0f} "
                f"with {concurrency} batches of {batch} at once: they wait in its queue",
            )


def _reserved_and_maximum(settings: SystemSettings) -> Iterator[Problem]:
    reserved = settings.get("reserved_concurrency", {}).get("process_order", 0)
    maximum = settings["processor"]["maximum_concurrency"]
    if 0 < maximum < reserved:
        yield Problem(
            ("reserved_concurrency", Key("process_order")),
            f"{reserved} environments are kept for the processor, and "
            f"{{=processor.maximum_concurrency}} uses no more: {reserved - maximum} kept from "
            "other functions for nothing",
        )


def _batch_and_timeout(settings: SystemSettings) -> Iterator[Problem]:
    processor = settings["processor"]
    batch, timeout = processor["batch_size"], processor.get("timeout_seconds")
    seconds, limit = _writing(batch), timeout or settings["timeout_seconds"]
    if seconds > limit:
        name = "processor.timeout_seconds" if timeout else "timeout_seconds"
        yield problem(
            "processor.batch_size",
            f"a batch of {batch} takes {seconds:.0f} s at least, {{={name}}} ends it before: the "
            "rest is delivered again, until it is a dead letter",
        )


def _deliveries_and_repair(settings: SystemSettings) -> Iterator[Problem]:
    queue, window = settings["queue"], settings["processor"]["batch_window_seconds"]
    hidden, receives = queue["visibility_timeout_seconds"], queue["max_receive_count"]
    last = hidden * receives
    if last > settings["republish"]["pending_threshold_seconds"]:
        yield problem(
            "republish.pending_threshold_seconds",
            f"an order is delivered for {last} s ({receives} times {hidden} s), and the repair "
            f"sends its event again after {{=republish.pending_threshold_seconds}}: "
            "another one beside those still to come",
        )
    if window >= settings["republish"]["pending_threshold_seconds"]:
        yield problem(
            "processor.batch_window_seconds",
            f"an order may wait {window} s for its first delivery, and the repair sends its event "
            "again after {=republish.pending_threshold_seconds}",
        )
