"""Programs that a build runs."""

import os
import subprocess
from collections.abc import Mapping

import pulumi


class BundleError(pulumi.RunError):
    """The folder cannot be built; the message says why and what to do."""


def run(command: list[str], failure: str, variables: Mapping[str, str] | None = None) -> str:
    """What the command prints; `failure` begins the message of the BundleError when it fails."""
    # A fixed seed: otherwise the order of sets in bytecode differs from build to build.
    environment = {**os.environ, "PYTHONHASHSEED": "0", **(variables or {})}
    environment.pop("PYTHONPATH", None)
    try:
        done = subprocess.run(  # noqa: S603
            command, env=environment, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise BundleError(f"{failure}: {error}") from error
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip())[-2000:]
        raise BundleError(f"{failure} (exit code {done.returncode}):\n{said}")
    return done.stdout
