"""Killing the emulator's worker processes, the local stand-in for a Lambda environment's death."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import psutil

_TCP_TABLE = Path("/proc/net/tcp")


class WorkerKiller:
    """Kills worker processes of one emulator process, and no other process.

    `killed` counts them.
    """

    def __init__(self, emulator_pid: int) -> None:
        self._emulator = emulator_pid
        self.killed = 0

    def workers(self) -> list[psutil.Process]:
        """The worker processes alive now; none when the emulator itself has ended."""
        try:
            return psutil.Process(self._emulator).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def kill_caller(self, port: int) -> bool:
        """Kill the worker whose connection comes from local `port`; False when none has it."""
        holds = _holder(port)
        for worker in self.workers():
            with contextlib.suppress(psutil.Error, OSError):
                if holds(worker):
                    return self._kill(worker)
        return False

    def kill_all(self) -> int:
        """Kill every worker alive now; how many died."""
        return sum(self._kill(worker) for worker in self.workers())

    def _kill(self, worker: psutil.Process) -> bool:
        try:
            worker.kill()
        except psutil.Error:
            return False
        self.killed += 1
        return True


def _holder(port: int) -> Callable[[psutil.Process], bool]:
    """Tells whether a process has the connection that comes from loopback `port`."""
    if not _TCP_TABLE.exists():
        return lambda process: any(
            link.laddr and link.laddr.port == port for link in process.net_connections("tcp")
        )
    # psutil reads the machine's whole table of connections for each process; that takes
    # longer than the caller waits when there are many of both.
    with _TCP_TABLE.open() as table:
        rows = (line.split() for line in table)
        inodes = {row[9] for row in rows if row[1].endswith(f":{port:04X}")} - {"0"}
    sockets = {f"socket:[{inode}]" for inode in inodes}

    def holds(process: psutil.Process) -> bool:
        links = Path(f"/proc/{process.pid}/fd").iterdir()
        return any(str(link.readlink()) in sockets for link in links)

    return holds
