"""Whole processes counted in instructions (or CPU seconds); events timed in CPU and wall clock."""

import json
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tools.benchmarks.subjects import Subject

RUNNER = Path(__file__).parent / "runner.py"
VALGRIND = shutil.which("valgrind")
# What a process costs is counted in: instructions repeat to about 1 %, CPU seconds do not.
UNIT = "instructions" if VALGRIND else "CPU seconds"


def environment(function: str, endpoint: str = "") -> dict[str, str]:
    """What Lambda and the program set, with X-Ray sampling on; nothing of this machine's."""
    variables = {
        "PATH": os.defpath,
        "HOME": "/nonexistent",
        "PYTHONHASHSEED": "0",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "example",
        "AWS_SESSION_TOKEN": "example",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{sys.version_info.major}.{sys.version_info.minor}",
        "AWS_LAMBDA_FUNCTION_NAME": function,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
        "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000",
        "_X_AMZN_TRACE_ID": (
            "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
        ),
        "LAMBDA_TASK_ROOT": "/var/task",
        "POWERTOOLS_SERVICE_NAME": "serverless-orders",
        "POWERTOOLS_METRICS_NAMESPACE": "ServerlessOrders",
        "POWERTOOLS_LOG_LEVEL": "INFO",
        "ORDERS_TABLE_NAME": "Orders",
        "ORDER_EVENTS_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/order-events",
        "ORDER_ID_KEY": "example",
        "PENDING_SHARDS": "4",
        "MAX_RECEIVE_COUNT": "3",
    }
    return variables | ({"AWS_ENDPOINT_URL": endpoint} if endpoint else {})


def interpreter() -> str:
    """The interpreter itself, outside any virtual environment: Lambda has none either."""
    return os.path.realpath(sys.executable)


def _command(mode: str, subject: Subject, function: str, event: Path, *rest: str) -> list[str]:
    return [
        *(interpreter(), "-S", "-E", str(RUNNER)),
        *(mode, str(subject.code), function, str(event), *rest),
    ]


NOTHING: Mapping[str, str] = {}


def process_cost(
    mode: str,
    subject: Subject,
    function: str,
    event: Path,
    endpoint: str = "",
    variables: Mapping[str, str] = NOTHING,
) -> float:
    """One whole process, from its start to its end, in UNIT; `variables` are what it has more."""
    command = _command(mode, subject, function, event)
    if VALGRIND:
        command = [VALGRIND, "--tool=callgrind", "--callgrind-out-file=/dev/null", *command]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        command,
        env={**environment(function, endpoint), **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(f"{mode} {subject.name} {function} failed:\n{done.stderr[-3000:]}")
    if VALGRIND:
        counted = re.search(r"Collected : (\d+)", done.stderr)
        if not counted:
            raise RuntimeError(f"valgrind counted nothing:\n{done.stderr[-3000:]}")
        return float(counted[1])
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def resident_memory(subject: Subject, function: str, event: Path, endpoint: str) -> float:
    """Bytes in memory of a process that has started and handled one event; Linux only."""
    done = subprocess.run(
        _command("memory", subject, function, event),
        env=environment(function, endpoint),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"memory {subject.name} {function} failed:\n{done.stderr[-3000:]}")
    pages = int(done.stdout.splitlines()[-1].split()[1])
    return float(pages * resource.getpagesize())


def events(
    mode: str,
    subject: Subject,
    function: str,
    event: Path,
    count: int,
    variables: Mapping[str, str] = NOTHING,
) -> dict[str, Any]:
    """Medians over `count` events in one process: cpu and wall in seconds, calls per event."""
    done = subprocess.run(
        _command(mode, subject, function, event, str(count)),
        env={**environment(function), **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{mode} {subject.name} {function} failed:\n{done.stderr[-3000:]}")
    timed = json.loads(done.stdout)
    return {
        "cpu": statistics.median(timed["cpu"]),
        "wall": statistics.median(timed["wall"]),
        "calls": timed["calls"],
    }
