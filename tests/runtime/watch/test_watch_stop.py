"""`digits watch` when it is stopped: in its process, and in one of its own by SIGTERM."""

import shutil
import threading
import time
from pathlib import Path
from typing import NamedTuple

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
