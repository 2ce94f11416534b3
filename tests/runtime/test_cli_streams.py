"""The command line's streams, mostly in processes."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from digits.terminal import track


@pytest.mark.slow
@pytest.mark.linux
@pytest.mark.parametrize(
    ("command", "code", "lines", "error"),
    [
        ("predict PICTURE >&-", 1, 0, "error: can't write the results: stdout is closed\n"),
        ("predict --json missing.png PICTURE 2>&-", 1, 1, ""),
        ("fly 2>&-", 2, 0, ""),
        ("predict PICTURE PICTURE PICTURE | head -1", 0, 1, ""),
        ("predict PICTURE >/dev/full", 1, 0, "No space left on device\n"),
        ("--help >/dev/full", 1, 0, "No space left on device\n"),  # which Typer prints
    ],
)
def test_streams_that_are_closed_or_full(
    pictures: list[Path], command: str, code: int, lines: int, error: str
) -> None:
    words = f"'{sys.executable}' -m digits {command}".replace("PICTURE", f"'{pictures[1]}'")
    done = subprocess.run(words, shell=True, capture_output=True, text=True, timeout=60)
    assert (done.returncode, len(done.stdout.splitlines())) == (code, lines)
    assert done.stderr.endswith(error) and done.stderr.count("\n") == bool(error)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("count", "out", "is_drawn"),
    [(20, io.StringIO, True), (19, io.StringIO, False), (20, Terminal, False)],
)
def test_progress_bar_is_drawn_beside_many_results(
    monkeypatch: pytest.MonkeyPatch, count: int, out: type[io.StringIO], is_drawn: bool
) -> None:
    monkeypatch.setenv("TERM", "xterm")  # a dumb terminal gets no bar
    monkeypatch.setattr(sys, "stdout", out())
    monkeypatch.setattr(sys, "stderr", err := Terminal())
    assert [*track(range(count), count, "reading", has_output=True)] == [*range(count)]
    assert ("reading" in err.getvalue()) == is_drawn


def test_stdin_and_an_empty_home_folder(pictures: list[Path], tmp_path: Path) -> None:
    """onnxruntime's telemetry once stored a device ID there."""
    home = os.environ | {"HOME": f"{tmp_path}", "XDG_CACHE_HOME": f"{tmp_path}/cache"}
    command = [sys.executable, "-m", "digits", "predict", "-"]
    out = subprocess.check_output(command, input=pictures[7].read_bytes(), env=home, timeout=60)
    assert out.startswith(b"7  (")
    assert not list(tmp_path.iterdir())
