"""Deaths are real ones, in processes of their own."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from digits.commands.attempts import Attempts
from digits.errors import PictureError

DIE = """
import os, signal, sys
from pathlib import Path
from digits.commands.attempts import Attempts
path, *cells = sys.argv[1:]
with Attempts(Path(path), set()).reading(tuple(cells)):
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
    with attempts.reading(("a.png", "1")):
        assert path.read_text() == "a.png,1\n"
    with pytest.raises(PictureError), attempts.reading(("b.png", "1")):
        raise PictureError("b.png is damaged")
    assert not path.exists()
    assert attempts.deaths(("a.png", "1")) == 0


def test_deaths_are_counted_by_picture(path: Path) -> None:
    die(path, "a,\\u202e ä.png", "1")
    die(path, "b.png", "1")
    die(path, "b.png", "1")
    attempts = Attempts(path, set())
    assert attempts.deaths(("a,\\u202e ä.png", "1")) == 1
    with attempts.reading(("b.png", "2")):  # a new one of the same name
        pass
    assert attempts.deaths(("b.png", "1")) == 2
    assert attempts.deaths(("b.png", "2")) == 0
    die(path, "b.png", "1")
    attempts = Attempts(path, set())
    with pytest.raises(PictureError, match="died 3 times while it read b.png"):
        attempts.reading(("b.png", "1")).__enter__()
    attempts = Attempts(path, {hash(("b.png", "1"))})  # and noted
    assert attempts.deaths(("b.png", "1")) == 0
    assert len(path.read_text().splitlines()) == 1


@pytest.mark.parametrize("content", [b"", b'\xff\0\n\n,,,\n"', b"x" * 1_000_000, b"a\r\nb\r"])
def test_the_file_may_hold_anything(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    attempts = Attempts(path, set())
    with attempts.reading(("a.png", "1")):
        pass
    assert attempts.deaths(("a.png", "1")) == 0
    die(path, "a.png", "1")
    assert Attempts(path, set()).deaths(("a.png", "1")) == 1


def test_a_disk_that_can_t_be_written_costs_only_the_protection(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "gone" / "file", tmp_path / ("x" * 300)):
        attempts = Attempts(path, set())
        with attempts.reading(("a.png", "1")):
            pass
        assert attempts.deaths(("a.png", "1")) == 0
