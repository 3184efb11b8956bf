"""Settings of the order system: each is declared here or where it belongs to.

Those that name its functions or their methods are in order_system_args.py: the functions are made
of these.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, NotRequired, TypedDict

from ._contract import contract
from .budget import MOST_ADDRESSES, MonthlyBudget
from .event_bus import BusArchive
from .event_sources import (
    Batches,
    Concurrency,
    large_batches_are_collected,
)
from .function import FunctionSettings
from .http_api import Audience, Issuer, Throttle
from .inputs import (
    Default,
    Items,
    Key,
    OneOf,
    Problem,
    Text,
    Whole,
    ZeroOr,
    contradictions,
    declarations,
    problem,
)
from .queues import QueueDelivery
from .table import TableSafety
from .thresholds import Alarms
from .traffic_shift import MOST_MINUTES, Preference, shift_of
from .user_pool import UserPoolSettings

SCOPES = {
    contract.READ_SCOPE: "See your own orders",
    contract.WRITE_SCOPE: "Place orders",
    contract.ADMIN_SCOPE: "See everybody's orders, and all else that the API can do",
}
"""The scopes of access tokens, and what people who sign in are told of each."""

AUTH = ("none", "cognito", "jwt")

# The longest that an HTTP API waits for a function:
# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
API_TIMEOUT_SECONDS = 30


class OrderThrottle(Throttle):
    """How much the API takes before it answers 429."""

    create_rate: NotRequired[Annotated[int, Whole(1, 100_000, default=250)]]
    """Orders created per second by the route of each version, over all callers."""
    create_burst: NotRequired[Annotated[int, Whole(1, 100_000, default=500)]]
    """Orders created in a burst."""


class Limits(TypedDict):
    """How many requests each caller who has signed in may make a minute."""

    create_per_minute: NotRequired[Annotated[int, ZeroOr(1, 100_000, default=60)]]
    """Orders that a caller may place a minute; without a limit as many as the API takes."""
    read_per_minute: NotRequired[Annotated[int, ZeroOr(1, 100_000, default=300)]]
    """Orders, lists and histories that a caller may read a minute; or as many as the API takes."""


class Processor(Batches):
    """How the function that confirms orders takes them from the queue."""

    maximum_concurrency: NotRequired[Annotated[Concurrency, Default(default=10)]]
    """Most concurrent invocations; without a limit throttled ones would use up the receives."""
    timeout_seconds: NotRequired[Annotated[int, Whole(1, 900)]]
    """Its longest run, if not that of all functions; a sixth of the visibility timeout is safe."""


contradictions(Processor)(large_batches_are_collected)


class Republish(TypedDict):
    """The repair, which sends the events of pending orders again."""

    rate_minutes: NotRequired[Annotated[int, Whole(1, 60, default=1)]]
    """How often it runs."""
    # By then every regular delivery is over: the visibility timeout times the receives. An event
    # sent again for an order that was merely slow would change nothing.
    pending_threshold_seconds: NotRequired[Annotated[int, Whole(1, 86_400, default=120)]]
    """Age from which a pending order's event is sent again."""
    limit: NotRequired[Annotated[int, Whole(1, 100_000, default=1000)]]
    """Most events sent again in one run."""


class PendingIndex(TypedDict):
    """The index in which the repair finds pending orders."""

    # Fewer than before hide no order: the repair looks at all that there can be.
    shards: NotRequired[Annotated[int, Whole(1, contract.MOST_PENDING_SHARDS)]]
    """Partitions that it is spread over; by default as many as the rate of orders needs."""


class TableMetrics(TypedDict):
    """The number of orders and the size of their table, as metrics."""

    # DynamoDB itself counts about every six hours; a day shows how they grow.
    rate_hours: NotRequired[Annotated[int, ZeroOr(1, 24, default=24)]]
    """How often they are measured; 0 for never."""


class Synthetic(TypedDict):
    """A synthetic order, placed through the API and seen CONFIRMED: a sign of life."""

    rate_minutes: Annotated[int, Whole(1, 60)]
    """How often one is placed."""


class History(TypedDict):
    """The history of orders."""

    retention_days: NotRequired[Annotated[int, ZeroOr(1, 36_500, default=365)]]
    """How long each change of an order is kept, in days; without a limit for ever."""
    maximum_concurrency: NotRequired[Concurrency]
    """Most concurrent runs of its recorder, 0 for no limit; by default 10, or what is reserved."""


class Importing(TypedDict):
    """The import of files."""

    retention_days: NotRequired[Annotated[int, Whole(1, 36_500, default=30)]]
    """How long files and their reports are kept, in days."""
    timeout_seconds: NotRequired[Annotated[int, Whole(1, 900, default=60)]]
    """Longest run of its function, which goes on in another one when its time is up."""


class Jwt(TypedDict):
    """Whose access tokens the API takes with `auth` jwt: of an OpenID Connect provider."""

    issuer: Issuer
    """The provider, exactly as its tokens name it (`iss`)."""
    audience: Audience
    """For whom the tokens have to be (`aud`, or without one `client_id`): one of these."""


class OrderUserPool(UserPoolSettings):
    """The users of `auth` cognito, and the pages and machines that may sign in."""

    machine_scopes: NotRequired[
        Annotated[
            list[Annotated[str, OneOf(tuple(SCOPES))]],
            Items(different=True, default=(contract.READ_SCOPE, contract.WRITE_SCOPE)),
        ]
    ]
    """What the client for machines may do; orders/admin shows it everybody's orders."""


Date = Annotated[str, Text(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T00:00:00Z)?", "a date as 2027-12-31")]


class Deprecation(TypedDict):
    """A version of the API that is not to be used any more, which its answers say."""

    since: Date
    """Day from which on it is deprecated, past or future, as 2027-01-01."""
    sunset: NotRequired[Date]
    """Day on which it is expected to go."""
    link: NotRequired[
        Annotated[str, Text(r"https?://[^\s<>\"]+", "a URL as https://shop.example.com/api")]
    ]
    """Page that tells callers what to do."""


@contradictions(Deprecation)
def _days_that_there_are_in_their_order(deprecation: Deprecation) -> Iterator[Problem]:
    given = {"since": deprecation["since"]}
    if "sunset" in deprecation:
        given["sunset"] = deprecation["sunset"]
    days = {}
    for name, text in given.items():
        try:
            days[name] = day(text)
        except ValueError:
            yield problem(name, f"expected a day that there is, not {text!r}")
    if len(days) == 2 and days["sunset"] < days["since"]:
        yield problem("sunset", f"expected {{=since}} or later, not {given['sunset']!r}")


def day(text: str) -> datetime:
    """The beginning of a day in UTC; raises ValueError."""
    return datetime.fromisoformat(text[:10]).replace(tzinfo=UTC)


class OrderSettings(FunctionSettings):
    """What can be set of an order system, but for what names its functions or their methods."""

    name_suffix: NotRequired[
        Annotated[
            str, Text(r"[A-Za-z0-9_-]{0,40}", "at most 40 letters, digits, - and _", default="")
        ]
    ]
    """Appended to the names of table and queue; another one replaces both, without their data."""
    api_versions: NotRequired[
        Annotated[
            list[Annotated[str, OneOf(contract.API_VERSIONS)]],
            Items(different=True, default=contract.API_VERSIONS),
        ]
    ]
    """Versions of the API that are served, as /v2/orders; /orders, which means v1, always is."""
    deprecations: NotRequired[dict[Annotated[str, OneOf(contract.API_VERSIONS)], Deprecation]]
    """Versions of the API that are deprecated, as `{"v1": {"since": "2027-01-01"}}`."""
    currency: NotRequired[
        Annotated[
            str,
            Text(
                "|".join(" ".join(contract.CURRENCIES.values()).split()),
                "a currency of ISO 4217 as EUR",
                default=contract.DEFAULT_CURRENCY,
            ),
        ]
    ]
    """Currency of all prices, which v2 names; an order is stored without it."""
    auth: NotRequired[Annotated[str, OneOf(AUTH, default="none")]]
    """Who may call the API: none (everybody), cognito (users and machines of a user pool of our
    own), jwt (those of another provider)."""
    jwt: NotRequired[Jwt]
    """Whose access tokens the API takes with `auth` jwt: of an OpenID Connect provider."""
    user_pool: NotRequired[OrderUserPool]
    """The users of `auth` cognito, and the pages and machines that may sign in."""
    throttle: NotRequired[OrderThrottle]
    """How much the API takes before it answers 429."""
    limits: NotRequired[Limits]
    """How many requests each caller who has signed in may make a minute; 0: as many as the API."""
    table: NotRequired[TableSafety]
    """What keeps the table's data from being lost."""
    pending: NotRequired[PendingIndex]
    """The index in which the repair finds pending orders."""
    queue: NotRequired[QueueDelivery]
    """How the queue delivers an event until it gives up."""
    processor: NotRequired[Processor]
    """How the function that confirms orders takes them from the queue."""
    republish: NotRequired[Republish]
    """The repair, which sends the events of pending orders again."""
    events: NotRequired[Annotated[bool, Default(default=True)]]
    """Whether each change of an order is an event on a bus, and part of the order's history."""
    bus: NotRequired[BusArchive]
    """The bus that the events of orders are put on."""
    table_metrics: NotRequired[TableMetrics]
    """The number of orders and the size of their table, as metrics."""
    synthetic: NotRequired[Synthetic]
    """Synthetic orders through the public API, with an alarm on their absence; off by default."""
    history: NotRequired[History]
    """What is kept of each change of an order, beside the order."""
    imports: NotRequired[Annotated[bool, Default(default=False)]]
    """Whether there is a bucket whose files become orders."""
    importing: NotRequired[Importing]
    """The import of files."""
    deployment: NotRequired[Preference]
    """How traffic moves to new versions of the functions."""
    protect: NotRequired[bool]
    """Whether Pulumi refuses to delete tables, queues and bus; of a stack, the whole system."""
    alarms: NotRequired[Alarms]
    """Who hears the alarms, and when they ring."""
    monthly_budget: NotRequired[MonthlyBudget]
    """What the account may cost in a month, and who is told before it does; none by default."""


def with_sign_in(settings: "OrderSettings") -> bool:
    """Whether every request of the API has to come with an access token."""
    return settings["auth"] != "none"


@contradictions(OrderThrottle)
def _orders_within_the_stage(throttle: OrderThrottle) -> Iterator[Problem]:
    if throttle["create_rate"] > throttle["rate"]:
        yield problem("create_rate", f"expected at most {{=rate}}, not {throttle['create_rate']}")
    if throttle["create_burst"] > throttle["burst"]:
        yield problem(
            "create_burst", f"expected at most {{=burst}}, not {throttle['create_burst']}"
        )


@contradictions(OrderSettings)
def _tokens_have_one_issuer(args: OrderSettings) -> Iterator[Problem]:
    if args["auth"] == "jwt" and "jwt" not in args:
        for name, declared in declarations(Jwt).items():
            text = f"expected {declared.expected}, but {{=jwt!}} is missing, and {{=auth}}"
            yield problem(f"jwt.{name}", text)
    if args["auth"] != "jwt" and "jwt" in args:
        yield problem("jwt", "expected nothing, because {=auth}: nobody would ask for its tokens")


@contradictions(OrderSettings)
def _synthetic_orders_have_a_token(args: OrderSettings) -> Iterator[Problem]:
    # A client's secret of another provider would stand in a stack's configuration, where all else
    # may be read by everybody.
    if args["auth"] == "jwt" and "synthetic" in args:
        yield problem(
            "synthetic",
            "expected nothing, because {=auth}: only that provider has tokens for them; to place "
            "orders signed in, run `python -m operations drill` with one in ACCESS_TOKEN",
        )


@contradictions(OrderSettings)
def _limits_are_of_somebody(args: OrderSettings) -> Iterator[Problem]:
    for name, declared in declarations(Limits).items():
        given = args["limits"].get(name)
        if not with_sign_in(args) and given != declared.default:
            yield problem(
                f"limits.{name}",
                f"expected nothing, not {given}, because {{=auth}}: nobody knows who calls",
            )


@contradictions(OrderSettings)
def _api_waits_for_its_functions(args: OrderSettings) -> Iterator[Problem]:
    if args["timeout_seconds"] > API_TIMEOUT_SECONDS:
        yield problem(
            "timeout_seconds",
            f"expected a whole number from 1 to {API_TIMEOUT_SECONDS}, "
            f"not {args['timeout_seconds']}: an HTTP API waits no longer for a function",
        )


@contradictions(OrderSettings)
def _shifts_end_in_time(args: OrderSettings) -> Iterator[Problem]:
    shift = shift_of(args["deployment"])
    if shift is not None and shift.longest > MOST_MINUTES:
        yield problem(
            "deployment",
            f"expected a shift of at most {MOST_MINUTES} minutes, not {shift.longest}: CodeDeploy "
            "takes none that lasts longer",
        )


@contradictions(OrderSettings)
def _events_stay_hidden_while_they_are_processed(args: OrderSettings) -> Iterator[Problem]:
    visibility, processor = args["queue"]["visibility_timeout_seconds"], args["processor"]
    timeout = "processor.timeout_seconds" if "timeout_seconds" in processor else "timeout_seconds"
    if visibility < processor_timeout(args):
        yield problem(
            "queue.visibility_timeout_seconds",
            f"expected at least {{={timeout}}}, not {visibility}: "
            "a message would be processed twice",
        )
    # The clock of the visibility timeout starts when a message is received for a batch:
    # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
    if processor["batch_window_seconds"] >= visibility:
        yield problem(
            "processor.batch_window_seconds",
            "expected less than {=queue.visibility_timeout_seconds}, "
            f"not {processor['batch_window_seconds']}: "
            "a message would be visible again before its batch is full",
        )


@contradictions(OrderSettings)
def _orders_are_repaired_before_the_alarm(args: OrderSettings) -> Iterator[Problem]:
    threshold = args["republish"]["pending_threshold_seconds"]
    if threshold > args["alarms"]["thresholds"]["oldest_pending_seconds"]:
        yield problem(
            "republish.pending_threshold_seconds",
            "expected at most {=alarms.thresholds.oldest_pending_seconds}, "
            f"not {threshold}: the alarm would ring before the repair",
        )


def processor_timeout(args: OrderSettings) -> int:
    """The longest run of the processor, in seconds, of inputs with their defaults."""
    return args["processor"].get("timeout_seconds", args["timeout_seconds"])


@contradictions(OrderSettings)
def _what_is_deprecated_is_served(args: OrderSettings) -> Iterator[Problem]:
    for version in args.get("deprecations", {}):
        if version not in (contract.UNVERSIONED, *args["api_versions"]):
            text = "expected no such key, because {=api_versions} leaves this version out"
            yield Problem(("deprecations", Key(version)), text)


def budget_emails(args: OrderSettings) -> list[str]:
    """Who is told of the budget, of inputs that have one."""
    return args["monthly_budget"].get("emails") or args["alarms"]["emails"]


@contradictions(OrderSettings)
def _somebody_is_told_of_the_budget(args: OrderSettings) -> Iterator[Problem]:
    if "monthly_budget" not in args:
        return
    told = len(budget_emails(args))
    if not 1 <= told <= MOST_ADDRESSES:
        yield problem(
            "monthly_budget.emails",
            f"expected 1 to {MOST_ADDRESSES} addresses, not {told}; "
            "without any, {=alarms.emails} are told",
        )
