"""python -m operations token: an access token of a stack with sign-in, to try its API with."""

import argparse
from typing import Any, NamedTuple

from functions import contract
from local.example import placing, reading
from local.sign_in import SCOPES, Pool
from operations import stacks


class Asked(NamedTuple):
    """Where the pool and the API are."""

    pool: Pool
    url: str


def add(kinds: Any) -> None:
    """Add the command to those of `python -m operations`."""
    token = kinds.add_parser(
        "token",
        help="an access token of a stack with sign-in",
        description="Print an access token and a line to place an order with it: on this machine "
        "of a user, who is created by the way, elsewhere of the client for machines.",
    )
    token.add_argument(
        "--stack", default=stacks.LOCAL, help="name of the stack (default: %(default)s)"
    )
    token.add_argument("--user", metavar="NAME", help="of this user; only of a local run")
    token.add_argument(
        "--scope",
        action="append",
        choices=(contract.READ_SCOPE, contract.WRITE_SCOPE, contract.ADMIN_SCOPE),
        help=f"what it is for, several times for more (default: {' and '.join(SCOPES)})",
    )
    token.add_argument("--raw", action="store_true", help="print the token alone, for programs")
    token.set_defaults(open=_open, run=_run, interrupted="interrupted; no token was printed")


def _open(parser: argparse.ArgumentParser, options: argparse.Namespace) -> Asked:
    if options.user is not None and not stacks.is_local(options.stack):
        parser.error(
            "--user is for a local run: on AWS people sign in themselves, on the pages at the "
            "stack's output signInUrl. Without --user you get the token of a machine"
        )
    return Asked(*stacks.sign_in(options.stack))


def _run(asked: Asked, options: argparse.Namespace) -> int:
    scopes = options.scope or SCOPES
    if options.user is None:
        token = asked.pool.token_of_machine(scopes)
    else:
        token = asked.pool.token_of_user(options.user, scopes)
    if options.raw:
        print(token)
        return 0
    print(token)
    print()
    if contract.WRITE_SCOPE in scopes or contract.ADMIN_SCOPE in scopes:
        print(placing(asked.url, token))
    else:
        print(reading(asked.url, token))
    return 0
