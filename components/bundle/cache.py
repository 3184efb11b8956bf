"""Folders named after all that goes into them, each made once.

A folder is put in place by one rename, so builds at the same time do no harm, and an unchanged
one costs nothing. What makes two copies of equal files differ is evened out: their modes, which
follow the umask, and their times.
"""

import contextlib
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from .commands import BundleError

_ABANDONED = 3600  # seconds after which an unfinished build is taken for dead, a folder for unused
_KEPT = 3  # unused folders of a name that stay, for going back to a recent state
_TIME = 631_152_000  # 1990-01-01, which is what Pulumi's archiver writes into its archives


def made(root: Path, name: str, inputs: Iterable[bytes], fill: Callable[[Path], None]) -> Path:
    """The folder under root that is made of the inputs; `fill` makes it unless it exists."""
    digest = hashlib.sha256()
    for part in inputs:
        digest.update(hashlib.sha256(part).digest())
    final = root / f"{name}-{digest.hexdigest()[:20]}"
    if final.is_dir():
        _note_use(final)
        return final
    _remove_abandoned(root)
    _remove_unused(root, name)
    with tempfile.TemporaryDirectory(prefix="unfinished-", dir=root) as scratch:
        folder = Path(scratch) / name
        folder.mkdir()
        fill(folder)
        _even_out(folder)
        _note_use(folder)
        # Losing a race is no loss: the folder that is there now has the same content.
        try:
            folder.rename(final)
        except OSError as error:
            if not final.is_dir():
                raise BundleError(
                    f"cannot put the functions' bundle at {final}: {error}"
                ) from error
    return final


def writable(candidates: Iterable[Path]) -> Path:
    """The first of the folders that can be written to, made if need be."""
    refused = []
    for root in candidates:
        with contextlib.suppress(OSError):
            root.mkdir(parents=True, exist_ok=True)
            if os.access(root, os.W_OK):
                return root
        refused.append(str(root))
    raise BundleError(
        f"no place to build the functions' bundle: {' and '.join(refused)} not writable"
    )


def _even_out(folder: Path) -> None:
    for path in _below(folder):
        path.chmod(0o755 if path.is_dir() else 0o644)
        os.utime(path, (_TIME, _TIME))


def _below(folder: Path) -> Iterator[Path]:
    """All that a folder holds and then itself: writing a file changes its folder's time."""
    yield from sorted(folder.rglob("*"), reverse=True)
    yield folder


def _note_use(folder: Path) -> None:
    with contextlib.suppress(OSError):  # somebody else's, which can only be read
        os.utime(folder, (time.time(), _TIME))


def _remove_unused(root: Path, name: str) -> None:
    """Old folders of the name; each is renamed first, as half a folder would be taken for whole."""
    with contextlib.suppress(OSError):
        folders = {path: path.stat().st_atime for path in root.glob(f"{name}-*")}
        newest_first = sorted(folders, key=lambda path: folders[path], reverse=True)
        for path in newest_first[_KEPT:]:
            if folders[path] < time.time() - _ABANDONED:
                shutil.rmtree(path.rename(root / f"unfinished-{path.name}"))


def _remove_abandoned(root: Path) -> None:
    for path in root.glob("unfinished-*"):
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < time.time() - _ABANDONED:
                shutil.rmtree(path)
