"""Requests generated from the document against the running system: no 5xx, nothing undocumented.

`python -m tools.openapi test` sends several thousand.
"""

import re

import pytest

from functions import contract
from tools.openapi import exercise
from tools.openapi.__main__ import main

pytestmark = pytest.mark.long


@pytest.mark.parametrize("auth", ["none", "cognito"])
def test_generated_requests_are_answered_as_documented(auth: str) -> None:
    with exercise.served(auth) as served:
        for version in contract.API_VERSIONS:
            done = exercise.run(served, examples=15, seed=1, kept=True, version=version)
            assert done.returncode == 0, done.stdout
            [sent] = re.findall(r"(\d+) generated, (\d+) passed", done.stdout)
            assert sent[0] == sent[1]
            assert int(sent[0]) > 200, "hardly a request was sent"


def test_a_system_that_does_not_answer_fails_the_command_and_is_told(
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert main(["test", "--url", "http://127.0.0.1:9", "--examples", "1"]) != 0
    assert "Network Error" in capfd.readouterr().out
