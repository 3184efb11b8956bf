"""`python -m local run` and `demo`; beside a run: `show ORDER`, `logs`, `aws ...` and more."""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from local import processes, stopping

if TYPE_CHECKING:
    from console.desk import Desk
    from local.events import Stream
    from local.regions import Regions
    from local.screen import Screen
    from local.system import System

STARTED = time.monotonic()

# Starting makes objects that nearly all stay: a third of its CPU went into collecting.
gc.disable()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, summary in (
        ("run", "serve the whole system until Ctrl-C"),
        ("demo", "show the system at work, then end"),
    ):
        command = commands.add_parser(name, help=summary)
        _add_stack(command)
        command.add_argument(
            "--port",
            type=_port,
            default=os.environ.get("PORT", "4566") if name == "run" else "0",
            help="loopback port of the API, 0 for a free one (default: PORT, else %(default)s)",
        )
        if name == "run":
            command.add_argument(
                "--regions",
                type=_regions,
                metavar="REGION,REGION",
                help="the system in several regions, the first one home; each has its API at the "
                "next port that is not the console's",
            )
            command.add_argument(
                "--console-port",
                type=_port,
                default=os.environ.get("CONSOLE_PORT", "4567"),
                help="loopback port of the console, 0 for none (default: CONSOLE_PORT, else 4567)",
            )
        _add_config(command)
        command.add_argument(
            "--show",
            choices=("quiet", "normal", "verbose", "json"),
            default="normal",
            help="failures alone, a line for each thing that happens, the functions' log lines "
            "as well, or every event as JSON (default: %(default)s)",
        )
        if name == "run":
            command.add_argument(
                "--no-reload",
                action="store_true",
                help="leave what runs as it is when files of the checkout are saved",
            )
    drawn = commands.add_parser("map", help="print the map of what the program registers")
    _add_stack(drawn)
    _add_config(drawn)
    drawn.add_argument("--svg", action="store_true", help="as SVG (default: as Mermaid text)")
    _add_stack(commands.add_parser("restart", help="start a run anew, on the same port"))
    logs = commands.add_parser("logs", help="print the logs of a run")
    _add_stack(logs)
    logs.add_argument("function", nargs="?", help="as create_order; all and the API by default")
    logs.add_argument("--order", metavar="ID", help="only lines with this order's id")
    logs.add_argument("--follow", action="store_true", help="and every further line, until Ctrl-C")
    _add_stack(commands.add_parser("env", help='for eval "$(python -m local env)"'))
    tool = commands.add_parser("aws", help="run the AWS CLI against a run")
    _add_stack(tool)
    tool.add_argument("rest", nargs=argparse.REMAINDER, help="as `aws` itself takes it")
    from console import commands as console

    console.add(commands, _add_stack)
    return parser.parse_args()


def _add_stack(command: argparse.ArgumentParser) -> None:
    command.add_argument("--stack", default="local", help="stack to run (default: local)")


def _add_config(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--config",
        metavar="KEY=VALUE",
        type=_setting,
        action="append",
        default=[],
        help="configuration over that of the stack, as --config memorySize=512",
    )


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: expected 0 to 65535")
    return int(text)


def _regions(text: str) -> list[str]:
    found = text.split(",")
    if len(found) < 2 or len(set(found)) < len(found):
        raise argparse.ArgumentTypeError(f"{text!r}: expected regions as us-east-1,eu-west-1")
    return found


def _setting(text: str) -> tuple[str, Any]:
    import yaml

    key, separator, value = text.partition("=")
    if not separator or not key:
        raise argparse.ArgumentTypeError(f"{text!r}: expected KEY=VALUE")
    try:
        return key, yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from error


def main() -> int:
    """Run the command; the exit code is 0 when it did what was asked."""
    warnings.simplefilter("ignore")  # PYTHONWARNINGS=error would end in what libraries import
    arguments = _arguments()
    processes.hold_standard_descriptors()
    processes.adopt_orphans()
    stopping.listen()
    try:
        if "console" in arguments:
            from console import commands

            return commands.run(arguments)
        return _COMMANDS[arguments.command](arguments)
    except BaseException as error:
        ending = stopping.ended()
        if isinstance(ending, stopping.RestartError):
            # As a fresh process: the modules of this one are old.
            again = [sys.executable, "-m", "local", *sys.argv[1:], "--port", str(ending.port)]
            os.execv(sys.executable, again)  # noqa: S606
        if ending is not None:
            return 130 if arguments.command == "demo" else 0
        from components.bundle import BundleError
        from local.errors import LocalRunError
        from settings import SettingsError

        if not isinstance(error, LocalRunError | SettingsError | BundleError):
            raise
        from local.output import fail

        fail(f"local run: {error}")
        return 1
    finally:
        stopping.ended()


def _started() -> None:
    gc.freeze()
    gc.enable()


def _run(arguments: argparse.Namespace) -> int:
    with (
        _screen(arguments.show) as (stream, screen),
        _running(arguments, stream) as (found, regions),
        contextlib.ExitStack() as beside,
    ):
        home = found[0]
        _started()
        screen.first(found, time.monotonic() - STARTED)
        screen.try_it(home)
        stopping.restart_at(urlsplit(home.url).port or 0)
        if sys.stdin is not None and sys.stdin.isatty():
            _restart_when_asked(stream)
        desks = [beside.enter_context(_desk(each, regions)) for each in found]
        for each in found:
            screen.first_order(each)
        beside.enter_context(_console(desks[0], home, arguments.console_port, screen))
        if not arguments.no_reload:
            for each in found:
                beside.enter_context(each.following())
        home.wait()
    return 0


@contextmanager
def _running(
    arguments: argparse.Namespace, stream: Stream
) -> Iterator[tuple[list[System], Regions | None]]:
    """What is to run: a system, or one for each region, the first one home."""
    overrides = dict(arguments.config)
    if arguments.regions is None:
        from local.system import system

        with system(
            arguments.stack, overrides, arguments.port, stream=stream, publish_state=True
        ) as running:
            yield [running], None
        return
    from local.regions import regions

    with regions(
        arguments.regions,
        arguments.stack,
        overrides,
        _ports(arguments.port, arguments.console_port, len(arguments.regions)),
        stream=stream,
        publish_state=True,
    ) as several:
        yield list(several), several


def _ports(first: int, console: int, count: int) -> list[int]:
    """The first port and those after it, without the console's; free ones after none."""
    if not first:
        return [0] * count
    return [port for port in range(first, first + count + 1) if port != console][:count]


def _restart_when_asked(stream: Stream) -> None:
    """Once another start is needed, take `r` and Enter on a terminal for the signal."""
    from local.events import RestartNeeded

    def listen() -> None:
        for event in stream.subscribe():
            if isinstance(event, RestartNeeded):
                with contextlib.suppress(OSError, ValueError):  # it is in the background
                    if sys.stdin.readline().strip() == "r":
                        os.kill(os.getpid(), stopping.RESTARTING)

    signal.signal(signal.SIGTTIN, signal.SIG_IGN)
    threading.Thread(target=listen, daemon=True, name="restart").start()


def _restart(arguments: argparse.Namespace) -> int:
    from local import state

    os.kill(state.read(arguments.stack)["pid"], stopping.RESTARTING)
    return 0


@contextmanager
def _console(desk: Desk, running: System, port: int, screen: Screen) -> Iterator[None]:
    """Serve the console's pages; a port that is taken, or the lack of a library, ends no run."""
    from local.emulator import listen
    from local.errors import LocalRunError

    if not port:
        yield
        return
    try:
        listening = listen(port)
        from console.server import serving
    except LocalRunError:
        screen.line(f"  No console: port {port} is taken, choose another with CONSOLE_PORT=")
        yield
    except ImportError as error:
        listening.close()
        screen.line(f"  No console: {error}: `make setup` installs it")
        yield
    else:
        with serving(desk, listening) as url:
            running.tell(console=url)
            screen.line(f"  Console {url}")
            screen.line()
            yield


@contextmanager
def _desk(running: System, regions: Regions | None) -> Iterator[Desk]:
    """What a person can do with the run, answering the commands of other processes."""
    from console.desk import Desk, operations
    from local import control

    desk = Desk(running)
    several = regions.operations() if regions else {}
    try:
        with control.serving({**operations(desk), **several}) as path:
            running.tell(control=path)
            yield desk
    finally:
        desk.close()


def _demo(arguments: argparse.Namespace) -> int:
    from local import demo
    from local.system import system

    overrides = {**demo.SHORT_TIMES, **demo.PROGRESSIVE, **dict(arguments.config)}
    with (
        _screen(arguments.show) as (stream, screen),
        system(
            arguments.stack,
            overrides,
            arguments.port,
            stream=stream,
            minute=demo.MINUTE_SECONDS,
        ) as running,
    ):
        _started()
        screen.first([running], time.monotonic() - STARTED)
        screen.line()
        changed = ", ".join(f"{key}={value}" for key, value in overrides.items())
        screen.line(f"  For the demo only: {changed} (it takes minutes otherwise)")
        screen.line()
        return 0 if demo.run(running, screen) else 1


def _map(arguments: argparse.Namespace) -> int:
    from local import map as maps

    drawn = maps.read(arguments.stack, dict(arguments.config))
    print(maps.svg(drawn) if arguments.svg else maps.mermaid(drawn), end="")
    return 0


def _logs(arguments: argparse.Namespace) -> int:
    from local.inspection import Run, clock
    from local.output import Output

    run, output = Run(arguments.stack), Output(sys.stdout)
    words = (arguments.order,) if arguments.order else ()
    read = run.follow if arguments.follow else run.logs
    try:
        for line in read(arguments.function, words):
            output.line(f"{clock(line.at)}  {line.source:<20} {line.text}")
    finally:
        output.close()
    return 0


def _env(arguments: argparse.Namespace) -> int:
    import shlex

    from local.inspection import FOREIGN, Run

    print(f"unset {' '.join(FOREIGN)}")
    for name, value in Run(arguments.stack).environment().items():
        print(f"export {name}={shlex.quote(value)}")
    return 0


def _aws(arguments: argparse.Namespace) -> int:
    import shutil

    from local.errors import LocalRunError
    from local.inspection import FOREIGN, Run

    tool = shutil.which("aws")
    if tool is None:
        raise LocalRunError("the AWS CLI is not installed here; `env` gives boto3 the same")
    kept = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    environment = kept | Run(arguments.stack).environment()
    os.execve(tool, ["aws", *arguments.rest], environment)  # noqa: S606


_COMMANDS = {
    "run": _run,
    "demo": _demo,
    "restart": _restart,
    "map": _map,
    "logs": _logs,
    "env": _env,
    "aws": _aws,
}


@contextmanager
def _screen(level: str) -> Iterator[tuple[Stream, Screen]]:
    from local.events import Stream
    from local.output import Output
    from local.screen import Screen

    stream = Stream()
    screen = Screen(stream, Output(sys.stdout), level)
    try:
        yield stream, screen
    finally:
        screen.close()


if __name__ == "__main__":
    sys.exit(main())
