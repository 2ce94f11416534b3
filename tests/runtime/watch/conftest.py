import csv
import shutil
from pathlib import Path

import pytest

from digits.processes import Worker
from digits.watch import watcher
from digits.watch.folder import FileStamp, stamp
from digits.watch.job import PictureResult, WatchJob
from digits.watch.watcher import FolderWatcher
from tests.in_process import InProcess


class Bench:
    """A watched folder, and a watcher that reads in this process when the clock is advanced."""

    def __init__(self, folder: Path, job: WatchJob | None = None) -> None:
        self.inbox, self.results = folder / "inbox", folder / "results.csv"
        self.inbox.mkdir()
        self.now = 1000.0
        self.failures: dict[str, Exception] = {}  # by file name
        self.start_failure: Exception | None = None
        self.job = job or WatchJob(str(self.inbox))
        self.work = self.job.start()
        self.watcher = self.watch()

    def watch(self, keep: Path | None = None) -> FolderWatcher:
        start_worker, clock = self.start_worker, lambda: self.now
        return FolderWatcher(
            self.job, self.results, True, keep, start_worker=start_worker, clock=clock
        )

    def restart(self) -> None:
        self.watcher.stop()
        self.watcher.run()
        self.watcher = self.watch()

    def start_worker(self) -> Worker[FileStamp, PictureResult | None]:
        if self.start_failure:
            raise self.start_failure
        return InProcess(self.read)

    def read(self, picture: FileStamp) -> PictureResult | None:
        if picture.name in self.failures:
            raise self.failures[picture.name]
        return self.work(picture)

    def result_of(self, name: str) -> PictureResult:
        """Read a picture, and write nothing."""
        file = stamp(str(self.inbox), name)
        result = file and self.work(file)
        assert result
        return result

    def add(self, picture: Path, name: str = "") -> Path:
        return Path(shutil.copy(picture, self.inbox / (name or picture.name)))

    def advance(self, *waits: float) -> None:
        """After each of these seconds, scan once and read what is ready."""
        for seconds in waits:
            self.now += max(seconds, watcher.POLL_SECONDS)
            self.watcher.poll()

    @property
    def rows(self) -> list[tuple[str, str]]:
        with self.results.open() as file:
            return [(row["file"], row["digit"]) for row in csv.DictReader(file)]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)
