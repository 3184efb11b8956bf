"""Parts of documents that are written from the declarations, between two marks."""

import json
from collections.abc import Iterable
from typing import is_typeddict

from components.component import docstrings, plainly
from components.inputs import Declaration, camel_case, declarations
from settings import Configuration
from tools.generate import alarms, costs


def readme(present: str) -> str:
    """The README with its tables of settings and of costs renewed."""
    texts = docstrings(Configuration)
    rows = ["| `pulumi config set ...` | default | |", "|---|---|---|"]
    rows += [
        f"| `{camel_case(name)}` | {_default(declared)} | {texts[name]} |"
        for name, declared in declarations(Configuration).items()
    ]
    return _between(_between(present, "settings", rows), "costs", costs.rows())


def operating(present: str) -> str:
    """The page on operating with its table of alarms renewed."""
    return _between(present, "alarms", alarms.rows())


def rules(present: str) -> str:
    """The policy pack's document with its table of rules renewed, in the pack's order."""
    # Its defaults are read from production.json when it is imported, so that comes first.
    from policy.rules import POLICIES

    rows = ["| rule | level | asks | settings (default) |", "|---|---|---|---|"]
    for policy in POLICIES:
        schema = policy.config_schema.properties if policy.config_schema else {}
        told = "; ".join(
            f"`{name}`: {setting['description']} ({_json(setting['default'])})"
            for name, setting in schema.items()
            if name != "exemptResources"
        )
        level = policy.enforcement_level.value if policy.enforcement_level else ""
        rows.append(f"| `{policy.name}` | {level} | {policy.description} | {told} |")
    return _between(present, "rules", rows)


def _between(present: str, part: str, rows: Iterable[str]) -> str:
    begin, end = f"<!-- {part}: written by `make generate` -->\n", f"<!-- end of {part} -->\n"
    head, begun, rest = present.partition(begin)
    _, ended, tail = rest.partition(end)
    if not begun or not ended:
        raise ValueError(f"a document lacks its marks {begin.strip()} and {end.strip()}")
    return head + begin + "".join(f"{row}\n" for row in rows) + end + tail


def _default(declared: Declaration) -> str:
    if is_typeddict(declared.kind):
        return ", ".join(
            f"`{camel_case(name)}`" + (f" {value}" if value else "")
            for name, inner in declarations(declared.kind).items()
            for value in [_value(inner)]
        )
    return _value(declared) or "none"


def _value(declared: Declaration) -> str:
    if declared.default in (None, "", (), {}):
        return "`false`" if declared.kind is bool else ""
    return f"`{plainly(declared.default)}`"


def _json(value: object) -> str:
    return f"`{json.dumps(value)}`" if value not in ([], {}) else "none"
