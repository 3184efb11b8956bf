"""The stack's configuration, read once, checked and frozen."""

import difflib
import json
import re
import reprlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, cast

import pulumi

from components import OrderSystemArgs, defaults
from components.order_system import FUNCTIONS
from components.thresholds import AlarmThresholds

RUNTIMES = ("python3.11", "python3.12", "python3.13", "python3.14")
ARCHITECTURES = ("x86_64", "arm64")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "*")

# What CloudWatch Logs accepts, in days:
# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
LOG_RETENTIONS = frozenset(
    {1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557}
    | {2922, 3288, 3653}
)
PRODUCTION_LOG_RETENTION_DAYS = 90

PRODUCTION_STACK = "prod"

Reader = Callable[[str], Any]

_SHORT = reprlib.Repr()
_SHORT.maxstring = 100


class SettingsError(pulumi.RunError):
    """The configuration is not usable; each line names a key and what it was expected to be."""


def _setting(default: Any, read: Reader) -> Any:
    """A field with its default and the reader of its configured text.

    A reader raises ValueError with the words that follow `expected`.
    """
    return field(default_factory=lambda: default, metadata={"read": read})


def _flag(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError("true or false")
    return text == "true"


def _number(lowest: int, highest: int) -> Reader:
    def read(text: str) -> int:
        if not re.fullmatch(r"-?[0-9]{1,9}", text) or not lowest <= int(text) <= highest:
            raise ValueError(f"a whole number from {lowest} to {highest}")
        return int(text)

    return read


def _none_or(lowest: int, highest: int) -> Reader:
    def read(text: str) -> int:
        try:
            return 0 if text == "0" else cast(int, _number(lowest, highest)(text))
        except ValueError as error:
            raise ValueError(f"0 (none) or {error}") from None

    return read


def _one_of(*allowed: str) -> Reader:
    def read(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"one of {', '.join(allowed)}")
        return text

    return read


def _matching(pattern: str, expected: str) -> Reader:
    def read(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(expected)
        return text

    return read


def _retention(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) not in LOG_RETENTIONS:
        raise ValueError(f"a number of days that CloudWatch Logs knows: {sorted(LOG_RETENTIONS)}")
    return int(text)


def _json(text: str, kind: type, expected: str) -> Any:
    try:
        value = json.loads(text)
    except ValueError:
        raise ValueError(expected) from None
    if not isinstance(value, kind):
        raise ValueError(expected)
    return value


def _list_of(item: Reader, least: int = 0) -> Reader:
    def read(text: str) -> tuple[Any, ...]:
        values = _json(text, list, "a list")
        if len(values) < least:
            raise ValueError(f"a list with at least {least} entry")
        try:
            return tuple(item(value if isinstance(value, str) else "") for value in values)
        except ValueError as error:
            raise ValueError(f"a list, each entry {error}") from None

    return read


def _map_of(item: Reader, keys: Reader) -> Reader:
    def read(text: str) -> dict[str, Any]:
        read_map = {}
        for key, value in _json(text, dict, "a map").items():
            try:
                keys(key)
                read_map[key] = item(value if isinstance(value, str) else json.dumps(value))
            except ValueError as error:
                raise ValueError(f"a map; {key}: {error}") from None
        return read_map

    return read


def _positive(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", text) or float(text) <= 0:
        raise ValueError("a number greater than 0")
    return float(text) if "." in text else int(text)


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(word.capitalize() for word in tail)


_TEXT = _matching(r"[^\x00-\x1f]{0,256}", "a text of at most 256 characters")
_ORIGIN = _matching(r"\*|https?://[^/\s*]+", "`*` or an origin as https://shop.example.com")
_THRESHOLDS = {_camel(name): name for name in AlarmThresholds.__annotations__}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One stack's settings; a configuration key is a field's name in camelCase."""

    production: bool = _setting(False, _flag)
    region: str = _setting(
        "us-east-1", _matching(r"[a-z]{2}(-[a-z]+)+-[0-9]", "a region as us-east-1")
    )
    allowed_account_ids: tuple[str, ...] = _setting(
        (), _list_of(_matching(r"[0-9]{12}", "an account id of 12 digits, in quotes"))
    )
    name_suffix: str = _setting(
        "", _matching(r"[A-Za-z0-9_-]{0,40}", "at most 40 letters, digits, - and _")
    )
    tags: Mapping[str, str] = _setting(
        {}, _map_of(_TEXT, _matching(r"(?!aws:).{1,128}", "a key not beginning with aws:"))
    )

    runtime: str = _setting(defaults.RUNTIME, _one_of(*RUNTIMES))
    architecture: str = _setting(defaults.ARCHITECTURE, _one_of(*ARCHITECTURES))
    memory_size: int = _setting(defaults.MEMORY_MB, _number(128, 10_240))
    # An HTTP API waits no longer for a function.
    timeout_seconds: int = _setting(defaults.TIMEOUT_SECONDS, _number(1, 30))
    log_retention_days: int = _setting(defaults.LOG_RETENTION_DAYS, _retention)
    reserved_concurrency: Mapping[str, int] = _setting(
        {}, _map_of(_number(1, 10_000), _one_of(*FUNCTIONS))
    )
    vpc_subnet_ids: tuple[str, ...] = _setting(
        (), _list_of(_matching(r"subnet-[0-9a-f]+", "a subnet id as subnet-0abc"))
    )
    vpc_security_group_ids: tuple[str, ...] = _setting(
        (), _list_of(_matching(r"sg-[0-9a-f]+", "a security group id as sg-0abc"))
    )

    cors_origins: tuple[str, ...] = _setting(defaults.CORS_ORIGINS, _list_of(_ORIGIN, 1))
    cors_headers: tuple[str, ...] = _setting(
        defaults.CORS_HEADERS, _list_of(_matching(r"\*|[A-Za-z0-9-]+", "`*` or a header's name"), 1)
    )
    cors_methods: tuple[str, ...] = _setting(defaults.CORS_METHODS, _list_of(_one_of(*METHODS), 1))
    throttle_rate: int = _setting(defaults.THROTTLE_RATE, _number(1, 100_000))
    throttle_burst: int = _setting(defaults.THROTTLE_BURST, _number(1, 100_000))
    create_throttle_rate: int = _setting(defaults.CREATE_THROTTLE_RATE, _number(1, 100_000))
    create_throttle_burst: int = _setting(defaults.CREATE_THROTTLE_BURST, _number(1, 100_000))

    visibility_timeout_seconds: int = _setting(
        defaults.VISIBILITY_TIMEOUT_SECONDS, _number(1, 43_200)
    )
    message_retention_days: int = _setting(defaults.MESSAGE_RETENTION_DAYS, _number(1, 14))
    max_receive_count: int = _setting(defaults.MAX_RECEIVE_COUNT, _number(1, 1000))
    batch_size: int = _setting(defaults.BATCH_SIZE, _number(1, 10_000))
    batch_window_seconds: int = _setting(defaults.BATCH_WINDOW_SECONDS, _number(0, 300))
    processor_maximum_concurrency: int = _setting(0, _none_or(2, 1000))
    republish_rate_minutes: int = _setting(defaults.REPUBLISH_RATE_MINUTES, _number(1, 60))
    pending_threshold_seconds: int = _setting(
        defaults.PENDING_THRESHOLD_SECONDS, _number(1, 86_400)
    )
    republish_limit: int = _setting(defaults.REPUBLISH_LIMIT, _number(1, 10_000))

    point_in_time_recovery: bool = _setting(False, _flag)
    deletion_protection: bool = _setting(False, _flag)
    protect: bool = _setting(False, _flag)

    alarm_topic: bool = _setting(True, _flag)
    alarm_emails: tuple[str, ...] = _setting(
        (), _list_of(_matching(r"[^@\s]+@[^@\s]+\.[^@\s]+", "an e-mail address"))
    )
    alarm_thresholds: Mapping[str, float] = _setting({}, _map_of(_positive, _one_of(*_THRESHOLDS)))

    @classmethod
    def load(cls, config: pulumi.Config, stack: str) -> "Settings":
        """The settings of a stack; raises SettingsError with a line for each wrong key."""
        values, problems = {}, list(_unknown_keys(config.name, cls))
        for each in fields(cls):
            text = config.get(_camel(each.name))
            if text is None:
                continue
            try:
                values[each.name] = each.metadata["read"](text)
            except ValueError as error:
                problem = f"expected {error}, not {_SHORT.repr(text)}"
                problems.append((_camel(each.name), problem))
        settings = cls(**values)
        if not problems:
            found = [*settings._contradictions(), *settings._unsafe(stack)]
            problems = [(_camel(name), text) for name, text in found]
        if problems:
            raise SettingsError("\n".join(f"{config.name}:{key}: {text}" for key, text in problems))
        return settings

    def order_system(self) -> OrderSystemArgs:
        """The settings as inputs of the component."""
        args = {
            each.name: _plain(getattr(self, each.name))
            for each in fields(self)
            if each.name in OrderSystemArgs.__annotations__
        }
        args["alarm_thresholds"] = {
            _THRESHOLDS[key]: value for key, value in self.alarm_thresholds.items()
        }
        args["require_bytecode"] = self.production
        if not self.processor_maximum_concurrency:
            del args["processor_maximum_concurrency"]
        if self.vpc_subnet_ids:
            args["vpc"] = {
                "subnet_ids": list(self.vpc_subnet_ids),
                "security_group_ids": list(self.vpc_security_group_ids),
            }
        return cast(OrderSystemArgs, args)

    def _contradictions(self) -> Iterator[tuple[str, str]]:
        if self.visibility_timeout_seconds < self.timeout_seconds:
            yield (
                "visibility_timeout_seconds",
                f"expected at least timeoutSeconds ({self.timeout_seconds}), "
                f"not {self.visibility_timeout_seconds}: a message would be processed twice",
            )
        if self.batch_size > 10 and self.batch_window_seconds == 0:
            yield (
                "batch_window_seconds",
                f"expected at least 1, because batchSize ({self.batch_size}) is more than 10",
            )
        for each in ("rate", "burst"):
            route, stage = (
                getattr(self, f"create_throttle_{each}"),
                getattr(self, f"throttle_{each}"),
            )
            if route > stage:
                yield (
                    f"create_throttle_{each}",
                    f"expected at most {_camel(f'throttle_{each}')} ({stage}), not {route}",
                )
        if bool(self.vpc_subnet_ids) != bool(self.vpc_security_group_ids):
            missing = "vpc_security_group_ids" if self.vpc_subnet_ids else "vpc_subnet_ids"
            yield missing, "expected at least one, because the VPC's other ids are given"
        if self.alarm_emails and not self.alarm_topic:
            yield "alarm_topic", "expected true, because alarmEmails are given"
        concurrency = self.reserved_concurrency.get("process_order")
        if concurrency is not None and concurrency < self.processor_maximum_concurrency:
            yield (
                "processor_maximum_concurrency",
                f"expected at most reservedConcurrency.process_order ({concurrency}), "
                f"not {self.processor_maximum_concurrency}: the rest would be throttled",
            )

    def _unsafe(self, stack: str) -> Iterator[tuple[str, str]]:
        """What a production stack may not leave open."""
        if not self.production:
            if stack == PRODUCTION_STACK:
                yield "production", f"expected true, because the stack is {stack}"
            return
        because = "because serverless-orders:production is true"
        open_origins = [each for each in self.cors_origins if not each.startswith("https://")]
        if open_origins:
            yield (
                "cors_origins",
                f"expected origins as https://shop.example.com, not {open_origins}, {because}",
            )
        for name in ("point_in_time_recovery", "deletion_protection", "protect", "alarm_topic"):
            if not getattr(self, name):
                yield name, f"expected true, {because}"
        if self.log_retention_days < PRODUCTION_LOG_RETENTION_DAYS:
            yield (
                "log_retention_days",
                f"expected at least {PRODUCTION_LOG_RETENTION_DAYS}, "
                f"not {self.log_retention_days}, {because}",
            )


def _unknown_keys(namespace: str, settings: type[Settings]) -> Iterator[tuple[str, str]]:
    """Keys of a stack that nothing reads: Pulumi lets them pass, and they would have no effect."""
    known = [_camel(each.name) for each in fields(settings)]
    for full in pulumi.runtime.get_config_env():
        found, _, key = full.partition(":")
        if found == namespace and key not in known:
            close = difflib.get_close_matches(key, known, 1)
            hint = f"did you mean {close[0]}?" if close else "Pulumi.yaml has the list"
            yield key, f"expected no such key; {hint}"


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
