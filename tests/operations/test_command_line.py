"""`python -m operations` where the shell it is called from is not as usual."""

from __future__ import annotations

import subprocess
import sys

import pytest

from local.workspace import ROOT


@pytest.mark.long
def test_with_too_few_descriptors_it_ends_in_a_sentence_whatever_warnings_are() -> None:
    """24 are enough for Python, its imports and some of the threads that register resources."""
    command = f"ulimit -n 24; exec {sys.executable} -m operations capacity --stack dev"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=ROOT,
        env={"PYTHONWARNINGS": "error"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == (
        "operations: too few files may be open: raise the limit, as by `ulimit -n 1024`\n"
    )
