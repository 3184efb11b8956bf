"""How long the program takes to register the whole dev stack, import of Pulumi included."""

import subprocess
import sys
import time

from tools.benchmarks.subjects import ROOT


def seconds() -> float:
    """A fresh process's wall clock; the functions' bundle is no part of it."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "tools.benchmarks.registration"], cwd=ROOT, check=True)
    return time.perf_counter() - start


def _register() -> None:
    from tests.recorder import deploy_stack

    deploy_stack("dev")


if __name__ == "__main__":
    _register()
