"""python -m tools.openapi: write the documents; `test` sends the requests that they allow,
`compare` names what breaks callers."""

import argparse
import json
import sys
from contextlib import nullcontext
from pathlib import Path

from tools.openapi import FOLDER, FROZEN
from tools.openapi.breaking import breaking
from tools.openapi.document import VERSIONS, UndescribedError, render


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 when it was done and, for `test`, every answer was as documented."""
    parser = argparse.ArgumentParser(prog="python -m tools.openapi", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("write", help="write the documents (also without a command)")
    test = commands.add_parser("test", help="generate requests, check every answer")
    test.add_argument("--url", help="of a running system; a local one is started otherwise")
    test.add_argument("--token", help="with --url: an access token for that system")
    test.add_argument(
        "--auth", choices=["none", "cognito"], default="none", help="cognito: sign in, locally"
    )
    test.add_argument("--version", choices=list(VERSIONS), help="that alone; all otherwise")
    test.add_argument("--examples", type=int, default=600, help="requests an operation and phase")
    test.add_argument("--seed", type=int, default=1, help="the same seed, the same requests")
    compare = commands.add_parser("compare", help="name what breaks callers of the frozen ones")
    compare.add_argument("before", nargs="?", type=Path, default=FROZEN)
    compare.add_argument("after", nargs="?", type=Path, default=FOLDER)
    options = parser.parse_args(arguments)
    if options.command == "compare":
        return _compare(options.before, options.after)
    if options.command == "test":
        return _test(options)
    try:
        texts = {name: render(name) for name in VERSIONS}
    except UndescribedError as error:
        print(error, file=sys.stderr)
        return 1
    for name, text in texts.items():
        path = FOLDER / f"{name}.json"
        path.write_text(text, encoding="utf-8")
        print(f"{path.name} written")
    return 0


def _compare(before: Path, after: Path) -> int:
    """Print what breaks between two documents, or those of one name in two folders."""
    pairs = [(before, after)]
    if before.is_dir():
        pairs = [(each, after / each.name) for each in sorted(before.glob("*.json"))]
    found = 0
    for old, new in pairs:
        read = (json.loads(each.read_text(encoding="utf-8")) for each in (old, new))
        for line in breaking(*read):
            found += 1
            print(f"{new.name}: {line}")
    return 1 if found else 0


def _test(options: argparse.Namespace) -> int:
    # Not needed, and not installed, where only the document is written.
    from local.errors import LocalRunError
    from local.text import shown_lines
    from tools.openapi import exercise

    versions = [options.version] if options.version else list(VERSIONS)
    try:
        given = exercise.Served(options.url, options.token)
        with nullcontext(given) if options.url else exercise.served(options.auth) as served:
            codes = [
                exercise.run(served, options.examples, options.seed, version=name).returncode
                for name in versions
            ]
    except LocalRunError as error:
        print(f"openapi: {shown_lines(str(error))}", file=sys.stderr)
        return 1
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
