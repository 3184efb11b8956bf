"""python -m tools.pipeline: what the workflows do beyond one line, with Pulumi's own CLI.

`up`, `destroy` and `sweep` handle throwaway stacks alone, whose names are
try-pr-<number> or try-nightly-<number>; of any other they touch nothing.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

THROWAWAY = re.compile(r"try-(pr|nightly)-[0-9]+")

LABEL = "stack"
"""Label of a pull request that has a stack of its own."""

# A comment on GitHub has at most 65,536 characters.
LONGEST_REPORT = 60_000

# The file of a throwaway stack's settings goes with the job that made it; what its secrets are
# encrypted with stands in its state as well.
_ENVIRONMENT = {"PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER": "true"}


class PipelineError(Exception):
    """A command that is missing, or ended with an error; the message says which."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 when it was done, 1 when not, 2 for a command that cannot be."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except PipelineError as error:
        print(f"pipeline: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.pipeline", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="preview|up|destroy|sweep")
    preview = commands.add_parser("preview", help="pulumi preview, and its report as Markdown")
    preview.add_argument("stack")
    preview.add_argument("--report", type=Path, required=True, help="file to write it to")
    preview.set_defaults(run=_preview)
    up = commands.add_parser("up", help="make or update a throwaway stack")
    up.add_argument("stack", type=_throwaway)
    up.set_defaults(run=_up)
    destroy = commands.add_parser("destroy", help="destroy a throwaway stack, if it is there")
    destroy.add_argument("stack", type=_throwaway)
    destroy.set_defaults(run=_destroy)
    sweep = commands.add_parser(
        "sweep", help=f"destroy every throwaway stack but those of open pull requests with {LABEL}"
    )
    sweep.set_defaults(run=_sweep)
    return parser


def _throwaway(name: str) -> str:
    if not THROWAWAY.fullmatch(name):
        raise argparse.ArgumentTypeError(f"a throwaway stack is called as {THROWAWAY.pattern}")
    return name


def _preview(options: argparse.Namespace) -> int:
    command = ["preview", "--policy-pack", "policy", "--stack", options.stack, "--color", "never"]
    done = subprocess.run(
        [_found("pulumi"), *command, "--non-interactive"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    print(done.stdout, end="")
    options.report.write_text(report(options.stack, done.stdout, done.returncode), "utf-8")
    return 1 if done.returncode else 0


def report(stack: str, said: str, code: int) -> str:
    """What a preview said, as Markdown; the end of it where it is too long, with the summary."""
    outcome = "failed" if code else "succeeded"
    shown = said.strip()
    if len(shown) > LONGEST_REPORT:
        shown = f"...\n{shown[-LONGEST_REPORT:]}"
    # Longer than any fence in what is shown, which must not end it.
    fence = "`" * max(3, *(len(each) + 1 for each in re.findall("`+", shown)), 3)
    return f"### `pulumi preview` of {stack} {outcome}\n\n{fence}text\n{shown}\n{fence}\n"


def _up(options: argparse.Namespace) -> int:
    stack = options.stack
    provider = os.environ.get("PULUMI_SECRETS_PROVIDER")
    if not provider:
        raise PipelineError("PULUMI_SECRETS_PROVIDER is not set: say which key encrypts secrets")
    _pulumi("stack", "select", "--create", "--secrets-provider", provider, stack)
    settings = {"nameSuffix": f"-{stack}", "tags.environment": "throwaway"}
    for variable, setting in (
        ("PERMISSIONS_BOUNDARY", "permissionsBoundary"),
        ("AWS_REGION", "region"),
    ):
        if os.environ.get(variable):
            settings[setting] = os.environ[variable]
    for setting, value in settings.items():
        _pulumi("config", "set", "--path", "--stack", stack, setting, "--", value)
    _pulumi("up", "--yes", "--policy-pack", "policy", "--stack", stack)
    return 0


def _destroy(options: argparse.Namespace) -> int:
    if options.stack in _stacks():
        _remove(options.stack)
    else:
        print(f"there is no stack {options.stack}")
    return 0


def _sweep(_: argparse.Namespace) -> int:
    """Go on after a failure, so that one stack does not keep the others."""
    there = [each for each in _stacks() if THROWAWAY.fullmatch(each)]
    kept = _open_pull_requests() if there else set()
    failed = []
    for stack in there:
        if stack in kept:
            continue
        try:
            _remove(stack)
        except PipelineError as error:
            failed.append(f"{stack}: {error}")
    if failed:
        raise PipelineError("; ".join(failed))
    return 0


def _stacks() -> list[str]:
    """The names of the project's stacks."""
    listed = json.loads(_pulumi("stack", "ls", "--json", output=True))
    return [str(each["name"]).rpartition("/")[2] for each in listed]


def _open_pull_requests() -> set[str]:
    """The stacks of pull requests that are open and have the label."""
    command = ["gh", "pr", "list", "--state", "open", "--label", LABEL, "--limit", "1000"]
    listed = json.loads(_run([*command, "--json", "number"], output=True))
    return {f"try-pr-{each['number']}" for each in listed}


def _remove(stack: str) -> None:
    _pulumi("destroy", "--yes", "--remove", "--stack", stack)


def _pulumi(*arguments: str, output: bool = False) -> str:
    return _run(["pulumi", "--non-interactive", *arguments], output=output)


def _run(command: Sequence[str], *, output: bool) -> str:
    """Run a command and show what it does, or return it; raises PipelineError when it fails."""
    name, *arguments = command
    if not output:
        print("+", *command, flush=True)
    done = subprocess.run(
        [_found(name), *arguments],
        cwd=ROOT,
        env=os.environ | _ENVIRONMENT,
        stdout=subprocess.PIPE if output else None,
        text=True,
        check=False,
    )
    if done.returncode:
        raise PipelineError(f"`{' '.join(command)}` ended with {done.returncode}")
    return done.stdout or ""


def _found(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise PipelineError(f"{name} is not on the PATH")
    return found


if __name__ == "__main__":
    sys.exit(main())
