"""python -m tools.benchmarks: ours against bare boto3 and the tutorial style, then the local run.

Prints a table of ratios to bare boto3 and writes it, with the machine and the versions, to
docs/performance.json and into docs/performance.md. Exit code 1 when a limit is missed.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from tools.benchmarks import aws_server, callers, local_system, registration, report, saved
from tools.benchmarks.events import event
from tools.benchmarks.measure import events, process_cost, resident_memory
from tools.benchmarks.subjects import FUNCTIONS, ROOT, Subject, build, ours

KEPT = ROOT / "docs" / "performance.json"

ROUNDS = 5
EVENTS = 400
# The schema takes orders of 1 to 100 items.
ITEMS = (1, 10, 50, 100)


def processes(
    subjects: dict[str, Subject], folder: Path, event_files: dict[str, Path]
) -> dict[str, dict[str, dict[str, float]]]:
    """{function: {"init" | "first" | "memory": {subject: cost}}}, in instructions without what a
    process costs that only starts the interpreter, since Lambda's runtime has done that; in bytes
    of memory with all."""
    authority = folder / "authority.pem"
    costs: dict[str, dict[str, dict[str, float]]] = {}
    with aws_server.serving(authority) as endpoint:
        trusting = {
            name: subject.trusting(folder / "trusting", authority)
            for name, subject in subjects.items()
        }
        start = process_cost("empty", trusting["bare"], FUNCTIONS[0], event_files[FUNCTIONS[0]])
        for function in FUNCTIONS:
            costs[function] = {}
            for mode in ("init", "first"):
                print(f"  {mode} {function} ...", file=sys.stderr)
                costs[function][mode] = {
                    name: process_cost(mode, subject, function, event_files[function], endpoint)
                    - start
                    for name, subject in trusting.items()
                }
            if sys.platform == "linux":
                costs[function]["memory"] = {
                    name: resident_memory(subject, function, event_files[function], endpoint)
                    for name, subject in trusting.items()
                }
    return costs


def warm(
    mode: str, figure: str, subjects: dict[str, Subject], function: str, event_file: Path
) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Interleaved rounds: {subject: seconds an event, one median a round}, and ours' AWS calls."""
    print(f"  {mode} {function} ...", file=sys.stderr)
    rounds: dict[str, list[float]] = {name: [] for name in subjects}
    calls: dict[str, float] = {}
    for _ in range(ROUNDS):
        for name, subject in subjects.items():
            measured = events(mode, subject, function, event_file, EVENTS)
            rounds[name].append(measured[figure])
            if name == "ours":
                calls = measured["calls"]
    return rounds, calls


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--skip-local", action="store_true", help="leave the local run out")
    parser.add_argument(
        "--callers", action="store_true", help="only what sign-in and limits of each caller add"
    )
    options = parser.parse_args()
    if options.callers:
        result = {**json.loads(KEPT.read_text()), "callers": _callers()}
        _keep(result)
        for what, figure in callers.rows(result["callers"]):
            print(f"{what:<44}{figure}")
        return 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        print("Building the three subjects ...", file=sys.stderr)
        subjects = build(folder)
        contents = {name: event(name) for name in FUNCTIONS} | {
            "batch_of_10": event("process_order", batch=10),
            **{str(items): event("create_order", items=items) for items in ITEMS},
        }
        files = {name: folder / f"{name}.json" for name in contents}
        for name, content in contents.items():
            files[name].write_text(json.dumps(content))
        cold = processes(subjects, folder, files)
        http = {
            name: warm("warm", "cpu", subjects, name, files[name])
            for name in FUNCTIONS
            if name != "create_order"
        }
        sizes = {
            items: warm("warm", "cpu", subjects, "create_order", files[str(items)])
            for items in ITEMS
        }
        # What Lambda bills is wall clock, and most of it is waiting for DynamoDB.
        batch = {
            size: warm("billed", "wall", subjects, "process_order", files[name])[0]
            for size, name in ((1, "process_order"), (10, "batch_of_10"))
        }
        own = {name: warm("own", "wall", subjects, name, files[name]) for name in FUNCTIONS}
    result = report.result(subjects, cold, http, sizes, batch, own)
    result["callers"] = _callers()
    result["registration_of_dev_seconds"] = registration.seconds()
    if not options.skip_local:
        print("  the local run ...", file=sys.stderr)
        result["local"] = {**local_system.measure(), "saved_to_live": saved.measure()}
    _keep(result)
    return report.show(result)


def _callers() -> callers.Measured:
    with tempfile.TemporaryDirectory() as temporary:
        return callers.measure(ours(), Path(temporary))


def _keep(result: dict[str, Any]) -> None:
    """Write everything that was measured, and the documentation's tables of it."""
    KEPT.write_text(json.dumps(result, indent=2) + "\n")
    page = ROOT / "docs" / "performance.md"
    page.write_text(report.with_tables(page.read_text(), result))


if __name__ == "__main__":
    sys.exit(main())
