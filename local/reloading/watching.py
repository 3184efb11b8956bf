"""Which files of the checkout change, as soon as they are whole."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from watchfiles import Change, watch

from local.workspace import ROOT

FOLDERS = (ROOT / "functions", ROOT / "components")


class Watch:
    """The files that change below FOLDERS, and beside them, from its making on.

    Many files that are saved at once are told at once. Files that editors write beside the ones
    that they are asked to are none of ours: `wanted` has the last word on what is told.
    """

    def __init__(self, wanted: Callable[[Path], bool]) -> None:
        self._wanted = wanted
        self._stop = threading.Event()
        self._found: queue.SimpleQueue[set[Path] | BaseException | None] = queue.SimpleQueue()
        for paths, recursive in ((FOLDERS, True), ((ROOT,), False)):
            threading.Thread(
                target=self._watch, args=(paths, recursive), daemon=True, name="watch"
            ).start()

    def __iter__(self) -> Iterator[set[Path]]:
        """Ends when it is stopped; raises OSError where the system cannot watch."""
        while (found := self._found.get()) is not None:
            changed: set[Path] = set()
            while found is not None:
                if isinstance(found, BaseException):
                    raise OSError(str(found)) from found
                changed |= found
                found = self._waiting()
            yield changed

    def _waiting(self) -> set[Path] | BaseException | None:
        """What changed while the last changes were taken in; None when nothing did."""
        with contextlib.suppress(queue.Empty):
            return self._found.get_nowait()
        return None

    def stop(self) -> None:
        """End it; returns at once."""
        self._stop.set()
        self._found.put(None)

    def _watch(self, paths: tuple[Path, ...], recursive: bool) -> None:
        try:
            for changes in watch(
                *paths,
                watch_filter=self._is_wanted,
                stop_event=self._stop,
                recursive=recursive,
                raise_interrupt=False,
                ignore_permission_denied=True,
            ):
                self._found.put({Path(path) for _, path in changes})
        except Exception as error:
            self._found.put(error)

    def _is_wanted(self, _: Change, path: str) -> bool:
        return self._wanted(Path(path))
