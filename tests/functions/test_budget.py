"""What a cold start imports: counted, not timed, in the bundle and nothing else."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.functions.support import HANDLERS, VARIABLES

# Modules beyond a bare interpreter's; 362 to 366 on Python 3.11 to 3.13 when this was set.
BUDGET = 375

# Each costs more than the handler's own work, or only serves what a handler does not do.
FORBIDDEN = {
    "argparse",
    "asyncio",
    "aws_xray_sdk",
    "boto3",
    "fastjsonschema",
    "jsonschema",
    "ministack",
    "multiprocessing",
    "openapi",
    "opentelemetry",
    "pulumi",
    "pydantic",
    "requests",
    "s3transfer",
    "sqlite3",
    "unittest",
    "yaml",
    "aws_lambda_powertools.event_handler",
    "aws_lambda_powertools.utilities.batch",
    "aws_lambda_powertools.utilities.data_classes",
    "aws_lambda_powertools.utilities.idempotency",
    "aws_lambda_powertools.utilities.parser",
    "aws_lambda_powertools.utilities.validation",
}

COUNT = """
import json, sys
before = set(sys.modules)
sys.path.insert(0, sys.argv[1])
__import__(sys.argv[2])
print(json.dumps(sorted(set(sys.modules) - before)))
"""


@pytest.mark.parametrize("handler", HANDLERS)
def test_a_handler_imports_what_it_needs_and_no_more(handler: str, bundle_folder: Path) -> None:
    # Isolated and without site-packages: the bundle has to be complete in itself.
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", COUNT, str(bundle_folder), f"functions.{handler}"],
        env=VARIABLES,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    modules = set(json.loads(done.stdout))
    parents = {".".join(m.split(".")[:n]) for m in modules for n in range(1, m.count(".") + 2)}
    assert parents & FORBIDDEN == set()
    assert len(modules) <= BUDGET
