"""An interrupted `digits watch` ends up with one row for each image."""

import csv
import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from tests.crash.invariants import assert_rows
from tests.crash.running import Command, Driver, KillCounts, kill_times


class Watch:
    """A folder of images and the watcher that reads them."""

    def __init__(self, driver: Driver, folder: Path, results: Path, pictures: list[Path]) -> None:
        self.driver, self.folder, self.results = driver, folder, results
        self._pictures = sorted(pictures, key=lambda path: path.stat().st_size)[:3]
        self.count = 0
        (folder / "inbox").mkdir()

    def add_pictures(self, count: int) -> None:
        """Move new images into the folder."""
        for number in range(self.count, self.count + count):
            picture = self._pictures[number % 3]
            shutil.copy(picture, self.folder / "arriving")
            (self.folder / "arriving").rename(
                self.folder / "inbox" / f"{number:04}{picture.suffix}"
            )
        self.count += count

    @contextmanager
    def running(self) -> Iterator[tuple[Command, IO[str], IO[bytes]]]:
        """Run the watcher; yields it, its stdout and its stderr."""
        (out, its_out), (err, its_err) = os.pipe(), os.pipe()
        with (
            open(out) as answers,
            open(err, "rb") as said,
            open(its_out, "w") as at_out,
            open(its_err, "w") as at_err,
        ):
            command = self.driver.start(
                *(self.folder, "watch", "inbox", self.results),
                out=at_out,
                err=at_err,
            )
            at_out.close()
            at_err.close()
            try:
                yield command, answers, said
            finally:
                if command.code is None:
                    command.kill()

    def finish(self) -> None:
        """Watch until each image has a row; check that each has exactly one."""
        with self.running() as (command, answers, said):
            begun = said.readline()
            assert begun.startswith(b"watching inbox; "), begun + said.read()
            for _ in range(self.count - int(begun.split()[2])):
                assert answers.readline()
            command.kill(signal.SIGTERM)
            assert (command.code, answers.read(), said.read()) == (0, "", b"")
        assert_rows(self.results.read_text())
        assert sorted(self.names()) == sorted(path.name for path in self.inbox.iterdir())

    @property
    def inbox(self) -> Path:
        return self.folder / "inbox"

    def names(self) -> list[str]:
        """Return the file names in all complete rows."""
        lines = [line for line in self._text().splitlines(keepends=True) if line.endswith("\n")]
        return [row["file"] for row in csv.DictReader(lines)]

    def _text(self) -> str:
        return self.results.read_text() if self.results.exists() else ""


@pytest.fixture
def watch(driver: Driver, tmp_path: Path, pictures: list[Path]) -> Watch:
    return Watch(driver, tmp_path, tmp_path / "results.csv", pictures)


def test_watch_again_after_sigkill(watch: Watch, kill_counts: KillCounts) -> None:
    watch.add_pictures(20)
    began = time.monotonic()
    watch.finish()
    span = time.monotonic() - began
    for moment in kill_times(span):
        watch.add_pictures(20)
        earlier = len(watch.names())
        with watch.running() as (command, _, _):
            assert command.wait(moment) is None
            command.kill()
        names = watch.names()
        assert len(names) == len(set(names))
        kill_counts.add("watch", kill_point(len(names) - earlier, watch.count - len(names)))
    watch.finish()


def kill_point(written: int, left: int) -> str:
    """Return when a kill hit."""
    if not written:
        return "before the first row"
    return "among the rows" if left else "after the last row"
