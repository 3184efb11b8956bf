"""Installs the environment and says how far it is: what `make` runs in a fresh `.venv`.

pip itself says nothing for minutes, or a line for each of a hundred packages. The standard
library has to do here, since nothing else is installed yet.
"""

import os
import subprocess
import sys
import sysconfig
import threading
import time
from pathlib import Path
from typing import TextIO

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS, PINS = ROOT / "tools" / "requirements.txt", ROOT / "constraints.txt"

LOOK_SECONDS = 0.5
"""How often what pip has unpacked is counted."""

LINE_SECONDS = 15
"""How often a line is written where it cannot be overwritten, as in a log."""


class Progress:
    """How far the installation is: one line on a terminal, few lines anywhere else."""

    def __init__(self, out: TextIO, total: int) -> None:
        self._out, self._total = out, total
        self._rewrites = out.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self._started = self._written = time.monotonic()

    def show(self, step: str, count: int) -> None:
        """Say that so many packages are through this step, unless it was just said."""
        now = time.monotonic()
        text = (
            f"  {step} {min(count, self._total)} of {self._total} packages, "
            f"{now - self._started:.0f} s"
        )
        if self._rewrites:
            self._out.write(f"\r\x1b[K{text}")
        elif now - self._written >= LINE_SECONDS:
            self._written = now
            self._out.write(f"{text}\n")
        self._out.flush()

    def end(self) -> None:
        """Leave the line to what comes next."""
        if self._rewrites:
            self._out.write("\r\x1b[K")
            self._out.flush()


def install(progress: Progress) -> int:
    """Run pip, whose errors are its own; its exit code."""
    command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check"]
    command += ["--progress-bar", "off", "--requirement", str(REQUIREMENTS)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    said: list[str] = []
    reader = threading.Thread(target=_read, args=(process, said), daemon=True)
    reader.start()
    before = _unpacked()
    while reader.is_alive():
        reader.join(LOOK_SECONDS)
        if any(line.startswith("Installing collected packages") for line in list(said)):
            progress.show("installed", _unpacked() - before)
        else:
            progress.show("found", sum(line.startswith("Collecting ") for line in list(said)))
    progress.end()
    code = process.wait()
    if code:
        sys.stderr.write("".join(said[-20:]))
    return code


def _read(process: "subprocess.Popen[str]", said: list[str]) -> None:
    for line in process.stdout or ():
        said.append(line)


def _unpacked() -> int:
    return sum(1 for _ in Path(sysconfig.get_path("purelib")).glob("*.dist-info"))


def main() -> int:
    """The exit code is pip's."""
    total = sum(1 for line in PINS.read_text(encoding="utf-8").splitlines() if "==" in line)
    return install(Progress(sys.stdout, total))


if __name__ == "__main__":
    sys.exit(main())
