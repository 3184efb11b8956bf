"""The checkout, and the folder in it that local runs keep their files in."""

from __future__ import annotations

import tempfile
from pathlib import Path

from local.errors import LocalRunError

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / ".build"


def workspace() -> Path:
    """The folder of local runs; raises `LocalRunError` where nothing can be written."""
    folder = BUILD / "local"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise LocalRunError(
            f"{folder} cannot be written ({error.strerror}), and a run keeps its files there: "
            f"run from a checkout of your own"
        ) from error
    return folder
