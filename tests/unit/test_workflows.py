"""What the linters of `make check` do not ask of the workflows."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import operations.__main__
from local.workspace import ROOT
from tools import pipeline

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
ACTIONS = sorted((ROOT / ".github" / "actions").glob("*/action.yml"))
CHANGES_A_STACK = re.compile(r"pulumi up|tools\.pipeline (up|destroy|sweep)|operations deploy")

PARSERS: dict[str, Callable[[], Any]] = {
    "operations": operations.__main__._parser,
    "tools.pipeline": pipeline._parser,
}


def read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    return content


def jobs() -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    for path in WORKFLOWS:
        workflow = read(path)
        for name, job in workflow["jobs"].items():
            yield f"{path.name} {name}", workflow, job


def scripts(job: dict[str, Any]) -> list[str]:
    return [step["run"] for step in job["steps"] if "run" in step]


@pytest.mark.parametrize("path", [*WORKFLOWS, *ACTIONS], ids=lambda path: path.name)
def test_actions_are_pinned_by_commit_with_their_version_beside(path: Path) -> None:
    used = re.findall(r"uses: (.*)", path.read_text("utf-8"))
    assert used
    for each in used:
        pinned = re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each)
        assert pinned or each.startswith("./.github/actions/"), each


def test_nothing_ends_a_job_that_changes_a_stack() -> None:
    changing = []
    for name, workflow, job in jobs():
        if any(CHANGES_A_STACK.search(script) for script in scripts(job)):
            changing.append(name)
            groups = [each["concurrency"] for each in (workflow, job) if "concurrency" in each]
            assert groups, name
            assert [each["cancel-in-progress"] for each in groups] == [False] * len(groups), name
    assert len(changing) >= 4


def test_credentials_are_a_roles_and_no_job_stores_or_is_given_a_key() -> None:
    for path in [*WORKFLOWS, *ACTIONS]:
        text = path.read_text("utf-8")
        assert not re.search(r"secrets[.\[]|access-key|pull_request_target|ACCESS_TOKEN", text), (
            path
        )
    (deployment,) = map(read, ACTIONS)
    assert (
        sum("role-to-assume" in step.get("with", {}) for step in deployment["runs"]["steps"]) == 1
    )


def test_jobs_with_credentials_are_an_environments_and_not_a_forks() -> None:
    with_credentials = []
    for name, workflow, job in jobs():
        assert workflow["permissions"] == {}, name
        uses_role = any("actions/deployment" in step.get("uses", "") for step in job["steps"])
        assert uses_role == (job["permissions"].get("id-token") == "write"), name
        if uses_role:
            with_credentials.append(name)
            assert "environment" in job, name
            assert job["permissions"].get("pull-requests") != "write", name
            if "pull_request" in workflow[True]:  # `on`, which YAML takes for true
                assert "head.repo.full_name == github.repository" in job["if"], name
    assert len(with_credentials) >= 5


def test_scripts_are_one_line_without_text_from_outside() -> None:
    for name, _, job in jobs():
        for script in scripts(job):
            assert "\n" not in script.strip(), name
            assert "${{" not in script, name


def test_commands_of_the_scripts_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    tried = set()
    for name, _, job in jobs():
        for script in scripts(job):
            words = shlex.split(script.replace("$STACK", "try-pr-1"))
            if words[0] == "make":
                assert re.search(rf"^{words[1]}:", makefile, re.M), script
            elif words[0].endswith("python"):
                module = words[words.index("-m") + 1]
                PARSERS[module]().parse_args(words[words.index("-m") + 2 :])
                tried.add(" ".join(words[2:4]))
            else:
                assert words[0] in ("gh", "pulumi"), f"{name}: {script}"
    assert {"tools.pipeline sweep", "tools.pipeline preview", "operations drill"} <= tried
