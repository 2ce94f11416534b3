"""The command line's streams, mostly in processes."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Run


@pytest.mark.unix
@pytest.mark.parametrize(
    ("command", "code", "lines", "error"),
    [
        ("predict PICTURE >&-", 1, 0, "error: can't write the results: stdout is closed\n"),
        ("predict --json missing.png PICTURE 2>&-", 1, 1, ""),
        ("fly 2>&-", 2, 0, ""),
        ("predict PICTURE PICTURE PICTURE | head -1", 0, 1, ""),
        *(
            pytest.param(
                *(f"{command} >/dev/full", 1, 0, "No space left on device\n"),
                marks=pytest.mark.linux,
            )
            for command in ("predict PICTURE", "--help")  # which Typer prints
        ),
    ],
)
def test_streams_that_are_closed_or_full(
    pictures: list[Path], command: str, code: int, lines: int, error: str
) -> None:
    """One error on stderr or none; results go nowhere but to stdout."""
    words = f"'{sys.executable}' -m digits {command}".replace("PICTURE", f"'{pictures[1]}'")
    done = subprocess.run(words, shell=True, capture_output=True, text=True, timeout=60)
    assert (done.returncode, len(done.stdout.splitlines())) == (code, lines)
    assert done.stderr.endswith(error) and done.stderr.count("\n") == bool(error)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("count", "results_go_to", "is_drawn"),
    [(20, io.StringIO, True), (19, io.StringIO, False), (20, Terminal, False)],
)
def test_progress_bar_is_drawn_beside_many_results(
    pictures: list[Path],
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    count: int,
    results_go_to: type[io.StringIO],
    is_drawn: bool,
) -> None:
    monkeypatch.setenv("TERM", "xterm")  # a dumb terminal gets no bar
    out, err = results_go_to(), Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    assert run("predict", "--jobs", 1, *(pictures * 2)[:count])[0] == 0
    assert len(out.getvalue().splitlines()) == count and "\x1b" not in out.getvalue()
    assert ("reading" in err.getvalue()) == is_drawn and ".png" not in err.getvalue()


def test_stdin_and_an_empty_home_folder(pictures: list[Path], tmp_path: Path) -> None:
    """onnxruntime's telemetry once stored a device ID there."""
    home = os.environ | {"HOME": f"{tmp_path}/home", "XDG_CACHE_HOME": f"{tmp_path}/home/cache"}
    (tmp_path / "home").mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "digits", "predict", "--debug", tmp_path / "debug", "-"],
        input=pictures[7].read_bytes(),
        env=home,
        check=True,
        capture_output=True,
        timeout=60,
    )
    assert done.stdout.startswith(b"7  (")
    assert [path.name for path in (tmp_path / "debug").iterdir()] == ["1--.png"]
    assert not list((tmp_path / "home").iterdir())
