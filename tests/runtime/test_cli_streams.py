"""The command line's streams and environment, mostly in processes."""

import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from digits.data import fetch
from tests.conftest import Run

DIGITS = [sys.executable, "-m", "digits"]


@pytest.mark.unix
@pytest.mark.parametrize(
    ("command", "code", "lines", "error"),
    [
        ("predict PICTURE >&-", 1, 0, "error: can't write the results: stdout is closed\n"),
        ("predict --json missing.png PICTURE 2>&-", 1, 1, ""),
        ("fly 2>&-", 2, 0, ""),
        ("predict PICTURE PICTURE PICTURE | head -1", 0, 1, ""),
        ("predict - < PICTURE", 0, 1, ""),
        *(
            pytest.param(
                *(f"{command} >/dev/full", 1, 0, "No space left on device\n"),
                marks=pytest.mark.linux,
            )
            for command in ("predict PICTURE", "predict --csv PICTURE", "--version", "--help")
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


@pytest.mark.unix
@pytest.mark.slow
def test_progress_bar_is_drawn_beside_results(pictures: list[Path]) -> None:
    """On a terminal, results go to a pipe: the bar is drawn, they are not."""
    terminal, stderr = os.openpty()
    drawn = bytearray()

    def drain() -> None:  # while it runs, or the terminal's buffer fills up
        with suppress(OSError):
            while part := os.read(terminal, 1 << 16):
                drawn.extend(part)

    reader = threading.Thread(target=drain)
    reader.start()
    done = subprocess.run(
        [*DIGITS, "predict", *map(str, pictures * 10)],
        stdout=subprocess.PIPE,
        stderr=stderr,
        env=os.environ | {"TERM": "xterm"},  # a dumb terminal gets no bar
        text=True,
        timeout=60,
    )
    os.close(stderr)
    reader.join()
    os.close(terminal)
    assert done.stdout.count(".png") == 40
    assert b"reading" in drawn
    assert b".png" not in drawn
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize("variable", ["DIGITS_MODEL", "DIGITS_DATA", "XDG_CACHE_HOME"])
def test_line_breaks_in_environment_are_escaped(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str
) -> None:
    monkeypatch.setattr(fetch, "SOURCES", ())
    monkeypatch.delenv("DIGITS_DATA", raising=False)
    monkeypatch.setenv(variable, f"{tmp_path}/a\n\x1b[31mb")
    code, out, err = run("eval")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert f"{tmp_path}/a\\x0a\\x1b[31mb" in err


def test_stdin_and_an_empty_home_folder(pictures: list[Path], tmp_path: Path) -> None:
    """onnxruntime's telemetry once stored a device ID there."""
    home = os.environ | {"HOME": f"{tmp_path}/home", "XDG_CACHE_HOME": f"{tmp_path}/home/cache"}
    (tmp_path / "home").mkdir()
    done = subprocess.run(
        [*DIGITS, "predict", "--debug", tmp_path / "debug", "-"],
        input=pictures[7].read_bytes(),
        env=home,
        check=True,
        capture_output=True,
        timeout=60,
    )
    assert done.stdout.startswith(b"7  (")
    assert [path.name for path in (tmp_path / "debug").iterdir()] == ["1--.png"]
    assert not list((tmp_path / "home").iterdir())
