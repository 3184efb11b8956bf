"""Serves the console's pages from a thread of the run's process, beside whatever the run does.

Imported late: loading the pages' library takes longer than the rest of the start.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

# It would write into the folder that the run was started in.
os.environ.setdefault("NICEGUI_STORAGE_PATH", tempfile.gettempdir())

from nicegui import ui

from console.desk import Desk
from console.pages import register
from console.safety import PARAMETER, Safety

SLOWER = 5
"""How much less the console's thread is in a hurry than the run's others."""

STOP_SECONDS = 2.0
RECONNECT_SECONDS = 10.0
"""How long a page that lost its connection is remembered."""


@contextmanager
def serving(desk: Desk, listening: socket.socket) -> Iterator[str]:
    """Serve the pages at `listening` for as long as the context lasts; the URL to open.

    Once in a process at a time: the library has one application.
    """
    port = listening.getsockname()[1]
    application = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    register(desk)
    ui.run_with(
        application,
        title="serverless-orders",
        favicon="📦",
        dark=None,
        tailwind=False,
        reconnect_timeout=RECONNECT_SECONDS,
        binding_refresh_interval=0.5,
        message_history_length=100,
        show_welcome_message=False,
    )
    safety = Safety(application, port)
    server = uvicorn.Server(
        uvicorn.Config(
            safety,
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
    )

    def serve() -> None:
        with contextlib.suppress(OSError, AttributeError):  # of this thread, on Linux
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), SLOWER)
        asyncio.run(server.serve(sockets=[listening]))

    thread = threading.Thread(target=serve, name="console", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}/?{PARAMETER}={safety.token}"
    finally:
        server.should_exit = True
        thread.join(STOP_SECONDS)
        listening.close()
