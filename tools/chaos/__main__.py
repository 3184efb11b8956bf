"""python -m tools.chaos: many orders under injected faults, then the count of what became of them.

Exit code 0 only when no order is lost, stuck or doubled, no event was acknowledged without
having been processed, no confirmed order's event lies among the dead letters, and what the bus
and the history tell of each order are exactly its transitions, in order.
"""

import argparse
import os
import sys
from collections.abc import Callable
from typing import Any

from local.errors import LocalRunError
from local.sign_in import AUTH
from local.text import shown, shown_lines
from tools.chaos.audit import KINDS
from tools.chaos.faults import MIXES
from tools.chaos.run import Options, Result, arena

SHOWN = 20


def main(arguments: list[str] | None = None) -> int:
    """Run once; 0 when every invariant holds, 1 when one does not, 2 when it could not run."""
    options, configuration = _options(arguments)
    live = sys.stderr.isatty()

    def say(line: str) -> None:
        start, end = ("\r\x1b[K", "") if live else ("", "\n")
        print(f"{start}{shown(line)}", end=end, file=sys.stderr, flush=True)

    print(
        f"{options.orders} orders, mix {options.mix.name} ({options.mix.summary}), "
        f"seed {options.seed}, {options.concurrency} clients at once",
        flush=True,
    )
    try:
        with arena(configuration) as stage:
            result = stage.run(options, say)
    except LocalRunError as error:
        print(f"chaos: {shown_lines(str(error))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nchaos: interrupted", file=sys.stderr)
        return 2
    if live:
        say("")
    _print(result)
    return 0 if result.report.holds else 1


def _options(arguments: list[str] | None) -> tuple[Options, dict[str, Any]]:
    """How to run, and the configuration of what is run beside that of every run."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.chaos",
        description=__doc__,
        epilog="Each option can also be given as the environment variable of its name. Mixes: "
        + "; ".join(f"{mix.name}: {mix.summary}" for mix in MIXES.values()),
    )

    def option(name: str, kind: Callable[[str], Any], default: object, help: str) -> None:
        parser.add_argument(
            f"--{name.lower()}", type=kind, default=os.environ.get(name) or default, help=help
        )

    option("ORDERS", _positive, 2000, "how many orders")
    option("SEED", int, 1, "the same seed, the same orders and faults")
    option("MIX", str, "everything", "name of the mix of faults")
    option("RATE", float, None, "probability of each fault instead of the mix's, 0 to 1")
    option(
        "OUTAGE", _positive, None, "seconds that each outage of the mix lasts instead of its own"
    )
    option("CONCURRENCY", _positive, 32, "clients at once")
    option("AUTH", str, "none", "cognito: two callers, signed in, who use the same keys")
    given = parser.parse_args(arguments)
    if given.auth not in AUTH:
        parser.error(f"no auth {given.auth!r}; there are {', '.join(AUTH)}")
    if given.mix not in MIXES:
        parser.error(f"no mix {given.mix!r}; there are {', '.join(MIXES)}")
    mix = MIXES[given.mix]
    if given.rate is not None:
        try:
            mix = mix.scaled(given.rate)
        except ValueError as error:
            parser.error(str(error))
    if given.outage is not None:
        mix = mix.lasting(given.outage)
    return Options(mix, given.orders, given.seed, given.concurrency), AUTH[given.auth]


def _positive(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text}: expected a number of 1 or more")
    return number


def _print(result: Result) -> None:
    report = result.report
    print(report.table())
    if result.struck:
        faults = ", ".join(
            f"{fault.value} {count:,}"
            for fault, count in sorted(result.struck.items(), key=lambda it: it[0].value)
        )
        print(f"  faults: {faults}; {result.killed} workers killed")
    print(f"  {result.seconds:.0f} s")
    for kind in KINDS:
        cases = getattr(report, kind)
        for case in cases[:SHOWN]:
            print(shown(f"{kind}: {case}"))
        if len(cases) > SHOWN:
            print(f"{kind}: and {len(cases) - SHOWN} more")
    print("Every invariant holds." if report.holds else "An invariant is broken.")


if __name__ == "__main__":
    sys.exit(main())
