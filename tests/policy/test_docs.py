"""What the pack needs is what the repository installs."""

from __future__ import annotations

from local.workspace import ROOT


def test_pack_needs_what_the_repository_installs() -> None:
    def pins(path: str) -> set[str]:
        lines = (ROOT / path).read_text(encoding="utf-8").splitlines()
        return {line.split("#")[0].strip() for line in lines if "==" in line}

    assert pins("policy/requirements.txt") <= pins("requirements.txt")
