"""What `python -m tools.pipeline` says to Pulumi, and which stacks it leaves alone."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tools import pipeline

KEY = "awskms://alias/states"


class Cli:
    """A `pulumi` and a `gh` that write down what they are told."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._log = folder, folder / "log"
        for name in ("pulumi", "gh"):
            script = folder / name
            script.write_text(
                f'#!/bin/sh\necho "{name} $*" >> {self._log}\n'
                f'cat "{folder}/$(echo {name} "$@" | tr -c "a-z0-9\\n-" _)" 2>/dev/null\n'
                f'! grep -qsxF "{name} $*" {folder}/fails\n'
            )
            script.chmod(0o755)

    def answers(self, command: str, text: str) -> None:
        name = "".join(each if each.isalnum() or each == "-" else "_" for each in command)
        (self._folder / name).write_text(text)

    def fails(self, command: str) -> None:
        (self._folder / "fails").write_text(f"{command}\n")

    @property
    def told(self) -> list[str]:
        lines = self._log.read_text().splitlines() if self._log.exists() else []
        return [line.replace(" --non-interactive", "", 1) for line in lines]


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    for name in ("PULUMI_SECRETS_PROVIDER", "PERMISSIONS_BOUNDARY", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    return Cli(tmp_path)


def stacks(cli: Cli, *names: str) -> None:
    cli.answers(
        "pulumi --non-interactive stack ls --json", json.dumps([{"name": each} for each in names])
    )


def test_throwaway_stack_has_names_and_key_of_its_own(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_SECRETS_PROVIDER", KEY)
    monkeypatch.setenv("PERMISSIONS_BOUNDARY", "arn:aws:iam::123456789012:policy/b")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert pipeline.main(["up", "try-pr-12"]) == 0
    setting = "pulumi config set --path --stack try-pr-12"
    assert cli.told == [
        f"pulumi stack select --create --secrets-provider {KEY} try-pr-12",
        f"{setting} nameSuffix -- -try-pr-12",
        f"{setting} tags.environment -- throwaway",
        f"{setting} permissionsBoundary -- arn:aws:iam::123456789012:policy/b",
        f"{setting} region -- eu-west-1",
        "pulumi up --yes --policy-pack policy --stack try-pr-12",
    ]


def test_stack_without_a_key_for_its_secrets_is_not_made(
    cli: Cli, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pipeline.main(["up", "try-pr-12"]) == 1
    assert "PULUMI_SECRETS_PROVIDER is not set" in capsys.readouterr().err
    assert cli.told == []


@pytest.mark.parametrize("command", ["up", "destroy"])
@pytest.mark.parametrize("stack", ["prod", "dev", "pr-", "try-pr-1x", "nightly", "--yes"])
def test_no_other_stack_can_be_meant(cli: Cli, command: str, stack: str) -> None:
    with pytest.raises(SystemExit) as ended:
        pipeline.main([command, stack])
    assert ended.value.code == 2
    assert cli.told == []


def test_stack_that_is_gone_is_destroyed_already(cli: Cli) -> None:
    stacks(cli, "dev", "try-pr-1")
    assert pipeline.main(["destroy", "try-pr-2"]) == 0
    assert cli.told == ["pulumi stack ls --json"]


def test_sweep_leaves_what_is_open_and_goes_on_after_a_failure(
    cli: Cli, capsys: pytest.CaptureFixture[str]
) -> None:
    stacks(cli, "dev", "org/shop/try-pr-1", "try-pr-2", "try-pr-3", "try-nightly-7", "prod")
    ask = "gh pr list --state open --label stack --limit 1000 --json number"
    cli.answers(ask, '[{"number": 2}]')
    cli.fails("pulumi --non-interactive destroy --yes --remove --stack try-pr-1")
    assert pipeline.main(["sweep"]) == 1
    assert "try-pr-1: " in capsys.readouterr().err
    assert cli.told == [
        "pulumi stack ls --json",
        ask,
        *(
            f"pulumi destroy --yes --remove --stack {each}"
            for each in ("try-pr-1", "try-pr-3", "try-nightly-7")
        ),
    ]


def test_nothing_is_swept_while_nobody_knows_what_is_open(cli: Cli) -> None:
    stacks(cli, "try-pr-1")
    cli.fails("gh pr list --state open --label stack --limit 1000 --json number")
    assert pipeline.main(["sweep"]) == 1
    assert not any("destroy" in each for each in cli.told)


@pytest.mark.parametrize(("fails", "says"), [(False, "succeeded"), (True, "failed")])
def test_report_of_a_preview_holds_what_pulumi_said(
    cli: Cli, tmp_path: Path, fails: bool, says: str
) -> None:
    command = "pulumi preview --policy-pack policy --stack dev --color never --non-interactive"
    cli.answers(command, "Resources:\n  + 3 to create\n")
    if fails:
        cli.fails(command)
    file = tmp_path / "preview.md"
    assert pipeline.main(["preview", "dev", "--report", str(file)]) == int(fails)
    text = file.read_text()
    assert text.startswith(f"### `pulumi preview` of dev {says}\n\n```text\nResources:")


def test_report_is_one_comment_and_its_text_stays_inside() -> None:
    said = "````\n# not a heading\n" + "line\n" * 20_000 + "Resources:\n    1 to update"
    text = pipeline.report("dev", said, 0)
    assert len(text) < 65_536
    assert text.endswith("    1 to update\n```\n")
    assert pipeline.report("dev", "a ```` b", 0).count("`````") == 2
