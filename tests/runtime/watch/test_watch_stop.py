"""`digits watch` when it is stopped: in its process, and in one of its own by SIGTERM."""

import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, NamedTuple

import pytest

from digits.processes import Worker
from digits.watch import watcher
from digits.watch.folder import FileStamp
from digits.watch.readers import Reader
from digits.watch.watcher import FolderWatcher
from tests.runtime.watch.conftest import Work


class SlowReader(NamedTuple):
    """Never reads a picture to the end."""

    begun: Path

    def start(self) -> Work:
        return self.read

    def read(self, picture: FileStamp) -> None:
        self.begun.touch()
        time.sleep(3600)


def test_stop_leaves_a_slow_picture_without_a_row(
    tmp_path: Path, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher, "TIMING", watcher.Timing(stable=0, poll=0.01, shutdown=0.1))
    slow, results = SlowReader(tmp_path / "begun"), tmp_path / "results.csv"
    (tmp_path / "inbox").mkdir()
    shutil.copy(pictures[1], tmp_path / "inbox")
    reader = Reader(str(tmp_path / "inbox"))
    watching = FolderWatcher(reader, lambda: Worker(slow.start), results, False)
    running = threading.Thread(target=watching.run)
    running.start()
    while not slow.begun.exists():
        time.sleep(0.01)
    watching.stop()
    running.join(30)
    assert not running.is_alive() and not results.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["begun", "inbox", "results.csv"]


def start_watch(folder: Path) -> "subprocess.Popen[str]":
    """Run `digits watch`, and wait until it has started."""
    process = subprocess.Popen(
        [sys.executable, "-m", "digits", "watch", "inbox", "results.csv"],
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert read_line(process.stderr).startswith("watching inbox; ")
    return process


def read_line(stream: IO[str] | None) -> str:
    assert stream is not None
    return stream.readline()


def terminate(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    """Send SIGTERM. Returns the exit code and the rest of stdout and stderr."""
    assert process.stdout is not None and process.stderr is not None
    process.send_signal(signal.SIGTERM)
    # Not `communicate`, which would lose what `readline` has buffered.
    rest = process.stdout.read(), process.stderr.read()
    return process.wait(30), *rest


@pytest.mark.unix
@pytest.mark.slow
def test_restart_after_sigterm_continues(tmp_path: Path, pictures: list[Path]) -> None:
    (tmp_path / "inbox").mkdir()
    for number in range(40):
        shutil.copy(pictures[number % 10], tmp_path / "inbox" / f"{number}.png")
    printed: list[str] = []
    while len(printed) < 40:
        process = start_watch(tmp_path)
        printed += [read_line(process.stdout) for _ in range(min(15, 40 - len(printed)))]
        code, out, err = terminate(process)
        printed += out.splitlines()
        assert (code, err) == (0, "")
    rows = (tmp_path / "results.csv").read_text().splitlines()[1:]
    assert sorted(int(row.split(".")[0]) for row in rows) == list(range(40))
