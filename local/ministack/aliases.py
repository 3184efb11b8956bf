"""Weighted aliases: each invocation is led to one of two versions; the emulator ignores weights."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable
from typing import Any


class Alias(dict[str, Any]):
    """The emulator's record of an alias, which asks it for its version at each invocation."""

    def get(self, key: str, default: Any = None) -> Any:
        """The version that this invocation has to take; anything else as it is."""
        if key == "FunctionVersion":
            for version, weight in weights(self).items():
                if random.random() < weight:  # noqa: S311
                    return version
        return super().get(key, default)


def weights(alias: dict[str, Any]) -> dict[str, float]:
    """The versions that have a part of an alias's traffic beside its own."""
    return dict.get(alias, "RoutingConfig", {}).get("AdditionalVersionWeights") or {}


def repair(lambda_svc: Any) -> None:
    """Have every alias honour its weights, whether it is there already or not."""
    for function in list(lambda_svc._functions._data.values()):
        _convert(function["aliases"])
    lambda_svc._create_alias = _weighted(lambda_svc._create_alias, lambda_svc)


def _weighted(create: Callable[..., Any], lambda_svc: Any) -> Callable[..., Any]:
    @functools.wraps(create)
    def created(name: str, data: dict[str, Any]) -> Any:
        answer = create(name, data)
        if name in lambda_svc._functions:
            _convert(lambda_svc._functions[name]["aliases"])
        return answer

    return created


def _convert(aliases: dict[str, Any]) -> None:
    for key, alias in list(aliases.items()):
        if not isinstance(alias, Alias):
            aliases[key] = Alias(alias)


def executed(lambda_svc: Any, config: dict[str, Any]) -> tuple[str, str]:
    """The alias and the version of an invocation, where the alias leads to several; else none."""
    name, alias = config.get("FunctionName", ""), ""
    parts = str(config.get("FunctionArn", "")).partition(":function:")[2].split(":")
    if len(parts) == 2:
        alias = parts[1]
    found = (lambda_svc._functions.get(name) or {}).get("aliases", {}).get(alias)
    return (alias, str(config.get("Version", ""))) if found and weights(found) else ("", "")
