"""Starts a resource plugin as the engine does: it prints its port, and ends when told to."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import grpc
from pulumi.runtime.proto import provider_pb2_grpc

UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


@contextlib.contextmanager
def plugin(
    command: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> Iterator[provider_pb2_grpc.ResourceProviderStub]:
    """The plugin's client; its standard error goes where the tests' own goes."""
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        if not line.isdigit():
            raise RuntimeError(f"{command} printed {line!r} instead of its port")
        with grpc.insecure_channel(f"127.0.0.1:{line}", options=UNLIMITED) as channel:
            yield provider_pb2_grpc.ResourceProviderStub(channel)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
