"""Killing the emulator's worker processes, the local stand-in for a Lambda environment's death."""

import contextlib

import psutil


class WorkerKiller:
    """Kills worker processes of one emulator process, and no other process.

    `killed` counts them.
    """

    def __init__(self, emulator_pid: int) -> None:
        self._emulator = psutil.Process(emulator_pid)
        self.killed = 0

    def workers(self) -> list[psutil.Process]:
        """The worker processes alive now."""
        return self._emulator.children(recursive=True)

    def kill_caller(self, port: int) -> bool:
        """Kill the worker whose connection comes from local `port`; False when none has it."""
        for worker in self.workers():
            with contextlib.suppress(psutil.Error):
                links = worker.net_connections("tcp")
                if any(link.laddr and link.laddr.port == port for link in links):
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
