"""Runs a Pulumi program against a resource monitor, as Pulumi's Python language host does.

`python -m tests.engine.program FOLDER` with the settings below in the environment, beside
PULUMI_CONFIG (JSON, full key -> string).
"""

from __future__ import annotations

import asyncio
import gc
import os
import runpy
import sys

import pulumi
from pulumi.runtime import Settings, configure, get_config_env, run_in_stack, set_all_config

MONITOR, ENGINE, PROJECT, STACK, DRY_RUN = (
    f"STAND_IN_{name}" for name in ("MONITOR", "ENGINE", "PROJECT", "STACK", "DRY_RUN")
)


async def _main(folder: str) -> None:
    set_all_config(get_config_env(), [])
    configure(
        Settings(
            project=os.environ[PROJECT],
            stack=os.environ[STACK],
            monitor=os.environ[MONITOR],
            engine=os.environ[ENGINE],
            parallel=16,
            dry_run=os.environ[DRY_RUN] == "true",
            organization="organization",
        )
    )
    await run_in_stack(lambda: runpy.run_path(folder, run_name="__main__"))


if __name__ == "__main__":
    gc.disable()  # nothing goes before the process does
    try:
        asyncio.run(_main(sys.argv[1]))
    except pulumi.RunError as error:
        sys.exit(str(error))
