"""`python -m operations deploy` where there is nothing for it to do."""

import pytest

from operations import stacks
from operations.__main__ import main


@pytest.mark.parametrize(("what", "code"), [("start", 0), ("status", 0), ("rollback", 1)])
def test_where_traffic_moves_at_once_there_is_nothing_to_do_and_nothing_to_take_back(
    what: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(stacks, "_pulumi_outputs", lambda _: {"functionNames": {}})
    assert main(["deploy", what, "--stack", "dev"]) == code
    assert "allAtOnce" in capsys.readouterr().out
