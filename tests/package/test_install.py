"""What `make` says while it installs the environment: how far it is, in few lines."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest

from tools import install

PIP = """
import pathlib, sys, sysconfig, time
folder = pathlib.Path({folder!r})
for name in ("one", "two", "three"):
    print("Collecting", name, flush=True)
time.sleep(0.2)
print("Installing collected packages: one, two, three", flush=True)
(folder / "one-1.dist-info").mkdir()
(folder / "two-1.dist-info").mkdir()
time.sleep(0.2)
sys.exit({code})
"""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pip that installs three packages, looked at often."""
    script = tmp_path / "pip.py"
    unpacked = tmp_path / "site-packages"
    unpacked.mkdir()
    script.write_text(PIP.format(folder=str(unpacked), code=0))
    real = subprocess.Popen

    def instead(command: list[str], **options: object) -> object:
        assert command[1:4] == ["-m", "pip", "install"]
        return real([sys.executable, str(script)], **options)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess, "Popen", instead)
    monkeypatch.setattr(install.sysconfig, "get_path", lambda _: str(unpacked))
    monkeypatch.setattr(install, "LOOK_SECONDS", 0.05)
    monkeypatch.setenv("TERM", "xterm")
    return script


def test_a_terminal_sees_one_line_that_counts(pip: Path) -> None:
    out = Terminal()
    assert install.install(install.Progress(out, 3)) == 0
    shown = [line.split(",")[0] for line in out.getvalue().split("\r\x1b[K") if line]
    assert shown[-1] == "  installed 2 of 3 packages"
    assert "  found 3 of 3 packages" in shown
    assert "\n" not in out.getvalue()


def test_a_log_gets_a_line_now_and_then(pip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "LINE_SECONDS", 0.15)
    out = io.StringIO()
    assert install.install(install.Progress(out, 3)) == 0
    lines = out.getvalue().splitlines()
    assert 1 <= len(lines) <= 3
    assert all(line.endswith(" s") for line in lines)
    assert "\r" not in out.getvalue()


def test_what_pip_said_last_is_told_when_it_fails(
    pip: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pip.write_text("import sys; print('no such version', flush=True); sys.exit(3)")
    assert install.install(install.Progress(io.StringIO(), 3)) == 3
    assert "no such version" in capsys.readouterr().err
