"""From a saved change to the answer that shows it, in a run of a copy of the checkout."""

from __future__ import annotations

import http.client
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tools.benchmarks.local_system import DEADLINE, ROOT, free_port, wait_for_first_201

PARTS = ("functions", "components", "local", "operations", "console", "tools", "openapi")
PROGRAM = ("__main__.py", "settings.py", "Pulumi.yaml", "Pulumi.local.yaml")
MARKED = """

_unmarked = handler


def handler(event, context):
    {body}
    answer = _unmarked(event, context)
    return {{**answer, "headers": {{**answer["headers"], "x-mark": "{mark}"}}}}
"""
"""What, added to the module of a function that answers requests, shows which code answered."""


def copy_checkout(folder: Path) -> None:
    """Copy what a run is made of, and what its bundle has been built of already."""
    for name in (*PARTS, *PROGRAM):
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, folder / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, folder / name)
    for kind in ("dependencies", "compiled", "functions", "here"):
        made = sorted((ROOT / ".build").glob(f"{kind}-*"), key=lambda each: each.stat().st_atime)
        for built in made[-4:]:
            shutil.copytree(built, folder / ".build" / built.name, copy_function=os.link)


def measure(times: int = 7) -> float:
    """Seconds from the save of get_order.py to its first answer, its cold start included."""
    with tempfile.TemporaryDirectory() as scratch:
        folder, port = Path(scratch) / "checkout", free_port()
        copy_checkout(folder)
        started = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "local", "run", "--port", str(port), "--show", "quiet"],
            cwd=folder,
            stdout=subprocess.DEVNULL,
        )
        try:
            wait_for_first_201(port, process, started)
            module = folder / "functions" / "get_order.py"
            original = module.read_text()
            _seconds(port, module, original, "first")  # files are watched from the first order on
            return statistics.median(
                _seconds(port, module, original, str(number)) for number in range(times)
            )
        finally:
            process.terminate()
            process.wait(timeout=DEADLINE)


def _seconds(port: int, module: Path, original: str, mark: str) -> float:
    module.write_text(original + MARKED.format(mark=mark, body="pass"))
    saved = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
    while time.perf_counter() - saved < DEADLINE:
        connection.request("GET", "/orders/11111111-1111-4111-8111-111111111111")
        answer = connection.getresponse()
        answer.read()
        if answer.getheader("x-mark") == mark:
            connection.close()
            return time.perf_counter() - saved
    raise TimeoutError(f"the saved change is not live after {DEADLINE:.0f} s")
