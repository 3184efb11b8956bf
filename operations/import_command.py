"""python -m operations import FILE: upload it, follow it, print what became of its lines."""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from functions.orders import import_lines
from local.text import shown, shown_json
from operations import imports, stacks
from operations.imports import Imports

REJECTED = 3
"""Exit code of a file that was read to its end, with lines that are no orders now."""

PATIENCE_SECONDS = 900.0
"""Three runs that fail, with Lambda's pauses of 1 and 2 minutes between them, take less unless
the function's timeout is raised."""


def add(kinds: Any) -> None:
    """Add the command to those of `python -m operations`."""
    command = kinds.add_parser(
        "import",
        help="make orders of a file's lines",
        description="Make an order of each line of a file (.ndjson, .jsonl or .csv). The same "
        "file is imported once: the command, when it is repeated, reports on the first import.",
        epilog=f"Exit codes: 0 every line is an order; 1 the import failed or is not finished; "
        f"2 there is no such file or command; {REJECTED} finished, but lines were rejected.",
    )
    command.add_argument("file", type=Path, help="file of orders, one a line, in UTF-8")
    command.add_argument(
        "--stack",
        default=stacks.LOCAL,
        help="name of the stack; `local`, the default, is the one make run serves",
    )
    command.add_argument(
        "--again",
        action="store_true",
        help="import a file that was imported before: all its lines become orders again",
    )
    command.add_argument(
        "--patience",
        type=float,
        metavar="SECONDS",
        default=PATIENCE_SECONDS,
        help="how long to wait without any news of the file (default: %(default)g)",
    )
    command.add_argument("--json", action="store_true", help="print the report as JSON lines")
    command.set_defaults(
        open=_open,
        run=_run,
        interrupted="interrupted; a file that is in the bucket is imported nevertheless, and the "
        "same command follows it",
    )


def _open(parser: argparse.ArgumentParser, options: argparse.Namespace) -> Imports:
    flaw = _flaw(options.file)
    if flaw:
        parser.error(shown(f"{options.file}: {flaw}"))
    return stacks.imports(options.stack)


def _flaw(path: Path) -> str | None:
    """Why a file cannot be imported, as far as it shows before it is sent."""
    if not import_lines.is_known(path.name):
        return "the name of a file of orders ends in .ndjson, .jsonl or .csv"
    try:
        with path.open("rb"):
            size = path.stat().st_size
    except OSError as error:
        return error.strerror or str(error)
    if not path.is_file():
        return "not a file"
    if not size:
        return "the file is empty"
    if size > imports.MOST_BYTES:
        return f"a file of orders may have at most {imports.MOST_BYTES} bytes: split it"
    return None


def _run(bucket: Imports, options: argparse.Namespace) -> int:
    path: Path = options.file
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as screen:
        with screen.open(path, "rb", description="uploading") as file:
            upload = bucket.upload(file, imports.name_of(path), again=options.again)
        if upload.found:
            screen.console.print("The file was uploaded before; this is what became of it.")
        task = screen.add_task("importing", total=path.stat().st_size)

        def show(reached: imports.Progress) -> None:
            said = f"importing: {reached.imported} orders, {reached.rejected} rejected"
            screen.update(task, completed=reached.bytes, description=said)

        report = bucket.follow(upload, show, options.patience)
        screen.update(task, completed=path.stat().st_size, description="imported")
    return _print(report, as_json=options.json)


def _print(report: Iterable[dict[str, Any]], *, as_json: bool) -> int:
    """Print what became of each line, as it comes in; the exit code."""
    imported = rejected = 0
    for entry in report:
        if "orderId" in entry:
            imported += 1
        else:
            rejected += 1
        if as_json:
            print(shown_json(entry, indent=None))
        elif "orderId" not in entry:
            _print_problem(entry)
    said = f"orders imported: {imported}, lines rejected: {rejected}"
    print(said, file=sys.stderr if as_json else sys.stdout)
    return REJECTED if rejected else 0


def _print_problem(problem: dict[str, Any]) -> None:
    print(shown(f"line {problem['line']}: {problem['title']}: {problem['detail']}"))
    for error in problem.get("errors", ()):
        print(shown(f"    {error['pointer']}: {error['detail']}"))
