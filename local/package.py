"""What the emulator's Lambda runs: the registered code as a zip, and a bare interpreter."""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
import venv
import zipfile
from pathlib import Path
from typing import Any

import pulumi

from local.errors import DeployError
from local.program import ROOT

BUILD = ROOT / ".build"
_TIME = (1990, 1, 1, 0, 0, 0)  # constant, so that the same code is the same zip


def worker_interpreter() -> Path:
    """A Python without any installed package, so that the bundle alone satisfies imports.

    It is of this interpreter's version and is made once, in `.build/`.
    """
    version = "{}.{}.{}".format(*sys.version_info)
    home = BUILD / "local" / f"python-{version}"
    interpreter = home / "bin" / "python"
    if not interpreter.exists():
        home.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=home.parent) as scratch:
            fresh = Path(scratch) / "venv"
            venv.create(fresh, with_pip=False, symlinks=True)
            _rename(fresh, home)
    return interpreter


def package(code: Any) -> bytes:
    """The deployable zip of a registered archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, content in sorted(_files(code).items()):
            info = zipfile.ZipInfo(name, _TIME)
            info.external_attr = 0o644 << 16
            archive.writestr(info, content)
    return out.getvalue()


def _files(code: Any) -> dict[str, bytes]:
    if isinstance(code, pulumi.FileArchive):
        path = (ROOT / code.path).resolve()
        if path.is_dir():
            return {
                str(item.relative_to(path)): item.read_bytes()
                for item in path.rglob("*")
                if item.is_file()
            }
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
                return {name: archive.read(name) for name in archive.namelist() if name[-1] != "/"}
        raise DeployError(f"function code {path}: expected a folder or a zip file")
    if isinstance(code, pulumi.AssetArchive):
        files: dict[str, bytes] = {}
        for name, asset in code.assets.items():
            if isinstance(asset, pulumi.FileAsset):
                files[name] = (ROOT / str(asset.path)).read_bytes()
            elif isinstance(asset, pulumi.StringAsset):
                files[name] = asset.text.encode()
            else:
                files |= {f"{name}/{inner}": data for inner, data in _files(asset).items()}
        return files
    raise DeployError(f"function code of type {type(code).__name__} has no local counterpart")


def _rename(fresh: Path, home: Path) -> None:
    try:
        fresh.rename(home)
    except OSError:
        if not home.exists():  # another run was first: its result is as good
            raise
        shutil.rmtree(fresh, ignore_errors=True)
