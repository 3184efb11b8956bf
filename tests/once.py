"""What is costly to make and the same for all tests, made once in a run, whichever worker asks."""

from __future__ import annotations

import fcntl
import functools
import hashlib
import json
import os
import pickle
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_FOLDER = "TESTS_MADE_ONCE"
"""The variable by which the workers of a run know the folder that they share."""


def share() -> Callable[[], None]:
    """Begin a run whose workers share; gives what ends it."""
    folder = tempfile.TemporaryDirectory(prefix="tests-", ignore_cleanup_errors=True)
    os.environ[_FOLDER] = folder.name

    def end() -> None:
        del os.environ[_FOLDER]
        folder.cleanup()

    return end


def once(make: Callable[P, T]) -> Callable[P, T]:
    """A function of JSON values whose results are kept, and are not to be changed.

    Only what can be pickled. What it raises is raised, and made anew for the next who asks.
    """

    @functools.cache
    def kept(call: str) -> T:
        args, kwargs = json.loads(call)
        folder = os.environ.get(_FOLDER)
        if folder is None:
            return make(*args, **kwargs)
        name = f"{make.__module__}.{make.__qualname__} {call}"
        file = Path(folder) / hashlib.sha256(name.encode()).hexdigest()
        with file.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if file.exists():
                found: T = pickle.loads(file.read_bytes())
                return found
            made = make(*args, **kwargs)
            file.write_bytes(pickle.dumps(made))
            return made

    @functools.wraps(make)
    def asked(*args: P.args, **kwargs: P.kwargs) -> T:
        return kept(json.dumps([args, kwargs], sort_keys=True))

    return asked
