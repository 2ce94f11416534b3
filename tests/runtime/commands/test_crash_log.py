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


def kill_while_reading(path: Path, *cells: str) -> None:
    """Kill a process while it reads a picture."""
    died = subprocess.run([sys.executable, "-c", CRASH, path, *cells], timeout=60)
    assert died.returncode == -signal.SIGKILL


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".results.csv.reading"


def test_log_without_crashes_is_deleted(path: Path) -> None:
    log = CrashLog(path, set())
    for cells in (("a.png", "1"), ("b.png", "2")):
        log.begin(cells)
    assert path.read_text() == "a.png,1\nb.png,2\n"
    log.end(("a.png", "1"))
    assert path.read_text() == "b.png,2\n"
    log.end(("b.png", "2"))
    assert not path.exists()
    assert log.crash_count(("a.png", "1")) == 0


def test_worker_deaths_are_counted_until_refusal(path: Path) -> None:
    log = CrashLog(path, set())
    for deaths in range(3):
        assert log.crash_count(("a.png", "1")) == deaths
        assert not log.refusal(("a.png", "1"))
        log.begin(("a.png", "1"))
        log.end(("a.png", "1"), died=True)
    assert CrashLog(path, set()).refusal(("a.png", "1"))
    log.forget(("a.png", "1"))
    assert not path.exists()


@pytest.mark.unix
def test_process_deaths_are_counted_per_picture(path: Path) -> None:
    kill_while_reading(path, "a,\\u202e ä.png", "1")
    kill_while_reading(path, "b.png", "1")
    kill_while_reading(path, "b.png", "1")
    log = CrashLog(path, set())
    assert log.crash_count(("a,\\u202e ä.png", "1")) == 1
    assert log.crash_count(("b.png", "1")) == 2
    assert log.crash_count(("b.png", "2")) == 0  # another picture of the same name
    kill_while_reading(path, "b.png", "1")
    assert "died 3 times while reading b.png" in CrashLog(path, set()).refusal(("b.png", "1"))
    log = CrashLog(path, {hash(("b.png", "1"))})  # it has a row now
    assert log.crash_count(("b.png", "1")) == 0
    assert len(path.read_text().splitlines()) == 1


@pytest.mark.unix
@pytest.mark.parametrize("content", [b"", b'\xff\0\n\n,,,\n"', b"x" * 1_000_000, b"a\r\nb\r"])
def test_corrupt_log_is_ignored(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    log = CrashLog(path, set())
    log.begin(("a.png", "1"))
    log.end(("a.png", "1"))
    assert log.crash_count(("a.png", "1")) == 0
    kill_while_reading(path, "a.png", "1")
    assert CrashLog(path, set()).crash_count(("a.png", "1")) == 1


@pytest.mark.unix
@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_link_to_another_file_is_replaced(path: Path, link: Callable[[Path, Path], None]) -> None:
    """Others may write into the folder of the results."""
    other = path.with_name("other.csv")
    other.write_text('a.png,1\n\n"b,c",1\n')
    link(other, path)
    log = CrashLog(path, set())
    assert log.crash_count(("a.png", "1")) == (link is os.link)  # a symbolic link isn't read
    log.begin(("c.png", "1"))
    assert "c.png,1\n" in path.read_text() and not path.is_symlink()
    log.end(("c.png", "1"))
    assert other.read_text() == 'a.png,1\n\n"b,c",1\n'


def test_unwritable_log_is_ignored(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "gone" / "file", tmp_path / ("x" * 300)):
        log = CrashLog(path, set())
        log.begin(("a.png", "1"))
        log.end(("a.png", "1"))
        assert log.crash_count(("a.png", "1")) == 0
