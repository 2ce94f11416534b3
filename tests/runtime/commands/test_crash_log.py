"""The crash log, with real crashes in separate processes."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from digits.commands.crash_log import CrashLog

CRASH = """
import os, signal, sys
from pathlib import Path
from digits.commands.crash_log import CrashLog
path, *cells = sys.argv[1:]
CrashLog(Path(path), set()).begin(tuple(cells))
os.kill(os.getpid(), signal.SIGKILL)
"""
A, B = ("a,\\u202e ä.png", "1"), ("b.png", "2")


def kill_while_reading(path: Path, cells: tuple[str, str]) -> None:
    """Kill a process while it reads a picture."""
    died = subprocess.run([sys.executable, "-c", CRASH, path, *cells], timeout=60)
    assert died.returncode == -signal.SIGKILL


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".results.csv.reading"


def test_pictures_that_are_begun_and_not_ended_count(path: Path) -> None:
    log = CrashLog(path, set())
    for cells in (A, B, B):
        log.begin(cells)
    log.end(A)
    assert (log.count(A), log.count(B)) == (0, 2)
    assert path.read_text() == "b.png,2\n" * 2
    for cells in (A, B):
        log.forget(cells)
    assert log.count(B) == 0 and not path.exists()


@pytest.mark.unix
def test_process_deaths_are_counted_per_picture(path: Path) -> None:
    for cells in (A, B, B):
        kill_while_reading(path, cells)
    log = CrashLog(path, set())
    assert (log.count(A), log.count(B)) == (1, 2)
    assert log.count((B[0], "another size")) == 0
    assert CrashLog(path, {hash(B)}).count(B) == 0  # it has a row now
    assert len(path.read_text().splitlines()) == 1


@pytest.mark.unix
@pytest.mark.parametrize("content", [b"", b'\xff\0\n\n,,,\n"', b"x" * 1_000_000, b"a\r\nb\r"])
def test_corrupt_log_is_ignored(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    log = CrashLog(path, set())
    log.begin(A)
    log.end(A)
    assert log.count(A) == 0
    kill_while_reading(path, A)
    assert CrashLog(path, set()).count(A) == 1


@pytest.mark.unix
@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_link_to_another_file_is_replaced(path: Path, link: Callable[[Path, Path], None]) -> None:
    """Others may write into the folder of the results."""
    target = path.with_name("other.csv")
    target.write_text('b.png,2\n\n"b,c",1\n')
    link(target, path)
    log = CrashLog(path, set())
    assert log.count(B) == (link is os.link)  # a symbolic link isn't read
    log.begin(A)
    assert "ä.png" in path.read_text() and not path.is_symlink()
    log.end(A)
    assert target.read_text() == 'b.png,2\n\n"b,c",1\n'


def test_unwritable_log_is_ignored(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "gone" / "file", tmp_path / ("x" * 300)):
        log = CrashLog(path, set())
        log.begin(A)
        log.end(A)
        assert log.count(A) == 0
