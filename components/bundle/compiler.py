"""Bytecode for one version of Python, valid whatever the files' times say.

Pulumi's archiver gives every file the same time, which makes ordinary bytecode stale: Python
would compile everything at each cold start. Bytecode that is never checked against its source
(PEP 552) does not look at times. It is the same from every release of a version of Python:
it was compared over botocore's 60,000 lines between 3.11.2 and 3.11.7.
"""

import contextlib
import os
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from .commands import BundleError, run

_LAMBDA_ROOT = "/var/task"  # where Lambda unpacks the archive; shown in stack traces


class Interpreter(NamedTuple):
    """A Python: what to start, and the name its bytecode files carry, such as "cpython-313"."""

    executable: str
    cache_tag: str

    def compile(self, folder: Path, names: Iterable[str] = ()) -> None:
        """Compile the named files of a folder, or all that it holds."""
        command = [self.executable, "-s", "-m", "compileall", "-q", "-f"]
        command += ["--invalidation-mode", "unchecked-hash"]
        command += ["-s", str(folder), "-p", _LAMBDA_ROOT]
        command += [str(folder / name) for name in names] or [str(folder)]
        run(command, f"{self.executable} could not compile the functions")


RUNNING = Interpreter(sys.executable, str(sys.implementation.cache_tag))


def interpreter_of(runtime: str) -> Interpreter | None:
    """The Python of a Lambda runtime: the running one, or the first one on PATH that starts."""
    version = runtime.removeprefix("python")
    tag = "cpython-" + version.replace(".", "")
    if tag == RUNNING.cache_tag:
        return RUNNING
    for folder in os.get_exec_path():
        path = shutil.which(runtime, path=folder)
        with contextlib.suppress(BundleError):
            if path and (found := _start(path, version)).cache_tag == tag:
                return found
    return None


def _start(path: str, version: str) -> Interpreter:
    code = "import sys; print(sys.implementation.cache_tag, sys.executable)"
    # pyenv's stand-in for a version starts it only when it is chosen; others do not read this.
    chosen = {"PYENV_VERSION": version}
    said = run([path, "-I", "-c", code], f"{path} does not start", chosen).strip()
    tag, _, executable = said.partition(" ")
    return Interpreter(executable or path, tag)
