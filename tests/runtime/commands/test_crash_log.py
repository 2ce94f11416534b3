"""Deaths are real ones, in processes of their own."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from digits.commands.crash_log import CrashLog

DIE = """
import os, signal, sys
from pathlib import Path
from digits.commands.crash_log import CrashLog
path, *cells = sys.argv[1:]
CrashLog(Path(path), set()).begin(tuple(cells))
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
    log = CrashLog(path, set())
    for cells in (("a.png", "1"), ("b.png", "2")):
        log.begin(cells)
    assert path.read_text() == "a.png,1\nb.png,2\n"
    log.end(("a.png", "1"))
    assert path.read_text() == "b.png,2\n"
    log.end(("b.png", "2"))
    assert not path.exists()
    assert log.crash_count(("a.png", "1")) == 0


def test_deaths_of_workers_are_counted(path: Path) -> None:
    log = CrashLog(path, set())
    for deaths in range(3):
        assert log.crash_count(("a.png", "1")) == deaths
        assert not log.refusal(("a.png", "1"))
        log.begin(("a.png", "1"))
        log.end(("a.png", "1"), died=True)
    assert CrashLog(path, set()).refusal(("a.png", "1"))
    log.forget(("a.png", "1"))
    assert not path.exists()


def test_deaths_are_counted_by_picture(path: Path) -> None:
    die(path, "a,\\u202e ä.png", "1")
    die(path, "b.png", "1")
    die(path, "b.png", "1")
    log = CrashLog(path, set())
    assert log.crash_count(("a,\\u202e ä.png", "1")) == 1
    assert log.crash_count(("b.png", "1")) == 2
    assert log.crash_count(("b.png", "2")) == 0  # a new one of the same name
    die(path, "b.png", "1")
    assert "died 3 times while reading b.png" in CrashLog(path, set()).refusal(("b.png", "1"))
    log = CrashLog(path, {hash(("b.png", "1"))})  # and noted
    assert log.crash_count(("b.png", "1")) == 0
    assert len(path.read_text().splitlines()) == 1


@pytest.mark.parametrize("content", [b"", b'\xff\0\n\n,,,\n"', b"x" * 1_000_000, b"a\r\nb\r"])
def test_the_file_may_hold_anything(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    log = CrashLog(path, set())
    log.begin(("a.png", "1"))
    log.end(("a.png", "1"))
    assert log.crash_count(("a.png", "1")) == 0
    die(path, "a.png", "1")
    assert CrashLog(path, set()).crash_count(("a.png", "1")) == 1


def test_a_disk_that_can_t_be_written_costs_only_the_protection(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "gone" / "file", tmp_path / ("x" * 300)):
        log = CrashLog(path, set())
        log.begin(("a.png", "1"))
        log.end(("a.png", "1"))
        assert log.crash_count(("a.png", "1")) == 0
