"""python -m tools.openapi: write openapi.json; with `test`: send the requests that it allows."""

import argparse
import sys

from tools.openapi import PATH
from tools.openapi.document import UndescribedError, render


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 when it was done and, for `test`, every answer was as documented."""
    parser = argparse.ArgumentParser(prog="python -m tools.openapi", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("write", help="write openapi.json (also without a command)")
    test = commands.add_parser("test", help="generate requests, check every answer")
    test.add_argument("--url", help="of a running system; a local one is started otherwise")
    test.add_argument("--examples", type=int, default=600, help="requests an operation and phase")
    test.add_argument("--seed", type=int, default=1, help="the same seed, the same requests")
    options = parser.parse_args(arguments)
    if options.command == "test":
        return _test(options)
    try:
        text = render()
    except UndescribedError as error:
        print(error, file=sys.stderr)
        return 1
    PATH.write_text(text, encoding="utf-8")
    print(f"{PATH.name} written")
    return 0


def _test(options: argparse.Namespace) -> int:
    # Not needed, and not installed, where only the document is written.
    from local.errors import LocalRunError
    from local.text import shown_lines
    from tools.openapi import exercise

    try:
        if options.url:
            done = exercise.run(options.url, options.examples, options.seed)
        else:
            with exercise.served() as url:
                done = exercise.run(url, options.examples, options.seed)
    except LocalRunError as error:
        print(f"openapi: {shown_lines(str(error))}", file=sys.stderr)
        return 1
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
