"""The functions' dependencies, as locked, without what no function imports."""

import shutil
import sys
from pathlib import Path

from .commands import run

# Half of the archive otherwise; the last lines are what pip says of this machine and this time.
_UNUSED = (
    "bin",
    "botocore/data",
    "aws_lambda_powertools/event_handler",
    "aws_lambda_powertools/utilities/*/",
    "*.dist-info/RECORD",
    "*.dist-info/INSTALLER",
    "*.dist-info/REQUESTED",
    "*.dist-info/direct_url.json",
)

_USED = "jmespath_utils"  # the one of Powertools' utilities that its Logger imports


def install(requirements: Path, folder: Path) -> None:
    """Install what the hash-locked requirements name: wheels for any platform and no others, so
    that it does not matter on which one this runs."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--no-input", "--no-compile", "--no-deps", "--only-binary=:all:"]
    command += ["--platform", "any", "--require-hashes"]
    command += ["--target", str(folder), "--requirement", str(requirements)]
    run(command, f"pip could not install the functions' dependencies ({requirements.name})")


def remove_unused(folder: Path) -> None:
    """Take away the parts of the dependencies that are not needed in Lambda."""
    for pattern in _UNUSED:
        for path in folder.glob(pattern.rstrip("/")):
            if path.is_dir() and path.name != _USED:
                shutil.rmtree(path)
            elif path.is_file() and not pattern.endswith("/"):
                path.unlink()
