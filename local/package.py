"""What the emulator's Lambda runs: the registered code as a zip, and a bare interpreter."""

from __future__ import annotations

import hashlib
import io
import shutil
import sys
import tempfile
import threading
import venv
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pulumi

from components import bundle
from local.errors import DeployError
from local.workspace import ROOT, workspace

_TIME = (1990, 1, 1, 0, 0, 0)  # constant, so that the same code is the same zip


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
        with self._lock:
            return self._put.get(_key(archive, region)) or self._store(
                archive, region, zipped(files_of(archive))
            )

    def replace(self, archive: Any, region: str, files: Mapping[str, bytes]) -> None:
        """Give Lambda these files for `archive` from now on."""
        with self._lock:
            self._store(archive, region, zipped(files))

    def _store(self, archive: Any, region: str, content: bytes) -> dict[str, str]:
        key, storage = _key(archive, region), self._client("s3", region)
        if key not in self._put:
            # A bucket of its own each time: Lambda reads code in its own region only.
            bucket = f"local-function-code-{len(self._put)}"
            elsewhere = {"CreateBucketConfiguration": {"LocationConstraint": region}}
            storage.create_bucket(Bucket=bucket, **({} if region == "us-east-1" else elsewhere))
            self._put[key] = {"S3Bucket": bucket, "S3Key": "function.zip"}
        place = self._put[key]
        storage.put_object(Bucket=place["S3Bucket"], Key=place["S3Key"], Body=content)
        return place


def _key(archive: Any, region: str) -> tuple[str, str]:
    return region, str(getattr(archive, "path", id(archive)))


def zipped(files: Mapping[str, bytes]) -> bytes:
    """A deployable zip of files, the same of the same."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, content in sorted(files.items()):
            info = zipfile.ZipInfo(name, _TIME)
            info.external_attr = 0o644 << 16
            archive.writestr(info, content)
    return out.getvalue()


def fingerprint(files: Mapping[str, bytes]) -> str:
    """The same for the same code, whatever its bytecode is."""
    digest = hashlib.sha256()
    for name, content in sorted(files.items()):
        if not name.endswith(".pyc"):
            digest.update(name.encode() + b"\0" + hashlib.sha256(content).digest())
    return digest.hexdigest()


def files_of(code: Any) -> dict[str, bytes]:
    """What a registered archive holds, by name."""
    if isinstance(code, pulumi.FileArchive):
        path = bundle.runnable_here((ROOT / code.path).resolve())
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
                files |= {f"{name}/{inner}": data for inner, data in files_of(asset).items()}
        return files
    raise DeployError(f"function code of type {type(code).__name__} has no local counterpart")


def _rename(fresh: Path, home: Path) -> None:
    try:
        fresh.rename(home)
    except OSError:
        if not home.exists():  # another run was first: its result is as good
            raise
        shutil.rmtree(fresh, ignore_errors=True)
