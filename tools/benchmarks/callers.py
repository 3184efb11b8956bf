"""What sign-in adds to a request, and what limits of each caller add: of ours alone."""

import json
import statistics
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from functions import contract
from tools.benchmarks import aws_server
from tools.benchmarks.events import event
from tools.benchmarks.measure import UNIT, events, process_cost
from tools.benchmarks.subjects import Subject

FUNCTIONS = {"create_order": contract.CREATE_POLICY, "get_order": contract.READ_POLICY}
"""Those that answer requests, and the limit that theirs count for."""

Measured = dict[str, dict[str, dict[str, Any]]]

ROUNDS = 5
EVENTS = 400
QUOTA = 100_000

CLAIMS = {
    "iss": "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_example",
    "sub": "5a2f1c86-3d1b-4b8e-9d1c-8e0a1f5b7c31",
    "client_id": "1example23456789",
    "token_use": "access",
    "scope": f"{contract.READ_SCOPE} {contract.ADMIN_SCOPE}",  # any order is shown
    "exp": "1795431600",
    "iat": "1795428000",
}


def _variables(function: str) -> dict[str, Mapping[str, str]]:
    """What the program sets more, by what is on."""
    signed_in = {contract.SIGN_IN_VARIABLE: "true"}
    limits = {
        contract.LIMITS_TABLE_VARIABLE: "orders-limits",
        contract.LIMIT_POLICY_VARIABLE: FUNCTIONS[function],
        contract.LIMIT_QUOTA_VARIABLE: str(QUOTA),
    }
    return {"anonymous": {}, "sign-in": signed_in, "sign-in and limits": {**signed_in, **limits}}


def measure(subject: Subject, folder: Path) -> Measured:
    """{function: {what is on: {"first": in UNIT, "warm_us", "calls"}}}, by turns."""
    authority = folder / "authority.pem"
    with aws_server.serving(authority) as endpoint:
        trusting = subject.trusting(folder / "trusting", authority)
        return {name: _function(name, subject, trusting, endpoint, folder) for name in FUNCTIONS}


def _function(
    function: str, subject: Subject, trusting: Subject, endpoint: str, folder: Path
) -> dict[str, dict[str, Any]]:
    print(f"  callers of {function} ...", file=sys.stderr)
    variants, files = _variables(function), {}
    for name, variables in variants.items():
        content = event(function)
        if variables:
            content["requestContext"]["authorizer"] = {"jwt": {"claims": CLAIMS}}
        files[name] = folder / f"{function} {name}.json"
        files[name].write_text(json.dumps(content))
    warm: dict[str, list[float]] = {name: [] for name in variants}
    calls: dict[str, dict[str, float]] = {}
    for _ in range(ROUNDS):
        for name, variables in variants.items():
            once = events("warm", subject, function, files[name], EVENTS, variables)
            warm[name].append(once["cpu"])
            calls[name] = once["calls"]
    return {
        name: {
            "first": process_cost("first", trusting, function, files[name], endpoint, variables),
            "warm_us": round(statistics.median(warm[name]) * 1e6, 1),
            "calls": calls[name],
        }
        for name, variables in variants.items()
    }


def rows(measured: Measured) -> list[tuple[str, str]]:
    """What each adds, in words: (what, figure)."""
    scale, unit = (1e-6, "M instructions") if UNIT == "instructions" else (1e3, "ms CPU")
    lines = []
    for function, variants in measured.items():
        base = variants["anonymous"]
        for name, figures in variants.items():
            if name == "anonymous":
                continue
            more = {
                call: count - base["calls"].get(call, 0)
                for call, count in figures["calls"].items()
                if count > base["calls"].get(call, 0)
            }
            called = "".join(f", {count:g} {call}" for call, count in more.items())
            first = (figures["first"] - base["first"]) * scale
            warm = figures["warm_us"] - base["warm_us"]
            cold = f"{round(first):+d} {unit} of the first request"
            figure = f"{cold}, {round(warm):+d} µs CPU warm{called}"
            lines.append((f"{function}: {name} adds", figure))
    return lines
