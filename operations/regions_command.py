"""python -m operations regions: how each region is, and to adopt the orders of one that is down."""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from typing import Any

from functions import contract
from local.naming import region_stack
from local.text import shown
from operations import stacks
from operations.listing import age, iso, rewrite
from operations.regions import Health, Member, Pending, RegionError, Replica, health

TOO_YOUNG = 3


class Regions:
    """A stack that is one region of several, and what it knows of the others."""

    def __init__(self, stack: stacks.Stack, name: str) -> None:
        told = stack.told(stacks.REGION_OUTPUT)
        self.member = Member.of(told, stack.where)
        self.replica = Replica(
            stack.client("dynamodb"), stack.output(stacks.TABLE_OUTPUT, "no table"), self.member
        )
        self._name, self._home = name, str(told.get("homeStack") or name)

    def health(self, region: str, stack: str | None = None) -> Health:
        """What a region says of itself, by the URL that its stack tells."""
        name = stack or self._stack(region)
        try:
            return health(stacks.Stack(name).output(stacks.API_OUTPUT, "no API"))
        except stacks.StackError as error:
            return Health(0, f"cannot be asked: {error}")

    def _stack(self, region: str) -> str:
        if region == self.member.here:
            return self._name
        home = self._home.rpartition("/")[2] if stacks.is_local(self._name) else self._home
        return home if region == self.member.members[0] else region_stack(home, region)


def add(kinds: Any) -> None:
    """Add the command to those of `python -m operations`."""
    command = kinds.add_parser(
        "regions",
        help="see how the regions are, and adopt the orders of one that is down",
        description="`status` asks each region how it is, and counts the pending orders of each in "
        "the replica of the stack's region. `adopt` gives the pending orders of a region that is "
        "down, once they are old enough, to its heir, the next region, which then sends their "
        "events. If the region comes back, it leaves them alone. Each order is adopted by one "
        "conditional write, so the command can be interrupted and called again.",
        epilog="Exit codes: 0 every pending order is adopted (of `status`: all regions answer that "
        f"they are well); {TOO_YOUNG} some are too young yet: call again when it is said; 1 it was "
        "refused or failed (of `status`: a region does not answer so).",
    )
    command.add_argument("what", choices=("status", "adopt"))
    command.add_argument(
        "--stack", required=True, help="stack of the heir (of `status`: of any region)"
    )
    command.add_argument("--from", dest="down", metavar="REGION", help="the region that is down")
    command.add_argument(
        "--from-stack",
        metavar="STACK",
        help="its stack (default: the home stack, or that one's name, - and the region)",
    )
    command.add_argument("--dry-run", action="store_true", help="only say what would be done")
    command.add_argument("--yes", action="store_true", help="do not ask")
    command.add_argument(
        "--although-alive", action="store_true", help="adopt although the region says it is well"
    )
    command.set_defaults(
        open=_open,
        run=_run,
        interrupted="interrupted; the orders adopted so far stay so, and the command can be called "
        "again for the others",
    )


def _open(parser: argparse.ArgumentParser, options: argparse.Namespace) -> Regions:
    if (options.what == "adopt") != (options.down is not None):
        parser.error("adopt asks for --from, the region that is down; status takes none")
    return Regions(stacks.Stack(options.stack), options.stack)


def _run(regions: Regions, options: argparse.Namespace) -> int:
    return _status(regions) if options.what == "status" else _adopt(regions, options)


def _status(regions: Regions) -> int:
    well = True
    for region in regions.member.members:
        found = regions.health(region)
        pending = regions.replica.pending([region])
        well = well and found.alive
        print(shown(f"{region}: {found.words}; {_told(pending)}"))
    return 0 if well else 1


def _told(pending: Sequence[Pending]) -> str:
    if not pending:
        return "none PENDING"
    return f"{len(pending)} PENDING, the oldest for {age(pending[0].moment)}"


def _adopt(regions: Regions, options: argparse.Namespace) -> int:
    replica, here = regions.replica, regions.member.here
    owners = replica.owners(options.down)
    found = regions.health(options.down, options.from_stack)
    print(shown(f"{options.down}: {found.words}"))
    if found.alive and not options.although_alive:
        raise RegionError(
            f"{options.down} says that it is well, and sees to its orders itself; if it does not, "
            "say --although-alive"
        )
    # Of one that may be alive, the heir's own orders could be adopted by it meanwhile.
    owners = [options.down] if found.alive else owners
    pending = replica.pending(owners)
    until = replica.until()
    old = [each for each in pending if each.created < until]
    young = pending[len(old) :]
    for owner, many in Counter(_owner(regions.member, each) for each in old).items():
        what = "adopts" if owner != here else "takes anew, as its own heir is down,"
        print(shown(f"{here} {what} {many} orders of {owner}"))
    if young:
        last = iso(replica.adoptable_at(young[-1]), "seconds")
        print(shown(f"{len(young)} are too young; the last of them is old enough at {last}"))
    if not pending:
        print(shown(f"no order of {options.down} is PENDING in {here}"))
    if options.dry_run:
        return TOO_YOUNG if young else 0
    if old:
        if not (options.yes or _agreed()):
            raise RegionError("nothing was adopted; say --yes where nobody can be asked")
        done = replica.adopt(old, owners, lambda number: rewrite(f"{number} of {len(old)} orders"))
        print(file=sys.stderr)
        rest = (
            f"; {done.changed} are not pending any more, or were adopted before"
            if done.changed
            else ""
        )
        print(f"{done.adopted} orders adopted{rest}")
    return TOO_YOUNG if young else 0


def _owner(member: Member, pending: Pending) -> str:
    shard = int(pending.item[contract.PENDING_SHARD_ATTRIBUTE]["N"])
    return member.members[shard // contract.MOST_PENDING_SHARDS]


def _agreed() -> bool:
    if not sys.stdin.isatty():
        return False
    return input("Adopt them? [y/N] ").strip().lower() in ("y", "yes")
