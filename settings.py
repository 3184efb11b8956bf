"""The stack's configuration: its text read, and what a production stack may not leave open.

Its keys are the fields of Configuration in camelCase; the rules of most of them are those of
the components, which are asked here so that one error has a line for everything that is wrong.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Annotated, Any, NotRequired, TypedDict, cast, get_args, get_origin, is_typeddict

import pulumi
from pulumi.runtime.config import CONFIG

from components import OrderSystemArgs
from components.inputs import (
    Declaration,
    Default,
    Items,
    OneOf,
    Problem,
    Text,
    camel_case,
    check,
    declaration_of,
    declarations,
    part,
    problem,
    unheard,
)
from components.observability import DashboardName
from components.order_inputs import processor_timeout
from components.order_system_args import SystemSettings
from components.regions import Region, RegionSettings, SystemRegions, home_of

# A stack of such a name is a production stack, whatever its case. The policy pack has a copy,
# which `make generate` writes.
PRODUCTION_STACKS = (
    "prod",
    "prod-*",
    "*-prod",
    "*-prod-*",
    "production",
    "production-*",
    "*-production",
    "*-production-*",
)

PRODUCTION_LOG_RETENTION_DAYS = 90

# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
PRODUCTION_VISIBILITY_FACTOR = 6
PRODUCTION_RECEIVES = 5

# The rules of a production stack that it may set aside, with its reason.
RISKS = (
    "alarms.emails",
    "allowedAccountIds",
    "logRetentionDays",
    "monthlyBudget",
    "queue.maxReceiveCount",
    "queue.visibilityTimeoutSeconds",
    "vpc.subnetIds",
)

# What every service accepts that we tag:
# https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
_TAG = r"[\w .:/=+@-]"

Tags = dict[
    Annotated[
        str,
        Text(
            rf"(?![aA][wW][sS]:){_TAG}{{1,128}}",
            "a key of letters, digits, spaces and + - = . _ : / @ that does not begin with aws:",
        ),
    ],
    Annotated[
        str,
        Text(rf"{_TAG}{{0,256}}", "at most 256 letters, digits, spaces and + - = . _ : / @"),
    ],
]


class ConfiguredRegions(RegionSettings):
    """The regions of one system, whose orders are in one global table, each with its stack."""

    home_stack: NotRequired[
        Annotated[
            str,
            Text(
                r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+){0,2}",
                "a stack as organization/serverless-orders/prod",
            ),
        ]
    ]
    """Stack of the home region, `region` of which is the first member; in the others' stacks."""


class ProgramSettings(TypedDict):
    """What is set of the program around the order system."""

    production: NotRequired[Annotated[bool, Default(default=False)]]
    """Whether this is a production stack, which has to protect its data and name its origins."""
    public_api: NotRequired[Annotated[bool, Default(default=False)]]
    """Whether a production stack means it when its `auth` is none: everybody may call the API."""
    accepted_risks: NotRequired[
        dict[
            Annotated[str, OneOf(RISKS)],
            Annotated[str, Text(r"(?s).*\S.{8,}", "a reason of ten characters or more")],
        ]
    ]
    """Rules of production that the stack sets aside, each with its reason."""
    region: NotRequired[Annotated[Region, Default(default="us-east-1")]]
    """AWS region that everything is in."""
    allowed_account_ids: NotRequired[
        Annotated[
            list[Annotated[str, Text(r"[0-9]{12}", "an account id of 12 digits, in quotes")]],
            Items(different=True, default=()),
        ]
    ]
    """Accounts that the stack may be deployed to, in quotes; any when empty."""
    tags: NotRequired[Tags]
    """Tags on every resource, beside project, stack and managed-by."""
    regions: NotRequired[ConfiguredRegions]
    """Several regions of one system, each with its stack and one of them home; none by default."""


class Configuration(ProgramSettings, SystemSettings):
    """Everything that a stack's configuration can say."""


_SCALARS = (str, int, float, bool)


class SettingsError(pulumi.RunError):
    """The configuration is not usable; each line names a key and what it was expected to be."""


@dataclass(frozen=True)
class Settings:
    """One stack's settings, checked and with every default."""

    production: bool
    region: str
    allowed_account_ids: list[str]
    tags: Mapping[str, str]
    system: OrderSystemArgs
    """What the order system is made of; the regions without what their home stack made."""
    home_stack: str | None
    """Stack of the home region; None: this is the only region, or home."""

    @classmethod
    def load(cls, config: pulumi.Config, stack: str) -> "Settings":
        """The settings of a stack; raises SettingsError with a line for each wrong key."""
        lines = [*_foreign(), *_unnameable(config.name, stack)]
        values, problems = check(Configuration, _read(config))
        if values is not None:
            configured = cast(Configuration, values)
            found = [*_unsafe(configured, stack), *_elsewhere(configured)]
            problems += unheard(found, values, problems)
        lines += [f"{config.name}:{each.line(camel_case)}" for each in problems]
        if values is None or lines:
            raise SettingsError("\n".join(lines))
        return cls(
            values["production"],
            values["region"],
            values["allowed_account_ids"],
            values.get("tags", {}),
            _system(cast(Configuration, values)),
            values.get("regions", {}).get("home_stack"),
        )

    @property
    def region_told(self) -> dict[str, Any] | None:
        """What `python -m operations regions` has to know; None where there is one region."""
        regions = self.system.get("regions")
        if regions is None:
            return None
        told = ("here", "members", "adopt_after_minutes", "adoption_margin_seconds")
        home = {} if self.home_stack is None else {"homeStack": self.home_stack}
        return {camel_case(name): regions[name] for name in told} | home  # type: ignore[literal-required]


def _system(values: Configuration) -> OrderSystemArgs:
    system: OrderSystemArgs = {
        **part(OrderSystemArgs, values),
        "require_bytecode": values["production"],
    }
    if "regions" in values:
        system["regions"] = {
            **part(SystemRegions, values["regions"]),
            "here": values["region"],
        }
    return system


def is_production(stack: str) -> bool:
    """Whether a stack of this name is a production stack."""
    return any(fnmatchcase(stack.lower(), pattern) for pattern in PRODUCTION_STACKS)


# Reading


def _read(config: pulumi.Config) -> dict[str, Any]:
    """The values of the keys that are configured, by field; unknown keys as they are."""
    known = {camel_case(name): declared for name, declared in declarations(Configuration).items()}
    values = {}
    for key in {*known, *_keys(config.name)}:
        text = config.get(key)
        if text is None:
            continue
        value = _value(known[key], text) if key in known else text
        # An empty map says what its absence says: `Pulumi.yaml` gives every key a value.
        if key not in known:
            values[key] = value
        elif value != {} or known[key].kind in _SCALARS:
            values[known[key].name] = value
    return values


def _value(declared: Declaration, value: Any) -> Any:
    """A configured value as what it is declared to be; as it is where it is something else."""
    kind, arguments = get_origin(declared.kind) or declared.kind, get_args(declared.kind)
    structured = kind in (list, dict) or is_typeddict(kind)
    if isinstance(value, str) and structured:
        try:
            value = json.loads(value)
        except ValueError:
            return value
    match value:
        case "true" | "false" if kind is bool:
            return value == "true"
        case str() if kind in (int, float) and re.fullmatch(r"-?[0-9]{1,9}", value):
            return int(value)
        case str() if kind is float and re.fullmatch(r"-?[0-9]{1,9}\.[0-9]{1,6}", value):
            return float(value)
        case str() if kind in (int, float, bool):
            return _written(value)
        case list() if kind is list:
            return [_value(declaration_of(arguments[0]), each) for each in value]
        case dict() if kind is dict:
            return {key: _value(declaration_of(arguments[1]), each) for key, each in value.items()}
        case dict() if is_typeddict(kind):
            known = {camel_case(name): each for name, each in declarations(kind).items()}
            return {
                known[key].name if key in known else key: (
                    _value(known[key], each) if key in known else each
                )
                for key, each in value.items()
            }
    return value


def _written(text: str) -> Any:
    """What a text says in JSON, so that an error shows it as it shows what other programs give."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return text if value is None else value


def _keys(namespace: str) -> Iterator[str]:
    """The keys of a namespace that the stack's configuration has."""
    for full in {**pulumi.runtime.get_config_env(), **CONFIG.get()}:
        found, _, key = full.partition(":")
        if found == namespace:
            yield key


# Checks that are the program's own


def _foreign() -> Iterator[str]:
    """Keys of Pulumi's default AWS provider, which this program does not have."""
    ways = {
        "region": "say `pulumi config set region`",
        "profile": "set AWS_PROFILE, and allowedAccountIds so that no other account is taken",
        "allowedAccountIds": "say `pulumi config set --path --type string allowedAccountIds[0]`",
        "defaultTags": "say `pulumi config set --path tags.<key>`",
    }
    for key in sorted(_keys("aws")):
        way = ways.get(key, "the program's provider has what its own keys say")
        yield f"aws:{key}: expected no such key, which nothing would read; {way}"


def _unnameable(project: str, stack: str) -> Iterator[str]:
    """A stack after whose name no dashboard can be called."""
    name = f"{project}-{stack}"
    if not all(rule.accepts(name) for rule in declaration_of(DashboardName).rules):
        yield (
            f"the stack's name: expected letters, digits, - and _, not {stack}, "
            "because its dashboard is named after it"
        )


def _elsewhere(settings: Configuration) -> Iterator[Problem]:
    """Regions of which the stack's own is none, or whose tables nobody or somebody else makes."""
    if "regions" not in settings:
        return
    regions, region = settings["regions"], settings["region"]
    if region not in regions["members"]:
        yield problem("region", f"expected one of {{=regions.members}}, not {region}")
    elif region == home_of(regions):
        if "home_stack" in regions:
            text = "expected nothing, because {=region} is the home region itself"
            yield Problem(("regions", "home_stack"), text)
    elif "home_stack" not in regions:
        yield problem(
            "regions.home_stack",
            "expected a stack as organization/serverless-orders/prod, but it is missing, and "
            f"{{=region}} is not the home region {home_of(regions)}",
        )


def _unsafe(settings: Configuration, stack: str) -> Iterator[Problem]:
    """What a production stack may not leave open."""
    if not settings["production"]:
        if is_production(stack):
            yield problem("production", f"expected true, because the stack is {stack}")
        return
    accepted = settings.get("accepted_risks", {})
    for found in (*_unprotected(settings), *_against_advice(settings)):
        if ".".join(camel_case(str(each)) for each in found.path) not in accepted:
            yield Problem(found.path, f"{found.text}, because {{=production!}} is true")


def _unprotected(settings: Configuration) -> Iterator[Problem]:
    origins = settings["cors"]["origins"]
    open_origins = [each for each in origins if not each.startswith("https://")]
    if open_origins:
        text = f"expected origins as https://shop.example.com, not {open_origins}"
        yield problem("cors.origins", text)
    yield from _open_to_everybody(settings)
    if not settings["allowed_account_ids"]:
        text = "expected the accounts that it may be deployed to, in quotes"
        yield problem("allowed_account_ids", text)
    for path, value in (
        ("table.point_in_time_recovery", settings["table"]["point_in_time_recovery"]),
        ("table.deletion_protection", settings["table"]["deletion_protection"]),
        ("protect", settings.get("protect", False)),
        ("alarms.topic", settings["alarms"]["topic"]),
    ):
        if not value:
            yield problem(path, "expected true")
    if not settings["alarms"]["emails"] and not settings["alarms"]["actions"]:
        yield problem("alarms.emails", "expected somebody who hears the alarms")
    if "monthly_budget" not in settings:
        yield problem("monthly_budget", "expected a budget as {amount: 100}")
    days = settings["log_retention_days"]
    if days < PRODUCTION_LOG_RETENTION_DAYS:
        text = f"expected at least {PRODUCTION_LOG_RETENTION_DAYS}, not {days}"
        yield problem("log_retention_days", text)
    if "vpc" in settings and len(settings["vpc"]["subnet_ids"]) < 2:
        yield problem("vpc.subnet_ids", "expected two subnets or more, of different zones")


def _open_to_everybody(settings: Configuration) -> Iterator[Problem]:
    """An API without sign-in that nobody has asked for, or sign-in that sends tokens in clear."""
    if settings["auth"] == "none" and not settings["public_api"]:
        yield problem("auth", "expected cognito or jwt, or {=public_api!} true")
    plain = [each for each in settings["user_pool"]["callback_urls"] if each.startswith("http:")]
    if settings["auth"] == "cognito" and plain:
        text = f"expected addresses as https://shop.example.com/signed-in, not {plain}"
        yield problem("user_pool.callback_urls", text)
    issuer = settings["jwt"]["issuer"] if "jwt" in settings else ""
    if issuer.startswith("http:"):
        yield problem(
            "jwt.issuer", f"expected an issuer as https://login.example.com, not {issuer}"
        )


def _against_advice(settings: Configuration) -> Iterator[Problem]:
    """Values of the queue with which throttling dead-letters good orders."""
    timeout = processor_timeout(settings)
    window = settings["processor"]["batch_window_seconds"]
    least = PRODUCTION_VISIBILITY_FACTOR * timeout + window
    visibility = settings["queue"]["visibility_timeout_seconds"]
    if visibility < least:
        yield problem(
            "queue.visibility_timeout_seconds",
            f"expected at least {least} ({PRODUCTION_VISIBILITY_FACTOR} times the processor's "
            f"timeout of {timeout} and the batch window of {window}), not {visibility}",
        )
    receives = settings["queue"]["max_receive_count"]
    if receives < PRODUCTION_RECEIVES:
        text = f"expected at least {PRODUCTION_RECEIVES}, not {receives}"
        yield problem("queue.max_receive_count", text)
