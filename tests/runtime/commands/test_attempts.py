"""Deaths are real ones, in processes of their own."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from digits.commands.attempts import Attempts

DIE = """
import os, signal, sys
from pathlib import Path
from digits.commands.attempts import Attempts
path, *cells = sys.argv[1:]
Attempts(Path(path), set()).begin(tuple(cells))
os.kill(os.getpid(), signal.SIGKILL)
"""


def die(path: Path, *cells: str) -> None:
    """Let a process die while it reads a picture."""
    died = subprocess.run([sys.executable, "-c", DIE, path, *cells], timeout=60)
    assert died.returncode == -signal.SIGKILL


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".results.csv.reading"


def test_nothing_is_left_of_what_went_well(path: Path) -> None:
    attempts = Attempts(path, set())
    for cells in (("a.png", "1"), ("b.png", "2")):
        attempts.begin(cells)
    assert path.read_text() == "a.png,1\nb.png,2\n"
    attempts.end(("a.png", "1"))
    assert path.read_text() == "b.png,2\n"
    attempts.end(("b.png", "2"))
    assert not path.exists()
    assert attempts.deaths(("a.png", "1")) == 0


def test_deaths_of_workers_are_counted(path: Path) -> None:
    attempts = Attempts(path, set())
    for deaths in range(3):
        assert attempts.deaths(("a.png", "1")) == deaths
        assert not attempts.refusal(("a.png", "1"))
        attempts.begin(("a.png", "1"))
        attempts.end(("a.png", "1"), died=True)
    assert Attempts(path, set()).refusal(("a.png", "1"))
    attempts.forget(("a.png", "1"))
    assert not path.exists()


def test_deaths_are_counted_by_picture(path: Path) -> None:
    die(path, "a,\\u202e ä.png", "1")
    die(path, "b.png", "1")
    die(path, "b.png", "1")
    attempts = Attempts(path, set())
    assert attempts.deaths(("a,\\u202e ä.png", "1")) == 1
    assert attempts.deaths(("b.png", "1")) == 2
    assert attempts.deaths(("b.png", "2")) == 0  # a new one of the same name
    die(path, "b.png", "1")
    assert "died 3 times while it read b.png" in Attempts(path, set()).refusal(("b.png", "1"))
    attempts = Attempts(path, {hash(("b.png", "1"))})  # and noted
    assert attempts.deaths(("b.png", "1")) == 0
    assert len(path.read_text().splitlines()) == 1


@pytest.mark.parametrize("content", [b"", b'\xff\0\n\n,,,\n"', b"x" * 1_000_000, b"a\r\nb\r"])
def test_the_file_may_hold_anything(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    attempts = Attempts(path, set())
    attempts.begin(("a.png", "1"))
    attempts.end(("a.png", "1"))
    assert attempts.deaths(("a.png", "1")) == 0
    die(path, "a.png", "1")
    assert Attempts(path, set()).deaths(("a.png", "1")) == 1


def test_a_disk_that_can_t_be_written_costs_only_the_protection(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "gone" / "file", tmp_path / ("x" * 300)):
        attempts = Attempts(path, set())
        attempts.begin(("a.png", "1"))
        attempts.end(("a.png", "1"))
        assert attempts.deaths(("a.png", "1")) == 0
