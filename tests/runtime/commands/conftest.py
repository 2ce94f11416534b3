import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digits.commands import watch
from digits.commands.folder_scan import FileStamp
from digits.commands.watch import FolderWatcher, Reader
from digits.commands.watch_readers import DigitReader, Row
from digits.inference.reader_model import ReaderModel
from digits.processes import Worker
from tests.in_process import InProcess
from tests.runtime.reader.drawn import NOTHING, Network, row_of

Work = Callable[[FileStamp], Row | None]


class Bench:
    """A watched folder, and a watcher that reads in this process when the clock is advanced."""

    def __init__(self, folder: Path, reader: Reader | None = None) -> None:
        self.inbox, self.results = folder / "inbox", folder / "results.csv"
        self.inbox.mkdir()
        self.now = 1000.0
        self.failures: dict[str, Exception] = {}  # by file name
        self.start_failure: Exception | None = None
        self.reader = reader or DigitReader(str(self.inbox))
        self.work = self.reader.start()
        self.watcher = self.watch()

    def watch(self) -> FolderWatcher:
        return FolderWatcher(self.reader, self.start_worker, self.results, True, lambda: self.now)

    def restart(self) -> None:
        self.watcher.stop()
        self.watcher.run()
        self.watcher = self.watch()

    def start_worker(self) -> Worker[FileStamp, Row | None]:
        if self.start_failure:
            raise self.start_failure
        return InProcess(self.read)

    def read(self, picture: FileStamp) -> Row | None:
        if picture.name in self.failures:
            raise self.failures[picture.name]
        return self.work(picture)

    def add(self, picture: Path, name: str = "") -> Path:
        return Path(shutil.copy(picture, self.inbox / (name or picture.name)))

    def advance(self, *waits: float) -> None:
        """After each of these seconds, scan once and read what is ready."""
        for seconds in waits:
            self.now += max(seconds, watch.TIMING.poll)
            self.watcher.poll()

    @property
    def rows(self) -> list[tuple[str, str]]:
        with self.results.open() as file:
            return [(row["file"], row["digit"]) for row in csv.DictReader(file)]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
def pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: a page "-12.5 8" under two names, and one without any digit.

    The reader sees that on every page of their shape.
    """
    shape = (200, 400)
    network = Network([*row_of("-12.5", 40, 60), *row_of("8", 300, 60)], shape)

    def maps(self: ReaderModel, page: np.ndarray) -> tuple[np.ndarray, ...]:
        centres, symbols, boxes = network(page)
        return np.full_like(centres, NOTHING) if page.max() < 200 else centres, symbols, boxes

    monkeypatch.setattr(ReaderModel, "maps", maps)
    monkeypatch.chdir(tmp_path)
    Image.new("L", shape[::-1], 255).save("a.png")
    shutil.copy("a.png", "b.png")
    Image.new("L", shape[::-1], 100).save("grey.png")
    return tmp_path
