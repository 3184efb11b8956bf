"""Saved changes reach a run in place: the functions' code, and what the program registers.

- `watching`: which files change
- `code`: the functions' code and workers, exchanged for what changed alone
- `update`: the changed program, compared with what runs, in a process of its own
"""

from __future__ import annotations

import pickle
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from components import bundle
from local import events
from local.errors import LocalRunError
from local.reloading.code import Code, NotPythonError, check, publish, sources
from local.reloading.update import Outcome, Request, Running
from local.reloading.watching import Watch
from local.workspace import ROOT

__all__ = ["Code", "Reloader", "Request", "Running", "publish"]

_PROGRAM_FILES = ("__main__.py", "settings.py", "Pulumi.yaml")


class Reloader:
    """Keeps a run like the checkout, from a thread of its own, until it is stopped.

    `take` is called with the system as a changed program has registered it; `tell` with what
    happened, good or bad.
    """

    def __init__(
        self,
        code: Code,
        request: Callable[[], Request],
        take: Callable[[Running], None],
        tell: Callable[[events.Event], None],
        stack: str,
    ) -> None:
        self._code, self._request, self._take, self._tell = code, request, take, tell
        self._files = {ROOT / name for name in (*_PROGRAM_FILES, f"Pulumi.{stack}.yaml")}
        self._files.add(bundle.FUNCTIONS / "requirements.txt")
        self._behind = False
        """Whether what runs is not what the program says."""
        self._watch: Watch | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._run, daemon=True, name="reload")

    def start(self) -> None:
        """Begin; returns at once."""
        self._watch = Watch(self._is_ours)
        self._thread.start()

    def stop(self) -> None:
        """End, and leave a program that is under way unfinished."""
        if self._watch is not None:
            self._watch.stop()
            if self._process is not None:
                self._process.kill()
            self._thread.join()

    def _run(self) -> None:
        try:
            self.follow(set())  # what was saved while the run began
            for changed in self._watch or ():
                self.follow(changed)
        except OSError as error:
            self._tell(events.ChangeRefused(reason=f"files cannot be watched here: {error}"))

    def _is_ours(self, path: Path) -> bool:
        """Whether a file is one that a run is made of; what editors write beside them is not."""
        if path in self._files:
            return True
        module = path.suffix == ".py" and path.stem.isidentifier()
        return module and path.parent != ROOT and "__pycache__" not in path.parts

    def follow(self, changed: set[Path]) -> None:
        """Take in changed files."""
        started = time.monotonic()
        now = sources()
        names = self._code.changed(now)
        try:
            if self._behind or self._concerns_program(changed, names, now):
                check({name: now[name] for name in names if name in now})
                self._follow_program(now, started)
            elif names:
                functions = self._code.exchange(now)
                self._tell(
                    events.CodeReloaded(
                        functions=", ".join(sorted(functions)),
                        files=", ".join(sorted(names)),
                        milliseconds=_since(started),
                    )
                )
        except NotPythonError as error:
            self._tell(events.ChangeRefused(reason=str(error)))
        except LocalRunError as error:
            self._tell(events.RestartNeeded(reason=str(error)))
        except Exception as error:  # whatever it is, the next change is heard
            self._tell(events.ChangeRefused(reason=f"{type(error).__name__}: {error}"))

    def _concerns_program(self, changed: set[Path], names: set[str], now: dict[str, bytes]) -> bool:
        """Whether the program reads what changed: files of its own, modules that it shares with
        the functions, and which functions there are."""
        shared = {f"functions/{path.name}" for path in _imported()}
        handlers = {name for name in names if name.count("/") == 1}
        return (
            bool(changed & self._files)
            or any(path.is_relative_to(ROOT / "components") for path in changed)
            or bool(names & shared)
            or any((name in now) != self._code.runs(name) for name in handlers)
        )

    def _follow_program(self, now: dict[str, bytes], started: float) -> None:
        self._behind = True
        outcome = self._updated(self._request())
        if outcome.system is not None:
            self._take(outcome.system)
            self._code.deployed()
        if outcome.refused:
            self._tell(events.ChangeRefused(reason=outcome.refused))
        elif outcome.restart:
            self._tell(events.RestartNeeded(reason="; ".join(outcome.restart)))
        else:
            self._behind = False
            if outcome.changes:
                self._tell(
                    events.SystemChanged(
                        changes="; ".join(outcome.changes), milliseconds=_since(started)
                    )
                )

    def _updated(self, request: Request) -> Outcome:
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from local.reloading.update import main; main()"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        answer, said = self._process.communicate(pickle.dumps(request))
        if self._process.returncode:
            text = said.decode(errors="replace")
            code = self._process.returncode
            return Outcome(refused=_reason(text) or f"the program ended with exit code {code}")
        outcome: Outcome = pickle.loads(answer)  # noqa: S301
        return outcome


def _reason(traceback: str) -> str:
    """Where in the checkout a program could not even be imported, and why."""
    places = re.findall(rf'File "{re.escape(str(ROOT))}/(.*)", line (\d+)', traceback)
    where = "{}, line {}: ".format(*places[-1]) if places else ""
    return where + "".join(traceback.strip().splitlines()[-1:])


def _imported() -> set[Path]:
    """The functions' modules that the program imported, which runs in this process."""
    loaded = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    paths = (Path(file) for file in loaded if file)
    return {path for path in paths if path.parent == bundle.FUNCTIONS}


def _since(started: float) -> float:
    return round((time.monotonic() - started) * 1000, 1)
