"""What the emulator's Lambda runs: the registered code as a zip, and a bare interpreter."""

from __future__ import annotations

import io
import logging
import shutil
import sys
import tempfile
import threading
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi

from components import bundle
from local.errors import DeployError, LocalRunError
from local.program import LOGGER, ROOT

BUILD = ROOT / ".build"
_TIME = (1990, 1, 1, 0, 0, 0)  # constant, so that the same code is the same zip


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


def worker_interpreter() -> Path:
    """A Python without any installed package, so that the bundle alone satisfies imports.

    It is of this interpreter's version and is made once, in `.build/`.
    """
    version = "{}.{}.{}".format(*sys.version_info)
    home = workspace() / f"python-{version}"
    interpreter = home / "bin" / "python"
    if not interpreter.exists():
        with tempfile.TemporaryDirectory(dir=home.parent) as scratch:
            fresh = Path(scratch) / "venv"
            venv.create(fresh, with_pip=False, symlinks=True)
            _rename(fresh, home)
    return interpreter


class CodeStore:
    """Puts each registered archive into S3 once, though several functions share it.

    `client(service, region)` gives a boto3 client. Calling it gives the place of an archive as
    Lambda's API names it.
    """

    def __init__(self, client: Callable[[str, str], Any]) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._put: dict[tuple[str, str], dict[str, str]] = {}

    def __call__(self, archive: Any, region: str) -> dict[str, str]:
        """Where Lambda finds `archive` in `region`."""
        key = (region, str(getattr(archive, "path", id(archive))))
        with self._lock:
            if key not in self._put:
                # A bucket of its own each time: Lambda reads code in its own region only.
                bucket = f"local-function-code-{len(self._put)}"
                storage = self._client("s3", region)
                elsewhere = {"CreateBucketConfiguration": {"LocationConstraint": region}}
                storage.create_bucket(Bucket=bucket, **({} if region == "us-east-1" else elsewhere))
                storage.put_object(Bucket=bucket, Key="function.zip", Body=package(archive))
                self._put[key] = {"S3Bucket": bucket, "S3Key": "function.zip"}
            return self._put[key]


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
        tell = logging.getLogger(LOGGER).info
        path = bundle.runnable_here((ROOT / code.path).resolve(), tell)
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
