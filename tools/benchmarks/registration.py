"""How long the program takes to register the whole dev stack, import of Pulumi included."""

import subprocess
import sys
import time
from typing import Any

from tools.benchmarks.subjects import ROOT


def seconds() -> float:
    """Wall-clock seconds of a fresh process, without building the functions' bundle."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "tools.benchmarks.registration"], cwd=ROOT, check=True)
    return time.perf_counter() - start


def _register() -> int:
    """Register the stack as a first preview does; how many resources it has."""
    import pulumi

    from local import program

    class Preview(pulumi.runtime.Mocks):
        """Nothing is there yet, so every output is unknown."""

        registered = 0

        def new_resource(
            self, args: pulumi.runtime.MockResourceArgs
        ) -> tuple[str | None, dict[Any, Any]]:
            self.registered += 1
            return None, {}

        def call(
            self, args: pulumi.runtime.MockCallArgs
        ) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
            return {"accountId": "123456789012", "partition": "aws", "region": "us-east-1"}, []

    mocks = Preview()
    archive = pulumi.AssetArchive({"README": pulumi.StringAsset("the functions' bundle")})
    program.run("dev", mocks, preview=True, code=archive)
    return mocks.registered


if __name__ == "__main__":
    print(_register())
