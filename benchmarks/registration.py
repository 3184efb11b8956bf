"""How long the program takes to register the whole dev stack, import of Pulumi included."""

import subprocess
import sys
import time
from typing import Any

from benchmarks.subjects import ROOT


def seconds() -> float:
    """A fresh process's wall clock, the functions' bundle being built already."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "benchmarks.registration"], cwd=ROOT, check=True)
    return time.perf_counter() - start


def _register() -> None:
    import pulumi

    from local import program

    class Mocks(pulumi.runtime.Mocks):
        def new_resource(
            self, args: pulumi.runtime.MockResourceArgs
        ) -> tuple[str | None, dict[str, Any]]:
            return f"{args.name}-id", dict(args.inputs)

        def call(self, args: pulumi.runtime.MockCallArgs) -> dict[str, Any]:
            return {"accountId": "123456789012", "partition": "aws", "region": "us-east-1"}

    program.run("dev", Mocks())


if __name__ == "__main__":
    _register()
