"""python -m tools.rights: a whole local run, its rights held against those that it uses.

Exit code 0 when each grant was used or cannot be seen locally, nothing was used beyond one, and no
condition would narrow one that has none.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from local.errors import LocalRunError
from local.text import shown_lines
from tools.chaos.faults import MIXES
from tools.chaos.run import Options, arena
from tools.rights import scenario
from tools.rights.check import Checked, Row, check, check_policies
from tools.rights.conditions import OPEN, wider
from tools.rights.grants import of_resources, of_roles
from tools.rights.uses import Uses

ORDERS = 100


def main(arguments: list[str] | None = None) -> int:
    """Run, print the table; 1 with what is wrong, 2 when it could not run."""
    parser = argparse.ArgumentParser(prog="python -m tools.rights", description=__doc__)
    parser.add_argument(
        "--json", action="store_true", help="print the rows of each system as a line of JSON"
    )
    parser.add_argument("--mix", choices=MIXES, default="refusals", help="faults of the chaos run")
    options = parser.parse_args(arguments)
    failed = False
    for title, overrides in scenario.SYSTEMS.items():
        print(f"{title}:", file=sys.stderr, flush=True)
        try:
            checked, policies = run(overrides, options.mix)
        except (LocalRunError, scenario.NotReachedError) as error:
            print(f"rights: {shown_lines(str(error))}", file=sys.stderr)
            return 2
        if options.json:
            print(
                json.dumps(
                    {
                        "system": title,
                        "rows": [asdict(row) for row in [*checked.rows, *policies.rows]],
                    }
                )
            )
        else:
            print(f"\n# Where {title}\n")
            print(table(checked.rows))
            print("\nBy policies of resources:\n")
            print(table(policies.rows))
        for finding in [*checked.findings, *policies.findings]:
            print(f"rights: {finding}", file=sys.stderr)
        failed = failed or bool(checked.findings or policies.findings)
    return 1 if failed else 0


def run(overrides: Mapping[str, Any], mix: str) -> tuple[Checked, Checked]:
    """The scenario and one chaos run in one system; its rights, and its resources' policies."""
    with arena(overrides, minute=scenario.MINUTE) as stage, Uses(stage.local) as uses:
        for title, step in scenario.steps(stage.local).items():
            _timed(title, step)
        orders = Options(mix=MIXES[mix], orders=ORDERS)
        _timed(f"{ORDERS} orders under faults ({mix})", lambda: stage.run(orders))
        uses.settle()
        resources = stage.local.resources
        mappings = stage.local.of_type("EventSourceMapping")
        read = [str(each.inputs["eventSourceArn"]) for each in mappings]
        roles = list(of_roles(resources))
        checked = check(roles, uses.counted())
        checked.findings.extend(wider(roles, uses.said()))
        return checked, check_policies(of_resources(resources), uses.calls(), read)


def _timed(title: str, step: Callable[[], object]) -> None:
    began = time.monotonic()
    print(f"  {title} ...", end="", file=sys.stderr, flush=True)
    step()
    print(f" {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)


def table(rows: list[Row]) -> str:
    """Role, action, resource, statement, how often and by whom; then what cannot be seen."""
    lines = []
    holder = ""
    for row in sorted(rows, key=lambda each: (each.grant.label, each.grant.action)):
        if row.grant.label != holder:
            holder = row.grant.label
            lines.append(holder)
        used = f"{row.count} times, by {row.by}" if row.count else "NOT USED"
        if row.unseen:
            used = "cannot be seen here"
        resource = row.grant.resource.split(":", 5)[-1]  # of an ARN, what it has for itself
        when = f" if {row.grant.condition}" if row.grant.condition else ""
        statement = row.grant.statement + when
        lines.append(f"  {row.grant.action:<26}{resource:<60}  {used:<42}  {statement}")
    unseen = {row.grant.action: row.unseen for row in rows if row.unseen}
    lines += ["", "Cannot be seen here:"] if unseen else []
    lines += [f"  {action}: {why[0]} ({why[1]})" for action, why in sorted(unseen.items()) if why]
    granted = {row.grant.action for row in rows}
    services = {action.partition(":")[0] for action in granted}
    left = {
        f"  {key} of {action}: {reason} ({source})"
        for (action, key), (reason, source) in OPEN.items()
        if action in granted or action.removesuffix(":*") in services
    }
    lines += ["", "Conditions left open:", *sorted(left)] if left else []
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
