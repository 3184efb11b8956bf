"""A run of several regions, each with a stack and a door of its own, on one emulator.

with regions(["us-east-1", "eu-west-1"]) as running:
    running.take_down("us-east-1")
    requests.post(f"{running['eu-west-1'].url}/orders", ...)
    running.bring_back("us-east-1")

A region that is down answers nobody and runs nothing; what is in its queues and tables stays. It is
cut off as well, and may stay so when it is back: then its replicas and those of the others have
what was written before, and nothing of each other until `reconnect`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from local import events
from local.errors import LocalRunError
from local.naming import region_stack
from local.system import Member, System, systems

STACK_REFERENCE = "organization/serverless-orders"
"""What a stack of this project is called by others, without its own name."""


class Regions:
    """The systems of a run by region, home first; `stream` tells what happens in all of them."""

    def __init__(self, found: Sequence[System], stream: events.Stream) -> None:
        self._systems = {each.region: each for each in found}
        self.stream = stream
        self.down: frozenset[str] = frozenset()
        self.cut: frozenset[str] = frozenset()

    def __getitem__(self, region: str) -> System:
        return self._systems[region]

    def __iter__(self) -> Iterator[System]:
        return iter(self._systems.values())

    @property
    def home(self) -> System:
        """The system that makes the tables."""
        return next(iter(self))

    def take_down(self, region: str) -> None:
        """Have a region answer nobody and run nothing; returns when all that ran there is gone.

        Raises `LocalRunError` for one that is no member.
        """
        self._set(self.down | {self._member(region)}, self.cut | {region})

    def bring_back(self, region: str, connected: bool = True) -> None:
        """Have a region be there again, and unless it is `connected` still cut off."""
        self._set(
            self.down - {self._member(region)}, self.cut - {region} if connected else self.cut
        )

    def cut_off(self, region: str) -> None:
        """Keep a region's writes from the others, and theirs from it."""
        self._set(self.down, self.cut | {self._member(region)})

    def reconnect(self, region: str) -> None:
        """Write what was kept from a region's replicas, and from others' for it, where no later
        write is.

        Raises `LocalRunError` for one that is down, or no member.
        """
        if self._member(region) in self.down:
            raise LocalRunError(f"{region} is down: it is connected when it is back")
        self._set(self.down, self.cut - {region})

    def state(self) -> list[dict[str, Any]]:
        """A row for each region: its stack and URL, whether it is down, and whether cut off."""
        return [
            {
                "region": region,
                "stack": running.stack,
                "url": running.url,
                "down": region in self.down,
                "cut": region in self.cut,
            }
            for region, running in self._systems.items()
        ]

    def operations(self) -> dict[str, Callable[..., Any]]:
        """What another process may ask of the run, for `local.control`."""

        def after(change: Callable[..., None]) -> Callable[..., list[dict[str, Any]]]:
            def changed(**given: Any) -> list[dict[str, Any]]:
                change(**given)
                return self.state()

            return changed

        changes = (self.take_down, self.bring_back, self.cut_off, self.reconnect)
        return {"regions": self.state} | {each.__name__: after(each) for each in changes}

    def _member(self, region: str) -> str:
        if region not in self._systems:
            known = ", ".join(self._systems)
            raise LocalRunError(f"{region} is no region of this run; there are {known}")
        return region

    def _set(self, down: frozenset[str], cut: frozenset[str]) -> None:
        self.home.set_regions(sorted(down), sorted(cut))
        self.down, self.cut = down, cut


@contextmanager
def regions(
    members: Sequence[str],
    stack: str = "local",
    overrides: Mapping[str, Any] | None = None,
    ports: Sequence[int] | None = None,
    stream: events.Stream | None = None,
    **more: Any,
) -> Iterator[Regions]:
    """Run a stack in several regions, the first of them home, for as long as the context lasts.

    `ports` are those of the regions' APIs (free ones by default). `overrides` are for all of them.
    `more` is what `local.system.systems` takes.

    Raises `LocalRunError` for what cannot be run; nothing is left behind in any case.
    """
    told = stream or events.Stream()
    found = [
        Member(
            region_stack(stack, region) if number else stack,
            {**(overrides or {}), **_configuration(members, region, stack)},
            (ports or [0] * len(members))[number],
        )
        for number, region in enumerate(members)
    ]
    with systems(found, told, **more) as started:
        yield Regions(started, told)


def _configuration(members: Sequence[str], region: str, stack: str) -> dict[str, Any]:
    home = {} if region == members[0] else {"regions.homeStack": f"{STACK_REFERENCE}/{stack}"}
    return {"region": region, "regions.members": list(members), **home}
