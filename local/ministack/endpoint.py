"""Where functions reach AWS: another place for a while, such as a proxy that injects faults.

A worker's environment is that of its start, so one that was started with another endpoint is
replaced at its next invocation, a cold start as any other; none is disturbed at work.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

from ministack.core import lambda_runtime  # type: ignore[import-untyped]

VARIABLE = "AWS_ENDPOINT_URL"


def install() -> None:
    """Replace workers as said above from now on; once in a process."""
    lambda_runtime.Worker.invoke = _with_endpoint(lambda_runtime.Worker.invoke)


def use(url: str | None) -> None:
    """Give functions this endpoint from their next invocation on; None: the emulator's own."""
    if url is None:
        os.environ.pop(VARIABLE, None)
    else:
        os.environ[VARIABLE] = url


def _with_endpoint(invoke: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(invoke)
    def invoked(worker: Any, *arguments: Any, **more: Any) -> Any:
        wanted = os.environ.get(VARIABLE)
        if worker._proc is not None and worker.endpoint != wanted:
            lambda_runtime.kill_workers([worker])
        worker.endpoint = wanted
        return invoke(worker, *arguments, **more)

    return invoked
