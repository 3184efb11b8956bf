"""Inputs of the component OrderSystem: the settings, what names its functions, and its package."""

from collections.abc import Iterator
from typing import Annotated, Any, NotRequired, cast

import pulumi

from ._contract import contract
from .event_sources import LEAST_CONCURRENCY, queue_is_not_throttled
from .http_api import CorsOfPages, Methods
from .inputs import (
    Default,
    Items,
    Key,
    OneOf,
    Problem,
    Whole,
    camel_case,
    contradictions,
    problem,
)
from .observability import DashboardName
from .order_functions import METHODS, NAMES, functions_of
from .order_inputs import OrderSettings, with_sign_in
from .regions import HomeParts, SystemRegions, home_of


class OrderCors(CorsOfPages):
    """Which web pages may call the API, and how."""

    methods: NotRequired[Annotated[Methods, Items(1, default=METHODS)]]
    """Methods that such pages may use."""


class SystemSettings(OrderSettings):
    """What can be set of an order system, by a stack's configuration, too."""

    reserved_concurrency: NotRequired[
        dict[
            Annotated[str, OneOf(NAMES)],
            Annotated[int, Whole(1, 10_000)],
        ]
    ]
    """Reserved concurrency by function, as `{"process_order": 50}`; none by default."""
    cors: NotRequired[OrderCors]
    """Which web pages may call the API, and how."""


class OrderSystemArgs(SystemSettings):
    """Inputs of OrderSystem; what is absent has the system's defaults."""

    service: NotRequired[DashboardName]
    """Name of the system in logs and metrics and of its dashboard; by default the component's."""
    code: NotRequired[pulumi.Archive]
    """The functions' deployment package; built from the functions of this package by default."""
    require_bytecode: NotRequired[Annotated[bool, Default(default=False)]]
    """Whether to refuse to deploy functions that are not compiled for their runtime."""
    regions: NotRequired[SystemRegions]
    """The regions of one system of several, each an OrderSystem; one alone by default."""


def _needed_of_home(args: OrderSettings) -> dict[str, str]:
    """What a further region of such a system needs of the home region beside what all need: parts
    by name, each with the setting that makes it so."""
    with_pool = args["auth"] == "cognito"
    of_client = ("synthetic_token_url", "synthetic_client_id", "synthetic_client_secret")
    with_client = with_pool and "synthetic" in args
    with_currency = contract.VERSION_OF_CURRENCY in args["api_versions"]
    return {
        **({"history_name": "events", "history_arn": "events"} if args["events"] else {}),
        **({"cursor_key": "auth"} if with_sign_in(args) else {}),
        **({"issuer": "auth", "audience": "auth"} if with_pool else {}),
        **(dict.fromkeys(of_client, "synthetic.rate_minutes") if with_client else {}),
        **({"currency": "api_versions"} if with_currency else {}),
    }


def home_parts(args: OrderSystemArgs, told: pulumi.Output[Any]) -> HomeParts:
    """What the home region's system made for the region of these inputs (with their defaults),
    out of its output `region_parts`."""
    regions = args["regions"]
    here = regions["here"]
    needed = _needed_of_home(args)

    def ours(by_region: dict[str, Any]) -> dict[str, Any]:
        if here not in by_region:
            raise pulumi.RunError(
                f"regions.members: the home region {home_of(regions)} knows nothing of {here}; "
                "deploy its stack with the same members first"
            )
        found = cast(dict[str, Any], by_region[here])
        for name, why in needed.items():
            if camel_case(name) not in found:
                setting = ".".join(camel_case(each) for each in why.split("."))
                raise pulumi.RunError(
                    f"{setting}: the home region {home_of(regions)} has not made what this takes "
                    f"({camel_case(name)}); deploy its stack with the same setting first"
                )
        return found

    parts = told.apply(ours)
    names = [*HomeParts.__required_keys__, *needed]
    given: dict[str, Any] = {name: parts[camel_case(name)] for name in names}
    if "audience" in given:
        clients = 1 + bool(args["user_pool"]["machine_scopes"])
        given["audience"] = [given["audience"][number] for number in range(clients)]
    return cast(HomeParts, given)


@contradictions(OrderSystemArgs)
def _home_has_made_what_is_needed(args: OrderSystemArgs) -> Iterator[Problem]:
    home = args["regions"].get("home") if "regions" in args else None
    for name, why in _needed_of_home(args).items():
        if home is not None and name not in home:
            text = f"expected that of the home region, but it is missing, and {{={why}}}"
            yield problem(f"regions.home.{name}", text)


@contradictions(SystemSettings)
def _concurrency_is_there_for_the_queue(args: SystemSettings) -> Iterator[Problem]:
    reserved = args.get("reserved_concurrency", {})
    of_processor = reserved.get("process_order")
    yield from queue_is_not_throttled(
        "processor.maximum_concurrency",
        args["processor"]["maximum_concurrency"],
        of_processor,
        f"{{=reserved_concurrency!}}.process_order ({of_processor})",
    )
    recorder = args["history"].get("maximum_concurrency")
    if recorder is not None:
        yield from queue_is_not_throttled(
            "history.maximum_concurrency",
            recorder,
            reserved.get("record_history"),
            f"{{=reserved_concurrency!}}.record_history ({reserved.get('record_history')})",
        )
    for each in functions_of(args):
        if each.consumes and reserved.get(each.name, LEAST_CONCURRENCY) < LEAST_CONCURRENCY:
            yield Problem(
                ("reserved_concurrency", Key(each.name)),
                f"expected at least {LEAST_CONCURRENCY}, which a queue makes use of in any case",
            )


@contradictions(SystemSettings)
def _pages_may_use_every_route(args: SystemSettings) -> Iterator[Problem]:
    methods = args["cors"]["methods"]
    for each in functions_of(args):
        if each.route and "*" not in methods and each.route[0] not in methods:
            method, path = each.route
            yield problem(
                "cors.methods",
                f"expected {method} too, for {each.name} ({method} {path}): no page could call it",
            )


@contradictions(SystemSettings)
def _concurrency_is_reserved_for_what_there_is(args: SystemSettings) -> Iterator[Problem]:
    there = {each.name for each in functions_of(args)}
    for name in args.get("reserved_concurrency", {}):
        if name not in there:
            yield Problem(
                ("reserved_concurrency", Key(name)),
                "expected no such key, because the other settings leave this function out",
            )
